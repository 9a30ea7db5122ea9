//! One attempt: made, logged, and followed up.

use std::sync::Arc;
use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::ports::{Expected, HttpResult, StoreError};
use contract::stage::{Fault, Outcome};
use domain::delivery::{
    Attempt, Delivery, Outcome as AttemptOutcome, RESPONSE_HEADER_BYTES, SUCCESS_HEADER_BYTES, Status, Trigger,
    excerpt, kept_headers,
};
use domain::retry::{Ending, Verdict, parse_retry_after};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde_json::value::RawValue;
use services::delivery::claim::{self, Claim};
use services::delivery::request::{self, EventToSend};
use services::delivery::resolved_hook::ResolvedHook;
use services::runtime::metrics;

use courier::{exchange, outcome_of};

use crate::Deps;

/// Writers of one row are few: a scheduled attempt and a manual one at most.
const LOG_TRIES: usize = 5;

pub(crate) struct Made {
    pub(crate) attempt: Attempt,
    pub(crate) ending: Ending,
}

/// Sends the request, alone or together with others, and tells how it went:
/// not at all when the event expired while it waited for the others.
pub(crate) async fn make(
    deps: &Deps,
    hook: &Arc<ResolvedHook>,
    delivery: &DeliveryMessage,
    data: &Arc<RawValue>,
    now: Timestamp,
    unverified: bool,
) -> Result<Option<Made>, Fault> {
    if hook.settings.batch.max_events > 1 {
        let Some(sent) = deps.batches.send(deps, hook, delivery, data, unverified).await? else { return Ok(None) };
        let mut made = judge(&sent.hook, delivery.trigger, &sent.result, sent.at, sent.unverified);
        if sent.deliveries.len() > 1 {
            made.attempt.batch = sent.deliveries.iter().map(|other| other.event).collect();
        }
        return Ok(Some(made));
    }
    let subject = EventToSend::of(delivery, data);
    let id = request::name(&[subject.delivery]);
    let result = exchange(&deps.courier(), hook, &[subject], &id, now, unverified).await;
    Ok(Some(judge(hook, delivery.trigger, &result, now, unverified)))
}

/// What an exchange means for a delivery that took part in it.
fn judge(hook: &ResolvedHook, trigger: Trigger, exchange: &HttpResult, now: Timestamp, unverified: bool) -> Made {
    let settings = &hook.settings;
    let mut attempt = Attempt {
        number: 0,
        at: now,
        duration_ms: u32::try_from(exchange.duration.as_millis()).unwrap_or(u32::MAX),
        status_code: None,
        outcome: AttemptOutcome::Success,
        error: None,
        response_body: None,
        response_is_base64: false,
        response_headers: Vec::new(),
        revision: Some(hook.revision()),
        batch: Vec::new(),
        with_key: unverified,
        trigger,
        unknown: Unknown::NONE,
    };
    let response = match &exchange.answer {
        Ok(response) => response,
        Err(failure) => {
            attempt.outcome = failure.outcome;
            attempt.error = Some(failure.detail.clone());
            return Made { attempt, ending: Ending::Failure { retry_after: None } };
        }
    };
    attempt.outcome = outcome_of(hook, response, unverified);
    attempt.status_code = Some(response.status);
    let succeeded = attempt.outcome == AttemptOutcome::Success;
    let header_bytes = if succeeded { SUCCESS_HEADER_BYTES } else { RESPONSE_HEADER_BYTES };
    attempt.response_headers = kept_headers(&response.headers, header_bytes);
    if settings.log_response_body && !response.body.is_empty() {
        let limit = usize::try_from(settings.response_body_limit).unwrap_or(usize::MAX);
        let (text, is_base64) = excerpt(&response.body, limit);
        attempt.response_body = Some(text).filter(|text| !text.is_empty());
        attempt.response_is_base64 = is_base64;
    }
    let ending = if succeeded {
        Ending::Success
    } else if settings.success.is_final(response.status) {
        Ending::Final
    } else {
        let asked = response.header("retry-after");
        Ending::Failure { retry_after: asked.and_then(|value| parse_retry_after(value, now)) }
    };
    Made { attempt, ending }
}

/// Writes the attempt into the log. Whoever else wrote meanwhile is heard: every
/// request that was sent gets its own number and is kept.
pub(crate) async fn log(
    deps: &Deps,
    message: &DeliveryMessage,
    row: Option<Delivery>,
    attempt: &Attempt,
    verdict: Verdict,
    retention: Duration,
) -> Result<Delivery, Fault> {
    let mut row = row;
    for _ in 0..LOG_TRIES {
        let expected = Expected::of(row.as_ref());
        let in_turn = matches!(Claim::of(message, row.clone()), Claim::Due(_));
        let mut delivery = row.unwrap_or_else(|| claim::unlogged(message, attempt.at, retention));
        apply(&mut delivery, message, attempt.clone(), verdict, in_turn, deps.clock.now());
        // A ladder may be longer than the retention; the row outlives its last step.
        let last = delivery.next_attempt_at.unwrap_or(delivery.updated_at);
        delivery.expires_at = delivery.expires_at.max(last.saturating_add(retention));
        match deps.log.record(&delivery, expected).await {
            Ok(()) => {
                report(message, &delivery);
                return Ok(delivery);
            }
            Err(StoreError::Conflict) => {
                row = deps.log.get(&message.tenant, message.delivery_id()).await?;
                // A write whose answer was lost is repeated by the SDK and then
                // conflicts with itself.
                if let Some(stored) = &row
                    && holds(deps, stored, &delivery).await?
                {
                    return Ok(stored.clone());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Whether the attempt that `written` ends with is stored, as the last one or
/// with others after it.
async fn holds(deps: &Deps, stored: &Delivery, written: &Delivery) -> Result<bool, Fault> {
    if stored.attempt_count <= written.attempt_count {
        return Ok(stored.last_attempt == written.last_attempt);
    }
    let attempts = deps.log.attempts(stored).await?;
    Ok(attempts.iter().flatten().any(|attempt| Some(attempt) == written.last_attempt.as_ref()))
}

/// The row after the attempt. Only an attempt in its turn moves the schedule:
/// a manual one, or a copy that was overtaken, can end it with a success but
/// neither use up a retry nor add one.
fn apply(
    delivery: &mut Delivery,
    message: &DeliveryMessage,
    mut attempt: Attempt,
    verdict: Verdict,
    in_turn: bool,
    now: Timestamp,
) {
    delivery.attempt_count += 1;
    attempt.number = delivery.attempt_count;
    delivery.updated_at = now;
    delivery.last_attempt = Some(attempt);
    if let Some(request) = &message.request {
        delivery.answer(request);
    }
    let scheduled = in_turn && claim::moves_schedule(message, Some(delivery));
    if scheduled && message.trigger == Trigger::Replay {
        delivery.restarted_at = Some(now);
    }
    match verdict {
        Verdict::Succeeded => settle(delivery, Status::Succeeded),
        Verdict::Retry { step, at } if scheduled => {
            delivery.status = Status::Retrying;
            delivery.due_step = step;
            delivery.next_attempt_at = Some(at);
            delivery.reason = None;
        }
        Verdict::Exhausted if scheduled => settle(delivery, Status::Failed),
        // It may have been skipped before; now it was tried and failed.
        _ if matches!(delivery.status, Status::Pending | Status::Skipped) => settle(delivery, Status::Failed),
        _ => {}
    }
}

fn settle(delivery: &mut Delivery, status: Status) {
    delivery.status = status;
    delivery.due_step = 0;
    delivery.next_attempt_at = None;
    delivery.reason = None;
}

/// Hands the next attempt to the clock.
pub(crate) async fn ask_for_next(deps: &Deps, message: DeliveryMessage, row: &Delivery) -> Result<Outcome, Outcome> {
    let now = deps.clock.now();
    // After a row that was written in the future, before the clock was set back,
    // the next attempt waits as long as was meant then.
    let due_at = row.next_attempt_at.map(|at| match row.updated_at > now {
        true => now.saturating_add(at.since(row.updated_at)),
        false => at,
    });
    let next = DeliveryMessage {
        trigger: Trigger::Retry,
        step: row.due_step,
        due_at,
        waits_since: Some(now),
        held: false,
        check_log: false,
        in_turn: false,
        request: None,
        ..message
    };
    deps.retries.send_one(next.to_outgoing()).await?;
    Ok(Outcome::Done)
}

fn report(message: &DeliveryMessage, delivery: &Delivery) {
    let Some(attempt) = &delivery.last_attempt else { return };
    let published_at = message.event_seq.at();
    metrics::attempted(delivery, attempt, message.due_at.map_or(published_at, |due| due.max(published_at)));
    macro_rules! tell {
        ($level:ident, $text:literal) => {
            tracing::$level!(
                trace.id = %delivery.id.event.trace(),
                tenant.id = %delivery.tenant,
                hook.id = %delivery.id.hook,
                delivery.id = %delivery.id,
                attempt.no = attempt.number,
                outcome = attempt.outcome.as_str(),
                status_code = attempt.status_code,
                duration_ms = attempt.duration_ms,
                status = delivery.status.as_str(),
                $text
            )
        };
    }
    match (attempt.outcome, delivery.status) {
        (AttemptOutcome::Success, _) => tell!(debug, "attempt succeeded"),
        (_, Status::Failed) => tell!(warn, "attempt failed, and the delivery with it"),
        _ => tell!(info, "attempt failed"),
    }
}
