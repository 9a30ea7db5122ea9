//! How many requests a hook gets per second.

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

/// The requests of the last second, and when the next in line has its turn.
///
/// In any second, wherever it begins, at most the limit are given out. Those
/// that find none get a turn each, in order of asking, and come back for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    counts: BTreeMap<i64, u32>,
    /// In microseconds, so that thousands a second can be told apart.
    turn: i64,
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
        last < bucket(now) - SPAN && self.turn < now.as_millis().saturating_mul(1_000)
    }

    /// Moves what was counted and whose turn is next, and rather too late than too early.
    pub fn shift(&mut self, millis: i64) {
        let buckets = -(-millis).div_euclid(BUCKET);
        self.counts = std::mem::take(&mut self.counts).into_iter().map(|(at, count)| (at + buckets, count)).collect();
        self.turn = self.turn.saturating_add(millis.saturating_mul(1_000));
    }

    pub fn written_at(&self) -> Option<Timestamp> {
        self.written_at
    }

    pub fn set_written_at(&mut self, at: Timestamp) {
        self.written_at = Some(at);
    }

    /// When the last in line has its turn; none where nobody would have to wait. Takes nothing.
    pub fn waits_until(&self, now: Timestamp, limit: u32) -> Option<Timestamp> {
        match self.clone().take(now, limit, 1, false) {
            Taken::Now(_) => None,
            Taken::Turn(at) => Some(at),
        }
    }

    /// Takes up to `want` of `limit` per second. `in_turn` is one whose turn has come.
    pub fn take(&mut self, now: Timestamp, limit: u32, want: u32, in_turn: bool) -> Taken {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    const START: i64 = 1_780_000_000_123;

    /// Asks for each arrival, again at its turn, until all have been sent.
    fn play(arrivals: &[i64], limit: u32, late: i64) -> (Vec<i64>, usize) {
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
        let (sent, asked) = play(&[0; 1_000], 100, 0);
        assert_eq!(sent.len(), 1_000);
        assert!(asked <= 2_000, "{asked}");
        assert!(sent[999] - sent[0] < 10_500, "{}", sent[999] - sent[0]);
    }

    #[test]
    fn whoever_asks_how_long_the_line_is_does_not_join_it() {
        let (now, mut window) = (Timestamp::from_millis(START), Window::default());
        assert_eq!(window.waits_until(now, 1), None);
        assert_eq!(window.take(now, 1, 1, false), Taken::Now(1));
        let turn = window.waits_until(now, 1).unwrap();
        assert_eq!(window.waits_until(now, 1), Some(turn));
        assert_eq!(window.take(now, 1, 1, false), Taken::Turn(turn));
        assert!(window.waits_until(now, 1).unwrap() > turn);
    }

    #[test]
    fn below_the_limit_nobody_waits() {
        let arrivals: Vec<i64> = (0..50).map(|number| number * 120).collect();
        assert_eq!(play(&arrivals, 10, 0).1, 50);
    }

    #[test]
    fn a_clock_that_is_set_moves_the_turns_with_it() {
        for millis in [-3_600_000, -20_010, 3_600_000] {
            let (now, mut window) = (Timestamp::from_millis(START), Window::default());
            let take = |window: &mut Window, now| window.take(now, 2, 1, false);
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
            let (sent, _) = play(&arrivals, limit, late);
            prop_assert_eq!(sent.len(), arrivals.len());
            let most = usize::try_from(limit).unwrap();
            for pair in sent.windows(most + 1) {
                prop_assert!(pair[most] - pair[0] >= 1_000, "{:?}", pair);
            }
        }
    }
}
