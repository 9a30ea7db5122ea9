//! What a delivery message still asks for, given what the log already says.
//!
//! Queues hand out messages more than once, and a process may die after it
//! logged and before it acknowledged. The log decides.

use std::time::Duration;

use crate::domain::delivery::{Delivery, Status, Trigger};
use crate::messages::DeliveryMessage;
use crate::ports::{DeliveryLog, Expected, StoreResult};
use crate::time::Timestamp;

#[derive(Debug)]
pub enum Standing {
    /// The attempt is to be made; the row as it is, if there is one.
    Due(Option<Delivery>),
    /// The attempt is in the log and the next one is due. Whoever logged it may
    /// have died before it asked for the next.
    Logged(Delivery),
    /// There is nothing left to do.
    Settled,
}

impl Standing {
    pub fn of(message: &DeliveryMessage, row: Option<Delivery>) -> Self {
        let Some(row) = row else {
            // Retries and manual attempts follow a row; without one it has expired.
            return match message.trigger {
                Trigger::First | Trigger::Replay | Trigger::Test => Self::Due(None),
                Trigger::Retry | Trigger::Manual => Self::Settled,
            };
        };
        let due = match message.trigger {
            Trigger::Manual => row.last_manual != message.request,
            Trigger::Retry => row.status == Status::Retrying && row.due_step == message.step,
            Trigger::First | Trigger::Replay | Trigger::Test => row.status == Status::Pending,
        };
        if due {
            Self::Due(Some(row))
        } else if message.trigger != Trigger::Manual
            && row.status == Status::Retrying
            && row.due_step == message.step + 1
        {
            Self::Logged(row)
        } else {
            Self::Settled
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

/// Settles a delivery that is not to be sent, with a row that says why. What
/// has been settled already stays as it is.
pub async fn skip(
    log: &dyn DeliveryLog,
    message: &DeliveryMessage,
    reason: &str,
    now: Timestamp,
    retention: Duration,
) -> StoreResult<()> {
    let row = log.get(&message.tenant, message.delivery_id()).await?;
    let expected = Expected::of(row.as_ref());
    let mut delivery = match Standing::of(message, row) {
        // A manual retry asks for an attempt, so it leaves the state alone.
        Standing::Due(_) if message.trigger == Trigger::Manual => return Ok(()),
        Standing::Due(Some(delivery)) => delivery,
        Standing::Due(None) => unlogged(message, now, retention),
        Standing::Logged(_) | Standing::Settled => return Ok(()),
    };
    delivery.skip(reason, now);
    // A conflict is an error: the message comes again and is judged anew.
    log.record(&delivery, expected).await
}
