//! Hookline sends webhooks. This crate holds what its stages share.
#[cfg(feature = "aws")]
pub mod aws;

pub mod domain;

pub mod messages;
pub mod ports;
pub mod stage;

pub mod time;
