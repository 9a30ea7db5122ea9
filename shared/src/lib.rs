//! Hookline sends webhooks. This crate holds what its stages share.
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod messages;
pub mod ports;
pub mod stage;
pub mod standing;
pub mod time;
