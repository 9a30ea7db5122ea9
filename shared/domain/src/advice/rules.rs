//! When the advisor speaks. Bad advice is worse than none: each rule asks for enough numbers.

mod duplicates;
mod endpoint;
mod events;
mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use super::record::{HookRecord, MONTH, TenantRecord, WEEK};
use super::{Advice, AdviceKind};
use crate::health::Health;
use crate::hook::Hook;
use crate::ids::HookId;
use crate::json::Json;
use crate::plan::{ChangeKind, Evidence, Impact, ImpactNumber, PlannedChange};
use crate::settings::Complete;
use crate::tenant::Tenant;
use crate::time::Timestamp;
use crate::unknown::Unknown;

/// What is known of one hook.
pub struct HookHistory {
    pub hook: Arc<Hook>,
    pub settings: Complete,
    pub health: Health,
    /// Since when its current secret is, if that is known.
    pub secret_since: Option<Timestamp>,
    /// Whether its address answers with https as well; none where nobody has tried.
    pub answers_https: Option<bool>,
}

/// What is known of a tenant.
pub struct TenantHistory<'a> {
    pub tenant: &'a Tenant,
    pub record: &'a TenantRecord,
    pub hooks: &'a BTreeMap<HookId, HookHistory>,
    /// Whether these are all hooks there are.
    pub has_all_hooks: bool,
    pub now: Timestamp,
}

/// All that there is to advise, what matters most first.
pub fn all(history: &TenantHistory<'_>) -> Vec<Advice> {
    let mut advice = Vec::new();
    let unasked = HookRecord::default();
    for (id, hook) in history.hooks {
        if !hook.hook.enabled {
            continue;
        }
        let record = history.record.hooks.get(id).unwrap_or(&unasked);
        let of = Case { history, hook, record };
        if let Some(dead) = endpoint::dead(&of) {
            // Whatever else there is to a dead endpoint follows from that.
            advice.push(dead);
            continue;
        }
        advice.extend(endpoint::timeout(&of));
        advice.extend(endpoint::rate_limit(&of));
        advice.extend(endpoint::retry_schedule(&of));
        advice.extend(endpoint::https(&of));
        advice.extend(endpoint::batches(&of));
        advice.extend(events::unused(&of));
        advice.extend(secrets::old(&of));
    }
    advice.extend(duplicates::of(history));
    advice.extend(events::unwanted(history));
    advice.sort_by_key(|one| one.kind.rank());
    advice
}

impl AdviceKind {
    /// What loses deliveries comes first.
    fn rank(self) -> usize {
        let order = [
            Self::Timeout,
            Self::RetrySchedule,
            Self::RateLimit,
            Self::Https,
            Self::Dead,
            Self::Duplicate,
            Self::OldSecret,
            Self::Batches,
            Self::UnusedEvents,
            Self::UnwantedEvents,
        ];
        order.iter().position(|kind| *kind == self).unwrap_or(order.len())
    }
}

/// One hook and what is known of it.
struct Case<'a> {
    history: &'a TenantHistory<'a>,
    hook: &'a HookHistory,
    record: &'a HookRecord,
}

impl Case<'_> {
    fn name(&self) -> String {
        let hook = &self.hook.hook;
        if hook.name.is_empty() { hook.id.to_string() } else { format!("“{}”", hook.name) }
    }

    /// A number over some days, which the counts of the hook show.
    fn counted(&self, name: &str, value: u64, over: Duration) -> Evidence {
        let hook = self.hook.hook.id;
        counted(self.history, name, value, over, &format!("&hook={hook}"))
    }

    /// The same, told apart by outcome or code.
    fn counted_by(&self, by: &str, name: &str, value: u64) -> Evidence {
        let hook = self.hook.hook.id;
        counted(self.history, name, value, WEEK, &format!("&hook={hook}&group_by={by}"))
    }

    fn patch(&self, patch: &Value) -> PlannedChange {
        PlannedChange {
            hook: Some(self.hook.hook.id),
            patch: Some(json_of(patch)),
            ..PlannedChange::new(ChangeKind::Hook)
        }
    }

    fn advise(
        &self,
        kind: AdviceKind,
        title: &str,
        change: PlannedChange,
        evidence: Vec<Evidence>,
        impact: Impact,
    ) -> Advice {
        Advice { kind, subject: self.hook.hook.id.to_string(), title: shortened(title), change, evidence, impact }
    }
}

fn counted(history: &TenantHistory<'_>, name: &str, value: u64, over: Duration, query: &str) -> Evidence {
    let (since, until) = (history.now.saturating_sub(over), history.now);
    let source = format!("/v1/tenants/{}/counts?since={since}&until={until}{query}", history.tenant.id);
    let until = Some(until);
    Evidence { since: Some(since), until, source: Some(source), ..Evidence::new(name, value as f64) }
}

fn json_of(value: &Value) -> Json {
    let raw = RawValue::from_string(value.to_string()).expect("a value is JSON");
    Json::from(Arc::<RawValue>::from(raw))
}

fn impact(text: impl Into<String>) -> Impact {
    Impact { text: Some(text.into()), ..Impact::default() }
}

fn number(name: &str, before: f64, after: f64, unit: &str) -> ImpactNumber {
    ImpactNumber {
        name: name.to_owned(),
        before: Some(before),
        after: Some(after),
        unit: Some(unit.to_owned()),
        unknown: Unknown::NONE,
    }
}

/// As long as a title may be.
fn shortened(title: &str) -> String {
    title.chars().take(crate::plan::MAX_TITLE_CHARS).collect()
}

#[cfg(test)]
mod tests;
