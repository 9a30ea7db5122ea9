//! Deliveries and their attempts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{DeliveryId, EventId, EventType, HookId, TenantId};
use crate::time::Timestamp;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, no attempt logged yet.
    Pending,
    /// The last attempt failed and another one is due.
    Retrying,
    Succeeded,
    /// No attempts are left.
    Failed,
    /// Not sent, because of the hook's state.
    Skipped,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Retrying, Self::Succeeded, Self::Failed, Self::Skipped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    First,
    Retry,
    Manual,
    Replay,
    Test,
}

/// How an attempt ended. Failures of a receiver are data, not errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A 2xx answer within the deadline.
    Success,
    /// Any other status, redirects included.
    Status,
    /// 410: the receiver wants no more of these. Final.
    Gone,
    Timeout,
    /// The name resolved to an address that must not be called, or the URL names one.
    RefusedAddress,
    Dns,
    Connect,
    Tls,
    /// The answer was not HTTP, or broke off.
    InvalidResponse,
    /// The request could not be built from the hook's settings.
    InvalidRequest,
}

impl Outcome {
    /// Whether no further attempt may follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Gone)
    }

    pub fn of_status(code: u16) -> Self {
        match code {
            200..=299 => Self::Success,
            410 => Self::Gone,
            _ => Self::Status,
        }
    }
}

/// One HTTP request for a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration_ms: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub outcome: Outcome,
    /// What went wrong, in words, when there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The first [`RESPONSE_BODY_CHARS`] characters of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    pub trigger: Trigger,
}

/// How much of an answer's body is kept, in characters.
pub const RESPONSE_BODY_CHARS: usize = 500;

/// One event for one hook, with its last attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub tenant: TenantId,
    pub id: DeliveryId,
    pub event_id: EventId,
    pub event_type: EventType,
    pub status: Status,
    pub attempt_count: u32,
    /// The retry that is due next, counted from 1; zero when none is. A retry
    /// message for any other step is stale.
    #[serde(default)]
    pub due_step: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Attempt>,
    /// The request id of the last manual retry, so that its message counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_manual: Option<String>,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub expires_at: Timestamp,
}

impl Delivery {
    /// Before the first attempt.
    pub fn new(
        tenant: TenantId,
        id: DeliveryId,
        event_id: EventId,
        event_type: EventType,
        now: Timestamp,
        retention: Duration,
    ) -> Self {
        Self {
            tenant,
            id,
            event_id,
            event_type,
            status: Status::Pending,
            attempt_count: 0,
            due_step: 0,
            next_attempt_at: None,
            created_at: now,
            updated_at: now,
            last_attempt: None,
            last_manual: None,
            reason: None,
            expires_at: now.saturating_add(retention),
        }
    }

    pub fn hook(&self) -> HookId {
        self.id.hook
    }

    /// Settles it without an attempt.
    pub fn skip(&mut self, reason: &str, now: Timestamp) {
        self.status = Status::Skipped;
        self.reason = Some(reason.to_owned());
        self.due_step = 0;
        self.next_attempt_at = None;
        self.updated_at = now;
    }
}

/// The first `limit` characters of an answer; non-text bytes are replaced.
pub fn excerpt(body: &[u8], limit: usize) -> String {
    // Four bytes are the longest character, so nothing past them can matter.
    let head = &body[..body.len().min(limit.saturating_mul(4))];
    String::from_utf8_lossy(head).chars().take(limit).collect()
}
