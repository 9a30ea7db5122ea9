//! Requests as receivers in other languages read and verify them, with the
//! tools that their documents name.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod cloudevents;
mod ecmascript;
mod jwks;
mod mcp;
mod openapi;
mod quick_starts;
mod rotation;
mod svix;
mod web_bot_auth;
