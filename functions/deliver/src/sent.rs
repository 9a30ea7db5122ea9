//! The request goes out, alone or together with others, and its outcome is known.

use courier::{Exchange, Exchanged, Handshake, outcome_of};
use domain::delivery::{
    Attempt, AttemptOutcome, CONTROL_HEADER_BYTES, Delivery, RESPONSE_HEADER_BYTES, SUCCESS_HEADER_BYTES, Trigger,
    excerpt, kept_headers,
};
use domain::ids::{DeliveryId, EventSeq};
use domain::random::FixedRandom;
use domain::retry::{Ending, parse_retry_after};
use domain::settings::CONTROL_HEADERS;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use services::delivery::request;
use services::delivery::resolved_hook::ResolvedHook;

use crate::admitted::Admitted;
use crate::batch::Answer;
use crate::claimed::Claimed;
use crate::companions::Companions;
use crate::{Deps, Step, batch};

/// Why nothing is tried again.
pub(crate) const ABORTED: &str = "the endpoint asked for no further attempts (webhook-delivery: abort-message)";

/// A delivery whose request went out.
pub(crate) struct Sent {
    admitted: Admitted,
    made: Made,
    /// Others of its batch, which have no message of their own here.
    companions: Vec<Claimed>,
}

/// An attempt, and what decides what follows from it.
pub(crate) struct Made {
    pub(crate) attempt: Attempt,
    pub(crate) ending: Ending,
    /// The endpoint asked for no further attempts.
    pub(crate) is_aborted: bool,
    started_at: Timestamp,
    /// For the jitter of the next one, where others are to be due with it.
    pub(crate) chance: Option<FixedRandom>,
}

impl Admitted {
    /// Ends with a row that says so when the event expired on the way, or the deadline
    /// of its retries passed, also while it waited for others to travel with.
    pub(crate) async fn send(self, deps: &Deps) -> Step<Sent> {
        // What let it pass may have taken its time.
        let started_at = deps.clock.now();
        let claimed = self.claimed();
        if claimed.is_over(started_at) {
            return Err(Box::pin(self.end(deps)).await);
        }
        let most = usize::try_from(claimed.hook().settings.batch.max_events).unwrap_or(usize::MAX);
        let row = claimed.row().filter(|row| row.last_attempt.is_some());
        match row.map(Delivery::former_batch) {
            None if claimed.gathers() => Box::pin(self.send_with_others(deps, started_at)).await,
            Some(Some(batch)) if batch.len() <= most => {
                let batch = batch.to_vec();
                self.send_again(deps, &batch, started_at).await
            }
            _ => self.send_again(deps, &[], started_at).await,
        }
    }

    /// Together with those that come at the same time.
    async fn send_with_others(self, deps: &Deps, started_at: Timestamp) -> Step<Sent> {
        let trigger = self.claimed().message().trigger;
        let shared = match deps.batches.send(deps, &self).await? {
            Answer::Sent(Ok(shared)) => shared,
            Answer::Sent(Err(fault)) => return Err(self.give_up(deps, fault).await),
            Answer::NotBefore(until) => return Err(self.hold(deps, until).await),
            Answer::Over => return Err(self.end(deps).await),
        };
        let made = judge(&shared.hook, trigger, &shared.exchanged, shared.at, shared.unverified);
        let made = Made { started_at, chance: Some(shared.chance), ..made.in_batch(&shared.deliveries) };
        Ok(Sent { admitted: self, made, companions: Vec::new() })
    }

    /// With those that it travelled with before, or alone.
    async fn send_again(self, deps: &Deps, former: &[EventSeq], started_at: Timestamp) -> Step<Sent> {
        let (claimed, unverified) = (self.claimed(), self.unverified());
        let mut companions = match Companions::of(deps, claimed, former, started_at).await {
            Ok(companions) => companions,
            Err(fault) => return Err(Box::pin(self.give_up_with(deps, fault)).await),
        };
        let (deliveries, exchanged) = loop {
            let subjects = companions.subjects(claimed);
            let deliveries: Vec<DeliveryId> = subjects.iter().map(|subject| subject.delivery).collect();
            let id = request::name(claimed.hook(), &subjects);
            let traceparent = claimed.message().traceparent;
            let exchanged = deps.exchange(claimed.hook(), &subjects, &id, started_at, unverified, traceparent).await;
            if deliveries.len() == 1 || !batch::is_for_each_alone(&exchanged) {
                break (deliveries, exchanged);
            }
            // The hook has changed since: what is too large together goes out singly.
            companions = Companions::none();
        };
        let made = match exchanged {
            Ok(Exchange::NotBefore(until)) => return Err(Box::pin(self.hold(deps, until)).await),
            Ok(Exchange::Made(exchanged)) => {
                judge(claimed.hook(), claimed.message().trigger, &exchanged, started_at, unverified)
            }
            Err(fault) => return Err(Box::pin(self.give_up(deps, fault)).await),
        };
        let chance = (deliveries.len() > 1).then(|| FixedRandom(deps.random.unit()));
        let made = Made { chance, ..made.in_batch(&deliveries) };
        Ok(Sent { admitted: self, made, companions: companions.into_claimed() })
    }
}

impl Sent {
    pub(crate) fn into_parts(self) -> (Admitted, Made, Vec<Claimed>) {
        (self.admitted, self.made, self.companions)
    }
}

impl Made {
    fn new(attempt: Attempt, ending: Ending) -> Self {
        Self { started_at: attempt.at, attempt, ending, is_aborted: false, chance: None }
    }

    fn in_batch(mut self, deliveries: &[DeliveryId]) -> Self {
        if deliveries.len() > 1 {
            self.attempt.batch = deliveries.iter().map(|delivery| delivery.event).collect();
        }
        self
    }

    /// When the attempts began of which this is the last.
    pub(crate) fn since(&self, claimed: &Claimed) -> Timestamp {
        match claimed.row() {
            Some(row) if !matches!(claimed.message().trigger, Trigger::First | Trigger::Replay) => row.started_at(),
            Some(_) | None => self.started_at,
        }
    }
}

/// What an exchange means for a delivery that took part in it.
fn judge(hook: &ResolvedHook, trigger: Trigger, exchanged: &Exchanged, now: Timestamp, unverified: bool) -> Made {
    let settings = &hook.settings;
    let (exchange, handshake) = (&exchanged.result, &exchanged.handshake);
    let mut attempt = Attempt {
        number: 0,
        at: now,
        duration_ms: u32::try_from(exchange.duration.as_millis()).unwrap_or(u32::MAX),
        rest_us: u16::try_from(exchange.duration.subsec_micros() % 1_000).unwrap_or_default(),
        status_code: None,
        outcome: AttemptOutcome::Success,
        error: None,
        remark: None,
        response_body: None,
        response_is_base64: false,
        response_headers: Vec::new(),
        revision: Some(hook.revision_at(now)),
        batch: Vec::new(),
        // Where the endpoint has consented, what went out is a request like any other.
        with_key: unverified && !matches!(handshake, Handshake::Granted { .. }),
        trigger,
        unknown: Unknown::NONE,
    };
    let response = match &exchange.answer {
        Ok(response) => response,
        Err(failure) => {
            attempt.outcome = failure.outcome;
            attempt.error = Some(failure.detail.clone());
            // The event stays as large as it is.
            let is_final = failure.outcome == AttemptOutcome::RequestTooLarge;
            return Made::new(attempt, if is_final { Ending::Final } else { Ending::Failure { retry_after: None } });
        }
    };
    attempt.outcome = outcome_of(hook, response, handshake, unverified);
    attempt.status_code = Some(response.status);
    attempt.remark.clone_from(&response.remark);
    if let Handshake::Refused { reason: Some(reason) } = handshake {
        attempt.remark = Some(reason.clone());
    }
    let succeeded = attempt.outcome == AttemptOutcome::Success;
    let control = &settings.endpoint_control;
    let header_bytes = if succeeded { SUCCESS_HEADER_BYTES } else { RESPONSE_HEADER_BYTES };
    attempt.response_headers = match control.is_followed() {
        true => kept_with_control(&response.headers, header_bytes),
        false => kept_headers(&response.headers, header_bytes),
    };
    if settings.log_response_body && !response.body.is_empty() {
        let limit = usize::try_from(settings.response_body_limit).unwrap_or(usize::MAX);
        let (text, is_base64) = excerpt(&response.body, limit, response.header("content-type"));
        attempt.response_body = Some(text).filter(|text| !text.is_empty());
        attempt.response_is_base64 = is_base64;
    }
    let is_aborted = !succeeded && !handshake.is_refused() && control.read(&response.headers).abort_message;
    let ending = if succeeded {
        Ending::Success
    } else if is_aborted {
        let remark = attempt.remark.take().map_or_else(String::new, |remark| format!("{remark}; "));
        attempt.remark = Some(format!("{remark}{ABORTED}"));
        Ending::Final
    } else if !handshake.is_refused() && settings.success.is_final(response.status) {
        Ending::Final
    } else {
        let asked = response.header("retry-after");
        Ending::Failure { retry_after: asked.and_then(|value| parse_retry_after(value, attempt.ended_at())) }
    };
    Made { is_aborted, ..Made::new(attempt, ending) }
}

/// What the endpoint asks for is kept before anything else: what follows from it may be done later.
fn kept_with_control(headers: &[(String, String)], limit: usize) -> Vec<(String, String)> {
    let (control, others): (Vec<_>, Vec<_>) =
        headers.iter().cloned().partition(|(name, _)| CONTROL_HEADERS.contains(&name.as_str()));
    let control = kept_headers(&control, CONTROL_HEADER_BYTES);
    let used = control.iter().map(|(name, value)| name.len() + value.len()).sum();
    [control, kept_headers(&others, limit.saturating_sub(used))].concat()
}
