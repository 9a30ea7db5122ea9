//! Deliveries and attempts as the API shows them.

use contract::ports::StoreResult;
use domain::activity::Activity;
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::event::Event;
use domain::ids::{DeliveryId, HookId};
use serde::Serialize;
use utoipa::ToSchema;

use super::exchange::{Exchanges, ResponseView};
use crate::Deps;
use crate::listed::ListEntry;
use crate::routes::request_view::RequestView;

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
    /// Why it was skipped, or why nothing was tried again although retries were left
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Until when it waits for its hook to be enabled, at most
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptView {
    /// Counts from 1
    number: u32,
    at: String,
    duration_ms: u32,
    /// The same to the microsecond
    duration_us: u64,
    status_code: Option<u16>,
    outcome: AttemptOutcome,
    /// What went wrong, in words; absent after a success
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What was wrong with an answer whose status counts all the same: its body broke off
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
    /// The beginning of the answer, as far as the hook's settings keep it
    response_body: Option<String>,
    /// What is kept of the answer is not text and hence in base64
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    response_is_base64: bool,
    trigger: Trigger,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    #[schema(inline)]
    pub(crate) items: Vec<ListEntry<DeliveryView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    pub(crate) next_cursor: Option<String>,
    /// With `count=true`: how many deliveries pass the filter, counted up to 10,000
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<usize>,
    /// Whether there are no more than that
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_is_exact: Option<bool>,
}

impl DeliveryList {
    pub(crate) fn new(items: Vec<ListEntry<DeliveryView>>, next_cursor: Option<String>) -> Self {
        Self { items, next_cursor, total: None, total_is_exact: None }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryWithAttempts {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// In the order they were made
    #[schema(inline)]
    attempts: Vec<ListEntry<WholeAttempt>>,
}

/// An attempt with all that was sent and what is kept of the answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct WholeAttempt {
    #[serde(flatten)]
    attempt: AttemptView,
    /// What was sent; null when it cannot be shown any more
    request: Option<RequestView>,
    /// Why the request cannot be shown
    #[serde(skip_serializing_if = "Option::is_none")]
    request_missing: Option<String>,
    /// What was answered; null when nothing was
    response: Option<ResponseView>,
}

impl DeliveryWithAttempts {
    pub(crate) async fn read(deps: &Deps, delivery: &Delivery) -> StoreResult<Self> {
        let mut exchanges = Exchanges::of(deps, delivery);
        let mut attempts = Vec::new();
        for row in deps.log.attempts(delivery).await? {
            let attempt = match row {
                Ok(attempt) => attempt,
                Err(unreadable) => {
                    attempts.push(unreadable.into());
                    continue;
                }
            };
            let (request, request_missing) = match exchanges.request(&attempt).await? {
                Ok(request) => (Some(request), None),
                Err(reason) => (None, Some(reason)),
            };
            let response = ResponseView::of(&attempt);
            attempts.push(ListEntry::Read(WholeAttempt {
                attempt: (&attempt).into(),
                request,
                request_missing,
                response,
            }));
        }
        Ok(Self { delivery: delivery.into(), attempts })
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
            next_attempt_at: event.deliver_at.map(|at| at.to_string()),
            created_at: event.seq.at().to_string(),
            updated_at: event.seq.at().to_string(),
            last_attempt: None,
            reason: None,
            waits_until: None,
        }
    }

    /// The same, of which only an entry of activity tells.
    pub(crate) fn waiting(entry: &Activity, id: DeliveryId) -> Self {
        Self {
            id: id.to_string(),
            event_id: entry.event_id.to_string(),
            hook_id: id.hook.to_string(),
            event_type: entry.event_type.to_string(),
            status: Status::Pending,
            attempt_count: 0,
            next_attempt_at: None,
            created_at: entry.event.at().to_string(),
            updated_at: entry.event.at().to_string(),
            last_attempt: None,
            reason: None,
            waits_until: None,
        }
    }

    /// A delivery whose hook was deleted, and its log with it.
    pub(crate) fn orphaned(event: &Event, hook: HookId) -> Self {
        let reason = Some("the hook was deleted, and its log with it".to_owned());
        Self { status: Status::Deleted, reason, next_attempt_at: None, ..Self::pending(event, hook) }
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
            waits_until: delivery.waits_until.map(|at| at.to_string()),
        }
    }
}

/// What went wrong, as exactly as it was noted.
pub(crate) fn in_words(attempt: &Attempt) -> Option<String> {
    let is_failure = attempt.outcome != AttemptOutcome::Success;
    let sentence = || attempt.outcome.sentence(attempt.status_code).into_owned();
    is_failure.then(|| attempt.error.clone().unwrap_or_else(sentence))
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: attempt.duration_ms,
            duration_us: u64::from(attempt.duration_ms) * 1_000 + u64::from(attempt.rest_us),
            status_code: attempt.status_code,
            outcome: attempt.outcome,
            error: in_words(attempt),
            remark: attempt.remark.clone(),
            response_body: attempt.response_body.clone(),
            response_is_base64: attempt.response_is_base64,
            trigger: attempt.trigger,
        }
    }
}
