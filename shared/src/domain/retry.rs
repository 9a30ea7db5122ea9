//! When to try again: a pure function of policy, step, outcome, `Retry-After`
//! and a random number.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::Outcome;
use crate::ports::Random;
use crate::time::Timestamp;

/// The longest wait between two attempts, also when `Retry-After` asks for more.
pub const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most retries of one delivery.
pub const MAX_RETRIES: usize = 50;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    pub schedule: Schedule,
    /// The largest share of a delay that is added at random, 0 to 1. It only
    /// ever adds, so an attempt never comes before its time.
    pub jitter: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The wait before each retry, in milliseconds.
    Delays(Vec<u64>),
    Exponential {
        initial_ms: u64,
        factor: f64,
        retries: u32,
        max_ms: u64,
    },
}

impl Schedule {
    /// The wait before retry `step` (from 1); none when they are used up.
    pub fn delay(&self, step: u32) -> Option<Duration> {
        let index = usize::try_from(step.checked_sub(1)?).ok()?;
        match self {
            Self::Delays(delays) => delays.get(index).copied().map(Duration::from_millis),
            Self::Exponential { initial_ms, factor, retries, max_ms } => (step <= *retries).then(|| {
                let raw = *initial_ms as f64 * factor.powi(i32::try_from(index).unwrap_or(i32::MAX));
                Duration::from_millis((raw.min(*max_ms as f64)) as u64)
            }),
        }
    }
}

impl Default for RetryPolicy {
    /// The schedule Standard Webhooks 1.0.0 recommends, after the attempt at once:
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, with jitter.
    fn default() -> Self {
        let seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self { schedule: Schedule::Delays(seconds.iter().map(|s| s * 1_000).collect()), jitter: 0.1 }
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

/// What follows an attempt that was retry `step` (zero for the first attempt).
/// `Retry-After` can only lengthen a wait.
pub fn verdict(
    policy: &RetryPolicy,
    step: u32,
    outcome: Outcome,
    retry_after: Option<Duration>,
    now: Timestamp,
    random: &dyn Random,
) -> Verdict {
    if outcome == Outcome::Success {
        return Verdict::Succeeded;
    }
    let next = step.saturating_add(1);
    match policy.schedule.delay(next) {
        Some(delay) if !outcome.is_final() => {
            let jittered = delay.mul_f64(1.0 + policy.jitter.clamp(0.0, 1.0) * random.unit());
            let wait = jittered.max(retry_after.unwrap_or_default()).min(MAX_DELAY);
            Verdict::Retry { step: next, at: now.saturating_add(wait) }
        }
        _ => Verdict::Exhausted,
    }
}

/// `Retry-After` as RFC 9110 writes it: seconds, or an HTTP date.
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(MAX_DELAY));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Timestamp::from_millis(date.as_millisecond()).since(now).min(MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::FixedRandom;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn seconds_after(verdict: Verdict) -> f64 {
        match verdict {
            Verdict::Retry { at, .. } => at.since(NOW).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    fn exponential() -> RetryPolicy {
        RetryPolicy {
            schedule: Schedule::Exponential { initial_ms: 5_000, factor: 5.0, retries: 3, max_ms: 100_000 },
            jitter: 0.0,
        }
    }

    #[test]
    fn delays_are_used_in_order_and_then_end() {
        let policy = RetryPolicy { schedule: Schedule::Delays(vec![60_000, 300_000]), jitter: 0.0 };
        let next = |step| verdict(&policy, step, Outcome::Timeout, None, NOW, &FixedRandom(0.5));
        assert_eq!(seconds_after(next(0)), 60.0);
        assert_eq!(seconds_after(next(1)), 300.0);
        assert_eq!(next(2), Verdict::Exhausted);
    }

    #[test]
    fn exponential_delays_grow_up_to_their_maximum() {
        let delays: Vec<_> = (1..=4).map(|step| exponential().schedule.delay(step)).collect();
        let expected = [Some(5), Some(25), Some(100), None].map(|s| s.map(Duration::from_secs));
        assert_eq!(delays, expected);
    }

    #[test]
    fn retry_after_lengthens_but_never_shortens() {
        let with =
            |s| verdict(&exponential(), 0, Outcome::Status, Some(Duration::from_secs(s)), NOW, &FixedRandom(0.0));
        assert_eq!(seconds_after(with(1)), 5.0);
        assert_eq!(seconds_after(with(90)), 90.0);
        assert_eq!(seconds_after(with(u64::MAX)), MAX_DELAY.as_secs_f64());
    }

    #[test]
    fn gone_is_final() {
        assert_eq!(verdict(&exponential(), 0, Outcome::Gone, None, NOW, &FixedRandom(0.0)), Verdict::Exhausted);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Timestamp::parse("2015-10-21T07:27:00Z").unwrap();
        assert_eq!(parse_retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:20:00 GMT", now), Some(Duration::ZERO));
        for text in ["", "-1", "soon", "1.5"] {
            assert_eq!(parse_retry_after(text, now), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn jitter_never_makes_an_attempt_early(delay in 0_u64..1_000_000, jitter in 0.0..1.0_f64, unit in 0.0..1.0_f64) {
            let policy = RetryPolicy { schedule: Schedule::Delays(vec![delay]), jitter };
            let wait = seconds_after(verdict(&policy, 0, Outcome::Connect, None, NOW, &FixedRandom(unit))) * 1_000.0;
            prop_assert!(wait >= delay as f64);
            prop_assert!(wait <= delay as f64 * (1.0 + jitter) + 1.0);
        }

        #[test]
        fn any_retry_after_header_is_survived(text in ".{0,40}") {
            let _ = parse_retry_after(&text, NOW);
        }
    }
}
