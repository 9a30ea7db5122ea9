//! Whether a request may go out now: the circuit of its hook, the limit while
//! its endpoint has not verified itself, and the rate.
//!
//! What has to wait goes back to the clock with a time, and uses up no attempt.

use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::ports::{Expected, SendFault};
use contract::stage::{Fault, Outcome, causes};
use domain::delivery::{Delivery, Trigger};
use domain::health::Admission;
use domain::time::Timestamp;
use domain::unverified::Crowded;
use services::delivery::{activity, claim};

use crate::claimed::Claimed;
use crate::{Deps, Step};

/// A delivery that waits for its endpoint's verification looks again after a tenth of
/// the time for which it has waited, within these bounds.
const SHORTEST_UNVERIFIED_WAIT: Duration = Duration::from_secs(30);
const LONGEST_UNVERIFIED_WAIT: Duration = Duration::from_secs(300);

/// A delivery whose request may go out.
pub(crate) struct Admitted {
    claimed: Claimed,
    pass: Pass,
}

/// What a request is let out as.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// It tries a circuit that is open, and may do so since then.
    probe: Option<Timestamp>,
    /// It carries the key that its endpoint has to return.
    unverified: bool,
}

enum Gate {
    Open(Pass),
    NotBefore(Wait),
}

struct Wait {
    until: Timestamp,
    /// It has been given a turn under the rate limit.
    in_turn: bool,
}

impl Claimed {
    pub(crate) async fn admit(self, deps: &Deps) -> Step<Admitted> {
        // What was read to claim it may have taken its time.
        let now = deps.clock.now();
        if self.is_over(now) {
            return Err(Box::pin(self.end(deps)).await);
        }
        match ask(deps, &self, now).await? {
            Gate::Open(pass) => Ok(Admitted { claimed: self, pass }),
            Gate::NotBefore(wait) => Err(Box::pin(hold(deps, self, &wait, now)).await?),
        }
    }
}

impl Admitted {
    pub(crate) fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    /// Whether it carries the key that its endpoint has to return.
    pub(crate) fn unverified(&self) -> bool {
        self.pass.unverified
    }

    /// Whether it tries a circuit that is open.
    pub(crate) fn is_probe(&self) -> bool {
        self.pass.probe.is_some()
    }

    /// Ends with a row that says why it is not sent any more, and lets another one
    /// probe in its place.
    pub(crate) async fn end(self, deps: &Deps) -> Outcome {
        if let Some(taken_at) = self.pass.probe {
            give_back(deps, self.claimed.message(), taken_at).await;
        }
        self.claimed.end(deps).await
    }

    /// The same where it is not even known what to send.
    pub(crate) async fn give_up_with(self, deps: &Deps, fault: Fault) -> Outcome {
        if let Some(taken_at) = self.pass.probe {
            give_back(deps, self.claimed.message(), taken_at).await;
        }
        fault.into()
    }

    /// For the request that it leads: when to ask again, where its endpoint gets none now.
    pub(crate) async fn take_unverified(&self, deps: &Deps) -> Result<Option<Timestamp>, Fault> {
        match self.pass.unverified {
            true => Box::pin(take_unverified(deps, &self.claimed, deps.clock.now())).await,
            false => Ok(None),
        }
    }

    /// It waits after all, and lets another one probe in its place.
    pub(crate) async fn hold(self, deps: &Deps, until: Timestamp) -> Outcome {
        if let Some(taken_at) = self.pass.probe {
            give_back(deps, self.claimed.message(), taken_at).await;
        }
        let wait = Wait { until, in_turn: false };
        hold(deps, self.claimed, &wait, deps.clock.now()).await.unwrap_or_else(Outcome::from)
    }

    /// The request could not go out, and that is our own fault: no attempt is used
    /// up, and another one may probe in its place.
    pub(crate) async fn give_up(self, deps: &Deps, fault: SendFault) -> Outcome {
        self.give_up_with(deps, Fault::Internal(fault.into())).await
    }

    pub(crate) fn into_claimed(self) -> Claimed {
        self.claimed
    }
}

/// The scarcest comes last, so that it is not taken for a request that then has
/// to wait for something else.
async fn ask(deps: &Deps, claimed: &Claimed, now: Timestamp) -> Result<Gate, Fault> {
    let (message, settings) = (claimed.message(), &claimed.hook().settings);
    let (hook_health, tenant, id) = (&deps.hook_health, &message.tenant, message.hook);
    let wait = |until, in_turn| Ok(Gate::NotBefore(Wait { until, in_turn }));
    let health = hook_health.health(tenant, id).await?;
    if let Some(until) = health.throttled_until(settings, now) {
        return wait(until, false);
    }
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
    if probe.is_none()
        && let Some(limit) =
            health.limit(settings, &claimed.hook().hook.url, now).and_per_second(health.ramp(now)).some()
    {
        let turn = hook_health.rates.take(tenant, id, now, limit, message.in_turn).await?;
        if let Some(until) = turn {
            return wait(until, true);
        }
    }
    let url = &claimed.hook().hook.url;
    let unverified = settings.verification.required && health.verified_at(url).is_none();
    // Whoever leads a batch takes one request for all that travel in it.
    if unverified
        && !claimed.gathers()
        && let Some(until) = Box::pin(take_unverified(deps, claimed, now)).await?
    {
        return wait(until, false);
    }
    Ok(Gate::Open(Pass { probe, unverified }))
}

/// Takes one of the few requests that an endpoint gets before it verifies itself, or
/// says when to ask again.
async fn take_unverified(deps: &Deps, claimed: &Claimed, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let verification = &claimed.hook().settings.verification;
    let turn = deps.hook_health.take_unverified(&claimed.hook().hook, verification, now, Crowded::Forget).await?;
    Ok(turn.not_before().map(|until| {
        let waited = now.since(claimed.message().event_seq.at()) / 10;
        let look_again = waited.clamp(SHORTEST_UNVERIFIED_WAIT, LONGEST_UNVERIFIED_WAIT);
        until.min(now.saturating_add(look_again))
    }))
}

/// Hands a delivery to the clock as it is. Copies of it may come of that, and
/// the log then tells them apart.
async fn hold(deps: &Deps, claimed: Claimed, wait: &Wait, now: Timestamp) -> Result<Outcome, Fault> {
    // One that was attempted before, or waited before, has been noted then. Who wrote its
    // row may have died before that.
    let has_row = claimed.row().is_some();
    let is_new = claimed.row().is_none_or(|row| row.attempt_count == 0) && !claimed.message().held;
    // What will not be sent any more need not wait for its turn.
    let until = claimed.ends_at().map_or(wait.until, |end| wait.until.min(end));
    let (message, hook, _guard) = claimed.release();
    let expires_at = now.saturating_add(hook.tenant.retention(deps.retention));
    let is_told = if is_new { Some(message.clone()) } else { None };
    if is_new && !has_row {
        // From now on it can be seen, sent by hand and cancelled.
        let row = Delivery { expires_at, ..claim::unlogged(&message, now, Duration::ZERO) };
        deps.log.record(&row, Expected::Absent).await?;
    }
    let waiting = DeliveryMessage {
        due_at: Some(until),
        waits_since: Some(now),
        held: true,
        in_turn: wait.in_turn,
        check_log: true,
        lists_event: false,
        ..message
    };
    deps.retries.send_one(waiting.to_outgoing()).await?;
    if let Some(message) = is_told {
        activity::note_waiting(deps.activity.as_ref(), &message, expires_at).await?;
    }
    tracing::debug!(
        trace.id = %waiting.event_seq.trace(),
        tenant.id = %waiting.tenant,
        delivery.id = %waiting.delivery_id(),
        until = %until,
        "delivery held back by its hook's circuit, rate or verification"
    );
    Ok(Outcome::Done)
}

/// What cannot be given back is had again when its lease ends.
async fn give_back(deps: &Deps, message: &DeliveryMessage, taken_at: Timestamp) {
    // It may have waited for others to travel with.
    let now = deps.clock.now();
    let circuits = &deps.hook_health.circuits;
    if let Err(error) = circuits.give_back(&message.tenant, message.hook, taken_at, now).await {
        tracing::warn!(trace.id = %message.event_seq.trace(), tenant.id = %message.tenant, hook.id = %message.hook, error = %causes(&error), "the probe of hook {} was not given back", message.hook);
    }
}
