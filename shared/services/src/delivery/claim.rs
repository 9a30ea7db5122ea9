//! What a delivery message still asks for, given what the log already says.
//!
//! Queues hand out messages more than once, and a process may die after it
//! logged and before it acknowledged. The log decides.

use std::time::Duration;

use crate::delivery::activity;
use crate::runtime::metrics;
use contract::messages::DeliveryMessage;
use contract::ports::{ActivityLog, DeliveryLog, Expected, StoreResult};
use domain::delivery::{Delivery, PAST_DEADLINE, PAUSED, Status, Trigger};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;

/// Why a delivery is not sent any more whose event lost its payload.
pub const EXPUNGED: &str = "the event's payload was expunged";

#[derive(Debug)]
pub enum Claim {
    /// The attempt is to be made; the row as it is, if there is one.
    Due(Option<Delivery>),
    /// The attempt is in the log, and the next one is to be asked for: right after
    /// the attempt, or by whoever finds that its process died before it did.
    NextIsDue(Delivery),
    /// There is nothing left to do.
    Settled,
}

impl Claim {
    pub fn of(message: &DeliveryMessage, row: Option<Delivery>) -> Self {
        let Some(row) = row else {
            // Retries and manual attempts follow a row; without one it has expired.
            return match message.trigger {
                // What a newer version asks for, it asks for once.
                Trigger::First | Trigger::Replay | Trigger::Test | Trigger::Unknown(_) => Self::Due(None),
                Trigger::Retry | Trigger::Manual => Self::Settled,
            };
        };
        let due = match (message.trigger, &message.request) {
            (Trigger::Manual | Trigger::Replay | Trigger::Unknown(_), Some(request)) => !row.has_answered(request),
            (Trigger::Retry, _) => row.status == Status::Retrying && row.due_step == message.step,
            _ => row.status == Status::Pending,
        };
        if due {
            Self::Due(Some(row))
        } else if asks_for_next(message, &row) {
            Self::NextIsDue(row)
        } else {
            Self::Settled
        }
    }
}

/// Whether the next attempt is for this message to ask for, once its own is in the log.
pub fn asks_for_next(message: &DeliveryMessage, row: &Delivery) -> bool {
    row.status == Status::Retrying && has_scheduled(message, row) && is_behind(message, row)
}

/// Whether the message's attempt is the last that was made, or, in a batch, where
/// one delivery's message makes the attempts of all, one before it.
fn is_behind(message: &DeliveryMessage, row: &Delivery) -> bool {
    match row.former_batch() {
        Some(_) => row.due_step > message.step,
        None => row.due_step == message.step + 1,
    }
}

/// Whether the retry that is due next may be the doing of this message's attempt.
fn has_scheduled(message: &DeliveryMessage, row: &Delivery) -> bool {
    match message.trigger {
        Trigger::First | Trigger::Retry | Trigger::Test => true,
        Trigger::Manual | Trigger::Unknown(_) => false,
        // It begins a schedule only where none was under way.
        Trigger::Replay => row.last_attempt.as_ref().is_some_and(|attempt| {
            attempt.trigger == Trigger::Replay && row.restarted_at.is_some_and(|began| began >= attempt.at)
        }),
    }
}

/// Whether a failed attempt is followed by retries: one out of turn leaves the
/// schedule alone, and a replay begins one where the last has ended.
pub fn moves_schedule(message: &DeliveryMessage, row: Option<&Delivery>) -> bool {
    match message.trigger {
        Trigger::First | Trigger::Retry | Trigger::Test => true,
        Trigger::Manual => false,
        Trigger::Unknown(_) => row.is_none_or(|row| row.status == Status::Pending),
        Trigger::Replay => {
            let begins = [Status::Pending, Status::Failed, Status::Skipped, Status::Waiting];
            row.is_none_or(|row| begins.contains(&row.status))
        }
    }
}

/// The row of a delivery before anything was logged for it.
pub fn unlogged(message: &DeliveryMessage, now: Timestamp, retention: Duration) -> Delivery {
    Delivery::new(
        message.tenant.clone(),
        message.delivery_id(),
        message.event_id.clone(),
        message.event_type.clone(),
        now,
        retention,
    )
}

/// Where is told what became of a delivery.
#[derive(Clone, Copy)]
pub struct Logs<'a> {
    pub deliveries: &'a dyn DeliveryLog,
    pub activity: &'a dyn ActivityLog,
}

/// When a retry is not made any more, by its hook's `deadline`. What was asked for by
/// hand has none, and a first attempt has its event's time to live.
pub fn retry_end(message: &DeliveryMessage, row: Option<&Delivery>, policy: &RetryPolicy) -> Option<Timestamp> {
    let row = row.filter(|_| message.trigger == Trigger::Retry)?;
    // At the deadline itself it is still in time.
    policy.ends_at(row.started_at()).map(|end| end.shifted(1))
}

/// Settles as failed what waited while its deadline passed, and returns its row.
pub async fn run_out(
    logs: Logs<'_>,
    message: &DeliveryMessage,
    row: Delivery,
    now: Timestamp,
) -> StoreResult<Delivery> {
    let expected = Expected::of(Some(&row));
    let mut delivery = row;
    delivery.run_out(now);
    // A conflict is an error: the message comes again and is judged anew.
    logs.deliveries.record(&delivery, expected).await?;
    activity::note_delivery(logs.activity, message, &delivery, None).await?;
    metrics::settled(delivery.status);
    tracing::warn!(
        trace.id = %message.event_seq.trace(),
        tenant.id = %message.tenant,
        hook.id = %message.hook,
        delivery.id = %message.delivery_id(),
        "delivery failed after {} attempts: {PAST_DEADLINE}", delivery.attempt_count
    );
    Ok(delivery)
}

/// Settles a delivery that is not to be sent, with a row that says why. What has been
/// settled already stays as it is.
pub async fn skip_row(
    logs: Logs<'_>,
    message: &DeliveryMessage,
    row: Option<Delivery>,
    reason: &str,
    now: Timestamp,
    retention: Duration,
) -> StoreResult<()> {
    let is_waiting = row.as_ref().is_some_and(|row| row.status == Status::Waiting);
    let is_by_hand = matches!(message.trigger, Trigger::Manual | Trigger::Replay);
    // Who asks for an attempt out of turn leaves the state alone, but for one that waits,
    // which nobody else asks for.
    if is_by_hand && row.is_some() && !is_waiting {
        return Ok(());
    }
    settle_row(logs, message, row, reason, (now, retention), |delivery| delivery.skip(reason, now)).await
}

/// Keeps a delivery until its hook is enabled, or until that time. One that waits
/// already goes on waiting.
pub async fn keep_waiting(
    logs: Logs<'_>,
    message: &DeliveryMessage,
    row: Option<Delivery>,
    until: Timestamp,
    now: Timestamp,
    retention: Duration,
) -> StoreResult<()> {
    let is_by_hand = matches!(message.trigger, Trigger::Manual | Trigger::Replay);
    if is_by_hand && row.is_some() {
        return Ok(());
    }
    let keep = |delivery: &mut Delivery| delivery.keep_waiting(until, now);
    settle_row(logs, message, row, PAUSED, (now, retention), keep).await
}

async fn settle_row(
    logs: Logs<'_>,
    message: &DeliveryMessage,
    row: Option<Delivery>,
    reason: &str,
    (now, retention): (Timestamp, Duration),
    change: impl FnOnce(&mut Delivery),
) -> StoreResult<()> {
    let expected = Expected::of(row.as_ref());
    let mut delivery = match Claim::of(message, row.clone()) {
        Claim::Due(Some(delivery)) => delivery,
        Claim::Due(None) => unlogged(message, now, retention),
        Claim::NextIsDue(_) | Claim::Settled => {
            // Whoever skipped it may have died before it was noted.
            if let Some(row) = row.filter(|row| matches!(row.status, Status::Skipped | Status::Waiting)) {
                activity::note_delivery(logs.activity, message, &row, None).await?;
            }
            return Ok(());
        }
    };
    change(&mut delivery);
    // A conflict is an error: the message comes again and is judged anew.
    logs.deliveries.record(&delivery, expected).await?;
    activity::note_delivery(logs.activity, message, &delivery, None).await?;
    if delivery.status == Status::Waiting {
        tracing::debug!(
            trace.id = %message.event_seq.trace(),
            tenant.id = %message.tenant,
            hook.id = %message.hook,
            delivery.id = %message.delivery_id(),
            "delivery waits: {reason}"
        );
        return Ok(());
    }
    metrics::settled(delivery.status);
    tracing::info!(
        trace.id = %message.event_seq.trace(),
        tenant.id = %message.tenant,
        hook.id = %message.hook,
        delivery.id = %message.delivery_id(),
        reason,
        "delivery skipped: {reason}"
    );
    Ok(())
}
