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
mod queue;
mod store;

pub use deliveries::EmbeddedDeliveryLog;
pub use documents::EmbeddedDocuments;
pub use events::EmbeddedEvents;
pub use hooks::EmbeddedHooks;
pub use queue::{DeadLetter, EmbeddedQueue, QueueOptions, QueueStats};
pub use store::{OpenError, Store, StoreOptions};
