//! Who changed something, when, from where, and what it was before and after.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::payload::Json;
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

/// Values above this are told to be too large instead.
pub const MAX_VALUE_BYTES: usize = 16 * 1024;

/// In the place of a secret.
const SECRET: &str = "********";

words! {
    /// What kind of thing was changed.
    pub enum TargetKind {
        Tenant = "tenant",
        Hook = "hook",
        Profile = "profile",
        Key = "key",
        EventType = "event_type",
        PortalLink = "portal_link",
        PortalSession = "portal_session",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditTarget)]
#[serde(remote = "Self")]
pub struct Target {
    pub kind: TargetKind,
    pub id: String,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditChange)]
#[serde(remote = "Self")]
pub struct Change {
    pub field: String,
    /// Absent where there was none; secrets are masked
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub before: Option<Json>,
    /// Absent where there is none any more
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub after: Option<Json>,
    /// A value was too large to be kept, more than 16 KiB
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_large: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct AuditEntry {
    /// RFC 3339
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `operator`, a key's id, `session:` with a portal session's id, or `hookline` for what
    /// happened by itself
    pub by: String,
    /// Whom a portal session is for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The address that asked, as far as it is known
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Such as `created`, `enabled`, `disabled` or `changed`
    pub what: String,
    /// What was changed; absent where the list is of one hook
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Why, or which fields were changed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Each field that is another one now
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Target, Change, AuditEntry);

impl AuditEntry {
    /// Without what this version does not know.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { unknown: Unknown::NONE, ..self }
    }
}

/// One thing as it was or is: with its secrets, to see what changed, and without, to tell it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    whole: Map<String, Value>,
    masked: Map<String, Value>,
}

impl Snapshot {
    /// `masked` is the same with every secret masked. Fields of `flat` are told as fields of their
    /// own, `left_out` are not told.
    pub fn new<T: Serialize>(whole: &T, masked: &T, flat: &[&str], left_out: &[&str]) -> Self {
        let fields = |value: &T| {
            let Ok(Value::Object(mut fields)) = serde_json::to_value(value) else { return Map::new() };
            for name in flat {
                if let Some(Value::Object(inner)) = fields.remove(*name) {
                    fields.extend(inner);
                }
            }
            fields.retain(|name, value| !left_out.contains(&name.as_str()) && !value.is_null());
            fields
        };
        Self { whole: fields(whole), masked: fields(masked) }
    }
}

/// The fields that differ.
pub fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let names: std::collections::BTreeSet<&String> = before.whole.keys().chain(after.whole.keys()).collect();
    let differs = |name: &&&String| before.whole.get(**name) != after.whole.get(**name);
    names
        .iter()
        .filter(differs)
        .map(|name| {
            let (before, old_fits) = told(before, name);
            let (after, new_fits) = told(after, name);
            let too_large = !(old_fits && new_fits);
            Change { field: (*name).clone(), before, after, too_large, unknown: Unknown::NONE }
        })
        .collect()
}

fn told(of: &Snapshot, name: &str) -> (Option<Json>, bool) {
    if !of.whole.contains_key(name) {
        return (None, true);
    }
    let masked = of.masked.get(name).cloned().unwrap_or_else(|| Value::from(SECRET));
    match RawValue::from_string(masked.to_string()) {
        Ok(json) if json.get().len() <= MAX_VALUE_BYTES => (Some(Json::from(std::sync::Arc::from(json))), true),
        _ => (None, false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(whole: &Value, masked: &Value) -> Snapshot {
        Snapshot::new(whole, masked, &["settings"], &["version"])
    }

    #[test]
    fn what_differs_is_told_with_both_values_and_without_secrets() {
        let masked = json!({ "name": "a", "settings": { "auth": "********", "rate": 1 }, "version": 1 });
        let before =
            snapshot(&json!({ "name": "a", "settings": { "auth": "hush", "rate": 1 }, "version": 1 }), &masked);
        let after = snapshot(
            &json!({ "name": "b", "settings": { "auth": "more", "rate": 1 }, "version": 2 }),
            &json!({ "name": "b", "settings": { "auth": "********", "rate": 1 }, "version": 2 }),
        );
        let told = serde_json::to_value(changes(&before, &after)).unwrap();
        assert_eq!(
            told,
            json!([
                { "field": "auth", "before": "********", "after": "********" },
                { "field": "name", "before": "a", "after": "b" },
            ])
        );
        assert!(changes(&before, &before).is_empty());
        let made = serde_json::to_value(changes(&Snapshot::default(), &after)).unwrap();
        assert_eq!(made[1], json!({ "field": "name", "after": "b" }));
    }

    #[test]
    fn a_field_of_which_nothing_may_be_told_is_masked_and_a_large_one_is_left_out() {
        let large = "x".repeat(MAX_VALUE_BYTES);
        let before = snapshot(&json!({ "hash": "abc" }), &json!({}));
        let after = snapshot(&json!({ "hash": "def", "text": large }), &json!({ "text": large }));
        let told = serde_json::to_value(changes(&before, &after)).unwrap();
        assert_eq!(
            told,
            json!([
                { "field": "hash", "before": "********", "after": "********" },
                { "field": "text", "too_large": true },
            ])
        );
    }
}
