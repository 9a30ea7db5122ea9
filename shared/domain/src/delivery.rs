//! Deliveries and their attempts.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{DeliveryId, EventId, EventSeq, EventType, HookId, TenantId};
use super::unknown::{Unknown, keeps_unknown};
use super::word::words;
use crate::time::Timestamp;

mod kept;

pub use kept::{CONTROL_HEADER_BYTES, RESPONSE_HEADER_BYTES, SUCCESS_HEADER_BYTES, excerpt, kept_headers};

words! {
    /// Where a delivery stands.
    pub enum Status {
        /// Accepted, no attempt logged yet.
        Pending = "pending",
        /// The last attempt failed and another one is due.
        Retrying = "retrying",
        /// An attempt succeeded.
        Succeeded = "succeeded",
        /// Given up: no attempts are left, an answer was final, or its time has passed.
        Failed = "failed",
        /// Not sent, and not tried any more: its `reason` says why.
        Skipped = "skipped",
        /// Came due while its hook was paused, and goes out once the hook is enabled.
        Waiting = "waiting",
        /// Its hook was deleted, and with it what became of this one.
        // Never stored.
        Deleted = "deleted",
    }
}

words! {
    /// Why an attempt was made.
    pub enum Trigger {
        /// The event was published.
        First = "first",
        /// The attempt before it failed.
        Retry = "retry",
        /// Somebody asked for this delivery once more.
        Manual = "manual",
        /// It is part of a replay.
        Replay = "replay",
        /// Somebody sent a test event, which is in no log.
        Test = "test",
    }
}

words! {
    /// How an attempt ended. Failures of a receiver are data, not errors.
    pub enum AttemptOutcome {
        /// An answer in time whose status counts as success, 2xx unless the hook's `success` says otherwise.
        Success = "success",
        /// Any other status, redirects included.
        Status = "status",
        /// 410: the endpoint wants no more of these. Final, unless the hook's `success` says otherwise.
        Gone = "gone",
        /// No answer in time.
        Timeout = "timeout",
        /// The name resolved to an address that must not be called, or the URL names one.
        RefusedAddress = "refused_address",
        /// The host name could not be resolved.
        Dns = "dns",
        /// No connection could be made.
        Connect = "connect",
        /// No secure connection could be made, or kept: TLS failed.
        Tls = "tls",
        /// What was answered is not HTTP/1.1, or broke off before its status and headers were complete.
        InvalidResponse = "invalid_response",
        /// The request could not be built from the hook's settings.
        InvalidRequest = "invalid_request",
        /// A template of the payload wrote no text of the event.
        TemplateFailed = "template_failed",
        /// The request would be larger than servers take. Final: the event stays as large as it is.
        RequestTooLarge = "request_too_large",
        /// An answer that had to be JSON and was not.
        NotJson = "not_json",
        /// An answer that does not verify the endpoint.
        NotVerified = "not_verified",
        /// The token that authorises the request could not be had.
        Auth = "auth",
    }
}

impl AttemptOutcome {
    /// What it means, in words for whoever looks after a hook, where nothing more
    /// is known than this and the status of the answer, if there was one.
    pub fn sentence(self, status: Option<u16>) -> Cow<'static, str> {
        let answered = status
            .map_or_else(|| "the endpoint answered".to_owned(), |status| format!("the endpoint answered {status}"));
        Cow::Borrowed(match self {
            Self::Success => return answered.into(),
            Self::Status if status.is_some_and(|status| (300..400).contains(&status)) => {
                return format!("{answered}, and redirects are not followed").into();
            }
            Self::Status => return format!("{answered}, which is no success").into(),
            Self::Gone => return format!("{answered}: it wants no more requests, ever").into(),
            Self::NotJson => return format!("{answered}, but not with JSON").into(),
            Self::NotVerified => return format!("{answered}, but did not verify itself").into(),
            Self::Timeout => "there was no answer in time",
            Self::RefusedAddress => "the hook's url leads to an address that must not be called",
            Self::Dns => "the host name could not be resolved",
            Self::Connect => "no connection could be made",
            Self::Tls => "no secure connection could be made: the TLS handshake failed",
            Self::InvalidResponse => "what the endpoint answered is not HTTP, or broke off at its beginning",
            Self::InvalidRequest => "the hook's settings make no request",
            Self::TemplateFailed => "a template of the hook's payload wrote no text of the event",
            Self::RequestTooLarge => "the request would be larger than servers take",
            Self::Auth => "no access token could be had",
            Self::Unknown(word) => return format!("it ended with {}", word.as_str()).into(),
        })
    }
}

/// One HTTP request for a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration_ms: u32,
    /// What it took beyond whole milliseconds, in microseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rest_us: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub outcome: AttemptOutcome,
    /// What went wrong, in words, when there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was wrong with an answer whose status counts all the same: its body
    /// broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// The beginning of the answer, as far as the hook's settings keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// The kept part of the answer is not text and hence in base64.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub response_is_base64: bool,
    /// The answer's headers, up to [`RESPONSE_HEADER_BYTES`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_headers: Vec<(String, String)>,
    /// What the request was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// All that travelled in the same request, this one included, in order.
    /// Empty when it travelled alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batch: Vec<EventSeq>,
    /// The request carried the key that its endpoint has to return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_key: bool,
    pub trigger: Trigger,
    #[serde(skip)]
    pub unknown: Unknown,
}

impl Attempt {
    /// When its answer was there, or what came in the place of one.
    pub fn ended_at(&self) -> Timestamp {
        self.at.saturating_add(Duration::from_millis(self.duration_ms.into()))
    }
}

/// Which versions of the hook, its tenant and its profile made a request. With
/// the event they give the same bytes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Revision {
    pub hook: u64,
    pub tenant: u64,
    /// Of one that comes with Hookline, the version that its document names.
    pub profile: u64,
    /// Of the tenant's or the deployment's profile, whose rules hold for a hook
    /// that names another one. Zero as above, and where it was not noted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: u64,
    /// How requests were made of all that, where it makes a difference: zero up to
    /// release 0.1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub form: u64,
    #[serde(skip)]
    pub unknown: Unknown,
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// Why a delivery waits.
pub const PAUSED: &str = "the hook is paused";
/// Why a delivery failed for good that waited while its deadline passed.
pub const PAST_DEADLINE: &str = "the retry deadline has passed";
/// Why a delivery failed for good although its schedule has another retry.
pub const NEXT_PAST_DEADLINE: &str = "the next retry would come after the retry deadline";

/// How many requests for attempts out of turn a delivery remembers. A copy of an
/// older one would have to outlive as many others in the queue.
pub const KEPT_REQUESTS: usize = 8;

/// One event for one hook, with its last attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
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
    /// The last manual retries and replays that were made, oldest first, so
    /// that each of their messages counts once. At most [`KEPT_REQUESTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// When its schedule of retries began anew, after a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// Why it was skipped, or why it failed with retries left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when it waits for its hook to be enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
    pub expires_at: Timestamp,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Attempt, Revision, Delivery);

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
            requests: Vec::new(),
            restarted_at: None,
            reason: None,
            waits_until: None,
            expires_at: now.saturating_add(retention),
            unknown: Unknown::NONE,
        }
    }

    pub fn hook(&self) -> HookId {
        self.id.hook
    }

    /// All that travelled in the request of the last attempt, if that was a batch.
    pub fn former_batch(&self) -> Option<&[EventSeq]> {
        let batch = self.last_attempt.as_ref()?.batch.as_slice();
        (batch.len() > 1).then_some(batch)
    }

    /// Its place in that batch, from zero; zero where it travelled alone.
    pub fn place_in_batch(&self) -> u32 {
        let place = self.former_batch().and_then(|batch| batch.iter().position(|event| *event == self.id.event));
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or_default()
    }

    /// When the present schedule of retries began.
    pub fn started_at(&self) -> Timestamp {
        self.restarted_at.unwrap_or(self.created_at)
    }

    /// Whether the attempt that this request asked for was made.
    pub fn has_answered(&self, request: &str) -> bool {
        self.requests.iter().any(|known| known == request)
    }

    pub fn answer(&mut self, request: &str) {
        self.requests.push(request.to_owned());
        let beyond = self.requests.len().saturating_sub(KEPT_REQUESTS);
        self.requests.drain(..beyond);
    }

    /// Whether it waited for its last attempt while its deadline passed.
    pub fn is_past_deadline(&self) -> bool {
        self.status == Status::Failed && self.reason.as_deref() == Some(PAST_DEADLINE)
    }

    /// Settles it as failed, without an attempt: its deadline has passed.
    pub fn run_out(&mut self, now: Timestamp) {
        self.skip(PAST_DEADLINE, now);
        self.status = Status::Failed;
    }

    /// Settles it without an attempt.
    pub fn skip(&mut self, reason: &str, now: Timestamp) {
        self.status = Status::Skipped;
        self.reason = Some(reason.to_owned());
        self.due_step = 0;
        self.next_attempt_at = None;
        self.waits_until = None;
        self.updated_at = now;
    }

    /// Keeps it until its hook is enabled again. Its schedule of retries begins anew then.
    pub fn keep_waiting(&mut self, until: Timestamp, now: Timestamp) {
        self.skip(PAUSED, now);
        self.status = Status::Waiting;
        // Nothing is kept for longer than its tenant says.
        self.waits_until = Some(until.min(self.expires_at));
    }
}
