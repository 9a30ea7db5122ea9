//! Hookline sends webhooks. This crate holds what its stages share.
pub mod domain;
pub mod messages;
pub mod ports;
pub mod stage;
pub mod time;
