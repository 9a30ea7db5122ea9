//! The catalogue: which event types there are, and what their `data` looks like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{SchemaType, Type};

use super::ids::EventType;
use super::json::Json;
use super::tenant::Tenant;
use super::unknown::{Unknown, keeps_unknown};
use crate::choices;
use crate::time::Timestamp;

/// Event types that one catalogue holds at most.
pub const MAX_EVENT_TYPES: usize = 500;

/// One event type of a catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct EventTypeEntry {
    /// Such as `post.published`.
    #[schema(value_type = String, pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")]
    pub name: EventType,
    /// Up to 2,000 characters.
    #[schema(max_length = 2_000)]
    #[serde(default)]
    pub description: String,
    /// What `data` has to look like: JSON Schema, draft 2020-12, at most 32 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = json_schema)]
    pub schema: Option<Json>,
    /// Whether data that violates the schema is refused; true by default.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    #[schema(required = false, default = true)]
    pub validate: bool,
    /// An example of `data`, at most 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub example: Option<Json>,
    /// Still published, but not to be built upon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Not published any more: publishing it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_yes(validate: &bool) -> bool {
    *validate
}

impl EventTypeEntry {
    /// Without what this version does not know.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { unknown: Unknown::NONE, ..self }
    }
}

impl StoredEventType {
    /// The first version of an entry.
    pub fn new(entry: EventTypeEntry, now: Timestamp) -> Self {
        Self { entry, created_at: now, updated_at: now, version: 1, unknown: Unknown::NONE }
    }
}

/// What a JSON Schema is itself. utoipa knows no words for it.
pub fn json_schema() -> utoipa::openapi::Object {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Boolean, Type::Null]))
        .description(Some(
            "What `data` has to look like: JSON Schema, draft 2020-12, at most 32 KiB; null for anything",
        ))
        .build()
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct StoredEventType {
    pub entry: EventTypeEntry,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that two writers cannot overwrite each other.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(EventTypeEntry, StoredEventType);

choices! {
    /// Whose catalogue an entry is in. The first one that has the type decides, in
    /// this order.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum Source {
        /// The tenant's own.
        Tenant = "tenant",
        /// The operator's, which all tenants share.
        Operator = "operator",
        /// That of the profile which applies to the tenant.
        Profile = "profile",
    }
}

/// Whose catalogue to look into.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    Operator,
    Tenant(&'a super::ids::TenantId),
}

impl Owner<'_> {
    pub fn source(self) -> Source {
        match self {
            Self::Operator => Source::Operator,
            Self::Tenant(_) => Source::Tenant,
        }
    }
}

impl<'a> From<&'a Tenant> for Owner<'a> {
    fn from(tenant: &'a Tenant) -> Self {
        Self::Tenant(&tenant.id)
    }
}
