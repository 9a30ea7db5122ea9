//! When to try again: a pure function of policy, step, outcome, `Retry-After`
//! and a random number.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::invalid::{FieldError, exactly_one_of};
use super::seconds::Seconds;
use super::unknown::{Unknown, keeps_unknown};
use super::whole::{self, whole};
use crate::random::Random;
use crate::time::Timestamp;

/// The longest wait between two attempts, also when `Retry-After` asks for more.
pub const MAX_DELAY: Seconds = Seconds::new(7 * 24 * 3600);
/// The most retries of one delivery.
pub const MAX_RETRIES: usize = 50;
/// The furthest that a delivery's deadline can lie ahead.
const MAX_DEADLINE: Seconds = Seconds::new(90 * 24 * 3600);
/// A deadline of zero is none.
const NO_DEADLINE: Seconds = Seconds::new(0);

/// When failed attempts are repeated: a list of delays, or exponential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct RetryPolicy {
    /// Seconds to wait before each retry, at most 50 of at most 604,800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delays: Option<Vec<Seconds>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exponential: Option<Exponential>,
    /// The largest share of a delay that is added at random, 0 to 1; 0.1 by
    /// default. It only ever adds, so that no attempt comes before its time.
    #[serde(default = "default_jitter")]
    jitter: f64,
    /// Seconds from the first attempt of a delivery after which nothing is tried
    /// again, up to 7,776,000; 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    deadline: Seconds,
    /// Whether `Retry-After` of an answer lengthens a delay; true by default.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    honour_retry_after: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Each delay is a multiple of the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Exponential {
    /// Seconds before the first retry, up to 604,800.
    initial: Seconds,
    /// Each delay is this many times the one before, 1 to 100.
    factor: f64,
    /// How many retries, up to 50.
    #[serde(deserialize_with = "whole::<0, { MAX_RETRIES as u32 }, _>")]
    retries: u32,
    /// The longest delay in seconds, up to 604,800.
    max: Seconds,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(RetryPolicy, Exponential);

fn default_jitter() -> f64 {
    0.1
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_yes(honour: &bool) -> bool {
    *honour
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(deadline: &Seconds) -> bool {
    *deadline == NO_DEADLINE
}

impl RetryPolicy {
    /// These delays, without jitter.
    pub fn delays(delays: impl IntoIterator<Item = Seconds>) -> Self {
        Self {
            delays: Some(delays.into_iter().collect()),
            exponential: None,
            jitter: 0.0,
            deadline: NO_DEADLINE,
            honour_retry_after: true,
            unknown: Unknown::NONE,
        }
    }

    pub(super) fn forget_unknown(&mut self) {
        self.unknown = Unknown::NONE;
        self.exponential.iter_mut().for_each(|exponential| exponential.unknown = Unknown::NONE);
    }

    /// The wait before retry `step` (from 1); none when they are used up.
    pub fn delay(&self, step: u32) -> Option<Duration> {
        let index = usize::try_from(step.checked_sub(1)?).ok()?;
        match (&self.delays, &self.exponential) {
            (Some(delays), _) => delays.get(index).copied().map(Seconds::duration),
            (None, Some(Exponential { initial, factor, retries, max, .. })) => (step <= *retries).then(|| {
                let raw = initial.as_millis() as f64 * factor.powi(i32::try_from(index).unwrap_or(i32::MAX));
                Duration::from_millis((raw.min(max.as_millis() as f64)) as u64)
            }),
            (None, None) => None,
        }
    }

    /// When nothing of a schedule is tried again that began at `since`.
    pub fn ends_at(&self, since: Timestamp) -> Option<Timestamp> {
        (self.deadline != NO_DEADLINE).then(|| since.saturating_add(self.deadline.duration()))
    }

    /// Whether it was this that left attempt `step` without another one.
    pub fn cuts_off(&self, step: u32) -> bool {
        self.deadline != NO_DEADLINE && self.delay(step.saturating_add(1)).is_some()
    }

    pub fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        match (&self.delays, &self.exponential) {
            (Some(delays), None) => {
                if delays.len() > MAX_RETRIES {
                    errors.push(FieldError::new(
                        format!("{field}.delays"),
                        format!("expected at most {MAX_RETRIES} entries"),
                    ));
                }
                for (index, delay) in delays.iter().enumerate() {
                    delay.check(&format!("{field}.delays[{index}]"), Seconds::new(0), MAX_DELAY, errors);
                }
            }
            (None, Some(exponential)) => exponential.check(&format!("{field}.exponential"), errors),
            _ => errors.push(FieldError::new(field, exactly_one_of(["delays", "exponential"]))),
        }
        check_number(&format!("{field}.jitter"), self.jitter, 0.0, 1.0, errors);
        self.deadline.check(&format!("{field}.deadline"), NO_DEADLINE, MAX_DEADLINE, errors);
    }
}

impl Exponential {
    fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        self.initial.check(&format!("{field}.initial"), Seconds::new(0), MAX_DELAY, errors);
        check_number(&format!("{field}.factor"), self.factor, 1.0, 100.0, errors);
        whole::check(format!("{field}.retries"), self.retries, 0, MAX_RETRIES as u32, errors);
        self.max.check(&format!("{field}.max"), Seconds::new(0), MAX_DELAY, errors);
    }
}

fn check_number(field: &str, value: f64, low: f64, high: f64, errors: &mut Vec<FieldError>) {
    if !(low..=high).contains(&value) {
        errors.push(FieldError::new(field, format!("expected a number from {low} to {high}")));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    /// Try again as retry `step` (counted from 1), not before `at`.
    Retry {
        step: u32,
        at: Timestamp,
    },
    /// Failed for good.
    Exhausted,
}

/// How an attempt ended, as far as the next one is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Success,
    Failure {
        retry_after: Option<Duration>,
    },
    /// A failure after which the receiver wants no other attempt.
    Final,
}

/// What follows an attempt that was retry `step` (zero for the first attempt)
/// of a delivery that was first seen at `since`. `Retry-After` can only
/// lengthen a wait, where the policy honours it.
pub fn verdict(
    policy: &RetryPolicy,
    step: u32,
    ending: Ending,
    since: Timestamp,
    now: Timestamp,
    random: &dyn Random,
) -> Verdict {
    let retry_after = match ending {
        Ending::Success => return Verdict::Succeeded,
        Ending::Final => return Verdict::Exhausted,
        Ending::Failure { retry_after } => retry_after.filter(|_| policy.honour_retry_after),
    };
    let next = step.saturating_add(1);
    let Some(delay) = policy.delay(next) else { return Verdict::Exhausted };
    let jittered = delay.mul_f64(1.0 + policy.jitter.clamp(0.0, 1.0) * random.unit());
    let at = now.saturating_add(jittered.max(retry_after.unwrap_or_default()).min(MAX_DELAY.duration()));
    if policy.ends_at(since).is_some_and(|end| at > end) {
        return Verdict::Exhausted;
    }
    Verdict::Retry { step: next, at }
}

/// `Retry-After` as RFC 9110 writes it: seconds, or an HTTP date in any of its
/// three forms. What is too far away is as late as can be.
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that are no number are too many.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MAX_DELAY.duration()));
    }
    // A fraction is none of RFC 9110, and means what it says.
    if let Some((whole, fraction)) = value.split_once('.')
        && [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let more = u64::from(fraction.bytes().any(|byte| byte != b'0'));
        let seconds = whole.parse().unwrap_or(u64::MAX).saturating_add(more);
        return Some(Duration::from_secs(seconds).min(MAX_DELAY.duration()));
    }
    let date = match httpdate::parse_http_date(value) {
        Ok(date) => date.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis(),
        // As in mails, with an offset in the place of GMT.
        Err(_) => {
            jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?.as_millisecond().max(0) as u128
        }
    };
    let date = Timestamp::from_millis(i64::try_from(date).unwrap_or(i64::MAX));
    Some(date.since(now).min(MAX_DELAY.duration()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::FixedRandom;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const FAILED: Ending = Ending::Failure { retry_after: None };

    fn policy(json: &str) -> RetryPolicy {
        serde_json::from_str(json).unwrap()
    }

    fn exponential() -> RetryPolicy {
        policy(r#"{"exponential":{"initial":5,"factor":5,"retries":3,"max":100},"jitter":0}"#)
    }

    fn seconds_after(verdict: Verdict) -> f64 {
        match verdict {
            Verdict::Retry { at, .. } => at.since(NOW).as_secs_f64(),
            other => panic!("expected a retry, got {other:?}"),
        }
    }

    fn mistakes(json: &str) -> Vec<String> {
        let mut errors = Vec::new();
        policy(json).check("retry", &mut errors);
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn delays_are_used_in_order_and_then_end() {
        let policy = policy(r#"{"delays":[60,300],"jitter":0}"#);
        let next = |step| verdict(&policy, step, FAILED, NOW, NOW, &FixedRandom(0.5));
        assert_eq!(seconds_after(next(0)), 60.0);
        assert_eq!(seconds_after(next(1)), 300.0);
        assert_eq!(next(2), Verdict::Exhausted);
    }

    #[test]
    fn exponential_delays_grow_up_to_their_maximum() {
        let delays: Vec<_> = (1..=4).map(|step| exponential().delay(step)).collect();
        let expected = [Some(5), Some(25), Some(100), None].map(|s| s.map(Duration::from_secs));
        assert_eq!(delays, expected);
    }

    #[test]
    fn retry_after_lengthens_but_never_shortens() {
        let with = |s| {
            let ending = Ending::Failure { retry_after: Some(Duration::from_secs(s)) };
            verdict(&exponential(), 0, ending, NOW, NOW, &FixedRandom(0.0))
        };
        assert_eq!(seconds_after(with(1)), 5.0);
        assert_eq!(seconds_after(with(90)), 90.0);
        assert_eq!(seconds_after(with(u64::MAX)), MAX_DELAY.duration().as_secs_f64());
    }

    #[test]
    fn a_schedule_that_does_not_honour_retry_after_keeps_its_times() {
        let policy = policy(r#"{"delays":[60],"jitter":0,"honour_retry_after":false}"#);
        let ending = Ending::Failure { retry_after: Some(Duration::from_secs(900)) };
        assert_eq!(seconds_after(verdict(&policy, 0, ending, NOW, NOW, &FixedRandom(0.0))), 60.0);
        assert!(serde_json::to_string(&policy).unwrap().contains(r#""honour_retry_after":false"#));
    }

    #[test]
    fn nothing_follows_a_final_failure_or_the_deadline() {
        assert_eq!(verdict(&exponential(), 0, Ending::Final, NOW, NOW, &FixedRandom(0.0)), Verdict::Exhausted);
        let policy = policy(r#"{"delays":[60,300],"jitter":0,"deadline":61}"#);
        let at = |now| verdict(&policy, 0, FAILED, NOW, now, &FixedRandom(0.0));
        assert!(matches!(at(NOW), Verdict::Retry { .. }));
        assert_eq!(at(NOW.saturating_add(Duration::from_secs(2))), Verdict::Exhausted);
    }

    #[test]
    fn every_mistake_is_named() {
        assert_eq!(
            mistakes(r#"{"delays":[1,-1,604801],"jitter":2}"#),
            ["retry.delays[1]", "retry.delays[2]", "retry.jitter"]
        );
        assert_eq!(mistakes("{}"), ["retry"]);
        let both = r#"{"delays":[],"exponential":{"initial":1,"factor":1,"retries":1,"max":1}}"#;
        assert_eq!(mistakes(both), ["retry"]);
        let wrong = r#"{"exponential":{"initial":-1,"factor":0.5,"retries":51,"max":1e9},"deadline":1e9}"#;
        assert_eq!(mistakes(wrong).len(), 5);
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now = Timestamp::parse("2015-10-21T07:27:00Z").unwrap();
        assert_eq!(parse_retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:20:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("Wednesday, 21-Oct-15 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse_retry_after("Wed Oct 21 07:28:00 2015", now), Some(Duration::from_secs(60)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 09:28:00 +0200", now), Some(Duration::from_secs(60)));
        for (text, seconds) in [("299.997", 300), ("300.0", 300), ("1.5", 2), ("0.1", 1), ("0.0", 0)] {
            assert_eq!(parse_retry_after(text, now), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_retry_after("99999999999999999999.5", now), Some(MAX_DELAY.duration()));
        for text in ["", "-1", "+1", "soon", ".", "1.", ".5", "-1.5", "1.5.5", "1,5"] {
            assert_eq!(parse_retry_after(text, now), None, "{text}");
        }
    }

    #[test]
    fn what_retry_after_puts_too_far_away_is_as_late_as_can_be() {
        for text in [
            "99999999999999999999",
            "18446744073709551615",
            "Sunday, 06-Nov-33 08:49:37 GMT",
            "Sun Nov  6 08:49:37 2033",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(parse_retry_after(text, NOW), Some(MAX_DELAY.duration()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn jitter_never_makes_an_attempt_early(delay in 0_u64..1_000_000, jitter in 0.0..1.0_f64, unit in 0.0..1.0_f64) {
            let policy = RetryPolicy { jitter, ..RetryPolicy::delays([Seconds::from_millis(delay)]) };
            let made = verdict(&policy, 0, FAILED, NOW, NOW, &FixedRandom(unit));
            let wait = seconds_after(made) * 1_000.0;
            prop_assert!(wait >= delay as f64);
            prop_assert!(wait <= delay as f64 * (1.0 + jitter) + 1.0);
        }

        #[test]
        fn any_retry_after_header_is_survived(text in ".{0,40}") {
            let _ = parse_retry_after(&text, NOW);
        }
    }
}
