//! What a hook's owner is told of its health.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::unknown::{Unknown, keeps_unknown};
use crate::word::{Word, words};

/// What a hook's owner may want to hear of, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthChange {
    Failing,
    Recovered,
    Exhausted,
    /// It gets nothing any more.
    Disabled(End),
    /// Of a newer version, which tells it.
    #[serde(untagged)]
    Unknown(Word),
}

words! {
    /// Why a hook is disabled that its owner did not disable.
    pub enum End {
        /// The endpoint answered 410 Gone.
        Gone = "gone",
        /// Every request failed for as long as `disable_after` says.
        FailedForLong = "failed_for_long",
        /// The endpoint asked for it with `webhook-delivery: disable`.
        AskedByEndpoint = "asked_by_endpoint",
    }
}

impl End {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Gone => "the endpoint answered 410 Gone",
            Self::FailedForLong => "every request failed for too long",
            Self::AskedByEndpoint => "the endpoint asked for it (webhook-delivery: disable)",
            Self::Unknown(_) => "for a reason that a newer version knows",
        }
    }
}

/// A change that is written down before it is told, so that no death in
/// between keeps it secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PendingNotice {
    pub change: HealthChange,
    pub at: Timestamp,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(PendingNotice);
