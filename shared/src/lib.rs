//! Hookline sends webhooks. This crate holds what its stages share.
#[cfg(feature = "aws")]
pub mod aws;
pub mod config;
pub mod domain;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod messages;
pub mod ports;
pub mod stage;
pub mod telemetry;
pub mod time;
