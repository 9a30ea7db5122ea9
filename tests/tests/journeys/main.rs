//! Journeys: the promises of the whole pipeline, kept over a real store with a
//! clock that moves only when told to. Nothing here sleeps.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod death;
mod fanout;
mod hooks;
mod manual;
mod payload;
mod profiles;
mod queues;
mod retries;
mod settings;
