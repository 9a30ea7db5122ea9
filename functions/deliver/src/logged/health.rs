//! What an attempt says of its hook's health.

use contract::messages::DeliveryMessage;
use contract::stage::Fault;
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::health::{End, Failure};
use domain::settings::{EndpointRequest, told_rate};
use services::delivery::resolved_hook::ResolvedHook;
use services::health::hook_health::AttemptSummary;

use super::may_exhaust;
use crate::Deps;

const TOO_MANY_REQUESTS: u16 = 429;
const GONE: u16 = 410;

/// Tells how a request ended that was let out.
pub(super) async fn report(
    deps: &Deps,
    hook: &ResolvedHook,
    message: &DeliveryMessage,
    attempt: &Attempt,
    is_probe: bool,
    exhausted: bool,
) -> Result<(), Fault> {
    let failure = (attempt.outcome != AttemptOutcome::Success).then(|| Failure {
        delivery: message.delivery_id(),
        at: attempt.at,
        is_break: is_break(attempt),
        exhausted,
        probe: is_probe,
    });
    // One that has not shown that it wants these requests does not fail at them.
    if attempt.with_key && !is_probe && failure.is_some() {
        deps.hook_health.note_execution(&hook.hook, attempt.at).await;
        return Ok(());
    }
    // What an endpoint says that the hook has left meanwhile says nothing of its new one.
    let is_same = attempt.revision.as_ref().is_none_or(|made_of| made_of.hook == hook.hook.version);
    let gone = is_same && attempt.outcome == AttemptOutcome::Gone && hook.settings.success.disables(GONE);
    let asked = match is_same {
        true => hook.settings.endpoint_control.read(&attempt.response_headers),
        false => EndpointRequest::default(),
    };
    deps.hook_health.throttle(&hook.hook, attempt.ended_at(), &asked).await;
    let end = if gone { Some(End::Gone) } else { asked.disable.then_some(End::AskedByEndpoint) };
    let trace = message.event_seq.trace();
    let is_usual = message.trigger == Trigger::First && message.due_at.is_none();
    let refused_one = is_same && attempt.status_code == Some(TOO_MANY_REQUESTS);
    let ended = AttemptSummary {
        trace,
        event_type: &message.event_type,
        at: attempt.at,
        is_usual,
        failure,
        end,
        told_rate: refused_one.then(|| told_rate(&attempt.response_headers)).flatten(),
    };
    if is_same && attempt.with_key && failure.is_none() {
        deps.hook_health.verified(&hook.hook, attempt.at).await;
    }
    deps.hook_health.record_attempt(&hook.hook, &hook.settings, ended).await
}

/// Tells of the last attempt in the log what a process may not have told that
/// died after it had logged it.
pub(crate) async fn report_again(deps: &Deps, message: &DeliveryMessage, row: &Delivery) -> Result<(), Fault> {
    let Some(attempt) = &row.last_attempt else { return Ok(()) };
    let Some(hook) = deps.hooks.get(&message.tenant, message.hook).await? else { return Ok(()) };
    let health = deps.hook_health.health(&message.tenant, message.hook).await?;
    if health.last_execution >= Some(attempt.at) {
        return deps.hook_health.catch_up(&hook.hook).await;
    }
    let is_exhausted = row.status == Status::Failed && may_exhaust(message, row);
    report(deps, &hook, message, attempt, false, is_exhausted).await
}

/// Tells that a delivery has failed whose deadline passed while it waited.
pub(crate) async fn report_run_out(deps: &Deps, hook: &ResolvedHook, row: &Delivery) -> Result<(), Fault> {
    deps.hook_health.record_run_out(&hook.hook, &row.event_type, row.updated_at).await
}

/// Whether a failure speaks of the endpoint and not of this one request. What is no
/// valid status is as good as 5xx (RFC 9110, section 15).
fn is_break(attempt: &Attempt) -> bool {
    match attempt.outcome {
        AttemptOutcome::Timeout
        | AttemptOutcome::Dns
        | AttemptOutcome::Connect
        | AttemptOutcome::Tls
        | AttemptOutcome::InvalidResponse
        | AttemptOutcome::Auth => true,
        AttemptOutcome::Status => {
            attempt.status_code.is_some_and(|code| code == TOO_MANY_REQUESTS || (500..=999).contains(&code))
        }
        AttemptOutcome::Success
        | AttemptOutcome::Gone
        | AttemptOutcome::RefusedAddress
        | AttemptOutcome::InvalidRequest
        | AttemptOutcome::TemplateFailed
        | AttemptOutcome::RequestTooLarge
        | AttemptOutcome::NotJson
        | AttemptOutcome::NotVerified
        // Whoever logged it has counted it.
        | AttemptOutcome::Unknown(_) => false,
    }
}
