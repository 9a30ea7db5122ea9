//! The wire contract of the queues: JSON, one version number, examples under
//! `tests/events/`.
//!
//! `events` takes [`EventMessage`]s from our own API and from any publisher
//! that may write to the queue. The other queues carry [`DeliveryMessage`]s.

mod delivery;
mod event;

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use domain::ids::{EventSeq, TenantId, TraceId};
use domain::invalid::FieldError;
use domain::strict::{NotJson, Reader};

pub use delivery::{DeliveryMessage, EndedHook, Told, hook_of_group, is_held};
pub use event::{Continuation, EventMessage, EventRequest, Publication, Resumption};

/// The version written, and the only one read.
pub const VERSION: u32 = 1;
fn version() -> u32 {
    VERSION
}

/// Larger `data` travels by reference to the event's row. SQS bills in chunks
/// of 64 KiB, and one delivery message per hook would multiply them.
pub const MAX_INLINE_DATA_BYTES: usize = 60 * 1024;

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

/// With room for `data` and for what a message usually says beside it.
fn to_json<T: Serialize>(message: &T, data: Option<&RawValue>) -> Bytes {
    let mut json = Vec::with_capacity(384 + data.map_or(0, |data| data.get().len()));
    serde_json::to_writer(&mut json, message).expect("messages hold nothing that JSON cannot express");
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

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
