//! All integration tests in one binary, so that they are linked once.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod budget;
mod contract;
mod dead_letters;
mod jobs;
mod sealed;
mod waiting;
