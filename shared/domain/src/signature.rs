//! Signatures, made over the bytes that are sent, by the schemes in `scheme.rs`.
//!
//! Every live secret signs where a header holds a list of signatures, so that
//! receivers can change theirs at any time of a rotation; where it holds one, one
//! secret signs. Ed25519 secrets sign `v1a` and nothing else, all others sign the
//! other schemes. A setting that no live secret can sign adds no header.

mod message;
mod scheme;
mod setting;
mod sign;

pub use message::{AgentForm, Component, Message, NONCE_BYTES, masked_message, sign_directory, sign_message};
pub use scheme::{Scheme, Signed, standard_webhooks};
pub use setting::{Encoding, KeyForm, MAX_PREFIX_CHARS, MAX_SETTINGS, SignatureSetting, check_all};
pub use sign::{check_secret, sign, sign_repeating};
