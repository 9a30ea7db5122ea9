//! What a delivery that is still to be made waits for.

use contract::ports::{StoreError, StoreResult};
use domain::choices;
use domain::delivery::{Delivery, Status};
use domain::event::Event;
use domain::health::{Admission, Circuit, Health};
use domain::hook::Hook;
use domain::settings::{Complete, PausedDeliveries};
use domain::tenant::Tenant;
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// Something that holds a delivery back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hold {
    pub(super) by: HoldCode,
    /// Until when, where that is known. Of a rate limit, at the latest
    pub(super) until: Option<String>,
    /// The same in words
    pub(super) sentence: String,
}

choices! {
    /// What holds a delivery back.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
    pub(crate) enum HoldCode {
        /// The hook is disabled: once due, the delivery is skipped, or waits where the hook was paused
        /// and its `while_paused` says so.
        Disabled = "disabled",
        /// The hook's `expires_at` has passed: once due, the delivery is skipped.
        HookExpired = "hook_expired",
        /// The event's `ttl` has passed: once due, the delivery is skipped.
        Expired = "expired",
        /// The event is not to be sent before `deliver_at`.
        DeliverAt = "deliver_at",
        /// The last attempt failed, and the next one is not due yet.
        Retry = "retry",
        /// The endpoint failed too often in a row.
        Circuit = "circuit",
        /// The endpoint asked for no more requests for now.
        Throttled = "throttled",
        /// As many requests as the hook takes in a second are out.
        RateLimit = "rate_limit",
        /// The endpoint has not verified itself, and had as many requests as it gets until then.
        Verification = "verification",
        /// The hook or its secrets cannot be read, which is the operator's to put right.
        Unreadable = "unreadable",
    }
}

impl Hold {
    fn new(by: HoldCode, until: Option<Timestamp>, sentence: impl Into<String>) -> Self {
        Self { by, until: until.map(|until| until.to_string()), sentence: sentence.into() }
    }
}

/// In the order in which a delivery meets them; none of what is settled.
pub(super) async fn holds(
    deps: &Deps,
    tenant: &Tenant,
    hook: &Hook,
    event: &Event,
    row: Option<&Delivery>,
    now: Timestamp,
) -> StoreResult<Vec<Hold>> {
    let status = row.map_or(Status::Pending, |row| row.status);
    if !matches!(status, Status::Pending | Status::Retrying) {
        return Ok(Vec::new());
    }
    let mut holds = of_time(event, row, now);
    if let Some(end) = hook.expires_at.filter(|end| *end <= now) {
        let sentence = format!("the hook expired at {end}, and what comes due is skipped");
        holds.insert(0, Hold::new(HoldCode::HookExpired, None, sentence));
        return Ok(holds);
    }
    if !hook.enabled {
        let reason = hook.disabled_reason.as_deref().unwrap_or("disabled");
        let waits = hook.is_paused() && {
            let settings = deps.resolved.settle(hook, tenant).await?;
            settings.while_paused.deliveries == PausedDeliveries::Wait
        };
        let becomes = if waits { "waits until it is enabled" } else { "is skipped" };
        let sentence = format!("the hook is disabled ({reason}), and what comes due {becomes}");
        holds.insert(0, Hold::new(HoldCode::Disabled, None, sentence));
        return Ok(holds);
    }
    let settings = deps.resolved.settle(hook, tenant).await?;
    let health = deps.hook_health.health(&tenant.id, hook.id).await?;
    holds.extend(of_health(&health, &hook.url, &settings, now));
    let limit = health.limit(&settings, &hook.url, now).and_per_second(health.ramp(now));
    if let Some(limit) = limit.some()
        && let Some(turn) = deps.hook_health.rates.waits_until(&tenant.id, hook.id, now, limit).await?
    {
        let sentence = format!("at most {limit} go out, and others are in line until {turn}");
        holds.push(Hold::new(HoldCode::RateLimit, Some(turn), sentence));
    }
    if settings.verification.required
        && health.verified_at(&hook.url).is_none()
        && !holds.iter().any(|hold| hold.by == HoldCode::Verification)
        && let Some(until) = deps.hook_health.host_exhausted_until(hook, &settings.verification, now).await?
    {
        let sentence = format!(
            "endpoints at its host have not verified themselves and had all requests that they get until then, the next is at {until}"
        );
        holds.push(Hold::new(HoldCode::Verification, Some(until), sentence));
    }
    // Whoever sends needs its secrets. Only looked at where it would seem to be on its way.
    if holds.is_empty()
        && let Err(StoreError::Unreadable(_)) = deps.hooks.get(&tenant.id, hook.id).await
    {
        let sentence = "the hook's secrets cannot be read, so nothing can be sent; the log says why";
        holds.push(Hold::new(HoldCode::Unreadable, None, sentence));
    }
    Ok(holds)
}

fn of_time(event: &Event, row: Option<&Delivery>, now: Timestamp) -> Vec<Hold> {
    let mut holds = Vec::new();
    if let Some(end) = event.not_after.filter(|end| *end <= now) {
        let sentence = format!("the event has expired by its ttl at {end}, and is skipped once due");
        holds.push(Hold::new(HoldCode::Expired, None, sentence));
    }
    let retry = row.filter(|row| row.status == Status::Retrying).and_then(|row| row.next_attempt_at);
    match retry {
        Some(next) if next > now => {
            holds.push(Hold::new(HoldCode::Retry, Some(next), format!("the next attempt is due at {next}")));
        }
        Some(_) => {}
        None => holds.extend(event.deliver_at.filter(|at| *at > now).map(|at| {
            Hold::new(HoldCode::DeliverAt, Some(at), format!("the event is not to be sent before {at} (deliver_at)"))
        })),
    }
    holds
}

fn of_health(health: &Health, url: &str, settings: &Complete, now: Timestamp) -> Vec<Hold> {
    let mut holds = Vec::new();
    if let Circuit::Open { since, probe_at } = health.circuit
        && settings.circuit_breaker.failures > 0
    {
        let sentence = format!("the circuit is open since {since}, and the endpoint is tried again at {probe_at}");
        holds.push(Hold::new(HoldCode::Circuit, Some(probe_at), sentence));
    }
    if let Some(until) = health.throttled_until(settings, now) {
        let sentence = format!("the endpoint asked for no more requests until {until}");
        holds.push(Hold::new(HoldCode::Throttled, Some(until), sentence));
    }
    if settings.verification.required && health.verified_at(url).is_none() {
        // Asked of a copy, which takes nothing.
        if let Admission::NotBefore(until) = health.clone().take_unverified(now, &settings.verification) {
            let limit = settings.verification.per_hour;
            let sentence = format!(
                "the endpoint has not verified itself and gets at most {limit} requests an hour until then, the next at {until}"
            );
            holds.push(Hold::new(HoldCode::Verification, Some(until), sentence));
        }
    }
    holds
}
