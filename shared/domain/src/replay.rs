//! Replays: jobs that send many deliveries of a hook again, step by step.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::Status;
use super::ids::{Channel, EventId, EventType, HookId, ReplayId, TenantId};
use super::key::KeyHash;
use super::settings::StatusRange;
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

/// The most deliveries that a replay hands over per second.
pub const MAX_RATE: u32 = 1_000;
/// Where a replay names no rate.
pub const USUAL_RATE: u32 = 10;

words! {
    /// Which deliveries are sent again.
    pub enum ReplayKind {
        /// Those that failed for good.
        Failed = "failed",
        /// Those that were never made, because the hook was added or changed later.
        Missing = "missing",
        /// All that are in the log, or those of one status.
        Range = "range",
        /// Those that wait since their hook was paused, oldest first. Enabling a hook
        /// begins such a replay.
        Waiting = "waiting",
        /// All that did not arrive and are not tried any more: failed, skipped and waiting.
        Undelivered = "undelivered",
    }
}

words! {
    /// Where a replay stands.
    pub enum ReplayStatus {
        /// It goes on by itself.
        Running = "running",
        /// It came to its end.
        Finished = "finished",
        /// Somebody ended it; what it had handed over by then is sent.
        Cancelled = "cancelled",
        /// It could not go on; `reason` says why.
        Failed = "failed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Replay {
    pub tenant: TenantId,
    pub hook: HookId,
    pub id: ReplayId,
    /// SHA-256 of the idempotency key of the request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<KeyHash>,
    pub kind: ReplayKind,
    /// Only events accepted for fan-out at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only events accepted for fan-out before this time, which is not in the future: so
    /// the job has an end.
    pub until: Timestamp,
    /// Of a range: only deliveries of this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Status>,
    /// Of a range: only events of these types; of any, where there are none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub event_types: BTreeSet<EventType>,
    /// Of a range: only events on all of these channels.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// Of a range: only deliveries whose last answer had such a status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<StatusRange>,
    /// Counts, and sends nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Deliveries per second.
    pub rate: u32,
    /// Who asked for it: `operator`, or a key's id.
    pub started_by: String,
    pub status: ReplayStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it has come across; see [`Progress`].
    pub found: u64,
    pub sent: u64,
    pub skipped: u64,
    pub failed: u64,
    /// How many steps were made.
    pub step: u32,
    /// Names the message that made the last step, so that only that one may
    /// send once more what it found, and ask for the next.
    #[serde(default)]
    pub token: String,
    /// The events that the last step found, at most 100.
    #[serde(default)]
    pub batch: Vec<EventId>,
    /// Of those that waited for their hook: the requests that send them, which all replays name alike.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub batch_requests: BTreeMap<EventId, String>,
    /// Where the next step goes on.
    #[serde(default)]
    pub place: Place,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// What a replay has come across.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Progress {
    /// Deliveries that are to be sent again.
    pub found: u64,
    /// Those handed to the retry lane, or about to be.
    pub sent: u64,
    /// Those that cannot be sent, because the payload is gone.
    pub skipped: u64,
    /// Those that could not be read.
    pub failed: u64,
}

/// A place in what a replay goes through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Place {
    /// Of the list that is being read; from its beginning when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Of `missing`: the hook whose log is being read. The events that are in
    /// no log come first, when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_of: Option<HookId>,
    /// Of `missing`: where the list of hooks goes on after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Replay, Place);

impl Replay {
    /// One at its beginning, of all that was accepted until now.
    pub fn new(
        (tenant, hook, id): (TenantId, HookId, ReplayId),
        kind: ReplayKind,
        rate: u32,
        started_by: String,
        now: Timestamp,
    ) -> Self {
        Self {
            tenant,
            hook,
            id,
            made_with: None,
            kind,
            since: None,
            until: now,
            only: None,
            event_types: Default::default(),
            channels: Default::default(),
            codes: None,
            dry_run: false,
            rate,
            started_by,
            status: ReplayStatus::Running,
            reason: None,
            found: 0,
            sent: 0,
            skipped: 0,
            failed: 0,
            step: 0,
            token: String::new(),
            batch: Vec::new(),
            batch_requests: BTreeMap::new(),
            place: Place::default(),
            created_at: now,
            updated_at: now,
            version: 1,
            unknown: Unknown::NONE,
        }
    }

    pub fn is_running(&self) -> bool {
        self.status == ReplayStatus::Running
    }

    pub fn progress(&self) -> Progress {
        let Self { found, sent, skipped, failed, .. } = *self;
        Progress { found, sent, skipped, failed }
    }

    /// The next version, at rest.
    pub fn ended(&self, status: ReplayStatus, reason: Option<&str>, now: Timestamp) -> Self {
        let reason = reason.map(str::to_owned);
        Self { status, reason, updated_at: now, version: self.version + 1, ..self.clone() }
    }
}
