//! Secrets at rest.

pub mod envelope;
