//! What the advisor looks for, and what a tenant lets it look for.

mod record;
mod rules;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::record::{HookRecord, TenantRecord};
pub use self::rules::{HookHistory, TenantHistory, all};
use super::plan::{Evidence, Impact, Plan, PlanState, PlannedChange};
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

words! {
    /// What the advisor may propose.
    pub enum AdviceKind {
        /// A time-out just above what an endpoint needs.
        Timeout = "timeout",
        /// A rate limit for an endpoint that answers 429.
        RateLimit = "rate_limit",
        /// A schedule that outlasts the endpoint's usual outage.
        RetrySchedule = "retry_schedule",
        /// Disabling what has been dead for long.
        Dead = "dead",
        /// Dropping event types that never come, or that a filter always drops.
        UnusedEvents = "unused_events",
        /// Disabling the second of two hooks for one address.
        Duplicate = "duplicate",
        /// https where the address is http and https answers.
        Https = "https",
        /// Rotating a secret that is older than a year.
        OldSecret = "old_secret",
        /// Not publishing what no hook wants.
        UnwantedEvents = "unwanted_events",
        /// Batches for an endpoint that is asked very often.
        Batches = "batches",
    }
}

/// What a tenant asks of the advisor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AdvisorSettings {
    /// What it proposes nothing of.
    #[serde(default)]
    pub off: Vec<AdviceKind>,
    #[serde(default)]
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(AdvisorSettings);

/// What the advisor proposes, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    pub kind: AdviceKind,
    /// The hook or event type that it is about: with the kind, one cause.
    pub subject: String,
    pub title: String,
    pub change: PlannedChange,
    /// The first is the number that decides; it is compared with that of an earlier plan.
    pub evidence: Vec<Evidence>,
    pub impact: Impact,
}

impl Advice {
    /// There is one plan at a time for one of these.
    pub fn cause(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.subject)
    }
}

/// How long the advisor leaves a cause alone that somebody has rejected.
const REJECTED_RESTS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The same of one that was applied: its numbers are of the time before.
const APPLIED_RESTS: Duration = Duration::from_secs(30 * 24 * 3_600);
const FAILED_RESTS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The plan for which advice is not proposed once more: the newest of `known` with its cause, while that
/// is undecided, or was decided a short time ago.
pub fn answered_by<'a>(advice: &Advice, known: &'a [Plan], now: Timestamp) -> Option<&'a Plan> {
    let cause = advice.cause();
    let last = known.iter().find(|plan| plan.cause.as_ref() == Some(&cause))?;
    let rests = |since: Option<Timestamp>, rest: Duration| since.is_some_and(|since| now < since.saturating_add(rest));
    let is_answered = match last.state_at(now) {
        PlanState::Pending | PlanState::Approved | PlanState::Unknown(_) => true,
        PlanState::Rejected => rests(last.decided_at, REJECTED_RESTS) && !has_changed_by_half(advice, last),
        PlanState::Expired => rests(Some(last.expires_at), REJECTED_RESTS) && !has_changed_by_half(advice, last),
        PlanState::Applied => rests(last.finished_at, APPLIED_RESTS),
        PlanState::Failed => rests(last.finished_at, FAILED_RESTS),
    };
    is_answered.then_some(last)
}

fn has_changed_by_half(advice: &Advice, last: &Plan) -> bool {
    let number = |evidence: &[Evidence]| evidence.first().map_or(0.0, |first| first.value);
    let (then, now) = (number(&last.evidence), number(&advice.evidence));
    now != then && (now - then).abs() >= then.abs() * 0.5
}
