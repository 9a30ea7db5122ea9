//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), for who is told
//! to wait.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::rate::Limit;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many requests there may be, and which of these quotas is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Name, requests, and the seconds in which there may be as many.
    policies: Vec<(&'static str, u32, u64)>,
    used_up: &'static str,
}

impl Quota {
    pub(crate) fn new(name: &'static str, requests: u32, window: Duration) -> Self {
        Self { policies: vec![(name, requests, window.as_secs())], used_up: name }
    }

    /// Of somebody else, who did not say how many.
    pub(crate) fn unknown(name: &'static str) -> Self {
        Self { policies: Vec::new(), used_up: name }
    }

    /// Of a limit, of which nothing is left for so long.
    pub(crate) fn of(limit: Limit, wait: Duration) -> Self {
        let second = limit.per_second.map(|requests| ("second", requests, 1));
        let minute = limit.per_minute.map(|requests| ("minute", requests, 60));
        // Turns a second are over within one, unless others wait in line.
        let used_up =
            if minute.is_some() && (second.is_none() || wait > Duration::from_secs(1)) { "minute" } else { "second" };
        Self { policies: second.into_iter().chain(minute).collect(), used_up }
    }

    pub(super) fn write(&self, wait: u64, headers: &mut HeaderMap) {
        let left = format!("\"{}\";r=0;t={wait}", self.used_up);
        let policies: Vec<String> = self
            .policies
            .iter()
            .map(|(name, requests, window)| format!("\"{name}\";q={requests};w={window}"))
            .collect();
        let policies = Some(policies.join(", ")).filter(|policies| !policies.is_empty());
        for (name, value) in [(RATE_LIMIT, Some(left)), (RATE_LIMIT_POLICY, policies)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(quota: &Quota, wait: u64) -> [Option<String>; 2] {
        let mut headers = HeaderMap::new();
        quota.write(wait, &mut headers);
        [RATE_LIMIT, RATE_LIMIT_POLICY].map(|name| Some(headers.get(name)?.to_str().unwrap().to_owned()))
    }

    #[test]
    fn quotas_are_written_as_lists_of_structured_fields() {
        let keys = Quota::new("unknown-keys", 20, Duration::from_secs(60));
        let told = [r#""unknown-keys";r=0;t=42"#, r#""unknown-keys";q=20;w=60"#].map(|text| Some(text.to_owned()));
        assert_eq!(written(&keys, 42), told);
        let both = Limit { per_second: Some(5), per_minute: Some(100) };
        let [left, policies] = written(&Quota::of(both, Duration::from_secs(30)), 30);
        assert_eq!(left.unwrap(), r#""minute";r=0;t=30"#);
        assert_eq!(policies.unwrap(), r#""second";q=5;w=1, "minute";q=100;w=60"#);
        assert_eq!(written(&Quota::of(both, Duration::from_millis(20)), 1)[0].as_deref(), Some(r#""second";r=0;t=1"#));
        assert_eq!(written(&Quota::unknown("endpoint"), 9), [Some(r#""endpoint";r=0;t=9"#.to_owned()), None]);
    }
}
