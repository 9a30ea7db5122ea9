//! How events are named in order of time, and what all that is said of a publication has in common.

use std::fmt;
use std::time::Duration;

use ulid::Ulid;

use super::{EventId, EventSeq, TenantId, first_half_of_hash, millis, parse_ulid};
use crate::time::Timestamp;

/// As long as a queue keeps a message (SQS), so as old as a token can be when
/// its message is handled.
const OLDEST_TOKEN: Duration = Duration::from_secs(14 * 24 * 3600);

impl EventSeq {
    /// The name of an event by the publication that is recorded for it: whoever
    /// handles that again, with nothing left of the first time, finds the same
    /// name. Its time is that of the token where that is a ULID of ours, and
    /// that of its message, or else `now`, otherwise.
    pub fn of_publication(tenant: &TenantId, id: &EventId, token: &str, now: Timestamp) -> Self {
        let made_at = parse_ulid(token).map(|token| Self(token).at());
        let recent = made_at.filter(|at| *at <= now && now.since(*at) <= OLDEST_TOKEN);
        Self(Ulid::from_parts(millis(recent.unwrap_or(now)), TraceId::of_publication(tenant, id, token).0))
    }

    pub fn trace(self) -> TraceId {
        TraceId(self.0.random())
    }

    /// The least that an event of this time can be called.
    pub fn first_at(at: Timestamp) -> Self {
        Self(Ulid::from_parts(u64::try_from(at.as_millis()).unwrap_or(0), 0))
    }

    pub fn at(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }
}

/// What all log lines about one publication have in common, from `api` to the
/// last attempt.
///
/// It needs no room in any message: it is the half of an [`EventSeq`] that does
/// not depend on the time, and so stands in the middle of its deliveries' ids,
/// where whoever got a request can read it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    pub fn of_publication(tenant: &TenantId, id: &EventId, token: &str) -> Self {
        let random = first_half_of_hash(&[tenant.as_str(), id.as_str(), token]);
        Self(Ulid::from_parts(0, random).random())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Of a ULID's 26 characters, those that hold the time.
        const TIME_CHARS: usize = 10;
        let mut text = [0_u8; ulid::ULID_LEN];
        f.write_str(&Ulid::from_parts(0, self.0).array_to_str(&mut text)[TIME_CHARS..])
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
