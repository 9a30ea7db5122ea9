//! All four stages in one durable process.
//!
//! The library is what the `hookline` binary and the tests share: an
//! [`Engine`] holds the store and the queues, and its consumers hand every message
//! to the stage that owns its queue.

mod consumers;
mod counting;
mod engine;
mod held;
mod timekeeping;

pub use consumers::Consumers;
pub use counting::count;
pub use engine::{Engine, OpenData, Options, Queues, StartError};
pub use held::HeldBack;
pub use timekeeping::{keep, keep_time};
