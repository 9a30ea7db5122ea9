//! The request goes out, alone or together with others, and its outcome is known.

use contract::ports::HttpResult;
use courier::{exchange, outcome_of};
use domain::delivery::{
    Attempt, AttemptOutcome, RESPONSE_HEADER_BYTES, SUCCESS_HEADER_BYTES, Trigger, excerpt, kept_headers,
};
use domain::retry::{Ending, parse_retry_after};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use services::delivery::request::{self, EventToSend};
use services::delivery::resolved_hook::ResolvedHook;

use crate::admitted::Admitted;
use crate::{Deps, Step};

/// A delivery whose request went out.
pub(crate) struct Sent {
    admitted: Admitted,
    started_at: Timestamp,
    attempt: Attempt,
    ending: Ending,
}

impl Admitted {
    /// Ends with a row that says so when the event expired on the way, or the deadline
    /// of its retries passed, also while it waited for others to travel with.
    pub(crate) async fn send(self, deps: &Deps) -> Step<Sent> {
        // What let it pass may have taken its time.
        let started_at = deps.clock.now();
        let claimed = self.claimed();
        if claimed.is_over(started_at) {
            return Err(self.end(deps).await);
        }
        let (trigger, unverified) = (claimed.message().trigger, self.unverified());
        let (attempt, ending) = if claimed.hook().settings.batch.max_events > 1 {
            let shared = match deps.batches.send(deps, &self).await? {
                Some(Ok(shared)) => shared,
                Some(Err(fault)) => return Err(self.give_up(deps, fault).await),
                None => return Err(self.end(deps).await),
            };
            let (mut attempt, ending) = judge(&shared.hook, trigger, &shared.result, shared.at, shared.unverified);
            if shared.deliveries.len() > 1 {
                attempt.batch = shared.deliveries.iter().map(|other| other.event).collect();
            }
            (attempt, ending)
        } else {
            let subject = EventToSend::of(claimed.message(), claimed.data());
            let id = request::name(&[subject.delivery]);
            match exchange(&deps.courier(), claimed.hook(), &[subject], &id, started_at, unverified).await {
                Ok(result) => judge(claimed.hook(), trigger, &result, started_at, unverified),
                Err(fault) => return Err(self.give_up(deps, fault).await),
            }
        };
        Ok(Sent { admitted: self, started_at, attempt, ending })
    }
}

impl Sent {
    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    pub(crate) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    pub(crate) fn ending(&self) -> Ending {
        self.ending
    }

    /// When the attempts began of which this is the last.
    pub(crate) fn since(&self) -> Timestamp {
        let claimed = self.admitted.claimed();
        match claimed.row() {
            Some(row) if claimed.message().trigger != Trigger::Replay => row.started_at(),
            Some(_) | None => self.started_at,
        }
    }

    pub(crate) fn into_parts(self) -> (Admitted, Attempt) {
        (self.admitted, self.attempt)
    }
}

/// What an exchange means for a delivery that took part in it.
fn judge(
    hook: &ResolvedHook,
    trigger: Trigger,
    exchange: &HttpResult,
    now: Timestamp,
    unverified: bool,
) -> (Attempt, Ending) {
    let settings = &hook.settings;
    let mut attempt = Attempt {
        number: 0,
        at: now,
        duration_ms: u32::try_from(exchange.duration.as_millis()).unwrap_or(u32::MAX),
        status_code: None,
        outcome: AttemptOutcome::Success,
        error: None,
        remark: None,
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
            // The event stays as large as it is.
            let is_final = failure.outcome == AttemptOutcome::RequestTooLarge;
            return (attempt, if is_final { Ending::Final } else { Ending::Failure { retry_after: None } });
        }
    };
    attempt.outcome = outcome_of(hook, response, unverified);
    attempt.status_code = Some(response.status);
    attempt.remark.clone_from(&response.remark);
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
    (attempt, ending)
}
