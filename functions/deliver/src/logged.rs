//! The attempt is in the log, and what follows from it: the next attempt, and
//! the health of its hook.

mod health;
mod row;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::ports::{Expected, StoreError};
use contract::stage::Fault;
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::random::Random;
use domain::retry::{self, Ending, Verdict};
use services::delivery::activity;
use services::delivery::claim::{self, Claim};
use services::delivery::resolved_hook::ResolvedHook;
use services::runtime::metrics;

pub(crate) use health::{report_again, report_run_out};

use self::row::End;
use crate::claimed::Claimed;
use crate::sent::{ABORTED, Made, Sent};
use crate::{Deps, companions};

/// Writers of one row are few: a scheduled attempt and a manual one at most.
const LOG_TRIES: usize = 5;

/// A delivery whose attempt the log tells of.
pub(crate) struct Logged {
    message: DeliveryMessage,
    hook: Arc<ResolvedHook>,
    row: Delivery,
    attempt: Attempt,
    is_probe: bool,
    is_exhausted: bool,
    /// Others of its batch, whose own messages ask for what is next.
    companions: Vec<Self>,
}

impl Sent {
    pub(crate) async fn log(self, deps: &Deps) -> Result<Logged, Fault> {
        let (admitted, made, companions) = self.into_parts();
        let is_probe = admitted.is_probe();
        let claimed = admitted.into_claimed();
        let (row, verdict) = record(deps, &claimed, &made).await?;
        let mut logged = Vec::with_capacity(companions.len());
        for companion in companions {
            let (row, verdict) = record(deps, &companion, &made).await?;
            logged.push(Logged::new(companion, made.attempt.clone(), row, verdict, false, Vec::new()));
        }
        // The log tells from here on; the next attempt may be due before this one is done.
        Ok(Logged::new(claimed, made.attempt, row, verdict, is_probe, logged))
    }
}

impl Logged {
    fn new(
        claimed: Claimed,
        attempt: Attempt,
        row: Delivery,
        verdict: Verdict,
        is_probe: bool,
        companions: Vec<Self>,
    ) -> Self {
        let (message, hook, guard) = claimed.release();
        drop(guard);
        let is_exhausted = verdict == Verdict::Exhausted && may_exhaust(&message, &row);
        Self { message, hook, row, attempt, is_probe, is_exhausted, companions }
    }

    pub(crate) async fn follow_up(self, deps: &Deps) -> Result<(), Fault> {
        // Also after an attempt out of turn: whoever was in turn may have died, and
        // to its queue this is the same message.
        self.ask_for_next(deps).await?;
        for companion in &self.companions {
            // A replay may have asked for some of a batch only; the others have no
            // message that would ask.
            if companion.message.trigger == Trigger::Replay {
                companion.ask_for_next(deps).await?;
            }
            Box::pin(companion.tell(deps)).await?;
        }
        self.tell(deps).await
    }

    async fn ask_for_next(&self, deps: &Deps) -> Result<(), Fault> {
        match claim::asks_for_next(&self.message, &self.row) {
            true => Box::pin(ask_for_next(deps, self.message.clone(), &self.row)).await,
            false => Ok(()),
        }
    }

    async fn tell(&self, deps: &Deps) -> Result<(), Fault> {
        let Self { message, hook, row, attempt, .. } = self;
        let (is_probe, is_exhausted) = (self.is_probe, self.is_exhausted);
        health::report(deps, hook, message, attempt, is_probe, is_exhausted).await?;
        activity::note_delivery(deps.activity.as_ref(), message, row, Some(attempt)).await?;
        Ok(())
    }
}

/// Whether it is this message that may leave a delivery without another attempt: by hand only where
/// the endpoint asked for that.
fn may_exhaust(message: &DeliveryMessage, row: &Delivery) -> bool {
    message.trigger != Trigger::Manual || row.reason.as_deref() == Some(ABORTED)
}

/// Writes the attempt into the log. Whoever else wrote meanwhile is heard: every
/// request that was sent gets its own number and is kept.
async fn record(deps: &Deps, claimed: &Claimed, made: &Made) -> Result<(Delivery, Verdict), Fault> {
    let (message, hook) = (claimed.message(), claimed.hook());
    let retention: Duration = hook.tenant.retention(deps.retention);
    let mut now = deps.clock.now();
    let policy = &hook.settings.retry;
    let chance = made.chance.as_ref().map_or(deps.random.as_ref(), |chance| chance as &dyn Random);
    let verdict = retry::verdict(policy, message.step, made.ending, made.since(claimed), now, chance);
    let is_cut_off = matches!(made.ending, Ending::Failure { .. }) && policy.cuts_off(message.step);
    let end = match made.is_aborted {
        true => End::Aborted,
        false if is_cut_off => End::PastDeadline,
        false => End::UsedUp,
    };
    let mut row = claimed.row().cloned();
    for _ in 0..LOG_TRIES {
        let expected = Expected::of(row.as_ref());
        let is_due = matches!(Claim::of(message, row.clone()), Claim::Due(_));
        let mut delivery = row.unwrap_or_else(|| claim::unlogged(message, made.attempt.at, retention));
        row::apply(&mut delivery, message, made.attempt.clone(), verdict, end, is_due, now);
        // A ladder may be longer than the retention; the row outlives its last step.
        let last = delivery.next_attempt_at.unwrap_or(delivery.updated_at);
        delivery.expires_at = delivery.expires_at.max(last.saturating_add(retention));
        match deps.log.record(&delivery, expected).await {
            Ok(()) => {
                trace(message, &delivery);
                return Ok((delivery, verdict));
            }
            Err(StoreError::Conflict) => {
                row = deps.log.get(&message.tenant, message.delivery_id()).await?;
                // A write whose answer was lost is repeated by the SDK and then
                // conflicts with itself.
                if let Some(stored) = &row
                    && holds(deps, stored, &delivery).await?
                {
                    return Ok((stored.clone(), verdict));
                }
                // The row is not older than what others wrote meanwhile.
                now = deps.clock.now();
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

/// Hands the next attempt to the clock.
pub(crate) async fn ask_for_next(deps: &Deps, message: DeliveryMessage, row: &Delivery) -> Result<(), Fault> {
    let now = deps.clock.now();
    // After a row that was written in the future, before the clock was set back,
    // the next attempt waits as long as was meant then.
    let due_at = row.next_attempt_at.map(|at| companions::turn(row, at)).map(|at| match row.updated_at > now {
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
        lists_event: false,
        request: None,
        ..message
    };
    deps.retries.send_one(next.to_outgoing()).await?;
    Ok(())
}

fn trace(message: &DeliveryMessage, delivery: &Delivery) {
    let Some(attempt) = &delivery.last_attempt else { return };
    let published_at = message.event_seq.at();
    let hook = delivery.id.hook;
    metrics::attempted(delivery, attempt, message.due_at.map_or(published_at, |due| due.max(published_at)));
    macro_rules! tell {
        ($level:ident, $text:literal $(, $part:expr)*) => {
            tracing::$level!(
                trace.id = %delivery.id.event.trace(),
                tenant.id = %delivery.tenant,
                event.id = %message.event_id,
                hook.id = %delivery.id.hook,
                delivery.id = %delivery.id,
                attempt.no = attempt.number,
                outcome = attempt.outcome.as_str(),
                status_code = attempt.status_code,
                duration_ms = attempt.duration_ms,
                status = delivery.status.as_str(),
                $text
                $(, $part)*
            )
        };
    }
    match (attempt.outcome, delivery.status) {
        (AttemptOutcome::Success, _) => tell!(debug, "attempt {} for hook {} succeeded", attempt.number, hook),
        (_, Status::Failed) => {
            tell!(
                warn,
                "attempt {} for hook {} failed with {}, and the delivery with it",
                attempt.number,
                hook,
                Cause(attempt)
            );
        }
        (_, Status::Retrying) => {
            let wait = Wait(delivery.next_attempt_at.unwrap_or(delivery.updated_at).since(delivery.updated_at));
            tell!(
                info,
                "attempt {} for hook {} failed with {}, next in {}",
                attempt.number,
                hook,
                Cause(attempt),
                wait
            );
        }
        _ => tell!(info, "attempt {} for hook {} failed with {}", attempt.number, hook, Cause(attempt)),
    }
}

/// What an attempt failed with, for people.
struct Cause<'a>(&'a Attempt);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.outcome, self.0.status_code) {
            (AttemptOutcome::Status | AttemptOutcome::Gone, Some(status)) => write!(f, "{status}"),
            (outcome, _) => f.write_str(outcome.as_str()),
        }
    }
}

/// A wait in its largest unit, rounded.
struct Wait(Duration);

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            ..60.0 => write!(f, "{seconds:.0} s"),
            ..3_600.0 => write!(f, "{:.0} m", seconds / 60.0),
            _ => write!(f, "{:.1} h", seconds / 3_600.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_its_largest_unit() {
        let told = |tenths: u64| Wait(Duration::from_millis(tenths * 100)).to_string();
        assert_eq!([told(0), told(52), told(3_000), told(72_000)], ["0 s", "5 s", "5 m", "2.0 h"]);
    }
}
