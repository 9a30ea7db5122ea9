//! What happened in a tenant, one entry for each change of a delivery: what lists and
//! counts over all its hooks are made of. The rows of events and deliveries say the rest.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::delivery::{AttemptOutcome, Delivery, Status};
use super::ids::{Channel, EventId, EventSeq, EventType, HookId};
use super::unknown::{Unknown, keeps_unknown};

/// Its names are short, because entries are many and stored together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Activity {
    #[serde(rename = "q")]
    pub event: EventSeq,
    #[serde(rename = "e")]
    pub event_id: EventId,
    #[serde(rename = "y")]
    pub event_type: EventType,
    #[serde(rename = "ch", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// None where it tells of an event that goes to no hook, or not yet.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookId>,
    /// Of all entries about an event, the one that lists of events show.
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub lists_event: bool,
    /// What the delivery became by it.
    #[serde(rename = "s")]
    pub status: Status,
    /// Attempts of the delivery, this one included.
    #[serde(rename = "n", default)]
    pub attempt_count: u32,
    /// The attempt that it tells of; none where nothing was sent.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<ActivityAttempt>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ActivityAttempt {
    #[serde(rename = "o")]
    pub outcome: AttemptOutcome,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(rename = "d")]
    pub duration_ms: u32,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Activity, ActivityAttempt);

impl Activity {
    /// Whether the delivery is still as this left it. One that has no row yet waits for its
    /// first attempt.
    pub fn is_latest_of(&self, row: Option<&Delivery>) -> bool {
        match row {
            Some(row) => (row.attempt_count, row.status) == (self.attempt_count, self.status),
            None => self.attempt_count == 0 && self.status == Status::Pending,
        }
    }
}
