//! What webhooks are: values, rules and pure functions. Where they are stored and
//! how they travel is not known here.

pub mod activity;
pub mod address;
pub mod counts;
pub mod delivery;
pub mod destination;
pub mod event;
pub mod event_type;
pub mod expungement;
pub mod filter;
pub mod headers;
pub mod health;
pub mod hook;
pub mod ids;
pub mod invalid;
mod json;
pub mod judgement;
pub mod key;
pub mod layers;
pub mod operational;
pub mod pattern;
pub mod payload;
pub mod profile;
pub mod random;
pub mod rate;
pub mod replay;
pub mod retry;
pub mod seconds;
pub mod secret;
pub mod settings;
pub mod signature;
pub mod strict;
pub mod tenant;
pub mod time;
pub mod unknown;
pub mod verification;
pub mod word;
