//! Expungements: jobs that remove the payloads of many events, step by step.

use serde::{Deserialize, Serialize};

use super::ids::{ActivityId, ExpungementId, TenantId};
use super::pattern::Pattern;
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

words! {
    /// Where an expungement stands.
    pub enum ExpungementStatus {
        /// It goes on by itself.
        Running = "running",
        /// It came to its end.
        Finished = "finished",
        /// Somebody ended it; payloads that it had removed by then stay removed.
        Cancelled = "cancelled",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Expungement {
    pub tenant: TenantId,
    pub id: ExpungementId,
    /// Only events of a matching type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Pattern>,
    /// Only events accepted for fan-out at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only events accepted for fan-out before this time, which is not in the future.
    pub until: Timestamp,
    /// Counts, and removes nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Who asked for it: `operator`, or a key's id.
    pub started_by: String,
    pub status: ExpungementStatus,
    /// Events with a payload that it has come across.
    pub found: u64,
    /// Those whose payload it removed.
    pub expunged: u64,
    /// How many steps were made.
    pub step: u32,
    /// Names the message that made the last step; only that one may ask for the next.
    #[serde(default)]
    pub token: String,
    /// The row of activity that was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_to: Option<ActivityId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Expungement);

impl Expungement {
    pub fn is_running(&self) -> bool {
        self.status == ExpungementStatus::Running
    }
}
