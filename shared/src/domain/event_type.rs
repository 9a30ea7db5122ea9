//! The catalogue: which event types there are, and what their `data` looks like.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ids::EventType;

/// One event type of a catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTypeEntry {
    /// Such as `post.published`.
    #[schema(value_type = String)]
    pub name: EventType,
    #[serde(default)]
    pub description: String,
    /// What `data` has to look like: JSON Schema, draft 2020-12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// An example of `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// Still published, but not to be built upon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Not published any more: publishing it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}
