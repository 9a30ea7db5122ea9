//! Tenants: accounts, projects or organisations that own hooks.

use serde::{Deserialize, Serialize};

use super::ids::{ProfileName, TenantId};
use super::settings::Settings;
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    /// For people; empty when none was given.
    #[serde(default)]
    pub name: String,
    /// The profile of hooks that name none; the deployment's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// What this tenant decides for its hooks.
    #[serde(default)]
    pub settings: Settings,
    /// Publishing a type that its catalogue does not know is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_event_types: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
}
