//! What an endpoint has said of how many requests it takes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{HOUR, Health};
use crate::rate::Limit;
use crate::settings::{Complete, EndpointRequest};
use crate::time::Timestamp;
use crate::unknown::{Unknown, keeps_unknown};

/// How long a policy counts after the last answer that named it; written down anew when half of that
/// is over.
const POLICY_COUNTS: Duration = HOUR;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Throttle {
    /// Nothing is left of a quota until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_until: Option<Timestamp>,
    /// When that was last told in the audit.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Timestamp>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// A rate that an endpoint has named, in `RateLimit-Policy`, when it refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ToldRate {
    pub per_second: u32,
    pub at: Timestamp,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Throttle, ToldRate);

impl Throttle {
    pub(super) fn shift(&mut self, millis: i64) {
        let times = [&mut self.not_before, &mut self.limit_until, &mut self.told_at];
        times.into_iter().flatten().for_each(|time| *time = time.shifted(millis));
    }
}

impl Health {
    /// Follows what an answer asks for that was there at that time. In words, where that is to be told: once an hour at most.
    pub fn throttle(&mut self, at: Timestamp, asked: &EndpointRequest) -> Option<String> {
        if asked.pause.is_none() && asked.limit.is_none() {
            return None;
        }
        let throttle = self.throttle.get_or_insert_default();
        let before = throttle.clone();
        let pause = asked.pause.map(|pause| at.saturating_add(pause));
        throttle.not_before = throttle.not_before.max(pause);
        if let Some(limit) = asked.limit {
            let is_fresh = throttle.limit_until.is_some_and(|until| until.since(at) > POLICY_COUNTS / 2);
            if throttle.limit != Some(limit) || !is_fresh {
                (throttle.limit, throttle.limit_until) = (Some(limit), Some(at.saturating_add(POLICY_COUNTS)));
            }
        }
        let is_new = throttle.limit != before.limit || throttle.not_before != before.not_before;
        if !is_new || throttle.told_at.is_some_and(|told| at.since(told) < HOUR) {
            return None;
        }
        throttle.told_at = Some(at);
        Some(match (pause, asked.limit) {
            (Some(until), _) => format!("the endpoint asked for no more requests until {until}"),
            (None, limit) => format!("the endpoint asked for at most {}", limit.unwrap_or_default()),
        })
    }

    /// Until when the endpoint asked for no more requests; none where that is over, or not followed.
    pub fn throttled_until(&self, settings: &Complete, now: Timestamp) -> Option<Timestamp> {
        let throttle = self.throttle.as_ref().filter(|_| settings.endpoint_control.rate_limit)?;
        throttle.not_before.filter(|until| now < *until)
    }

    /// What it asked for at most.
    pub(super) fn throttle_limit(&self, now: Timestamp) -> Limit {
        let of = |throttle: &Throttle| throttle.limit.filter(|_| throttle.limit_until.is_some_and(|until| now < until));
        self.throttle.as_ref().and_then(of).unwrap_or_default()
    }
}
