//! What an attempt makes of its row.

use contract::messages::DeliveryMessage;
use domain::delivery::{Attempt, Delivery, Status, Trigger};
use domain::retry::Verdict;
use domain::time::Timestamp;
use services::delivery::claim;

/// The row after the attempt. Only an attempt in its turn moves the schedule:
/// a manual one, or a copy that was overtaken, can end it with a success but
/// neither use up a retry nor add one. `reason` is why there is no other attempt,
/// if it is not that there is none left.
pub(super) fn apply(
    delivery: &mut Delivery,
    message: &DeliveryMessage,
    mut attempt: Attempt,
    verdict: Verdict,
    reason: Option<&str>,
    is_due: bool,
    now: Timestamp,
) {
    delivery.attempt_count += 1;
    attempt.number = delivery.attempt_count;
    delivery.updated_at = now;
    delivery.last_attempt = Some(attempt);
    if let Some(request) = &message.request {
        delivery.answer(request);
    }
    let scheduled = is_due && claim::moves_schedule(message, Some(delivery));
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
        Verdict::Exhausted if scheduled => {
            settle(delivery, Status::Failed);
            delivery.reason = reason.map(str::to_owned);
        }
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
