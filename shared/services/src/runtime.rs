//! What a process is started with, and what it tells of itself.

pub mod config;
pub mod metrics;
pub mod telemetry;
pub mod traces;
