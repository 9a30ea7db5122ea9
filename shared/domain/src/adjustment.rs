//! Adjustments: changes that no person made by hand, with what was before and after.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::audit::{Change, Fields, Snapshot, Target, fields_of, json_of};
use super::ids::{AdjustmentId, PlanId, TenantId};
use super::json::Json;
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

/// Of before and after together; of what is larger only the fields that differ are kept.
const MAX_BYTES: usize = 128 * 1024;

words! {
    /// Why something was changed.
    pub enum AdjustmentCause {
        /// A plan was approved.
        Plan = "plan",
        /// The endpoint failed for as long as `disable_after` says.
        DisableAfter = "disable_after",
        /// The endpoint answered 410 Gone, which it may where `final` says so.
        Gone = "gone",
        /// The endpoint asked for it with `webhook-delivery: disable`, where the hook follows that.
        AskedByEndpoint = "asked_by_endpoint",
        /// The overlap of a rotation of the secret has passed.
        OverlapEnded = "overlap_ended",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Adjustment {
    pub tenant: TenantId,
    pub id: AdjustmentId,
    pub at: Timestamp,
    pub cause: AdjustmentCause,
    /// `hookline`, or who approved the plan.
    pub by: String,
    pub target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// All there was to it, with secrets masked.
    pub before: Json,
    pub after: Json,
    /// Both were too large to be kept whole: they are of the fields that differ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_changes: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Adjustment);

/// What was before and after, whole unless that is too large.
pub fn before_and_after(before: &Snapshot, after: &Snapshot) -> (Json, Json, bool) {
    let [before_whole, after_whole] = [before, after].map(|of| json_of(of.masked()));
    if before_whole.get().len() + after_whole.get().len() <= MAX_BYTES {
        return (before_whole, after_whole, false);
    }
    let differing = before.differing(after);
    let side = |of: &Snapshot| {
        let fields = differing.iter().filter_map(|name| Some(((*name).clone(), of.told(name)?)));
        json_of(&fields.collect())
    };
    (side(before), side(after), true)
}

/// What has no fields is told as one.
fn sides(before: &Json, after: &Json) -> (Fields, Fields) {
    let is_object = |json: &Json| json.get().starts_with('{');
    if is_object(before) && is_object(after) {
        return (fields_of(before.get()), fields_of(after.get()));
    }
    let whole = |json: &Json| match json.get() {
        "null" => Fields::new(),
        _ => Fields::from([("value".to_owned(), json.clone())]),
    };
    (whole(before), whole(after))
}

impl Adjustment {
    /// The fields that differ.
    pub fn changes(&self) -> Vec<Change> {
        let (before, after) = sides(&self.before, &self.after);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differs = |name: &&String| before.get(*name) != after.get(*name);
        let told = |of: &Fields, name: &str| of.get(name).filter(|value| value.get() != "null").cloned();
        let change = |name: &String| Change {
            field: name.clone(),
            before: told(&before, name),
            after: told(&after, name),
            too_large: false,
            unknown: Unknown::NONE,
        };
        names.into_iter().filter(differs).map(change).collect()
    }

    /// What would make the fields again what they were, null where there was none; `except`
    /// cannot be set.
    pub fn reverting_patch(&self, except: &[&str]) -> BTreeMap<String, Option<Json>> {
        let changed = self.changes().into_iter().filter(|change| !except.contains(&change.field.as_str()));
        changed.map(|change| (change.field, change.before)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::audit::TargetKind;

    fn adjustment(before: &Value, after: &Value) -> Adjustment {
        let [before, after] = [before, after].map(|value| Snapshot::new(value, value, &[], &[]));
        let (before, after, only_changes) = before_and_after(&before, &after);
        Adjustment {
            tenant: "acme".parse().unwrap(),
            id: "adj_01KG9P6JE0XB1Y6XD7WRTANH8K".parse().unwrap(),
            at: Timestamp::from_millis(0),
            cause: AdjustmentCause::Plan,
            by: "operator".to_owned(),
            target: Target { kind: TargetKind::Hook, id: "hook_1".to_owned(), unknown: Unknown::NONE },
            plan: None,
            reason: None,
            before,
            after,
            only_changes,
            unknown: Unknown::NONE,
        }
    }

    #[test]
    fn before_and_after_are_whole_and_what_differs_can_be_taken_back() {
        let one = adjustment(
            &json!({ "name": "a", "timeout": { "total": 5 }, "enabled": true }),
            &json!({ "name": "a", "timeout": { "total": 9 }, "enabled": false, "disabled_reason": "x", "filter": {} }),
        );
        assert!(!one.only_changes);
        let fields: Vec<String> = one.changes().into_iter().map(|change| change.field).collect();
        assert_eq!(fields, ["disabled_reason", "enabled", "filter", "timeout"]);
        let patch = serde_json::to_value(one.reverting_patch(&["disabled_reason"])).unwrap();
        assert_eq!(patch, json!({ "enabled": true, "filter": null, "timeout": { "total": 5 } }));
    }

    #[test]
    fn of_what_is_too_large_the_fields_that_differ_are_kept() {
        let large = "x".repeat(MAX_BYTES / 2);
        let one = adjustment(&json!({ "name": "a", "text": large }), &json!({ "name": "b", "text": large }));
        assert!(one.only_changes);
        assert_eq!((one.before.get(), one.after.get()), (r#"{"name":"a"}"#, r#"{"name":"b"}"#));
    }
}
