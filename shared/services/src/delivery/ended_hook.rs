//! The end of a hook whose endpoint has returned a challenge: it is told of it once, best effort, by `deliver`,
//! which signs with a version that is kept for some minutes longer than the hook.
//!
//! No secret travels, and whoever ends the hook waits for no endpoint.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::to_raw_value;

use contract::messages::{DeliveryMessage, Told};
use contract::ports::{Hooks, Outgoing, StoreResult};
use domain::health::Health;
use domain::hex::hex;
use domain::hook::Hook;
use domain::ids::{EventId, EventSeq, EventType};
use domain::random::Random;
use domain::secret::fingerprint;
use domain::settings::{Complete, VerificationKind};
use domain::time::Timestamp;

/// Of a hook that asks for no type in particular.
const USUAL_TYPE: &str = "hookline.ended";
const ENDS: &str = "it is being deleted";

/// Why it is ended, in the words of SEP-3415.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// By hand.
    Deleted,
    /// Its key was revoked, or its session has ended.
    AccessRevoked,
    /// There is no such event type any more.
    EventTypeGone,
}

impl EndReason {
    fn envelope(self) -> serde_json::Value {
        let (code, message, data) = match self {
            Self::Deleted => (-32_023, "NotFound", json!({ "kind": "subscription" })),
            Self::AccessRevoked => (-32_024, "Forbidden", json!({ "reason": "access revoked" })),
            Self::EventTypeGone => (-32_023, "NotFound", json!({ "kind": "event" })),
        };
        json!({ "type": "terminated", "error": { "code": code, "message": message, "data": data } })
    }
}

/// Whether its endpoint hears of the end: one that has returned a challenge, and nobody else's.
pub fn is_told(hook: &Hook, settings: &Complete, health: &Health) -> bool {
    let verification = &settings.verification;
    verification.required && verification.kind == VerificationKind::Challenge && health.verified_at(&hook.url).is_some()
}

/// Stops the hook, so that its present version becomes a former one, which outlives it. Of many times the last
/// version counts.
pub async fn stop(hooks: &dyn Hooks, hook: &Hook, now: Timestamp) -> StoreResult<Hook> {
    let stopped = Hook {
        enabled: false,
        disabled_reason: Some(ENDS.to_owned()),
        disabled_at: Some(now),
        updated_at: now,
        version: hook.version + 1,
        ..hook.clone()
    };
    hooks.update(hook, &stopped).await?;
    Ok(stopped)
}

/// What `deliver` is to tell, for a hook that was stopped. It has one name however often it is asked for.
pub fn message(stopped: &Hook, reason: EndReason, now: Timestamp, random: &dyn Random) -> Option<Outgoing> {
    let name = hex(&fingerprint(&format!("end of {}", stopped.id))[..16]);
    let exact: Option<EventType> = stopped.events.iter().find_map(|pattern| pattern.as_str().parse().ok());
    let told = Told {
        id: format!("msg_terminated_{name}").parse::<EventId>().ok()?,
        seq: EventSeq::new(now, random),
        event_type: exact.or_else(|| USUAL_TYPE.parse().ok())?,
        at: now,
        envelope: Arc::from(to_raw_value(&reason.envelope()).ok()?),
    };
    let signs = stopped.version.saturating_sub(1);
    Some(DeliveryMessage::of_end(stopped.tenant.clone(), stopped.id, signs, told).to_outgoing())
}
