//! Tenants: accounts, projects or organisations that own hooks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{ProfileName, TenantId};
use super::invalid::{FieldError, join};
use super::key::KeyHash;
use super::metadata::Metadata;
use super::portal::Portal;
use super::settings::Settings;
use super::unknown::{Unknown, keeps_unknown};
use crate::time::Timestamp;

/// Ten years.
pub const MAX_RETENTION_DAYS: u32 = 3_650;
/// The most attributes of a tenant, and the longest value of one, in characters.
pub const MAX_ATTRIBUTES: usize = 50;
pub const MAX_ATTRIBUTE_CHARS: usize = 500;
/// For so long nobody may take the id of a tenant that was deleted. Until then
/// whoever still took it for existing (caches of 5 s) has noticed, and what was
/// published for it is older than its successor by any clock ([`CLOCKS_DIFFER`]).
pub const ID_RESTS_FOR: Duration = Duration::from_secs(30);
/// By this much the clocks of those who create tenants and who publish may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
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
    /// How long its events and deliveries are kept, in days from 1 to
    /// [`MAX_RETENTION_DAYS`]; as long as the deployment's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Publishing a type that its catalogue does not know is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_event_types: bool,
    /// What is told of it to those who make requests: texts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// How its portal looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<Portal>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// SHA-256 of the idempotency key of the request that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_with: Option<KeyHash>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Tenant);

/// Complains about attributes that cannot be.
pub fn check_attributes(attributes: &BTreeMap<String, String>, field: &str, errors: &mut Vec<FieldError>) {
    if attributes.len() > MAX_ATTRIBUTES {
        errors.push(FieldError::new(field, format!("expected at most {MAX_ATTRIBUTES} attributes")));
    }
    for (name, value) in attributes {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            errors.push(FieldError::new(join(field, name), "expected a name of 1 to 64 of a-z A-Z 0-9 _ -"));
        }
        if value.chars().count() > MAX_ATTRIBUTE_CHARS {
            let message = format!("expected at most {MAX_ATTRIBUTE_CHARS} characters");
            errors.push(FieldError::new(join(field, name), message));
        }
    }
}

impl Tenant {
    /// Whether what was published at this time was for a former tenant of this id.
    pub fn succeeds(&self, published_at: Timestamp) -> bool {
        published_at.saturating_add(CLOCKS_DIFFER) < self.created_at
    }

    /// How long what happens now is kept, where the deployment keeps it for `usual`.
    pub fn retention(&self, usual: Duration) -> Duration {
        self.retention_days.map_or(usual, |days| Duration::from_secs(u64::from(days) * 24 * 3600))
    }
}
