use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

use domain::time::Timestamp;

/// The time of day, and a time that nobody can set.
///
/// What others read is told by the time of day: signatures, ids, the log, when a
/// row expires. What waits or ages within this process follows the steady time,
/// so that a clock that is set changes nothing about it.
pub trait Clock: Send + Sync {
    /// The time of day. It jumps when somebody sets the machine's clock.
    fn now(&self) -> Timestamp;

    /// A time that only ever runs, second by second. Compare it with itself
    /// alone: it need not be the time of day.
    fn steady(&self) -> Timestamp;

    /// The time by which rows have expired. Where it can be told, it is never
    /// ahead of the time that has passed, so that a clock which is set ahead
    /// removes nothing.
    fn expiry(&self) -> Timestamp {
        self.now()
    }

    fn read(&self) -> ClockReading {
        ClockReading { now: self.now(), steady: self.steady() }
    }
}

/// What a clock showed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    pub now: Timestamp,
    pub steady: Timestamp,
}

impl ClockReading {
    /// How long ago `earlier` was, by whichever time says longer: the steady one
    /// may stand still while a machine is suspended.
    pub fn age_of(self, earlier: Self) -> Duration {
        self.now.since(earlier.now).max(self.steady.since(earlier.steady))
    }

    /// By how many milliseconds the time of day was set ahead since `earlier`;
    /// negative when it was set back.
    pub fn jump_since(self, earlier: Self) -> i64 {
        (self.now.as_millis() - earlier.now.as_millis()) - (self.steady.as_millis() - earlier.steady.as_millis())
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask the machine for the time")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn steady(&self) -> Timestamp {
        static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
        let (at, instant) = START.get_or_init(|| (self.now(), Instant::now()));
        at.saturating_add(instant.elapsed())
    }
}

/// A clock that moves only when told to; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<AtomicI64>,
    steady: Arc<AtomicI64>,
}

impl ManualClock {
    pub fn at(start: Timestamp) -> Self {
        let time = || Arc::new(AtomicI64::new(start.as_millis()));
        Self { now: time(), steady: time() }
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        for time in [&self.now, &self.steady] {
            let moved = time.load(Ordering::SeqCst).saturating_add(by);
            time.store(Timestamp::from_millis(moved).as_millis(), Ordering::SeqCst);
        }
    }

    /// Time passes until then.
    pub fn set(&self, to: Timestamp) {
        let by = to.as_millis() - self.now.swap(to.as_millis(), Ordering::SeqCst);
        self.steady.fetch_add(by.max(0), Ordering::SeqCst);
    }

    /// Somebody sets the time of day, ahead or back, and no time passes.
    pub fn jump(&self, millis: i64) {
        let jumped = self.now().shifted(millis);
        self.now.store(jumped.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_reading_tells_a_jump_from_time_that_passed() {
        let clock = ManualClock::at(Timestamp::from_millis(1_780_000_000_000));
        let before = clock.read();
        clock.advance(Duration::from_secs(60));
        assert_eq!((clock.read().age_of(before), clock.read().jump_since(before)), (Duration::from_secs(60), 0));
        clock.jump(-HOUR);
        assert_eq!((clock.read().age_of(before), clock.read().jump_since(before)), (Duration::from_secs(60), -HOUR));
        clock.jump(2 * HOUR);
        assert_eq!(clock.read().jump_since(before), HOUR);
    }

    #[test]
    fn the_machines_steady_time_never_goes_back() {
        let times: Vec<Timestamp> = (0..1_000).map(|_| SystemClock.steady()).collect();
        assert!(times.is_sorted());
    }
}
