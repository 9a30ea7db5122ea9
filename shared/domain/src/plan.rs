//! Plans: changes that somebody proposes, with the data that led to them, and that wait for
//! somebody to approve them.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::ids::{AdjustmentId, EventType, HookId, PlanId, TenantId};
use super::invalid::FieldError;
use super::json::Json;
use super::key::KeyHash;
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

pub const MAX_TITLE_CHARS: usize = 200;
pub const MAX_TEXT_CHARS: usize = 2_000;
/// Numbers of the evidence, and of the impact.
pub const MAX_NUMBERS: usize = 50;
const MAX_NUMBER_TEXT_CHARS: usize = 300;
/// Of a patch, and of what an external change says of before and after together, in bytes.
pub const MAX_CHANGE_BYTES: usize = 64 * 1024;
/// When an undecided plan expires that does not say.
const USUAL_EXPIRY: Duration = Duration::from_secs(30 * 24 * 3_600);

words! {
    /// Where a plan stands.
    pub enum PlanState {
        /// It waits for somebody to approve or reject it.
        Pending = "pending",
        /// Of an external change: approved, and not reported as applied or failed yet.
        Approved = "approved",
        /// It was approved, and what it proposes is done.
        Applied = "applied",
        /// It was approved and could not be applied; `reason` says why.
        Failed = "failed",
        /// Somebody decided against it.
        Rejected = "rejected",
        /// Nobody decided before `expires_at`.
        Expired = "expired",
    }
}

words! {
    /// What kind of change a plan proposes.
    pub enum ChangeKind {
        /// `patch` is a change of the hook, as `PATCH …/hooks/{hook}` takes it.
        Hook = "hook",
        /// The hook's secret is rotated.
        HookSecret = "hook_secret",
        /// `patch` is a change of the tenant, as `PATCH /v1/tenants/{tenant}` takes it.
        Tenant = "tenant",
        /// `patch` is a change of the event type, as `PATCH …/event-types/{type}` takes it.
        EventType = "event_type",
        /// Something that Hookline does not know: whoever proposed it applies it once it is
        /// approved, and reports.
        External = "external",
    }
}

/// What a plan proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct PlannedChange {
    pub kind: ChangeKind,
    /// Of `hook` and `hook_secret`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hook: Option<HookId>,
    /// Of `event_type`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub event_type: Option<EventType>,
    /// Of `external`: what is changed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub patch: Option<Json>,
    /// What the fields of `patch` were when it was proposed; of `external`, what is now
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub before: Option<Json>,
    /// Of `external`: what will be
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub after: Option<Json>,
    /// Of `hook` and `tenant`: which version of it the plan was made for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Of `hook_secret`: seconds for which the old secret stays live
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u32>,
    #[serde(skip)]
    pub unknown: Unknown,
}

impl PlannedChange {
    pub fn new(kind: ChangeKind) -> Self {
        Self {
            kind,
            hook: None,
            event_type: None,
            target: None,
            patch: None,
            before: None,
            after: None,
            version: None,
            overlap: None,
            unknown: Unknown::NONE,
        }
    }
}

/// A number that led to a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Evidence {
    pub name: String,
    #[serde(serialize_with = "as_written")]
    pub value: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The period that it is of, RFC 3339
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Where it comes from: a path of the API, an address or a few words
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

impl Evidence {
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, unit: None, since: None, until: None, source: None, unknown: Unknown::NONE }
    }

    #[must_use]
    pub fn unit(self, unit: &str) -> Self {
        Self { unit: Some(unit.to_owned()), ..self }
    }
}

/// What is expected of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Impact {
    /// In words
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<ImpactNumber>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// A number before and after a plan is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct ImpactNumber {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "as_written_where_given")]
    pub before: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "as_written_where_given")]
    pub after: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Plan {
    pub tenant: TenantId,
    pub id: PlanId,
    pub title: String,
    pub change: PlannedChange,
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// What the advisor saw: there is one plan for one cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// As it says itself, or as `submitted_by`.
    pub proposed_by: String,
    /// `operator`, a key's id, or `hookline`.
    pub submitted_by: String,
    /// The adjustment that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<AdjustmentId>,
    /// SHA-256 of the idempotency key of the request that proposed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<KeyHash>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// As it was last written: a pending plan expires by itself.
    pub state: PlanState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// When it was applied, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it was rejected, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjustment: Option<AdjustmentId>,
    /// Counts writes, so that it is decided once.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Plan, PlannedChange, Evidence, Impact, ImpactNumber);

impl Plan {
    /// One that `by` proposes, and that waits until somebody decides, at most until it expires.
    pub fn new(tenant: &TenantId, id: PlanId, title: String, change: PlannedChange, by: &str, now: Timestamp) -> Self {
        Self {
            tenant: tenant.clone(),
            id,
            title,
            change,
            evidence: Vec::new(),
            impact: None,
            cause: None,
            proposed_by: by.to_owned(),
            submitted_by: by.to_owned(),
            reverts: None,
            made_with: None,
            created_at: now,
            expires_at: now.saturating_add(USUAL_EXPIRY),
            state: PlanState::Pending,
            decided_by: None,
            decided_at: None,
            finished_at: None,
            reason: None,
            adjustment: None,
            version: 1,
            unknown: Unknown::NONE,
        }
    }

    pub fn state_at(&self, now: Timestamp) -> PlanState {
        match self.state {
            PlanState::Pending if self.expires_at <= now => PlanState::Expired,
            state => state,
        }
    }

    /// The same, decided or ended by this.
    #[must_use]
    pub fn next(&self, state: PlanState, now: Timestamp) -> Self {
        let mut next = Self { state, version: self.version + 1, ..self.clone() };
        if matches!(state, PlanState::Applied | PlanState::Failed) {
            next.finished_at = Some(now);
        }
        next
    }

    #[must_use]
    pub fn decided(self, by: &str, now: Timestamp) -> Self {
        Self { decided_by: Some(by.to_owned()), decided_at: Some(now), ..self }
    }
}

/// Whole numbers have no decimals.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_written<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return serializer.serialize_i64(*number as i64);
    }
    serializer.serialize_f64(*number)
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn as_written_where_given<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => as_written(number, serializer),
        None => serializer.serialize_none(),
    }
}

fn check_text(field: String, text: &str, most: usize, errors: &mut Vec<FieldError>) {
    if text.chars().count() > most {
        errors.push(FieldError::new(field, format!("expected at most {most} characters")));
    }
}

fn check_count(field: &str, count: usize, errors: &mut Vec<FieldError>) {
    if count > MAX_NUMBERS {
        errors.push(FieldError::new(field, format!("expected at most {MAX_NUMBERS} entries")));
    }
}

pub fn check_title(title: &str, errors: &mut Vec<FieldError>) {
    if title.trim().is_empty() {
        errors.push(FieldError::new("title", "is required: what change is proposed, in a few words"));
    }
    check_text("title".to_owned(), title, MAX_TITLE_CHARS, errors);
}

pub fn check_evidence(evidence: &[Evidence], errors: &mut Vec<FieldError>) {
    check_count("evidence", evidence.len(), errors);
    for (index, one) in evidence.iter().enumerate().take(MAX_NUMBERS) {
        if one.name.trim().is_empty() {
            errors.push(FieldError::new(format!("evidence[{index}].name"), "is required"));
        }
        for (name, text) in [("name", Some(&one.name)), ("unit", one.unit.as_ref()), ("source", one.source.as_ref())] {
            let field = format!("evidence[{index}].{name}");
            check_text(field, text.map_or("", String::as_str), MAX_NUMBER_TEXT_CHARS, errors);
        }
        if let (Some(since), Some(until)) = (one.since, one.until)
            && since >= until
        {
            errors.push(FieldError::new(format!("evidence[{index}].until"), "expected a time after since"));
        }
    }
}

pub fn check_impact(impact: &Impact, errors: &mut Vec<FieldError>) {
    check_text("impact.text".to_owned(), impact.text.as_deref().unwrap_or_default(), MAX_TEXT_CHARS, errors);
    check_count("impact.numbers", impact.numbers.len(), errors);
    for (index, one) in impact.numbers.iter().enumerate().take(MAX_NUMBERS) {
        if one.name.trim().is_empty() {
            errors.push(FieldError::new(format!("impact.numbers[{index}].name"), "is required"));
        }
        for (name, text) in [("name", Some(&one.name)), ("unit", one.unit.as_ref())] {
            let field = format!("impact.numbers[{index}].{name}");
            check_text(field, text.map_or("", String::as_str), MAX_NUMBER_TEXT_CHARS, errors);
        }
    }
}

/// Of a rejection, or of a failure.
pub fn check_reason(reason: &str, errors: &mut Vec<FieldError>) {
    check_text("reason".to_owned(), reason, MAX_TEXT_CHARS, errors);
}
