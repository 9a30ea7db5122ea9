//! Whether the endpoint of a hook has verified itself, and what it gets until then.

use serde::{Deserialize, Serialize};

use super::{Admission, HOUR, Health};
use crate::hex::hex;
use crate::rate::Limit;
use crate::secret::fingerprint;
use crate::settings::{Complete, Verification};
use crate::time::Timestamp;
use crate::unknown::{Unknown, keeps_unknown};

/// Requests to an endpoint that has not verified itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub(super) struct Unverified {
    pub(super) last: Timestamp,
    used: u32,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Unverified);

impl Health {
    /// When the endpoint of this URL verified itself; none while it has not.
    pub fn verified_at(&self, url: &str) -> Option<Timestamp> {
        self.verified_at.filter(|_| self.verified_url.as_ref().is_none_or(|verified| *verified == recognise(url)))
    }

    /// The endpoint of this URL has, by one of the requests that were taken; by none where it is
    /// verified already. The others count on, for URLs to come.
    pub fn verify(&mut self, at: Timestamp, url: &str) {
        let known = self.verified_at(url);
        if let Some(unverified) = self.unverified.as_mut().filter(|_| known.is_none()) {
            unverified.used = unverified.used.saturating_sub(1);
        }
        self.verified_at = Some(known.unwrap_or(at));
        self.verified_url = Some(recognise(url));
        self.allowed_per_minute = None;
    }

    /// The same with what it allows: so many requests a minute, or any number.
    pub fn grant(&mut self, at: Timestamp, url: &str, per_minute: Option<u32>) {
        self.verify(at, url);
        self.allowed_per_minute = per_minute;
    }

    /// The most requests a minute that the endpoint of this URL allows; none for any number.
    pub fn allowed_per_minute(&self, url: &str) -> Option<u32> {
        self.allowed_per_minute.filter(|_| self.verified_at(url).is_some())
    }

    /// What may go out to the endpoint of this URL, but for what holds after a recovery.
    pub fn limit(&self, settings: &Complete, url: &str, now: Timestamp) -> Limit {
        let per_second = Some(settings.rate_limit).filter(|limit| *limit > 0);
        let asks = settings.verification.asks_as().is_some();
        let own = Limit { per_second, per_minute: self.allowed_per_minute(url).filter(|_| asks) };
        if settings.endpoint_control.rate_limit { own.and(self.throttle_limit(now)) } else { own }
    }

    /// As after a change of the URL. What the hook's endpoints got unverified
    /// counts on, or moving to and fro would give them any number of requests.
    pub fn unverify(&mut self) {
        (self.verified_at, self.verified_url, self.allowed_per_minute) = (None, None, None);
    }

    /// Takes one of the few requests that an endpoint gets before it verifies
    /// itself. There are never more than the limit in any hour: the count
    /// starts again only an hour after the last of them.
    pub fn take_unverified(&mut self, now: Timestamp, limit: &Verification) -> Admission {
        let idle_since = |last: Timestamp| now.since(last) >= HOUR;
        let used = match self.unverified {
            Some(Unverified { last, used, .. }) if !idle_since(last) => {
                if used >= limit.per_hour {
                    return Admission::NotBefore(last.saturating_add(HOUR));
                }
                used
            }
            _ => 0,
        };
        self.note_unverified(now, used);
        Admission::Go
    }

    fn note_unverified(&mut self, now: Timestamp, used: u32) {
        let unknown = self.unverified.take().map_or(Unknown::NONE, |unverified| unverified.unknown);
        self.unverified = Some(Unverified { last: now, used: used.saturating_add(1), unknown });
    }
}

/// URLs may hold secrets, and health is not encrypted.
fn recognise(url: &str) -> String {
    hex(&fingerprint(url))
}
