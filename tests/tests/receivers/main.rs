//! Requests as receivers in other languages read and verify them, with the
//! tools that their documents name.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod ecmascript;
mod rotation;
