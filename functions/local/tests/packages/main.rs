//! What `infra/` has for those who run it: checked by the tools that will read it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(clippy::print_stdout, reason = "a test says what it left out")]

#[path = "../support/binary.rs"]
mod binary;
mod image;
mod monitoring;
mod proxies;
mod service;
mod tools;
