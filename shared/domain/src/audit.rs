//! Who changed something, when, from where, and what it was before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
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
        /// A tenant.
        Tenant = "tenant",
        /// A hook.
        Hook = "hook",
        /// A profile.
        Profile = "profile",
        /// An API key.
        Key = "key",
        /// An event type of a catalogue.
        EventType = "event_type",
        /// A one-time link to a portal.
        PortalLink = "portal_link",
        /// A session in a portal; all of a tenant's where the id is `*`.
        PortalSession = "portal_session",
        /// Of an adjustment: something that Hookline does not know.
        External = "external",
        /// The keys with which the deployment itself signs.
        Identity = "identity",
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
/// Its fields are kept as they are written, for numbers have more digits than a double.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    whole: Fields,
    masked: Fields,
}

/// Fields of an object, as they are written.
pub type Fields = BTreeMap<String, Json>;

/// Those that an object has; of anything else none.
pub fn fields_of(json: &str) -> Fields {
    serde_json::from_str(json).unwrap_or_default()
}

pub fn json_of(fields: &Fields) -> Json {
    let text = serde_json::to_string(fields).unwrap_or_else(|_| "{}".to_owned());
    Json::from(Arc::<RawValue>::from(RawValue::from_string(text).expect("what was written is JSON")))
}

impl Snapshot {
    /// `masked` is the same with every secret masked. Fields of `flat` are told as fields of their
    /// own, `left_out` are not told.
    pub fn new<T: Serialize>(whole: &T, masked: &T, flat: &[&str], left_out: &[&str]) -> Self {
        let fields = |value: &T| {
            let mut fields = fields_of(&serde_json::to_string(value).unwrap_or_default());
            for name in flat {
                if let Some(inner) = fields.remove(*name) {
                    fields.extend(fields_of(inner.get()));
                }
            }
            fields.retain(|name, value| !left_out.contains(&name.as_str()) && value.get() != "null");
            fields
        };
        Self { whole: fields(whole), masked: fields(masked) }
    }

    /// Its fields, with secrets masked.
    pub fn masked(&self) -> &Fields {
        &self.masked
    }

    /// A field with its secrets, to be compared and not to be told.
    pub fn whole(&self, name: &str) -> Option<&Json> {
        self.whole.get(name)
    }

    /// The names of the fields that differ.
    pub fn differing<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a String> {
        let names = self.whole.keys().chain(other.whole.keys());
        names.filter(|name| self.whole.get(*name) != other.whole.get(*name)).collect()
    }

    /// A field as it may be told; masked where nothing of it may be.
    pub fn told(&self, name: &str) -> Option<Json> {
        self.whole.get(name)?;
        Some(self.masked.get(name).cloned().unwrap_or_else(|| json_text(&format!("\"{SECRET}\""))))
    }
}

fn json_text(text: &str) -> Json {
    Json::from(Arc::<RawValue>::from(RawValue::from_string(text.to_owned()).expect("it is JSON")))
}

/// The fields that differ.
pub fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let told = |of: &Snapshot, name: &str| match of.told(name) {
        Some(json) if json.get().len() > MAX_VALUE_BYTES => (None, false),
        told => (told, true),
    };
    before
        .differing(after)
        .into_iter()
        .map(|name| {
            let (before, old_fits) = told(before, name);
            let (after, new_fits) = told(after, name);
            let too_large = !(old_fits && new_fits);
            Change { field: name.clone(), before, after, too_large, unknown: Unknown::NONE }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
