//! Whether a request may go out now: the circuit of its hook, the limit while
//! its endpoint has not verified itself, and the rate.
//!
//! What has to wait goes back to the clock with a time, and uses up no attempt.

use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::stage::{Fault, Outcome, causes};
use domain::delivery::{Attempt, Delivery, Outcome as AttemptOutcome, Status, Trigger};
use domain::health::{Admission, Failure, Health};
use domain::settings::Complete;
use domain::time::Timestamp;
use services::delivery::resolved_hook::ResolvedHook;
use services::health::hook_health::AttemptSummary;

use crate::Deps;

/// A delivery that waits for its endpoint's verification looks again after
/// this long, for it may come by another way.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
const TOO_MANY_REQUESTS: u16 = 429;
const GONE: u16 = 410;

pub(crate) enum Gate {
    Open(Pass),
    NotBefore(Wait),
}

/// What a request was let out as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// It tries a circuit that is open, and may do so since then.
    probe: Option<Timestamp>,
    /// It carries the key that its endpoint has to return.
    pub(crate) unverified: bool,
}

pub(crate) struct Wait {
    until: Timestamp,
    /// It has been given a turn under the rate limit.
    in_turn: bool,
}

/// The scarcest comes last, so that it is not taken for a request that then has
/// to wait for something else.
pub(crate) async fn admit(
    deps: &Deps,
    hook: &ResolvedHook,
    message: &DeliveryMessage,
    now: Timestamp,
) -> Result<Gate, Fault> {
    let (hook_health, settings) = (&deps.hook_health, &hook.settings);
    let (tenant, id) = (&message.tenant, message.hook);
    let wait = |until, in_turn| Ok(Gate::NotBefore(Wait { until, in_turn }));
    // One that was asked for by hand may try a circuit whenever it likes.
    let probe = match message.trigger {
        Trigger::Manual => None,
        _ if settings.circuit_breaker.failures == 0 => None,
        _ => match hook_health.circuits.admit(tenant, id, now).await? {
            Admission::Go => None,
            Admission::Probe => Some(now),
            Admission::NotBefore(until) => return wait(until, false),
        },
    };
    let health = hook_health.health(tenant, id).await?;
    if probe.is_none()
        && let Some(limit) = limit(settings, health.ramp(now))
    {
        let turn = hook_health.rates.take(tenant, id, now, limit, message.in_turn).await?;
        if let Some(until) = turn {
            return wait(until, true);
        }
    }
    let unverified = settings.verification.required && health.verified_at.is_none();
    if unverified {
        let take = |health: &mut Health| health.take_unverified(now, &settings.verification);
        if let (Admission::NotBefore(until), _) = hook_health.circuits.health.change(tenant, id, take).await? {
            return wait(until.min(now.saturating_add(LOOK_AGAIN)), false);
        }
    }
    Ok(Gate::Open(Pass { probe, unverified }))
}

/// The lower of the hook's own and that of a recovery.
fn limit(settings: &Complete, ramp: Option<u32>) -> Option<u32> {
    let own = Some(settings.rate_limit).filter(|limit| *limit > 0);
    own.into_iter().chain(ramp).min()
}

/// Hands a delivery to the clock as it is. Copies of it may come of that, and
/// the log then tells them apart.
pub(crate) async fn hold(deps: &Deps, message: DeliveryMessage, wait: &Wait) -> Result<Outcome, Outcome> {
    let waiting = DeliveryMessage {
        due_at: Some(wait.until),
        waits_since: Some(deps.clock.now()),
        held: true,
        in_turn: wait.in_turn,
        check_log: true,
        ..message
    };
    deps.retries.send_one(waiting.to_outgoing()).await?;
    tracing::debug!(
        trace.id = %waiting.event_seq.trace(),
        tenant.id = %waiting.tenant,
        delivery.id = %waiting.delivery_id(),
        until = %wait.until,
        "delivery held back by its hook's circuit, rate or verification"
    );
    Ok(Outcome::Done)
}

/// Of a request that is not sent after all. What cannot be given back is had
/// again when its lease ends.
pub(crate) async fn give_back(deps: &Deps, message: &DeliveryMessage, pass: Pass) {
    let Some(taken_at) = pass.probe else { return };
    let circuits = &deps.hook_health.circuits;
    if let Err(error) = circuits.give_back(&message.tenant, message.hook, taken_at, deps.clock.now()).await {
        tracing::warn!(trace.id = %message.event_seq.trace(), tenant.id = %message.tenant, hook.id = %message.hook, error = %causes(&error), "a probe was not given back");
    }
}

/// Tells how a request went that was let out.
pub(crate) async fn report(
    deps: &Deps,
    hook: &ResolvedHook,
    message: &DeliveryMessage,
    pass: Pass,
    attempt: &Attempt,
    exhausted: bool,
) -> Result<(), Fault> {
    let failure = (attempt.outcome != AttemptOutcome::Success).then(|| Failure {
        delivery: message.delivery_id(),
        at: attempt.at,
        is_break: is_break(attempt),
        exhausted: exhausted && message.trigger != Trigger::Manual,
        probe: pass.probe.is_some(),
    });
    // What an endpoint says that the hook has left meanwhile says nothing of its new one.
    let is_same = attempt.revision.as_ref().is_none_or(|made_of| made_of.hook == hook.hook.version);
    let gone = is_same && attempt.outcome == AttemptOutcome::Gone && hook.settings.success.is_final(GONE);
    let trace = message.event_seq.trace();
    let ended = AttemptSummary { trace, event_type: &message.event_type, at: attempt.at, failure, gone };
    if is_same && attempt.with_key && failure.is_none() {
        deps.hook_health.verified(&hook.hook, attempt.at).await;
    }
    deps.hook_health.record_attempt(&hook.hook, &hook.settings, ended).await
}

/// Tells of the last attempt in the log what a process may not have told that
/// died after it had logged it.
pub(crate) async fn recall(deps: &Deps, message: &DeliveryMessage, row: &Delivery) -> Result<(), Fault> {
    let Some(attempt) = &row.last_attempt else { return Ok(()) };
    let Some(hook) = deps.hooks.get(&message.tenant, message.hook).await? else { return Ok(()) };
    let health = deps.hook_health.health(&message.tenant, message.hook).await?;
    if health.last_execution >= Some(attempt.at) {
        return deps.hook_health.catch_up(&hook.hook).await;
    }
    let pass = Pass { probe: None, unverified: false };
    report(deps, &hook, message, pass, attempt, row.status == Status::Failed).await
}

/// Whether a failure speaks of the endpoint and not of this one request.
fn is_break(attempt: &Attempt) -> bool {
    match attempt.outcome {
        AttemptOutcome::Timeout
        | AttemptOutcome::Dns
        | AttemptOutcome::Connect
        | AttemptOutcome::Tls
        | AttemptOutcome::InvalidResponse
        | AttemptOutcome::Auth => true,
        AttemptOutcome::Status => {
            attempt.status_code.is_some_and(|code| code == TOO_MANY_REQUESTS || (500..=599).contains(&code))
        }
        AttemptOutcome::Success
        | AttemptOutcome::Gone
        | AttemptOutcome::RefusedAddress
        | AttemptOutcome::InvalidRequest
        | AttemptOutcome::NotJson
        | AttemptOutcome::NotVerified
        // Whoever logged it has counted it.
        | AttemptOutcome::Unknown(_) => false,
    }
}
