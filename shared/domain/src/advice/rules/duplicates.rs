//! Two hooks for one address.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Advice, AdviceKind, Case, Evidence, HookHistory, HookRecord, MONTH, TenantHistory, impact};
use crate::operational;

/// Older hooks of an address that each is compared with: a tenant may have thousands that differ.
const MOST_COMPARED: usize = 100;

/// Of two hooks that send the same to one address, the newer one.
pub(super) fn of(history: &TenantHistory<'_>) -> Vec<Advice> {
    let unasked = HookRecord::default();
    let mut by_url: BTreeMap<&str, Vec<&HookHistory>> = BTreeMap::new();
    for hook in history.hooks.values().filter(|hook| hook.hook.enabled) {
        by_url.entry(hook.hook.url.as_str()).or_default().push(hook);
    }
    let mut advice = Vec::new();
    for same in by_url.values() {
        for (index, newer) in same.iter().enumerate() {
            let older = &same[..index.min(MOST_COMPARED)];
            let Some(older) = older.iter().find(|older| sends_all_of(older, newer)) else { continue };
            let record = history.record.hooks.get(&newer.hook.id).unwrap_or(&unasked);
            let of = Case { history, hook: newer, record };
            let other = Case { history, hook: older, record };
            let title = format!("Disable {}: {} sends the same to the same address", of.name(), other.name());
            let shared = newer.hook.events.len() as f64;
            let source = Some(format!("/v1/tenants/{}/hooks/{}", history.tenant.id, older.hook.id));
            let evidence = vec![
                Evidence { source, ..Evidence::new("patterns of events that both ask for", shared) },
                of.counted("requests of the newer one", record.attempts, MONTH),
            ];
            let expected = impact("The endpoint gets each event once, not twice.");
            let change = of.patch(&json!({ "enabled": false }));
            advice.push(of.advise(AdviceKind::Duplicate, &title, change, evidence, expected));
        }
    }
    advice
}

/// Whether whatever `newer` sends, `older` sends as well, in the same way.
fn sends_all_of(older: &HookHistory, newer: &HookHistory) -> bool {
    let (one, other) = (&older.hook, &newer.hook);
    let own = |name: &str| operational::TYPES.contains(&name) || operational::PLAN_TYPES.contains(&name);
    let has_all = other.events.iter().all(|pattern| {
        let takes_all = one.events.iter().any(|all| all.as_str() == "*") && !own(pattern.as_str());
        one.events.contains(pattern) || takes_all && !pattern.as_str().starts_with("automation.")
    });
    let (is, was) = (&newer.settings, &older.settings);
    // Which of two goes is not decided by their age where one of them fails.
    let fares_well = |history: &HookHistory| history.health.failing_since.is_none();
    has_all
        && fares_well(older)
        && fares_well(newer)
        && is.batch == was.batch
        && is.message_id == was.message_id
        && one.channels == other.channels
        && one.filter == other.filter
        && is.payload == was.payload
        && is.method == was.method
        && is.content_type == was.content_type
        && is.media_type == was.media_type
        && is.headers == was.headers
        && is.auth == was.auth
        && is.signatures == was.signatures
}
