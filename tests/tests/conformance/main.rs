//! Filters and schemas held against the software that others know them from:
//! Amazon's own library for event patterns, and two validators of JSON Schema.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod differences;
mod drawn;
mod ruler;
mod tools;
mod validators;
