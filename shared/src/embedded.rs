//! Store and queues in one directory of this machine, in this process.
//!
//! One thread writes. It takes whatever is waiting, commits it as one batch
//! with one fsync, and only then answers; so nothing is acknowledged that
//! could be lost, and many events share the price of a flush.

mod codec;
mod deliveries;
mod documents;
mod events;
mod hooks;
mod keyring;
mod keys;
mod private;
mod queue;
mod store;
mod vault;

pub use deliveries::EmbeddedDeliveryLog;
pub use documents::EmbeddedDocuments;
pub use events::EmbeddedEvents;
pub use hooks::EmbeddedHooks;
pub use keyring::{Keyring, KeyringError};
pub use keys::EmbeddedKeys;
pub use private::write_private;
pub use queue::{DeadLetter, EmbeddedQueue, QueueOptions, QueueStats};
pub use store::{OpenError, Store, StoreOptions};
pub use vault::{OpenVaultError, open_vault};
