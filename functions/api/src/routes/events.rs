pub(crate) mod stored;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::messages::{EventMessage, VERSION};
use contract::ports::{Outgoing, QueueError};
use contract::traces::{self, Span, SpanKind};
use domain::event::{Fingerprint, MAX_CHANNELS, MAX_DATA_BYTES, MAX_TTL, MIN_TTL};
use domain::ids::{Channel, EventId, EventType, TenantId, TraceId, new_ulid};
use domain::key::KeyHash;
use domain::operational;
use domain::seconds::Seconds;
use domain::strict::WrongFields;
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use domain::unknown::Unknown;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use services::runtime::metrics;
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::auth::MayPublish;
use crate::duplicates::{self, Known};
use crate::event_validation::ValidationBudget;
use crate::input::{Body, IdempotencyKey, Query, Traceparent, open, read};
use crate::problem::{FieldError, Problem};

/// Events of one batch at most.
const MAX_BATCH: usize = 100;

/// An event to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// 1 to 128 of a-z A-Z 0-9 _ - . : — publishing an id twice sends it once. Made when absent. Ids
    /// that begin with `hookline:` are those of Hookline's own events, and refused.
    #[schema(value_type = Option<String>, pattern = r"^(?!(\.{1,2}|batch)$|hookline:)[A-Za-z0-9_.:-]{1,128}$")]
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
    /// Not to be sent before this time, RFC 3339; at most as far ahead as events are kept.
    #[schema(value_type = Option<String>, format = DateTime)]
    deliver_at: Option<Timestamp>,
    /// Seconds after which it is not sent any more, from now or, where that is
    /// later, from `deliver_at`; 1 to 2,592,000.
    #[schema(value_type = Option<f64>, minimum = 1, maximum = 2_592_000)]
    ttl: Option<Seconds>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishQuery {
    /// Whether an `id` that was given is compared with what was published before. By default it is
    /// on one machine and is not on AWS, where it costs one consistent read of the event of that
    /// id for each event.
    #[param(required = false)]
    check_duplicate: Option<bool>,
    /// Whether an `id` that was published before is refused, also with the same content: by another
    /// request, that is, than the one with this `Idempotency-Key`. It is compared, then.
    #[param(required = false)]
    unique: Option<bool>,
}

impl PublishQuery {
    fn compares(&self, deps: &Deps) -> bool {
        self.unique == Some(true) || self.check_duplicate.unwrap_or(deps.duplicates.usual)
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    id: String,
    /// When it happened: as given, or the time of publishing.
    timestamp: String,
    /// The same event was published before under this id, and this one is dropped. Absent where
    /// that is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    duplicate: bool,
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

/// How events are published.
#[derive(Clone, Copy)]
struct Terms<'a> {
    /// Those that were given an id are compared with what was published under it.
    compare: bool,
    /// What was published before is refused.
    unique: bool,
    /// Names the request.
    key: Option<&'a str>,
    traceparent: Option<TraceContext>,
}

/// An event that may be published.
struct Checked {
    id: EventId,
    timestamp: Timestamp,
    /// Names its publication, and so its trace.
    token: String,
    /// Where it is compared with others of its id.
    fingerprint: Option<Fingerprint>,
    is_duplicate: bool,
    /// Of this very publication, which need not be sent again.
    is_accepted: bool,
    message: Outgoing,
}

impl Checked {
    /// What the queue said to it.
    fn sent(self, tenant: &TenantId, deps: &Deps, answer: Result<(), QueueError>) -> Result<Accepted, Problem> {
        let Self { id, timestamp, token, fingerprint, is_duplicate: duplicate, .. } = self;
        let trace = || TraceId::of_publication(tenant, &id, &token);
        match &answer {
            Ok(()) => tracing::debug!(trace.id = %trace(), tenant.id = %tenant, event.id = %id, "event accepted"),
            Err(_) => tracing::info!(trace.id = %trace(), tenant.id = %tenant, event.id = %id, "event not accepted"),
        }
        answer?;
        // A duplicate is of another publication than the one that counts.
        if let Some(fingerprint) = fingerprint.filter(|_| !duplicate) {
            deps.duplicates.remember(tenant, &id, Known { fingerprint, trace: trace(), timestamp });
        }
        Ok(Accepted { id: id.to_string(), timestamp: timestamp.to_string(), duplicate })
    }

    /// Asks whether it was published before.
    async fn compared(mut self, tenant: &TenantId, deps: &Deps, unique: bool) -> Result<Self, Problem> {
        if let Some(fingerprint) = self.fingerprint {
            let trace = TraceId::of_publication(tenant, &self.id, &self.token);
            let known = deps.duplicates.find(tenant, &self.id, fingerprint).await?;
            if unique && known.is_some_and(|known| known.trace != trace) {
                return Err(duplicates::taken(&self.id));
            }
            self.is_duplicate = known.is_some();
            self.is_accepted = known.is_some_and(|known| known.trace == trace);
            self.timestamp = known.map_or(self.timestamp, |known| known.timestamp);
        }
        Ok(self)
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
        terms: Terms<'_>,
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
        if let Some(message) = self.id.as_ref().and_then(operational::reserved) {
            errors.push(FieldError::new("id", message));
        }
        if self.channels.len() > MAX_CHANNELS {
            errors.push(FieldError::new("channels", format!("expected at most {MAX_CHANNELS} entries")));
        }
        if let Some(ttl) = self.ttl {
            ttl.check("ttl", MIN_TTL, MAX_TTL, &mut errors);
        }
        if let Some(at) = self.deliver_at {
            let owner = deps.tenants.get(tenant).await?;
            let longest = owner.map_or(deps.retention, |owner| owner.retention(deps.retention));
            let latest = deps.clock.now().saturating_add(longest);
            if at > latest {
                let message = format!("expected a time up to {latest}, which is how long events are kept");
                errors.push(FieldError::new("deliver_at", message));
            }
        }
        let errors = wrong.and(errors);
        if !errors.is_empty() {
            return Err(Problem::invalid(status, errors));
        }
        let is_named = terms.key.is_some() || terms.compare && self.id.is_some();
        let fingerprint = is_named.then(|| Fingerprint::of(&self.event_type, &self.channels, &self.data));
        let id = match (self.id, terms.key) {
            (Some(id), _) => id,
            (None, Some(key)) => EventId::of_request(key),
            (None, None) => {
                let made = format!("evt_{}", new_ulid(deps.clock.now(), deps.random.as_ref()));
                made.parse().map_err(|_| Problem::internal())?
            }
        };
        let token = match terms.key {
            Some(key) => format!("key_{}", KeyHash::of(key).as_str()),
            None => new_ulid(deps.clock.now(), deps.random.as_ref()).to_string(),
        };
        let timestamp = self.timestamp.unwrap_or_else(|| deps.clock.now());
        let message = EventMessage {
            version: VERSION,
            tenant: tenant.clone(),
            id: Some(id.clone()),
            event_type: Some(self.event_type),
            // Set here, so that a message that waits keeps the time it was published.
            timestamp: Some(timestamp),
            channels: self.channels,
            deliver_at: self.deliver_at,
            ttl: self.ttl,
            data: Some(self.data),
            token: Some(token.clone()),
            traceparent: terms.traceparent,
            continuation: None,
            internal: false,
            unknown: Unknown::NONE,
        };
        Ok(Checked {
            id,
            timestamp,
            token,
            fingerprint,
            is_duplicate: false,
            is_accepted: false,
            message: message.into_outgoing(),
        })
    }
}

/// Publishing, as a span below what the publisher did.
fn begin(deps: &Deps, tenant: &TenantId, given: Option<TraceContext>) -> Option<Span> {
    let mut span = traces::begin("publish", SpanKind::Server, given, deps.clock.now())?;
    span.set("hookline.tenant.id", tenant.as_str());
    Some(span)
}

/// Publish an event
///
/// Once this answers 202 the event is durable. An id that was published before is accepted again
/// and dropped; where it is compared, the answer says so, and another event under that id is
/// refused. `Idempotency-Key` names the request: sent again, it publishes nothing more.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/events", operation_id = "events.publish", tag = "events",
    params(("tenant" = String, Path), PublishQuery, ("Idempotency-Key" = Option<String>, Header, pattern = r"^[\t -~]*[!-~][\t -~]*$", max_length = 256), ("traceparent" = Option<String>, Header, description = "Where it stands in a trace (W3C Trace Context): requests to endpoints carry it on. One that cannot be read is none")), request_body = NewEvent, responses(
    (status = 202, body = Accepted),
    (status = 409, description = "Another event has this `id`: `fingerprints` are what both say. With `unique`, also the same one"),
    (status = 503, description = "Not accepted as far as is known; try again after `Retry-After` seconds, under the same `id`")
))]
pub(crate) async fn publish(
    MayPublish(tenant): MayPublish,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<PublishQuery>,
    IdempotencyKey(key): IdempotencyKey,
    Traceparent(given): Traceparent,
    event: Body<NewEvent>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let mut span = begin(&deps, &tenant, given);
    let (event, wrong) = event.open()?;
    let (compare, unique) = (query.compares(&deps), query.unique == Some(true));
    let traceparent = span.as_ref().map(Span::context).or(given);
    let terms = Terms { compare, unique, key: key.as_deref(), traceparent };
    let checked = event.check(wrong, &tenant, &deps, &mut ValidationBudget::default(), terms).await?;
    let checked = checked.compared(&tenant, &deps, terms.unique).await?;
    if let Some(span) = &mut span {
        span.set("hookline.event.id", checked.id.as_str());
    }
    let answer = match checked.is_accepted {
        true => Ok(()),
        false => deps.queue.send_one(checked.message.clone()).await,
    };
    let accepted = checked.sent(&tenant, &deps, answer)?;
    metrics::accepted(1);
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Publish up to 100 events
///
/// Each is accepted or refused on its own account. When none is accepted, the
/// answer is the first one's problem. `Idempotency-Key` names the request: each event is known by
/// it and by its place, and sent again, none is published once more.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/events/batch", operation_id = "events.publish_batch", tag = "events",
    params(("tenant" = String, Path), PublishQuery, ("traceparent" = Option<String>, Header, description = "Where it stands in a trace (W3C Trace Context): requests to endpoints carry it on. One that cannot be read is none")), request_body = NewBatch, responses(
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
        return Err(Problem::invalid(first.status(), wrong_events(&outcomes)));
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
