//! Tenants as they are asked for and shown.

use std::collections::BTreeMap;

use domain::ids::{ProfileName, TenantId};
use domain::metadata::Metadata;
use domain::portal::Portal;
use domain::settings::Settings;
use domain::tenant::{MAX_RETENTION_DAYS, Tenant};
use domain::whole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::input::present;
use crate::listed::ListEntry;
use crate::routes::portal::PortalView;

/// A tenant, and any of the settings: what it decides for its hooks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents a body that is taken apart as it is read")]
pub(crate) struct NewTenant {
    /// 1 to 64 of a-z A-Z 0-9 _ -; made when absent.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    id: Option<TenantId>,
    #[serde(flatten)]
    fields: TenantFields,
    #[serde(flatten)]
    settings: Settings,
}

/// Fields that are absent stay as they are; a setting that is null is left to
/// the profile again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents a body that is taken apart as it is read")]
pub(crate) struct TenantChange {
    #[serde(flatten)]
    fields: TenantFields,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantFields {
    /// For people, up to 200 characters.
    #[schema(max_length = 200)]
    pub(super) name: Option<String>,
    /// The profile of hooks that name none; `null` for the deployment's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pub(super) profile: Option<Option<ProfileName>>,
    /// How long its events and deliveries are kept, in days from 1 to 3,650;
    /// `null` for as long as the deployment's. It holds for what happens from
    /// then on.
    #[serde(default, deserialize_with = "whole::present::<1, MAX_RETENTION_DAYS, _>")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_650)]
    pub(super) retention_days: Option<Option<u32>>,
    /// Whether publishing a type that its catalogue does not know is refused.
    pub(super) strict_event_types: Option<bool>,
    /// Up to 50 texts by name, of at most 500 characters, that payloads and templates can
    /// tell: `tenant.attributes.plan`. Replaced as a whole; `null` for none. They are no secrets.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(super) attributes: Option<Option<BTreeMap<String, String>>>,
    /// How its portal looks; replaced as a whole, `null` for Hookline's own look.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Portal>)]
    pub(super) portal: Option<Option<Portal>>,
    /// Names and texts that you note with it, up to 4,096 bytes as JSON; replaced as a whole.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantView {
    id: String,
    name: String,
    /// Null: the deployment's
    profile: Option<String>,
    /// How long its events and deliveries are kept; null: as long as the deployment's
    retention_days: Option<u32>,
    /// Publishing a type that its catalogue does not know is refused
    strict_event_types: bool,
    /// What payloads and templates can tell of it
    attributes: BTreeMap<String, String>,
    /// How its portal looks; null: Hookline's own look
    portal: Option<PortalView>,
    /// What you noted with it
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    metadata: Metadata,
    /// What it decides for its hooks
    #[serde(flatten)]
    settings: Settings,
    /// RFC 3339
    created_at: String,
    updated_at: String,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name.clone(),
            profile: tenant.profile.as_ref().map(ToString::to_string),
            retention_days: tenant.retention_days,
            strict_event_types: tenant.strict_event_types,
            attributes: tenant.attributes.clone(),
            portal: tenant.portal.as_ref().map(PortalView::from),
            metadata: tenant.metadata.clone(),
            settings: tenant.settings.clone().masked(),
            created_at: tenant.created_at.to_string(),
            updated_at: tenant.updated_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    #[schema(inline)]
    pub(super) items: Vec<ListEntry<TenantView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    pub(super) next_cursor: Option<String>,
}
