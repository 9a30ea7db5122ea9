//! The HTTP API as clients meet it, and the wire formats they depend on.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod activity;
mod audit;
mod bad_input;
mod capabilities;
mod catalogue;
mod credentials;
mod document;
mod expiring_hooks;
mod expungements;
mod failing_hooks;
mod fields;
mod idempotency;
mod identity;
mod jwks;
mod keys;
mod limits;
mod lists;
mod mcp;
mod messages;
mod oktopost;
mod paths;
mod plans;
mod portal;
mod preconditions;
mod preview;
mod profile_previews;
mod routes;
mod rules;
mod stats;
mod svix;
mod tenancy;
mod test_send;
mod unreadable;
mod upgrades;
mod webhooks;
