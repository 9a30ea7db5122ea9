//! Journeys: the promises of the whole pipeline, kept over a real store with a
//! clock that moves only when told to. Nothing here sleeps.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod advice;
mod agents;
mod batches;
mod chats;
mod circuits;
mod clock;
mod consent;
mod deadline;
mod death;
mod disabling;
mod endpoint_control;
mod exchange;
mod expiring;
mod explain;
mod fanout;
mod headers;
mod hooks;
mod last_times;
mod manual;
mod observing;
mod operational;
mod outcomes;
mod own_events;
mod pausing;
mod payload;
mod plans;
mod profiles;
mod queues;
mod rates;
mod replays;
mod retention;
mod retries;
mod scheduled;
mod settings;
mod successors;
mod templates;
mod verification;
