//! What an attempt makes of its row.

use contract::messages::DeliveryMessage;
use domain::delivery::{Attempt, Delivery, NEXT_PAST_DEADLINE, Status, Trigger};
use domain::retry::Verdict;
use domain::time::Timestamp;
use services::delivery::claim;

use crate::sent::ABORTED;

/// Why there is no other attempt, where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    UsedUp,
    PastDeadline,
    /// The endpoint wants none.
    Aborted,
}

impl End {
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::UsedUp => None,
            Self::PastDeadline => Some(NEXT_PAST_DEADLINE),
            Self::Aborted => Some(ABORTED),
        }
    }

    /// Whether it holds for what others have scheduled as well.
    fn is_of_all(self, delivery: &Delivery) -> bool {
        self == Self::Aborted && matches!(delivery.status, Status::Pending | Status::Retrying | Status::Waiting)
    }
}

/// The row after the attempt. Only an attempt in its turn moves the schedule:
/// a manual one, or a copy that was overtaken, can end it, with a success or because
/// the endpoint wants no other, but neither use up a retry nor add one.
pub(super) fn apply(
    delivery: &mut Delivery,
    message: &DeliveryMessage,
    mut attempt: Attempt,
    verdict: Verdict,
    end: End,
    is_due: bool,
    now: Timestamp,
) {
    // It was noted while it waited; its schedule of retries begins with this attempt.
    if is_due && message.trigger == Trigger::First && delivery.created_at < attempt.at {
        delivery.restarted_at = Some(attempt.at);
    }
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
            delivery.waits_until = None;
            delivery.reason = None;
        }
        Verdict::Exhausted if scheduled || end.is_of_all(delivery) => {
            settle(delivery, Status::Failed);
            delivery.reason = end.reason().map(str::to_owned);
        }
        // By hand, before its time: it is still tried then.
        _ if delivery.status == Status::Pending => {}
        // It may have been skipped before; now it was tried and failed.
        _ if matches!(delivery.status, Status::Skipped | Status::Waiting) => settle(delivery, Status::Failed),
        _ => {}
    }
}

fn settle(delivery: &mut Delivery, status: Status) {
    delivery.status = status;
    delivery.due_step = 0;
    delivery.next_attempt_at = None;
    delivery.waits_until = None;
    delivery.reason = None;
}
