//! One file for each kind of resource.

pub(crate) mod activity;
pub(crate) mod audit;
pub(crate) mod catalogue;
pub(crate) mod deliveries;
pub(crate) mod doctor;
pub(crate) mod event_types;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod expungements;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod keys;
pub(crate) mod portal;
pub(crate) mod profiles;
pub(crate) mod replays;
pub(crate) mod request_view;
pub(crate) mod secrets;
pub(crate) mod stats;
pub(crate) mod tenants;
pub(crate) mod test_send;
