//! Pages, as a browser gets them: who gets in, what comes out, and what never does.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod administration;
mod automation;
mod budgets;
mod deliveries;
mod editing;
mod faults;
mod hostile;
mod kept;
mod operators;
mod portal;
mod queries;
mod secrets;
mod sending_again;
mod sessions;
mod statistics;
mod strangers;
