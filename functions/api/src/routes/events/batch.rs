//! Up to 100 events in one request.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::ports::Outgoing;
use contract::traces::Span;
use domain::event::Fingerprint;
use domain::ids::{EventId, TenantId};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use services::runtime::metrics;
use utoipa::ToSchema;

use super::new_event::{Checked, NewEvent, Terms};
use super::{Accepted, PublishQuery, begin};
use crate::Deps;
use crate::auth::MayPublish;
use crate::duplicates;
use crate::event_validation::ValidationBudget;
use crate::input::{Body, IdempotencyKey, Query, Traceparent, open, read};
use crate::problem::{FieldError, Problem};

/// Events of one batch at most.
const MAX_BATCH: usize = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBatch {
    /// 1 to 100 events.
    #[schema(value_type = Vec<NewEvent>, min_items = 1, max_items = 100)]
    events: Vec<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct BatchResult {
    /// One for each event, in order.
    results: Vec<EventResult>,
}

/// `id` of an event that was accepted, or `error` of one that was not.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// When it happened: as given, or the time of publishing.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    /// The same event was published before under this id, and this one is dropped. Absent where
    /// that is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

/// Publish up to 100 events
///
/// Each is accepted or refused on its own account. When none is accepted, the
/// answer is the first one's problem. `Idempotency-Key` names the request: each event is known by
/// it and by its place, and sent again, none is published once more.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/events/batch", operation_id = "events.publish_batch", tag = "events",
    params(("tenant" = String, Path), PublishQuery, ("traceparent" = Option<String>, Header, description = "Where it stands in a trace (W3C Trace Context): requests to endpoints carry it on. One that cannot be read is none")), request_body(content = NewBatch, example = json!({
        "events": [
            { "id": "post-1-published", "type": "post.published", "data": { "post_id": 1 } },
            { "id": "post-2-removed", "type": "post.removed", "data": { "post_id": 2, "reason": "expired" } }
        ]
    })), responses(
    (status = 202, body = BatchResult),
    (status = 409, description = "None was accepted, and of the first another event has its `id`"),
    (status = 503, description = "Not accepted as far as is known; try again after `Retry-After` seconds, under the same `id`")
))]
pub(crate) async fn publish_batch(
    MayPublish(tenant): MayPublish,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<PublishQuery>,
    IdempotencyKey(key): IdempotencyKey,
    Traceparent(given): Traceparent,
    batch: Body<NewBatch>,
) -> Result<(StatusCode, Json<BatchResult>), Problem> {
    let span = begin(&deps, &tenant, given);
    let traceparent = span.as_ref().map(Span::context).or(given);
    let (batch, wrong) = batch.open()?;
    if !(1..=MAX_BATCH).contains(&batch.events.len()) {
        let message = format!("expected 1 to {MAX_BATCH} events, got {}", batch.events.len());
        return Err(Problem::bad_body(wrong.and([FieldError::new("events", message)])));
    }
    let (compare, unique) = (query.compares(&deps), query.unique == Some(true));
    let mut budget = ValidationBudget::default();
    let mut checked: Vec<Result<Checked, Problem>> = Vec::with_capacity(batch.events.len());
    for (index, raw) in batch.events.iter().enumerate() {
        // A header holds no line feed, so this is the key of no other request.
        let key = key.as_ref().map(|key| format!("{key}\n{index}"));
        let terms = Terms { compare, unique, key: key.as_deref(), traceparent };
        checked.push(match read::<NewEvent>(raw.get().as_bytes()).and_then(open) {
            Ok((event, wrong)) => event.check(wrong, &tenant, &deps, &mut budget, terms).await,
            Err(problem) => Err(problem),
        });
    }
    if !wrong.is_empty() {
        return Err(Problem::bad_body(wrong.and(wrong_events(&checked))));
    }
    let checked = compare_all(&tenant, &deps, checked, unique).await;
    let is_new = |event: &&Checked| !event.is_accepted;
    let messages: Vec<Outgoing> = checked.iter().flatten().filter(is_new).map(|event| event.message.clone()).collect();
    let mut sent = deps.queue.send(&messages).await.into_iter();
    let outcomes: Vec<Result<Accepted, Problem>> = checked
        .into_iter()
        .map(|event| match event {
            Ok(event) if event.is_accepted => event.sent(&tenant, &deps, Ok(())),
            Ok(event) => event.sent(&tenant, &deps, sent.next().unwrap_or(Ok(()))),
            Err(problem) => Err(problem),
        })
        .collect();
    if outcomes.iter().all(Result::is_err)
        && let Some(Err(first)) = outcomes.first()
    {
        return Err(first.clone().of(wrong_events(&outcomes)));
    }
    metrics::accepted(outcomes.iter().flatten().count());
    let results = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(Accepted { id, timestamp, duplicate }) => {
                EventResult { id: Some(id), timestamp: Some(timestamp), duplicate, error: None }
            }
            Err(problem) => EventResult { id: None, timestamp: None, duplicate: false, error: Some(problem) },
        })
        .collect();
    Ok((StatusCode::ACCEPTED, Json(BatchResult { results })))
}

/// Asks of all at once whether they were published before, and compares those of one id
/// with the first of them.
async fn compare_all(
    tenant: &TenantId,
    deps: &Deps,
    events: Vec<Result<Checked, Problem>>,
    unique: bool,
) -> Vec<Result<Checked, Problem>> {
    let compared = events.into_iter().map(async |event| event?.compared(tenant, deps, unique).await);
    let mut compared = join_all(compared).await;
    let mut first_of: HashMap<EventId, Fingerprint> = HashMap::new();
    for event in &mut compared {
        let Ok(checked) = event else { continue };
        let Some(given) = checked.fingerprint else { continue };
        match first_of.get(&checked.id) {
            Some(known) if *known == given && unique => *event = Err(duplicates::taken(&checked.id)),
            Some(known) if *known == given => checked.is_duplicate = true,
            Some(known) => *event = Err(duplicates::other(&checked.id, *known, given)),
            None => {
                first_of.insert(checked.id.clone(), given);
            }
        }
    }
    compared
}

/// What is wrong with the events of a batch, by their positions.
fn wrong_events<T>(outcomes: &[Result<T, Problem>]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, problem) in outcomes.iter().enumerate().filter_map(|(i, o)| Some((i, o.as_ref().err()?))) {
        let fields = problem.clone().into_errors();
        if fields.is_empty() {
            errors.push(FieldError::new(format!("events[{index}]"), problem.detail()));
        }
        errors.extend(fields.into_iter().map(|wrong| match &*wrong.field {
            "body" => FieldError::new(format!("events[{index}]"), wrong.message),
            field => FieldError::new(format!("events[{index}].{field}"), wrong.message),
        }));
    }
    errors
}
