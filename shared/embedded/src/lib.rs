//! Store and queues in one directory of this machine, in this process.
//!
//! There is one log, and one thread that gets it onto the disk for all who
//! wait for that. The API waits: nothing is accepted that could be lost, and
//! many events share the price of a flush. Stages need not: what they write
//! follows what it was caused by and comes before its acknowledgement, so a
//! crash takes all that came after some point, and that is made again. It is
//! made again alike, because a delivery's id derives from the publication.
//!
//! While the disk is nearly full, nothing more is accepted, and what was goes
//! on. Once a write or a sync has failed, nothing at all is taken until the store
//! is opened anew ([`Store::failed`]), for nobody knows what the disk holds.

mod activity;
mod audit;
mod clock;
mod codec;
mod deliveries;
mod doctor;
mod documents;
mod events;
mod foundation;
mod hooks;
mod key_check;
mod keyring;
#[cfg(feature = "migrate")]
mod migrate;
mod names;
mod owner_only_file;
mod queue;
mod row_kind;
mod store;
#[cfg(test)]
mod unreadable;

pub use ::store::{DirectoryLock, Findings, Repaired, Report};
pub use activity::EmbeddedActivityLog;
pub use audit::EmbeddedAuditLog;
pub use clock::{ClockAtStart, ClockState, DataClock};
pub use deliveries::EmbeddedDeliveryLog;
pub use doctor::EmbeddedDoctor;
pub use documents::EmbeddedDocuments;
pub use events::EmbeddedEvents;
pub use foundation::foundation;
pub use hooks::EmbeddedHooks;
pub use key_check::{OpenCipherError, open_cipher};
pub use keyring::{Keyring, KeyringError};
#[cfg(feature = "migrate")]
pub use migrate::{MigrateError, Migrated, RowCount, migrate};
pub use owner_only_file::write_private;
pub use queue::{
    DeadLetter, DeadLetterId, DeadLetters, EmbeddedQueue, InvalidDeadLetterId, QueueOptions, QueueStats, RedriveError,
    StageSender,
};
pub use store::{Damage, OpenError, Store, StoreOptions};
