//! Events that nobody publishes, and events that nobody wants.

use std::cmp::Reverse;

use serde_json::json;

use super::{
    Advice, AdviceKind, Case, ChangeKind, MONTH, PlannedChange, TenantHistory, WEEK, counted, impact, json_of,
    shortened,
};
use crate::ids::EventType;
use crate::operational;
use crate::pattern::Pattern;

/// Events of a month without which nobody knows what comes and what does not.
const ENOUGH_EVENTS: u64 = 1_000;
/// Of one type that a filter drops.
const ENOUGH_DROPPED: u64 = 200;
/// Of a week, that no hook wants.
const ENOUGH_UNWANTED: u64 = 1_000;
/// Types that a plan gives numbers of.
const SHOWN: usize = 20;

/// Event types that never come, or that the hook's filter always drops.
pub(super) fn unused(of: &Case<'_>) -> Option<Advice> {
    let (history, hook) = (of.history, &of.hook.hook);
    let record = history.record;
    let total: u64 = record.types.values().chain(record.unwanted_of_month.values()).sum();
    let is_known = record.is_of_a_month(history.now)
        && !record.is_partial
        && total >= ENOUGH_EVENTS
        && hook.updated_at <= history.now.saturating_sub(MONTH);
    if !is_known {
        return None;
    }
    let seen = |event_type: &EventType| {
        let of_hooks = record.types.get(event_type).copied().unwrap_or_default();
        of_hooks + record.unwanted_of_month.get(event_type).copied().unwrap_or_default()
    };
    let (mut never, mut dropped) = (Vec::new(), Vec::new());
    for pattern in &hook.events {
        let Ok(event_type) = pattern.as_str().parse::<EventType>() else { continue };
        let is_own = operational::TYPES.iter().chain(&operational::PLAN_TYPES).any(|own| *own == event_type.as_str());
        if is_own || of.record.types.contains_key(&event_type) {
            continue;
        }
        match seen(&event_type) {
            0 => never.push(event_type),
            some if hook.filter.is_some() && hook.channels.is_empty() && some >= ENOUGH_DROPPED => {
                dropped.push((event_type, some));
            }
            _ => {}
        }
    }
    let names: Vec<String> =
        never.iter().chain(dropped.iter().map(|(event_type, _)| event_type)).map(ToString::to_string).collect();
    let stays = |pattern: &&Pattern| !names.iter().any(|name| name == pattern.as_str());
    let left: Vec<&str> = hook.events.iter().filter(stays).map(Pattern::as_str).collect();
    // A hook that gets nothing at all may wait for what is rare.
    if names.is_empty() || left.is_empty() {
        return None;
    }
    let title = format!("Drop {} from {}: it gets none of them", names.join(", "), of.name());
    let query = |event_type: &EventType| format!("&event_type={event_type}");
    let mut evidence = vec![counted(history, "requests for events of all types", total, MONTH, "")];
    for event_type in never.iter().take(SHOWN) {
        evidence.push(counted(history, &format!("events of the type {event_type}"), 0, MONTH, &query(event_type)));
    }
    for (event_type, some) in dropped.iter().take(SHOWN) {
        let name = format!("requests for events of the type {event_type}, none of them to this hook");
        evidence.push(counted(history, &name, *some, MONTH, &query(event_type)));
    }
    let expected = impact("Nothing that it gets today changes; what it asks for is what there is.");
    let change = of.patch(&json!({ "events": left }));
    Some(of.advise(AdviceKind::UnusedEvents, &title, change, evidence, expected))
}

/// Types of which many events come and no hook has wanted one.
pub(super) fn unwanted(history: &TenantHistory<'_>) -> Vec<Advice> {
    const MOST: usize = 3;
    let record = history.record;
    if record.is_partial || !history.has_all_hooks {
        return Vec::new();
    }
    let is_asked_for = |event_type: &EventType| {
        let asks = |pattern: &Pattern| pattern.matches(event_type);
        record.types.get(event_type).is_some_and(|attempts| *attempts > 0)
            || history.hooks.values().any(|hook| hook.hook.events.iter().any(asks))
    };
    let mut found: Vec<(&EventType, u64)> = record
        .unwanted
        .iter()
        .filter(|(event_type, events)| **events >= ENOUGH_UNWANTED && !is_asked_for(event_type))
        .map(|(event_type, events)| (event_type, *events))
        .collect();
    found.sort_by_key(|(event_type, events)| (Reverse(*events), (*event_type).clone()));
    found.truncate(MOST);
    found.into_iter().map(|(event_type, events)| unwanted_type(history, event_type, events)).collect()
}

fn unwanted_type(history: &TenantHistory<'_>, event_type: &EventType, events: u64) -> Advice {
    let published = |yes: bool| Some(json_of(&json!({ "event_type": event_type, "published": yes })));
    let change = PlannedChange {
        target: Some(format!("whoever publishes {event_type}")),
        before: published(true),
        after: published(false),
        ..PlannedChange::new(ChangeKind::External)
    };
    let text =
        "They cost storage and work, and nobody gets them. A hook that comes to want them finds none in the past.";
    Advice {
        kind: AdviceKind::UnwantedEvents,
        subject: event_type.to_string(),
        title: shortened(&format!("Stop publishing {event_type} here: no hook wants it")),
        change,
        evidence: vec![counted(
            history,
            "events that no hook wanted",
            events,
            WEEK,
            &format!("&event_type={event_type}"),
        )],
        impact: impact(text),
    }
}
