//! All integration tests in one binary, so that they are linked once.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod budget;
mod dead_letters;
mod encrypted_hooks;
mod faults;
mod jobs;
mod kept;
mod own_events;
mod suite;
mod traces;
mod waiting;
