//! The real binary: started, refused, stopped, killed, and left without a disk.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(clippy::print_stdout, reason = "a test says what it drew, counted or left out")]

#[path = "../support/binary.rs"]
mod binary;
#[cfg(unix)]
mod death;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod migrate;
#[cfg(unix)]
mod receiver;
mod running;
#[cfg(unix)]
mod storage;
mod support;
#[path = "../support/visitor.rs"]
mod visitor;
