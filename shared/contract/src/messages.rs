//! The wire contract of the queues: JSON, one version number, examples under
//! `tests/events/`.
//!
//! `events` takes [`EventMessage`]s from our own API and from any publisher
//! that may write to the queue. The other queues carry [`DeliveryMessage`]s.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::ULID_LEN;

use crate::ports::{Content, Outgoing};
use crate::stage::Message;
use domain::delivery::Trigger;
use domain::event::{Event, MAX_CHANNELS, MAX_DATA_BYTES, MAX_TTL, MIN_TTL, present};
use domain::ids::{Channel, DeliveryId, EventId, EventSeq, EventType, HookId, TenantId, TraceId};
use domain::invalid::FieldError;
use domain::retry::MAX_DELAY;
use domain::seconds::Seconds;
use domain::strict::{NotJson, Reader, WrongFields};
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

/// The version written, and the only one read.
pub const VERSION: u32 = 1;
/// Larger `data` travels by reference to the event's row. SQS bills in chunks
/// of 64 KiB, and one delivery message per hook would multiply them.
pub const MAX_INLINE_DATA_BYTES: usize = 60 * 1024;

/// By this much the clocks of several machines may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

const MAX_TOKEN_BYTES: usize = 128;

fn version() -> u32 {
    VERSION
}

/// Something to publish, or the continuation of a large fan-out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct EventMessage {
    #[serde(default = "version")]
    pub version: u32,
    pub tenant: TenantId,
    /// The message's own id when absent, so that a redelivered message is
    /// still one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// Not to be sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Timestamp>,
    /// Seconds after which it is not sent any more, counted from when it is
    /// fanned out or, where that is later, from `deliver_at`. 1 to 2,592,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Seconds>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<RawValue>>,
    /// Names this publication: the same message sent again is known by it, also
    /// under a new message id, as after a dead-letter queue. At most 128
    /// characters; the message's own id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Written by fan-out only: carry on with this page of the event `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<Continuation>,
    /// Written by our own stages only, and from the next release on: what they
    /// write may be of a newer version, so unknown fields are let through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Continuation {
    pub page: u32,
    pub cursor: String,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// What an [`EventMessage`] asks for, once it is known to make sense.
#[derive(Clone, Debug)]
pub enum EventRequest {
    Publish(Publication),
    Continue(Resumption),
}

#[derive(Clone, Debug)]
pub struct Resumption {
    pub tenant: TenantId,
    pub id: EventId,
    pub from: Continuation,
    pub deliver_at: Option<Timestamp>,
    pub token: Option<String>,
    /// What a newer version wrote beside that, for the next continuation.
    pub unknown: Unknown,
}

#[derive(Clone, Debug)]
pub struct Publication {
    pub tenant: TenantId,
    pub id: Option<EventId>,
    pub event_type: EventType,
    pub timestamp: Option<Timestamp>,
    pub channels: BTreeSet<Channel>,
    pub deliver_at: Option<Timestamp>,
    pub ttl: Option<Seconds>,
    pub data: Arc<RawValue>,
    pub token: Option<String>,
}

/// Why a message can never be processed; fit for a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(pub String);

impl Rejection {
    pub(crate) fn of(errors: &[FieldError]) -> Self {
        let told: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        Self(told.join("; "))
    }
}

impl EventMessage {
    /// Publishers are told of a field that is not known. What a stage wrote may
    /// be of a newer version.
    pub fn parse(body: &[u8]) -> Result<EventRequest, Rejection> {
        match serde_json::from_slice::<Self>(body) {
            Ok(message) if message.unknown.is_empty() || message.is_of_a_stage() => {
                Self::check(message, WrongFields::default())
            }
            Err(_) if Writer::of(body).is_a_stage() => Self::read(body, Reader::Tolerant),
            Ok(_) | Err(_) => Self::read(body, Reader::Strict),
        }
    }

    fn read(body: &[u8], reader: Reader) -> Result<EventRequest, Rejection> {
        let read = reader.read::<Self>(body).map_err(invalid)?;
        match read.value {
            Some(message) => Self::check(message, read.wrong),
            None => Err(Rejection::of(&read.wrong.and([]))),
        }
    }

    fn is_of_a_stage(&self) -> bool {
        self.internal || self.continuation.is_some()
    }

    fn check(message: Self, wrong: WrongFields) -> Result<EventRequest, Rejection> {
        let mut errors: Vec<FieldError> = check_version(message.version).err().into_iter().collect();
        let mut refuse = |field: &str, message: String| errors.push(FieldError::new(field, message));
        let mut require = |field: &str, is_there: bool| {
            if !is_there {
                refuse(field, "is required".to_owned());
            }
        };
        match &message.continuation {
            Some(_) => require("id", message.id.is_some()),
            // Without it nobody knows what the message was to be.
            None if wrong.has("continuation") => {}
            None => {
                require("type", message.event_type.is_some());
                require("data", message.data.is_some());
            }
        }
        if message.token.as_ref().is_some_and(|token| token.is_empty() || token.len() > MAX_TOKEN_BYTES) {
            refuse("token", format!("expected 1 to {MAX_TOKEN_BYTES} bytes"));
        }
        if message.data.as_ref().is_some_and(|data| data.get().len() > MAX_DATA_BYTES) {
            refuse("data", format!("expected at most {MAX_DATA_BYTES} bytes"));
        }
        if message.channels.len() > MAX_CHANNELS {
            refuse("channels", format!("expected at most {MAX_CHANNELS} entries"));
        }
        if let Some(ttl) = message.ttl {
            ttl.check("ttl", MIN_TTL, MAX_TTL, &mut errors);
        }
        let errors = wrong.and(errors);
        match errors.is_empty() {
            true => message.into_request().ok_or_else(|| Rejection("a field is missing".to_owned())),
            false => Err(Rejection::of(&errors)),
        }
    }

    /// None where something is missing.
    fn into_request(self) -> Option<EventRequest> {
        let message = self;
        if let Some(from) = message.continuation {
            return Some(EventRequest::Continue(Resumption {
                tenant: message.tenant,
                id: message.id?,
                from,
                deliver_at: message.deliver_at,
                token: message.token,
                unknown: message.unknown,
            }));
        }
        Some(EventRequest::Publish(Publication {
            tenant: message.tenant,
            id: message.id,
            event_type: message.event_type?,
            timestamp: message.timestamp,
            channels: message.channels,
            deliver_at: message.deliver_at,
            ttl: message.ttl,
            data: message.data?,
            token: message.token,
        }))
    }

    /// What a message says, as it was written or as it can be parsed.
    pub fn take(message: &mut Message) -> Result<EventRequest, Rejection> {
        match message.content.take().and_then(Content::into_inner) {
            Some(known) => Self::check(known, WrongFields::default()),
            None => Self::parse(&message.body),
        }
    }

    pub fn to_outgoing(&self) -> Outgoing {
        Outgoing {
            body: to_json(self, self.data.as_deref()),
            group: self.tenant.as_str().into(),
            due: None,
            content: None,
        }
    }

    /// The same, for whoever takes it from memory.
    pub fn into_outgoing(self) -> Outgoing {
        let outgoing = self.to_outgoing();
        Outgoing { content: Some(Content::new(self)), ..outgoing }
    }
}

/// One attempt to make for one delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct DeliveryMessage {
    #[serde(default = "version")]
    pub version: u32,
    pub tenant: TenantId,
    pub hook: HookId,
    pub event_id: EventId,
    pub event_seq: EventSeq,
    pub event_type: EventType,
    pub event_timestamp: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// Not to be attempted from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Absent when it is too large to travel; then it is read from the event.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<RawValue>>,
    pub trigger: Trigger,
    /// Which retry of the policy this is; zero for the first attempt.
    #[serde(default)]
    pub step: u32,
    /// When the attempt may be made; `requeue` holds it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When `due_at` was decided. A clock that shows less has been set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_since: Option<Timestamp>,
    /// Its hook's circuit, rate or verification holds it back until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Another copy may be under way: the log has to be read first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_log: bool,
    /// It waited for its turn under a rate limit, and the turn has come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_turn: bool,
    /// Names one manual retry or replay, so that its message counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(EventMessage, Continuation, DeliveryMessage);

impl DeliveryMessage {
    /// To be sent at once, whatever the log says.
    pub fn of(event: &Event, hook: HookId, trigger: Trigger) -> Self {
        Self {
            version: VERSION,
            tenant: event.tenant.clone(),
            hook,
            event_id: event.id.clone(),
            event_seq: event.seq,
            event_type: event.event_type.clone(),
            event_timestamp: event.timestamp,
            channels: event.channels.clone(),
            not_after: event.not_after,
            data: event.data.clone().filter(|data| data.get().len() <= MAX_INLINE_DATA_BYTES),
            trigger,
            step: 0,
            due_at: None,
            waits_since: None,
            held: false,
            check_log: false,
            in_turn: false,
            request: None,
            unknown: Unknown::NONE,
        }
    }

    pub fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let message: Self = parse(body)?;
        check_version(message.version).map_err(|error| Rejection::of(&[error]))?;
        Ok(message)
    }

    /// What a message says, as it was written or as it can be parsed.
    pub fn take(message: &mut Message) -> Result<Self, Rejection> {
        let known = message.content.take().and_then(Content::into_inner);
        known.map_or_else(|| Self::parse(&message.body), Ok)
    }

    /// Until when it still waits, by the time of day. A wait that was meant to take
    /// so long is over when the queue has let it; one until a time that somebody
    /// chose is over then.
    pub fn not_before(&self, now: Timestamp, waited: bool) -> Option<Timestamp> {
        let chosen = self.trigger == Trigger::First && !self.held;
        self.due_at.filter(|due| *due > now && (chosen || !waited))
    }

    /// The same, to be attempted now: it has waited long enough.
    pub fn now_due(self, now: Timestamp) -> Self {
        Self { due_at: self.due_at.map(|due| due.min(now)), waits_since: None, held: false, ..self }
    }

    /// The same with a wait that is no longer than was meant, when its wait began
    /// in what is the future now, or ends later than any wait can. None while all
    /// is well, and of what is due at a time of somebody's choice.
    pub fn wait_anew(&self, now: Timestamp) -> Option<Self> {
        let due = self.due_at.filter(|_| self.held || self.trigger == Trigger::Retry)?;
        let longest = MAX_DELAY.duration();
        let meant = match self.waits_since {
            Some(since) if since > now.saturating_add(CLOCKS_DIFFER) => due.since(since).min(longest),
            Some(_) | None if due.since(now) > longest => longest,
            Some(_) | None => return None,
        };
        Some(Self { due_at: Some(now.saturating_add(meant)), waits_since: Some(now), ..self.clone() })
    }

    pub fn delivery_id(&self) -> DeliveryId {
        DeliveryId { event: self.event_seq, hook: self.hook }
    }

    /// Grouped by tenant and hook, so that one slow endpoint delays itself only.
    /// What is held back is a group of its own, which can be let go as one.
    pub fn to_outgoing(&self) -> Outgoing {
        let mut hook = [0; ULID_LEN];
        let held = if self.held && self.due_at.is_some() { HELD } else { "" };
        Outgoing {
            body: to_json(self, self.data.as_deref()),
            group: [self.tenant.as_str(), ".", self.hook.0.array_to_str(&mut hook), held].concat().into(),
            due: self.due_at,
            content: None,
        }
    }

    /// The same, for whoever takes it from memory.
    pub fn into_outgoing(self) -> Outgoing {
        let outgoing = self.to_outgoing();
        Outgoing { content: Some(Content::new(self)), ..outgoing }
    }
}

/// Behind the name of a group whose messages their hook holds back.
const HELD: &str = ".held";

pub fn is_held(group: &str) -> bool {
    group.ends_with(HELD)
}

/// Whose messages a group holds.
pub fn hook_of_group(group: &str) -> Option<(TenantId, HookId)> {
    let (tenant, hook) = group.strip_suffix(HELD).unwrap_or(group).rsplit_once('.')?;
    Some((tenant.parse().ok()?, HookId(hook.parse().ok()?)))
}

/// The trace of a message of any queue, also of one that was refused; none when
/// too little of it can be read. For the log lines of who knows no stage.
pub fn trace_of(message_id: &str, body: &[u8]) -> Option<TraceId> {
    #[derive(Deserialize)]
    struct Named {
        event_seq: Option<EventSeq>,
        tenant: Option<TenantId>,
        id: Option<String>,
        token: Option<String>,
        continuation: Option<IgnoredAny>,
        job: Option<IgnoredAny>,
    }
    let named: Named = serde_json::from_slice(body).ok()?;
    if let Some(event) = named.event_seq {
        return Some(event.trace());
    }
    let token = named.token.as_deref().unwrap_or(message_id);
    if named.continuation.is_some() {
        // As fan-out made it: the event's name, and the page.
        return Some(token.split('.').next()?.parse::<EventSeq>().ok()?.trace());
    }
    let id = named.id.as_deref().unwrap_or(message_id).parse().ok()?;
    let tenant = named.tenant.filter(|_| named.job.is_none())?;
    Some(TraceId::of_publication(&tenant, &id, token))
}

/// What a stage wrote; all that is wrong with it otherwise.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    let read = Reader::Tolerant.read::<T>(body).map_err(invalid)?;
    match read.value.filter(|_| read.wrong.is_empty()) {
        Some(message) => Ok(message),
        None => Err(Rejection::of(&read.wrong.and([]))),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands for a closure")]
fn invalid(error: NotJson) -> Rejection {
    Rejection(format!("not a valid message: {error}"))
}

pub(crate) fn check_version(version: u32) -> Result<(), FieldError> {
    let message = || format!("expected {VERSION}, got {version}");
    if version == VERSION { Ok(()) } else { Err(FieldError::new("version", message())) }
}

/// Who wrote a message that cannot be read as a whole.
#[derive(Default, Deserialize)]
struct Writer {
    #[serde(default)]
    internal: bool,
    continuation: Option<IgnoredAny>,
}

impl Writer {
    fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    fn is_a_stage(&self) -> bool {
        self.internal || self.continuation.is_some()
    }
}

/// With room for `data` and for what a message usually says beside it.
fn to_json<T: Serialize>(message: &T, data: Option<&RawValue>) -> Bytes {
    let mut json = Vec::with_capacity(384 + data.map_or(0, |data| data.get().len()));
    serde_json::to_writer(&mut json, message).expect("messages hold nothing that JSON cannot express");
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_queue_tells_its_trace() {
        let tenant: TenantId = "acme".parse().unwrap();
        let of = |id: &str, token: &str| Some(TraceId::of_publication(&tenant, &id.parse().unwrap(), token));
        let event = EventSeq::of_publication(&tenant, &"e".parse().unwrap(), "t", Timestamp::from_millis(1));
        let message = |text: &str| trace_of("m-1", text.as_bytes());
        assert_eq!(message(r#"{"tenant":"acme","id":"e","token":"t","surprise":1}"#), of("e", "t"));
        assert_eq!(message(r#"{"tenant":"acme","type":"a","data":1}"#), of("m-1", "m-1"));
        assert_eq!(message(&format!(r#"{{"event_seq":"{event}","hook":"x"}}"#)), of("e", "t"));
        let next = format!(r#"{{"tenant":"acme","id":"e","token":"{event}.7","continuation":{{}}}}"#);
        assert_eq!(message(&next), of("e", "t"));
        for nothing in ["", "not JSON", "{}", r#"{"tenant":"acme","job":{"expunge":{}}}"#, r#"{"event_seq":"x"}"#] {
            assert_eq!(message(nothing), None, "{nothing}");
        }
    }
}
