//! The HTTP API as clients meet it, and the wire formats they depend on.

mod bad_input;
mod document;
mod lists;
mod messages;
mod routes;
mod tenancy;
