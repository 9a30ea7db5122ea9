//! Events: something that happened, published once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::ids::{Channel, EventId, EventSeq, EventType, HookId, TenantId};
use super::seconds::Seconds;
use super::unknown::{Unknown, keeps_unknown};
use crate::time::Timestamp;

/// The largest `data`, in bytes as published.
pub const MAX_DATA_BYTES: usize = 256 * 1024;
/// The shortest and the longest time to live that a publisher may give an event.
pub const MIN_TTL: Seconds = Seconds::new(1);
pub const MAX_TTL: Seconds = Seconds::new(30 * 24 * 3600);
/// The most channels one event may carry.
pub const MAX_CHANNELS: usize = 16;

/// An event as it is recorded: what was published, byte for byte, and its
/// time-ordered name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Event {
    pub tenant: TenantId,
    pub id: EventId,
    pub seq: EventSeq,
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When it happened, by the publisher; the time of publishing by default.
    pub timestamp: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// Not to be attempted from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Not to be sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Timestamp>,
    /// The exact bytes published; none once they were expunged.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<RawValue>>,
    pub expires_at: Timestamp,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// What an event says: SHA-256 over its type, its channels in order with commas
/// between them, and its data as published, each but the last ending with a line feed.
/// None of the times of a publication, which may differ where it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(event_type: &EventType, channels: &BTreeSet<Channel>, data: &RawValue) -> Self {
        let channels: Vec<&str> = channels.iter().map(Channel::as_str).collect();
        let mut hash = Sha256::new();
        for part in [event_type.as_str(), "\n", &channels.join(","), "\n", data.get()] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Event {
    /// None once its payload was expunged.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        Some(Fingerprint::of(&self.event_type, &self.channels, self.data.as_deref()?))
    }
}

/// Whatever is there is data, `null` as well; only an absent field is none.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<RawValue>>, D::Error> {
    Arc::<RawValue>::deserialize(deserializer).map(Some)
}

/// What fan-out did for one page of matching hooks, and for which publication,
/// so that the same one resumes and any other is a duplicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct FanoutPage {
    /// Zero for the page recorded with the event itself.
    pub number: u32,
    /// The publication this page was made for: its token, or its queue message's id.
    pub token: String,
    pub hooks: Vec<HookId>,
    /// Where the following page continues; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Event, FanoutPage);
