//! An event on its way to the queue: checked, named, compared with what was published before, sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use contract::messages::{EventMessage, VERSION};
use contract::ports::{Outgoing, QueueError};
use domain::event::{Fingerprint, MAX_CHANNELS, MAX_DATA_BYTES, MAX_TTL, MIN_TTL};
use domain::ids::{Channel, EventId, EventType, TenantId, TraceId, new_ulid};
use domain::key::KeyHash;
use domain::operational;
use domain::seconds::Seconds;
use domain::strict::WrongFields;
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use domain::unknown::Unknown;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Accepted;
use crate::Deps;
use crate::duplicates::{self, Known};
use crate::event_validation::ValidationBudget;
use crate::problem::{FieldError, Problem};

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

/// How events are published.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Those that were given an id are compared with what was published under it.
    pub(super) compare: bool,
    /// What was published before is refused.
    pub(super) unique: bool,
    /// Names the request.
    pub(super) key: Option<&'a str>,
    pub(super) traceparent: Option<TraceContext>,
}

/// An event that may be published.
pub(super) struct Checked {
    pub(super) id: EventId,
    timestamp: Timestamp,
    /// Names its publication, and so its trace.
    token: String,
    /// Where it is compared with others of its id.
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) is_duplicate: bool,
    /// Of this very publication, which need not be sent again.
    pub(super) is_accepted: bool,
    pub(super) message: Outgoing,
}

impl Checked {
    /// What the queue said to it.
    pub(super) fn sent(
        self,
        tenant: &TenantId,
        deps: &Deps,
        answer: Result<(), QueueError>,
    ) -> Result<Accepted, Problem> {
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
    pub(super) async fn compared(mut self, tenant: &TenantId, deps: &Deps, unique: bool) -> Result<Self, Problem> {
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

/// Of an event, and of one that is only tried.
pub(crate) fn check_data_size(data: &RawValue) -> Result<(), Problem> {
    let size = data.get().len();
    if size <= MAX_DATA_BYTES {
        return Ok(());
    }
    let error = FieldError::new("data", format!("expected at most {MAX_DATA_BYTES} bytes, got {size}"));
    Err(Problem::invalid(StatusCode::PAYLOAD_TOO_LARGE, vec![error]))
}

/// In UTF-8 both begin with a byte that hardly any text has and that is found quickly.
fn has_noncharacter(text: &str) -> bool {
    text.as_bytes().contains(&0xef) && text.contains(['\u{fffe}', '\u{ffff}'])
}

impl NewEvent {
    pub(super) async fn check(
        self,
        wrong: WrongFields,
        tenant: &TenantId,
        deps: &Deps,
        budget: &mut ValidationBudget,
        terms: Terms<'_>,
    ) -> Result<Checked, Problem> {
        let (mut status, mut errors) = (StatusCode::UNPROCESSABLE_ENTITY, Vec::new());
        if let Err(problem) = check_data_size(&self.data) {
            status = problem.status();
            errors.extend(problem.into_errors());
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
