//! One attempt to make for one delivery, as it travels between the stages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::ULID_LEN;

use super::{MAX_INLINE_DATA_BYTES, Rejection, VERSION, check_version, parse, to_json, version};
use crate::ports::{Content, Outgoing};
use crate::stage::Message;
use domain::delivery::Trigger;
use domain::event::{Event, present};
use domain::ids::{Channel, DeliveryId, EventId, EventSeq, EventType, HookId, TenantId};
use domain::retry::MAX_DELAY;
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use domain::unknown::{Unknown, keeps_unknown};

/// By this much the clocks of several machines may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

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
    /// Of all deliveries of its event, the one that tells lists of events of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lists_event: bool,
    /// Names one manual retry or replay, so that its message counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// It is no delivery: it tells the endpoint that its hook is ended, by `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedHook>,
    /// Where it stands in a trace; its requests carry it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceContext>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// What an endpoint is told at the end.
#[derive(Clone, Debug)]
pub struct Told {
    /// Names the request to its receiver.
    pub id: EventId,
    pub seq: EventSeq,
    /// What the hook asked for.
    pub event_type: EventType,
    pub at: Timestamp,
    pub envelope: Arc<RawValue>,
}

/// A hook that is ended, or about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct EndedHook {
    /// The version that signs: a former one, which is kept for some minutes longer than the hook.
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(DeliveryMessage, EndedHook);

impl DeliveryMessage {
    /// Of nothing more than its names: to be sent at once, whatever the log says.
    fn new(
        (tenant, hook): (TenantId, HookId),
        (event_id, event_seq): (EventId, EventSeq),
        event_type: EventType,
        event_timestamp: Timestamp,
        trigger: Trigger,
    ) -> Self {
        Self {
            version: VERSION,
            tenant,
            hook,
            event_id,
            event_seq,
            event_type,
            event_timestamp,
            channels: BTreeSet::new(),
            not_after: None,
            data: None,
            trigger,
            step: 0,
            due_at: None,
            waits_since: None,
            held: false,
            check_log: false,
            in_turn: false,
            lists_event: false,
            request: None,
            ended: None,
            traceparent: None,
            unknown: Unknown::NONE,
        }
    }

    /// To be sent at once, whatever the log says.
    pub fn of(event: &Event, hook: HookId, trigger: Trigger) -> Self {
        let (place, name) = ((event.tenant.clone(), hook), (event.id.clone(), event.seq));
        Self {
            channels: event.channels.clone(),
            not_after: event.not_after,
            data: event.data.clone().filter(|data| data.get().len() <= MAX_INLINE_DATA_BYTES),
            ..Self::new(place, name, event.event_type.clone(), event.timestamp, trigger)
        }
    }

    /// Tells the endpoint of a hook that it is ended. To a version that does not know of that it is a delivery
    /// that has expired.
    pub fn of_end(tenant: TenantId, hook: HookId, version: u64, told: Told) -> Self {
        Self {
            not_after: Some(told.at),
            data: Some(told.envelope),
            ended: Some(EndedHook { version, unknown: Unknown::NONE }),
            ..Self::new((tenant, hook), (told.id, told.seq), told.event_type, told.at, Trigger::Manual)
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
