//! Deliveries and attempts as the API shows them.

use serde::Serialize;
use shared::domain::delivery::{Attempt, Delivery, Outcome, Status, Trigger};
use shared::domain::event::Event;
use shared::domain::ids::{DeliveryId, HookId};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    id: String,
    event_id: String,
    hook_id: String,
    event_type: String,
    status: Status,
    attempt_count: u32,
    next_attempt_at: Option<String>,
    created_at: String,
    updated_at: String,
    last_attempt: Option<AttemptView>,
    /// Why it was skipped
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptView {
    /// Counts from 1
    number: u32,
    at: String,
    duration_ms: u32,
    status_code: Option<u16>,
    outcome: Outcome,
    /// What went wrong, when there was no answer
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The first 500 characters of the answer
    response_body: Option<String>,
    trigger: Trigger,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    pub(crate) items: Vec<DeliveryView>,
    /// Pass it as `cursor` to read on; null on the last page.
    pub(crate) next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryWithAttempts {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// In the order they were made
    attempts: Vec<AttemptView>,
}

impl DeliveryWithAttempts {
    pub(crate) fn new(delivery: &Delivery, attempts: &[Attempt]) -> Self {
        Self { delivery: delivery.into(), attempts: attempts.iter().map(Into::into).collect() }
    }
}

impl DeliveryView {
    /// A delivery that has no row yet.
    pub(crate) fn pending(event: &Event, hook: HookId) -> Self {
        Self {
            id: DeliveryId { event: event.seq, hook }.to_string(),
            event_id: event.id.to_string(),
            hook_id: hook.to_string(),
            event_type: event.event_type.to_string(),
            status: Status::Pending,
            attempt_count: 0,
            next_attempt_at: None,
            created_at: event.seq.at().to_string(),
            updated_at: event.seq.at().to_string(),
            last_attempt: None,
            reason: None,
        }
    }
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event_id.to_string(),
            hook_id: delivery.id.hook.to_string(),
            event_type: delivery.event_type.to_string(),
            status: delivery.status,
            attempt_count: delivery.attempt_count,
            next_attempt_at: delivery.next_attempt_at.map(|at| at.to_string()),
            created_at: delivery.created_at.to_string(),
            updated_at: delivery.updated_at.to_string(),
            last_attempt: delivery.last_attempt.as_ref().map(Into::into),
            reason: delivery.reason.clone(),
        }
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: attempt.duration_ms,
            status_code: attempt.status_code,
            outcome: attempt.outcome,
            error: attempt.error.clone(),
            response_body: attempt.response_body.clone(),
            trigger: attempt.trigger,
        }
    }
}
