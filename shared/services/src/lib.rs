//! What several stages do alike, over the ports.

pub mod delivery;
pub mod health;
pub mod repositories;
pub mod runtime;
pub mod secrets;
