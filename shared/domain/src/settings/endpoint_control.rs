//! What endpoints may ask for in the headers of their answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rate::Limit;
use crate::unknown::{Unknown, keeps_unknown};

/// Which of the headers of an answer are followed; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct EndpointControl {
    /// `webhook-delivery: disable` disables the hook.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable: bool,
    /// `webhook-delivery: abort-message` ends the retries of the delivery that it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort_message: bool,
    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) hold requests back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rate_limit: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(EndpointControl);

/// The headers that are read, in lower case.
pub const CONTROL_HEADERS: [&str; 3] = ["webhook-delivery", "ratelimit", "ratelimit-policy"];
/// The longest that an endpoint can hold back its requests with one answer.
const MAX_PAUSE: u64 = 24 * 3_600;
/// Policies over longer times are followed by what is left of them only: spread evenly, they would
/// forbid the bursts that they allow.
const LONGEST_WINDOW: u64 = 60;

/// What an answer asks for, of what is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointRequest {
    pub disable: bool,
    pub abort_message: bool,
    /// Nothing is left of a quota until then.
    pub pause: Option<Duration>,
    pub limit: Option<Limit>,
}

impl EndpointControl {
    pub fn is_followed(&self) -> bool {
        self.disable || self.abort_message || self.rate_limit
    }

    /// `headers` have their names in lower case.
    pub fn read(&self, headers: &[(String, String)]) -> EndpointRequest {
        if !self.is_followed() {
            return EndpointRequest::default();
        }
        let values = |name: &str| -> Vec<&str> {
            headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
        };
        let [delivery, left, policies] = CONTROL_HEADERS.map(values);
        let asks = |word: &str| {
            delivery.iter().flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
        };
        let (mut pause, mut limit) = (None, None);
        if self.rate_limit {
            let policies: Vec<Item> = policies.iter().flat_map(|value| items(value)).collect();
            pause = left.iter().flat_map(|value| items(value)).filter_map(|item| item.pause(&policies)).max();
            limit = policies.iter().filter_map(Item::limit).reduce(Limit::and);
        }
        EndpointRequest {
            disable: self.disable && asks("disable"),
            abort_message: self.abort_message && asks("abort-message"),
            pause,
            limit,
        }
    }
}

/// How many requests per second an endpoint takes that has refused one for their number, as its
/// `RateLimit-Policy` says, whether that is followed or not. None where that is fewer than one.
pub fn told_rate(headers: &[(String, String)]) -> Option<u32> {
    let policies = headers.iter().filter(|(name, _)| name == CONTROL_HEADERS[2]);
    let limits = policies.flat_map(|(_, value)| items(value)).filter_map(|item| item.limit());
    limits.reduce(Limit::and).map(Limit::in_a_second).filter(|told| *told > 0)
}

/// `"name";r=50;t=30`, as far as it is needed here.
#[derive(Debug, PartialEq, Eq)]
struct Item {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Item {
    fn number(&self, name: &str) -> Option<u64> {
        let value = &self.parameters.iter().rev().find(|(key, _)| key == name)?.1;
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| value.parse().unwrap_or(u64::MAX))
    }

    /// How long nothing is left; by its policy where it does not say itself.
    fn pause(&self, policies: &[Self]) -> Option<Duration> {
        if self.number("r")? > 0 {
            return None;
        }
        let of_policy = || policies.iter().find(|policy| policy.name == self.name)?.number("w");
        let seconds = self.number("t").or_else(of_policy)?;
        Some(Duration::from_secs(seconds.clamp(1, MAX_PAUSE)))
    }

    /// Of a policy that counts requests, and not bytes or the like.
    fn limit(&self) -> Option<Limit> {
        let unit = self.parameters.iter().find(|(key, _)| key == "qu");
        if unit.is_some_and(|(_, unit)| unit != "requests") {
            return None;
        }
        let (quota, window) = (self.number("q")?, self.number("w")?);
        if !(1..=LONGEST_WINDOW).contains(&window) {
            return None;
        }
        let whole = |number: u64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        let per_second = whole(quota / window);
        let per_minute = (window > 1).then(|| whole(quota.saturating_mul(60) / window));
        Some(Limit { per_second: Some(per_second), per_minute })
    }
}

/// The items of a list of structured fields (RFC 9651). What is no item is passed over.
fn items(value: &str) -> Vec<Item> {
    split(value, ',').into_iter().filter_map(item).collect()
}

fn item(text: &str) -> Option<Item> {
    let mut parts = split(text, ';').into_iter();
    let name = parts.next()?.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned();
    let parameters = parts.filter_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    });
    Some(Item { name, parameters: parameters.collect() })
}

/// At `separator`, but not within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                parts.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: EndpointControl =
        EndpointControl { disable: true, abort_message: true, rate_limit: true, unknown: Unknown::NONE };

    fn read(headers: &[(&str, &str)]) -> EndpointRequest {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(EndpointControl::default().read(&headers), EndpointRequest::default(), "only where it is allowed");
        ALL.read(&headers)
    }

    #[test]
    fn what_is_asked_of_the_delivery_is_a_word_of_its_header() {
        let asked = |value: &str| {
            let asked = read(&[("webhook-delivery", value)]);
            (asked.disable, asked.abort_message)
        };
        assert_eq!(asked("disable"), (true, false));
        assert_eq!(asked(" Abort-Message "), (false, true));
        assert_eq!(asked("abort-message, disable"), (true, true));
        for value in ["", "disabled", "no-disable", "abort", "disable=true", "\"disable\""] {
            assert_eq!(asked(value), (false, false), "{value}");
        }
    }

    #[test]
    fn a_quota_that_is_used_up_is_a_pause() {
        let pause = |left: &str, policy: &str| {
            read(&[("ratelimit", left), ("ratelimit-policy", policy)]).pause.map(|pause| pause.as_secs())
        };
        assert_eq!(pause("\"default\";r=0;t=30", ""), Some(30));
        assert_eq!(pause("\"a\";r=5;t=30, \"b\";r=0;t=90, \"c\";r=0;t=10", ""), Some(90));
        assert_eq!(pause("\"a\";r=0", "\"a\";q=10;w=20"), Some(20), "as its policy says");
        assert_eq!(pause("\"a\";r=0;t=999999999999999999999", ""), Some(MAX_PAUSE));
        for left in ["", "\"a\";r=1;t=30", "\"a\";r=0", "\"a\";r=-1;t=5", "a;r=0;t=5", "\"a\";t=5", "0", "\"a;r=0;t=5"]
        {
            assert_eq!(pause(left, ""), None, "{left}");
        }
        // The fields of former drafts say something else, or nothing that is sure.
        assert_eq!(read(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")]), EndpointRequest::default());
        assert_eq!(read(&[("ratelimit", "limit=100, remaining=0, reset=30")]), EndpointRequest::default());
    }

    #[test]
    fn a_policy_is_a_limit_where_it_counts_requests_within_a_minute() {
        let limit = |policy: &str| read(&[("ratelimit-policy", policy)]).limit;
        let of = |per_second, per_minute| Some(Limit { per_second, per_minute });
        assert_eq!(limit("\"a\";q=100;w=60"), of(Some(1), Some(100)));
        assert_eq!(limit("\"a\";q=5;w=1"), of(Some(5), None));
        assert_eq!(limit("\"a\";q=50;w=10;pk=:c2VjcmV0:, \"b;,\";q=1000;w=3600"), of(Some(5), Some(300)));
        assert_eq!(limit("\"a\";q=1;w=1, \"b\";q=30;w=60"), of(Some(1), Some(30)));
        for policy in ["\"a\";q=100;w=3600", "\"a\";q=100", "\"a\";q=5;w=1;qu=\"content-bytes\"", "\"a\";q=5;w=0", "5"]
        {
            assert_eq!(limit(policy), None, "{policy}");
        }
    }

    #[test]
    fn a_rate_below_one_a_second_is_not_told_as_one_a_second() {
        let told = |policy: &str| told_rate(&[("ratelimit-policy".to_owned(), policy.to_owned())]);
        assert_eq!(told("\"a\";q=600;w=60"), Some(10));
        assert_eq!(told("\"a\";q=5;w=1, \"b\";q=180;w=60"), Some(3));
        assert_eq!(told("\"a\";q=60;w=60"), Some(1));
        for policy in ["\"a\";q=10;w=60", "\"a\";q=1;w=2", "\"a\";q=5;w=1, \"b\";q=59;w=60", "\"a\";q=100;w=3600", ""] {
            assert_eq!(told(policy), None, "{policy}");
        }
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_says_is_read(delivery in "\\PC{0,40}", left in "[\"a;,=rt0-9\\\\ ]{0,40}", policy in "[\"a;,=qw0-9\\\\ ]{0,40}") {
            let headers = CONTROL_HEADERS.map(str::to_owned).into_iter().zip([delivery, left, policy]).collect::<Vec<_>>();
            let asked = ALL.read(&headers);
            prop_assert!(asked.pause.is_none_or(|pause| (1..=MAX_PAUSE).contains(&pause.as_secs())));
            prop_assert!(asked.limit.is_none_or(|limit| limit.per_second.is_some_and(|limit| limit > 0)));
        }
    }
}
