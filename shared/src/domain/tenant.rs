//! Tenants: accounts, projects or organisations that own hooks.

use serde::{Deserialize, Serialize};

use super::ids::TenantId;
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    /// For people; empty when none was given.
    #[serde(default)]
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
}
