//! What is stored, as the stages ask for it.

pub mod audit;
pub mod cache;
pub mod catalogue;
pub mod document_kind;
pub mod documents;
pub mod encrypted_hooks;
pub mod fresh_cache;
pub mod identity;
pub mod present_tenants;
pub mod snapshots;
