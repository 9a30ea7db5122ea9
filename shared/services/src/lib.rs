//! What several stages do alike, over the ports.

pub mod advisor;
pub mod delivery;
mod foundation;
pub mod health;
pub mod plans;
pub mod repositories;
pub mod runtime;
pub mod secrets;

pub use foundation::{Foundation, Stores, Writers};
