//! Pages of the real binary in a real Chromium: whole journeys, each page looked over.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(clippy::print_stdout, reason = "who runs the tests should see that some were skipped")]
#![cfg(unix)]

mod axe;
#[path = "../support/binary.rs"]
mod binary;
mod chromium;
mod customer;
mod keyboard;
mod operator;
mod stage;
