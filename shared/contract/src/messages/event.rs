//! What publishers and our own stages put on the queue `events`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Rejection, check_version, invalid, to_json, version};
use crate::ports::{Content, Outgoing};
use crate::stage::Message;
use domain::event::{MAX_CHANNELS, MAX_DATA_BYTES, MAX_TTL, MIN_TTL, present};
use domain::ids::{Channel, EventId, EventType, TenantId};
use domain::invalid::FieldError;
use domain::operational;
use domain::seconds::Seconds;
use domain::strict::{Reader, WrongFields};
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use domain::unknown::{Unknown, keeps_unknown};

const MAX_TOKEN_BYTES: usize = 128;

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
    /// Where it stands in a trace, as W3C Trace Context has it: requests to endpoints carry it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceContext>,
    /// Written by fan-out only: carry on with this page of the event `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<Continuation>,
    /// Written by our own stages only, of Hookline's own events, and of all others from the next
    /// release on: what they write may be of a newer version, so unknown fields are let through.
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
    pub traceparent: Option<TraceContext>,
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
    pub traceparent: Option<TraceContext>,
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
        if let Some(reserved) = message.id.as_ref().and_then(operational::reserved)
            && !message.is_of_a_stage()
        {
            refuse("id", reserved);
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
                traceparent: message.traceparent,
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
            traceparent: message.traceparent,
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

keeps_unknown!(EventMessage, Continuation);

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
