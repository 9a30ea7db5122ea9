//! How many requests a hook gets per second, and per minute.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Requests are counted in buckets of this many milliseconds.
const BUCKET: i64 = 50;
/// Any second touches at most this many buckets.
const SPAN: i64 = 1_000 / BUCKET + 1;
/// The time over which the limit is spread, in microseconds.
const SPAN_MICROS: i64 = SPAN * BUCKET * 1_000;

/// A minute is counted like a second, by a clock that is as many times slower.
const SECONDS_PER_MINUTE: i64 = 60;

/// How many requests may go out; nothing for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
}

impl Limit {
    pub fn per_second(limit: u32) -> Self {
        Self { per_second: Some(limit), per_minute: None }
    }

    /// None where there is no limit at all.
    pub fn some(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }

    /// Both at once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let fewer = |one: Option<u32>, two: Option<u32>| one.into_iter().chain(two).min();
        let per_minute = fewer(self.per_minute, other.per_minute);
        Self { per_second: fewer(self.per_second, other.per_second), per_minute }
    }

    /// The same where no more than so many a second may go out either.
    #[must_use]
    pub fn and_per_second(self, other: Option<u32>) -> Self {
        self.and(Self { per_second: other, per_minute: None })
    }

    /// About how many that is in a second, where not fewer than one.
    pub fn in_a_second(self) -> u32 {
        let of_minute = self.per_minute.map(|limit| limit / 60);
        self.per_second.into_iter().chain(of_minute).min().unwrap_or(u32::MAX)
    }
}

/// In words, such as `5 requests a second`.
impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.per_second, self.per_minute) {
            (Some(second), Some(minute)) => write!(f, "{second} requests a second and {minute} a minute"),
            (Some(second), None) => write!(f, "{second} requests a second"),
            (None, Some(minute)) => write!(f, "{minute} requests a minute"),
            (None, None) => f.write_str("any number of requests"),
        }
    }
}

/// The requests of the last second, and when the next in line has its turn.
///
/// In any second, wherever it begins, at most the limit are given out. Those
/// that find none get a turn each, in order of asking, and come back for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    counts: BTreeMap<i64, u32>,
    /// In microseconds, so that thousands a second can be told apart.
    turn: i64,
    /// Those of the last minute, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minute: Option<Box<Self>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// This many may be sent, before the bucket of that time is over.
    Now(u32),
    /// None is left; come back then, for a turn that is kept.
    Turn(Timestamp),
}

/// The bucket of a time: what was taken in it has to be used in it.
pub fn bucket(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(BUCKET)
}

impl Window {
    /// Whether it has nothing to say any more.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let last = self.counts.keys().next_back().copied().unwrap_or(i64::MIN);
        let is_idle = last < bucket(now) - SPAN && self.turn < now.as_millis().saturating_mul(1_000);
        is_idle && self.minute.as_ref().is_none_or(|minute| minute.is_idle(slowed(now)))
    }

    /// Moves what was counted and whose turn is next, and rather too late than too early.
    pub fn shift(&mut self, millis: i64) {
        let buckets = -(-millis).div_euclid(BUCKET);
        self.counts = std::mem::take(&mut self.counts).into_iter().map(|(at, count)| (at + buckets, count)).collect();
        self.turn = self.turn.saturating_add(millis.saturating_mul(1_000));
        if let Some(minute) = &mut self.minute {
            minute.shift(-(-millis).div_euclid(SECONDS_PER_MINUTE));
        }
    }

    /// Whoever waits gets another turn. What went out still counts.
    pub fn forget_turns(&mut self) {
        self.turn = 0;
        if let Some(minute) = &mut self.minute {
            minute.forget_turns();
        }
    }

    pub fn written_at(&self) -> Option<Timestamp> {
        self.written_at
    }

    pub fn set_written_at(&mut self, at: Timestamp) {
        self.written_at = Some(at);
    }

    /// When the last in line has its turn; none where nobody would have to wait. Takes nothing.
    pub fn waits_until(&self, now: Timestamp, limit: Limit) -> Option<Timestamp> {
        match self.clone().take(now, limit, 1, false) {
            Taken::Now(_) => None,
            Taken::Turn(at) => Some(at),
        }
    }

    /// Takes up to `want` of what `limit` leaves. `in_turn` is one whose turn has come.
    pub fn take(&mut self, now: Timestamp, limit: Limit, want: u32, in_turn: bool) -> Taken {
        let Some(per_minute) = limit.per_minute else {
            self.minute = None;
            return match limit.per_second {
                Some(limit) => self.take_of_second(now, limit, want, in_turn),
                None => Taken::Now(want),
            };
        };
        let before = self.minute.clone();
        let minute = self.minute.get_or_insert_default();
        let given = match minute.take_of_second(slowed(now), per_minute, want, in_turn) {
            Taken::Now(given) => given,
            Taken::Turn(at) => return Taken::Turn(Timestamp::from_millis(at.as_millis() * SECONDS_PER_MINUTE)),
        };
        let Some(per_second) = limit.per_second else { return Taken::Now(given) };
        let taken = self.take_of_second(now, per_second, given, in_turn);
        if matches!(taken, Taken::Turn(_)) {
            // Nothing went out, so nothing of the minute is used.
            self.minute = before;
        }
        taken
    }

    fn take_of_second(&mut self, now: Timestamp, limit: u32, want: u32, in_turn: bool) -> Taken {
        let (now_micros, current) = (now.as_millis().saturating_mul(1_000), bucket(now));
        self.counts.retain(|bucket, _| *bucket > current - SPAN);
        let used: u32 = self.counts.values().sum();
        // A newcomer does not overtake those who wait.
        if (in_turn || self.turn <= now_micros) && used < limit {
            let given = want.clamp(1, limit - used);
            *self.counts.entry(current).or_default() += given;
            return Taken::Now(given);
        }
        let oldest = self.counts.keys().next().filter(|_| used >= limit);
        let free = oldest.map_or(now_micros, |oldest| (oldest + SPAN) * BUCKET * 1_000);
        let turn = self.turn.max(free);
        self.turn = turn + SPAN_MICROS.div_euclid(i64::from(limit.max(1))) + 1;
        let at = Timestamp::from_millis(turn.div_euclid(1_000) + 1);
        Taken::Turn(at.max(now.saturating_add(Duration::from_millis(1))))
    }
}

/// The time of a clock that goes so slowly that its second is a minute.
fn slowed(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().div_euclid(SECONDS_PER_MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    const START: i64 = 1_780_000_000_123;

    /// Asks for each arrival, again at its turn, until all have been sent.
    fn play(arrivals: &[i64], limit: Limit, late: i64) -> (Vec<i64>, usize) {
        let mut window = Window::default();
        let mut waiting: BinaryHeap<Reverse<(i64, bool)>> =
            arrivals.iter().map(|at| Reverse((START + at, false))).collect();
        let (mut sent, mut asked) = (Vec::new(), 0);
        while let Some(Reverse((at, in_turn))) = waiting.pop() {
            asked += 1;
            match window.take(Timestamp::from_millis(at), limit, 1, in_turn) {
                Taken::Now(_) => sent.push(at),
                Taken::Turn(turn) => waiting.push(Reverse((turn.as_millis() + late, true))),
            }
        }
        (sent, asked)
    }

    #[test]
    fn a_crowd_asks_twice_at_most_and_is_sent_at_nearly_the_full_rate() {
        let (sent, asked) = play(&[0; 1_000], Limit::per_second(100), 0);
        assert_eq!(sent.len(), 1_000);
        assert!(asked <= 2_000, "{asked}");
        assert!(sent[999] - sent[0] < 10_500, "{}", sent[999] - sent[0]);
    }

    #[test]
    fn whoever_asks_how_long_the_line_is_does_not_join_it() {
        let (now, mut window) = (Timestamp::from_millis(START), Window::default());
        let one = Limit::per_second(1);
        assert_eq!(window.waits_until(now, one), None);
        assert_eq!(window.take(now, one, 1, false), Taken::Now(1));
        let turn = window.waits_until(now, one).unwrap();
        assert_eq!(window.waits_until(now, one), Some(turn));
        assert_eq!(window.take(now, one, 1, false), Taken::Turn(turn));
        assert!(window.waits_until(now, one).unwrap() > turn);
    }

    #[test]
    fn turns_that_are_forgotten_leave_what_went_out_counted() {
        let (now, mut window) = (Timestamp::from_millis(START), Window::default());
        let limit = Limit { per_second: Some(1), per_minute: Some(2) };
        let later = |seconds| now.saturating_add(Duration::from_secs(seconds));
        assert_eq!(window.take(now, limit, 1, false), Taken::Now(1));
        assert_eq!(window.take(later(2), limit, 1, false), Taken::Now(1));
        let mut turns = (0..5).map(|_| window.take(later(3), limit, 1, false)).collect::<Vec<_>>();
        window.forget_turns();
        assert_eq!(window.take(later(3), limit, 1, true), turns.remove(0), "the first in line again");
    }

    #[test]
    fn below_the_limit_nobody_waits() {
        let arrivals: Vec<i64> = (0..50).map(|number| number * 120).collect();
        assert_eq!(play(&arrivals, Limit::per_second(10), 0).1, 50);
    }

    #[test]
    fn a_clock_that_is_set_moves_the_turns_with_it() {
        for millis in [-3_600_000, -20_010, 3_600_000] {
            let (now, mut window) = (Timestamp::from_millis(START), Window::default());
            let take = |window: &mut Window, now| window.take(now, Limit::per_second(2), 1, false);
            let mut still = Window::default();
            for _ in 0..10 {
                assert_eq!(take(&mut window, now), take(&mut still, now));
            }
            window.shift(millis);
            let (Taken::Turn(moved), Taken::Turn(expected)) =
                (take(&mut window, now.shifted(millis)), take(&mut still, now))
            else {
                panic!("a crowd of ten waits behind a limit of two")
            };
            assert!(moved.since(expected.shifted(millis)) <= Duration::from_millis(50), "{millis}: {moved}");
            assert!(moved >= expected.shifted(millis), "{millis}: {moved}");
        }
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_the_limit_and_all_are_sent(
            mut arrivals in prop::collection::vec(0_i64..4_000, 1..200), limit in 1_u32..60, late in 0_i64..300
        ) {
            arrivals.sort_unstable();
            let (sent, _) = play(&arrivals, Limit::per_second(limit), late);
            prop_assert_eq!(sent.len(), arrivals.len());
            let most = usize::try_from(limit).unwrap();
            for pair in sent.windows(most + 1) {
                prop_assert!(pair[most] - pair[0] >= 1_000, "{:?}", pair);
            }
        }

        #[test]
        fn no_minute_sees_more_than_its_limit_nor_a_second_of_it_and_all_are_sent(
            mut arrivals in prop::collection::vec(0_i64..200_000, 1..100), minute in 1_u32..40, late in 0_i64..300,
            second in prop::option::of(1_u32..5)
        ) {
            arrivals.sort_unstable();
            let (sent, _) = play(&arrivals, Limit { per_second: second, per_minute: Some(minute) }, late);
            prop_assert_eq!(sent.len(), arrivals.len());
            for (limit, span) in [(Some(minute), 60_000), (second, 1_000)] {
                let Some(most) = limit.map(|limit| usize::try_from(limit).unwrap()) else { continue };
                for pair in sent.windows(most + 1) {
                    prop_assert!(pair[most] - pair[0] >= span, "{:?}", pair);
                }
            }
        }
    }
}
