//! Journeys: the promises of the whole pipeline, kept over a real store with a
//! clock that moves only when told to. Nothing here sleeps.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod batches;
mod circuits;
mod clock;
mod deadline;
mod death;
mod disabling;
mod exchange;
mod explain;
mod fanout;
mod headers;
mod hooks;
mod manual;
mod observing;
mod operational;
mod outcomes;
mod payload;
mod profiles;
mod queues;
mod rates;
mod replays;
mod retention;
mod retries;
mod settings;
mod successors;
mod verification;
