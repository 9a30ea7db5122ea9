use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::jobs::{Expunge, Job, JobMessage};
use contract::messages::{EventMessage, VERSION};
use contract::ports::{Outgoing, QueueError};
use domain::event::{MAX_CHANNELS, MAX_DATA_BYTES, MAX_TTL, MIN_TTL};
use domain::ids::{Channel, EventId, EventType, TenantId, TraceId, new_ulid};
use domain::seconds::Seconds;
use domain::strict::WrongFields;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use services::runtime::metrics;
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::{InPortal, InTenant, MayPublish};
use crate::event_validation::ValidationBudget;
use crate::input::{Body, Segments, open, read, segment};
use crate::problem::{FieldError, Problem};

/// Events of one batch at most.
const MAX_BATCH: usize = 100;

/// An event to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// 1 to 128 of a-z A-Z 0-9 _ - . : — publishing an id twice sends it once. Made when absent.
    #[schema(value_type = Option<String>, pattern = r"^(?!(\.{1,2}|batch)$)[A-Za-z0-9_.:-]{1,128}$")]
    id: Option<EventId>,
    /// What happened, such as `post.published`.
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")]
    event_type: EventType,
    /// Any JSON, at most 262,144 bytes; sent on as exactly these bytes.
    #[schema(value_type = Value)]
    data: Arc<RawValue>,
    /// When it happened, RFC 3339; now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    timestamp: Option<Timestamp>,
    /// At most 16.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 16)]
    channels: BTreeSet<Channel>,
    /// Not to be sent before this time, RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    deliver_at: Option<Timestamp>,
    /// Seconds after which it is not sent any more, from now or, where that is
    /// later, from `deliver_at`; 1 to 2,592,000.
    #[schema(value_type = Option<f64>, minimum = 1, maximum = 2_592_000)]
    ttl: Option<Seconds>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    id: String,
}

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
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    timestamp: String,
    channels: Vec<String>,
    /// As published, byte for byte; absent once it was expunged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    data: Option<Arc<RawValue>>,
    /// Its payload was removed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expunged: bool,
}

/// An event that may be published.
struct Checked {
    id: EventId,
    /// Names its publication, and so its trace.
    token: String,
    message: Outgoing,
}

impl Checked {
    /// What the queue said to it.
    fn sent(self, tenant: &TenantId, answer: Result<(), QueueError>) -> Result<EventId, Problem> {
        let Self { id, token, .. } = self;
        let trace = || TraceId::of_publication(tenant, &id, &token);
        match &answer {
            Ok(()) => tracing::debug!(trace.id = %trace(), tenant.id = %tenant, event.id = %id, "event accepted"),
            Err(_) => tracing::info!(trace.id = %trace(), tenant.id = %tenant, event.id = %id, "event not accepted"),
        }
        answer?;
        Ok(id)
    }
}

/// In UTF-8 both begin with a byte that hardly any text has and that is found quickly.
fn has_noncharacter(text: &str) -> bool {
    text.as_bytes().contains(&0xef) && text.contains(['\u{fffe}', '\u{ffff}'])
}

impl NewEvent {
    async fn check(
        self,
        wrong: WrongFields,
        tenant: &TenantId,
        deps: &Deps,
        budget: &mut ValidationBudget,
    ) -> Result<Checked, Problem> {
        let (mut status, mut errors) = (StatusCode::UNPROCESSABLE_ENTITY, Vec::new());
        let size = self.data.get().len();
        if size > MAX_DATA_BYTES {
            status = StatusCode::PAYLOAD_TOO_LARGE;
            errors.push(FieldError::new("data", format!("expected at most {MAX_DATA_BYTES} bytes, got {size}")));
        } else if has_noncharacter(self.data.get()) {
            let message = r"contains U+FFFE or U+FFFF, which SQS does not carry; write them as \ufffe or \uffff";
            errors.push(FieldError::new("data", message));
        } else if !wrong.has("type")
            && !wrong.has("data")
            && let Err(problem) = deps.event_validation.check(tenant, &self.event_type, &self.data, budget).await
        {
            if problem.status().is_server_error() {
                return Err(problem);
            }
            status = problem.status();
            errors.extend(problem.into_errors());
        }
        if self.channels.len() > MAX_CHANNELS {
            errors.push(FieldError::new("channels", format!("expected at most {MAX_CHANNELS} entries")));
        }
        if let Some(ttl) = self.ttl {
            ttl.check("ttl", MIN_TTL, MAX_TTL, &mut errors);
        }
        let errors = wrong.and(errors);
        if !errors.is_empty() {
            return Err(Problem::invalid(status, errors));
        }
        let id = match self.id {
            Some(id) => id,
            None => {
                let made = format!("evt_{}", new_ulid(deps.clock.now(), deps.random.as_ref()));
                made.parse().map_err(|_| Problem::internal())?
            }
        };
        let token = new_ulid(deps.clock.now(), deps.random.as_ref()).to_string();
        let message = EventMessage {
            version: VERSION,
            tenant: tenant.clone(),
            id: Some(id.clone()),
            event_type: Some(self.event_type),
            // Set here, so that a message that waits keeps the time it was published.
            timestamp: Some(self.timestamp.unwrap_or_else(|| deps.clock.now())),
            channels: self.channels,
            deliver_at: self.deliver_at,
            ttl: self.ttl,
            data: Some(self.data),
            token: Some(token.clone()),
            continuation: None,
            internal: false,
            unknown: Unknown::NONE,
        };
        Ok(Checked { id, token, message: message.into_outgoing() })
    }
}

/// Publish an event
///
/// Once this answers 202 the event is durable. An id that was published before
/// is accepted again and dropped.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/events", tag = "events",
    params(("tenant" = String, Path)), request_body = NewEvent, responses(
    (status = 202, body = Accepted),
    (status = 503, description = "Not accepted as far as is known; try again after `Retry-After` seconds, under the same `id`")
))]
pub(crate) async fn publish(
    MayPublish(tenant): MayPublish,
    State(deps): State<Arc<Deps>>,
    event: Body<NewEvent>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let (event, wrong) = event.open()?;
    let checked = event.check(wrong, &tenant, &deps, &mut ValidationBudget::default()).await?;
    let answer = deps.queue.send_one(checked.message.clone()).await;
    let id = checked.sent(&tenant, answer)?;
    metrics::accepted(1);
    Ok((StatusCode::ACCEPTED, Json(Accepted { id: id.to_string() })))
}

/// Publish up to 100 events
///
/// Each is accepted or refused on its own account. When none is accepted, the
/// answer is the first one's problem.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/events/batch", tag = "events",
    params(("tenant" = String, Path)), request_body = NewBatch, responses(
    (status = 202, body = BatchResult),
    (status = 503, description = "Not accepted as far as is known; try again after `Retry-After` seconds, under the same `id`")
))]
pub(crate) async fn publish_batch(
    MayPublish(tenant): MayPublish,
    State(deps): State<Arc<Deps>>,
    batch: Body<NewBatch>,
) -> Result<(StatusCode, Json<BatchResult>), Problem> {
    let (batch, wrong) = batch.open()?;
    if !(1..=MAX_BATCH).contains(&batch.events.len()) {
        let message = format!("expected 1 to {MAX_BATCH} events, got {}", batch.events.len());
        return Err(Problem::bad_body(wrong.and([FieldError::new("events", message)])));
    }
    let mut budget = ValidationBudget::default();
    let mut checked: Vec<Result<Checked, Problem>> = Vec::with_capacity(batch.events.len());
    for raw in &batch.events {
        checked.push(match read::<NewEvent>(raw.get().as_bytes()).and_then(open) {
            Ok((event, wrong)) => event.check(wrong, &tenant, &deps, &mut budget).await,
            Err(problem) => Err(problem),
        });
    }
    if !wrong.is_empty() {
        return Err(Problem::bad_body(wrong.and(wrong_events(&checked))));
    }
    let messages: Vec<Outgoing> = checked.iter().flatten().map(|event| event.message.clone()).collect();
    let mut sent = deps.queue.send(&messages).await.into_iter();
    let outcomes: Vec<Result<EventId, Problem>> = checked
        .into_iter()
        .map(|event| match event {
            Ok(event) => event.sent(&tenant, sent.next().unwrap_or(Ok(()))),
            Err(problem) => Err(problem),
        })
        .collect();
    if outcomes.iter().all(Result::is_err)
        && let Some(Err(first)) = outcomes.first()
    {
        return Err(Problem::invalid(first.status(), wrong_events(&outcomes)));
    }
    metrics::accepted(outcomes.iter().flatten().count());
    let results = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(id) => EventResult { id: Some(id.to_string()), error: None },
            Err(problem) => EventResult { id: None, error: Some(problem) },
        })
        .collect();
    Ok((StatusCode::ACCEPTED, Json(BatchResult { results })))
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

/// Read an event as it was published
///
/// It can be read once it has been fanned out, a moment after it was accepted.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path)), responses((status = 200, body = EventView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<EventView>, Problem> {
    let id: EventId = segment(&params, "event", "event")?;
    let event = deps.events.get(&tenant, &id).await?.ok_or_else(|| Problem::not_found("event"))?;
    Ok(Json(EventView {
        id: event.id.to_string(),
        event_type: event.event_type.to_string(),
        timestamp: event.timestamp.to_string(),
        channels: event.channels.iter().map(ToString::to_string).collect(),
        expunged: event.data.is_none(),
        data: event.data,
    }))
}

/// Remove an event's payload for good
///
/// The event and its deliveries stay, without what was in it. Deliveries that
/// wait for a retry or for their time are settled as skipped. A first attempt
/// that is on its way at this moment carries its payload and may still arrive.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/events/{event}/data", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path)), responses((status = 204)))]
pub(crate) async fn expunge(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    let id: EventId = segment(&params, "event", "event")?;
    if deps.events.get(&tenant, &id).await?.is_none() {
        return Err(Problem::not_found("event"));
    }
    // Asked for first, so that a process that dies here has promised nothing and left nothing undone.
    let job =
        JobMessage::new(&tenant, Job::Expunge(Expunge { event: id.clone(), cursor: None, unknown: Unknown::NONE }));
    deps.jobs.send_one(job.to_outgoing(None)).await?;
    deps.events.expunge(&tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
