//! What several stages do alike, over the ports.

pub mod advisor;
pub mod delivery;
mod foundation;
pub mod health;
pub mod plans;
pub mod replays;
pub mod repositories;
pub mod runtime;
pub mod secrets;
mod step_time;

pub use foundation::{Foundation, Stores, Writers};
pub use step_time::StepTime;
