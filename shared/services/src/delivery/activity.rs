//! What the activity log is told of events and deliveries.

use contract::messages::DeliveryMessage;
use contract::ports::{ActivityLog, StoreResult};
use domain::activity::{Activity, ActivityAttempt};
use domain::delivery::{Attempt, Delivery, Status, Trigger};
use domain::event::{Event, FanoutPage};
use domain::ids::HookId;
use domain::time::Timestamp;
use domain::unknown::Unknown;

/// A page of a fan-out whose deliveries do not tell of their event: there are none, or they
/// wait for their time.
pub async fn note_page(log: &dyn ActivityLog, event: &Event, page: &FanoutPage) -> StoreResult<()> {
    let is_first = page.number == 0;
    let of_hook = |(number, hook): (usize, &HookId)| Activity {
        hook: Some(*hook),
        lists_event: is_first && number == 0,
        ..of_event(event)
    };
    let mut entries: Vec<Activity> = page.hooks.iter().enumerate().map(of_hook).collect();
    match entries.is_empty() {
        true if is_first => entries.push(Activity { lists_event: true, status: Status::Skipped, ..of_event(event) }),
        true => return Ok(()),
        false => {}
    }
    log.note(&event.tenant, entries, event.expires_at).await
}

/// A delivery that is not sent because of its event.
pub async fn note_skipped(log: &dyn ActivityLog, event: &Event, row: &Delivery) -> StoreResult<()> {
    let (hook, status, attempt_count) = (Some(row.hook()), row.status, row.attempt_count);
    log.note(&event.tenant, vec![Activity { hook, status, attempt_count, ..of_event(event) }], row.expires_at).await
}

fn of_event(event: &Event) -> Activity {
    Activity {
        event: event.seq,
        event_id: event.id.clone(),
        event_type: event.event_type.clone(),
        channels: event.channels.clone(),
        hook: None,
        lists_event: false,
        status: Status::Pending,
        attempt_count: 0,
        attempt: None,
        unknown: Unknown::NONE,
    }
}

/// A delivery whose row became `row`, by this attempt or without one.
pub async fn note_delivery(
    log: &dyn ActivityLog,
    message: &DeliveryMessage,
    row: &Delivery,
    attempt: Option<&Attempt>,
) -> StoreResult<()> {
    let attempt = attempt.map(|attempt| ActivityAttempt {
        outcome: attempt.outcome,
        status_code: attempt.status_code,
        duration_ms: attempt.duration_ms,
        unknown: Unknown::NONE,
    });
    let entry = Activity { status: row.status, attempt_count: row.attempt_count, attempt, ..waiting(message) };
    log.note(&message.tenant, vec![entry], row.expires_at).await
}

/// A delivery that has no row yet, because its first attempt has to wait.
pub async fn note_waiting(log: &dyn ActivityLog, message: &DeliveryMessage, expires_at: Timestamp) -> StoreResult<()> {
    log.note(&message.tenant, vec![waiting(message)], expires_at).await
}

/// The event of a delivery whose hook was deleted before its first attempt.
pub async fn note_event_of(log: &dyn ActivityLog, message: &DeliveryMessage, expires_at: Timestamp) -> StoreResult<()> {
    let entry = waiting(message);
    match entry.lists_event {
        true => {
            log.note(&message.tenant, vec![Activity { hook: None, status: Status::Skipped, ..entry }], expires_at).await
        }
        false => Ok(()),
    }
}

fn waiting(message: &DeliveryMessage) -> Activity {
    Activity {
        event: message.event_seq,
        event_id: message.event_id.clone(),
        event_type: message.event_type.clone(),
        channels: message.channels.clone(),
        hook: Some(message.hook),
        lists_event: message.lists_event && message.trigger == Trigger::First,
        status: Status::Pending,
        attempt_count: 0,
        attempt: None,
        unknown: Unknown::NONE,
    }
}
