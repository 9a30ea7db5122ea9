//! What a plan proposes, as its proposer writes it.

use domain::ids::{EventType, HookId};
use domain::payload::Json as RawJson;
use domain::plan::{ChangeKind, MAX_CHANGE_BYTES, PlannedChange};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::FieldError;
use crate::routes::secrets;

/// What is to be changed, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChange {
    #[serde(deserialize_with = "domain::strict::known")]
    kind: ChangeKind,
    /// Of `hook` and `hook_secret`: its id.
    #[schema(value_type = Option<String>)]
    hook: Option<HookId>,
    /// Of `event_type`: its name, in the tenant's own catalogue.
    #[schema(value_type = Option<String>)]
    event_type: Option<EventType>,
    /// Of `external`: what is changed, up to 300 characters.
    #[schema(max_length = 300)]
    target: Option<String>,
    /// Of `hook`, `tenant` and `event_type`: as `PATCH` of that takes it. It cannot carry secrets.
    #[schema(value_type = Option<Object>)]
    patch: Option<RawJson>,
    /// Of `external`: what is now; null for nothing.
    #[serde(default, deserialize_with = "whatever")]
    #[schema(value_type = Option<Value>)]
    before: Option<RawJson>,
    /// Of `external`: what will be; null for nothing.
    #[serde(default, deserialize_with = "whatever")]
    #[schema(value_type = Option<Value>)]
    after: Option<RawJson>,
    /// Of `hook_secret`: seconds for which the old secret stays live, up to 604,800; 86,400 by default.
    #[schema(maximum = 604_800)]
    overlap: Option<u32>,
}

const MAX_TARGET_CHARS: usize = 300;
const MAX_DEPTH: usize = 64;

/// Any JSON, null as well.
pub(super) fn whatever<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawJson>, D::Error> {
    RawJson::deserialize(deserializer).map(Some)
}

/// Complains about what pages and events could not tell.
pub(super) fn check_json(field: &str, json: &RawJson, errors: &mut Vec<FieldError>) {
    match serde_json::from_str::<Value>(json.get()) {
        Ok(value) if depth(&value) <= MAX_DEPTH => {}
        Ok(_) => errors.push(FieldError::new(field, format!("expected at most {MAX_DEPTH} levels"))),
        Err(_) => {
            let message = format!("expected numbers that fit into a double, and at most {MAX_DEPTH} levels");
            errors.push(FieldError::new(field, message));
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

impl NewChange {
    /// Complains about fields that its kind needs and does not have, or has and does not take.
    pub(super) fn check(self, errors: &mut Vec<FieldError>) -> PlannedChange {
        let kind = self.kind;
        let takes = |kinds: &[ChangeKind]| kinds.contains(&kind);
        let fields: [(&str, bool, bool, bool); 7] = [
            ("hook", self.hook.is_some(), takes(&[ChangeKind::Hook, ChangeKind::HookSecret]), true),
            ("event_type", self.event_type.is_some(), takes(&[ChangeKind::EventType]), true),
            ("target", self.target.is_some(), takes(&[ChangeKind::External]), true),
            (
                "patch",
                self.patch.is_some(),
                takes(&[ChangeKind::Hook, ChangeKind::Tenant, ChangeKind::EventType]),
                true,
            ),
            ("before", self.before.is_some(), takes(&[ChangeKind::External]), true),
            ("after", self.after.is_some(), takes(&[ChangeKind::External]), true),
            ("overlap", self.overlap.is_some(), takes(&[ChangeKind::HookSecret]), false),
        ];
        for (name, given, taken, needed) in fields {
            let field = format!("change.{name}");
            if given && !taken {
                errors.push(FieldError::new(field, format!("is not of a change of the kind {}", kind.as_str())));
            } else if !given && taken && needed {
                errors.push(FieldError::new(field, format!("is required of a change of the kind {}", kind.as_str())));
            }
        }
        let bytes = [&self.patch, &self.before, &self.after].into_iter().flatten().map(|json| json.get().len());
        if bytes.sum::<usize>() > MAX_CHANGE_BYTES {
            errors.push(FieldError::new("change", format!("expected at most {MAX_CHANGE_BYTES} bytes of JSON")));
        }
        for (name, json) in [("patch", &self.patch), ("before", &self.before), ("after", &self.after)] {
            if let Some(json) = json {
                check_json(&format!("change.{name}"), json, errors);
            }
        }
        if self.target.as_ref().is_some_and(|target| target.trim().is_empty()) {
            errors.push(FieldError::new("change.target", "is required: what is changed"));
        }
        if self.target.as_ref().is_some_and(|target| target.chars().count() > MAX_TARGET_CHARS) {
            let message = format!("expected at most {MAX_TARGET_CHARS} characters");
            errors.push(FieldError::new("change.target", message));
        }
        if self.overlap.is_some_and(|seconds| seconds > secrets::MAX_OVERLAP_SECONDS) {
            let message = format!("expected a whole number from 0 to {}", secrets::MAX_OVERLAP_SECONDS);
            errors.push(FieldError::new("change.overlap", message));
        }
        PlannedChange {
            hook: self.hook,
            event_type: self.event_type,
            target: self.target,
            patch: self.patch,
            before: self.before,
            after: self.after,
            overlap: self.overlap,
            ..PlannedChange::new(kind)
        }
    }
}
