//! Names of rows that sort by when they were given.

use std::sync::{Mutex, PoisonError};

use ulid::Ulid;

use domain::random::Random;
use domain::time::Timestamp;

/// Each sorts behind the one before, also within a millisecond and while the clock is set back.
pub(super) struct Names(Mutex<Ulid>);

impl Names {
    /// They begin at a random one, so that they are new also when the clock was set back between
    /// two starts.
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(Mutex::new(Ulid::from_parts(0, u128::from_be_bytes(bytes) >> 1)))
    }

    pub(super) fn next(&self, now: Timestamp) -> Ulid {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Ulid(last.0.saturating_add(1));
        let made = Ulid::from_parts(u64::try_from(now.as_millis()).unwrap_or(0), next.random());
        *last = made.max(next);
        *last
    }
}

#[cfg(test)]
mod tests {
    use contract::ports::OsRandom;

    use super::*;

    #[test]
    fn each_name_sorts_behind_the_one_before() {
        let names = Names::new(&OsRandom);
        let mut last = Ulid(0);
        for millis in [5, 5, 5, 7, 3, 3, 8] {
            let name = names.next(Timestamp::from_millis(millis));
            assert!(name > last, "{name} behind {last}");
            last = name;
        }
        assert_eq!(last.timestamp_ms(), 8);
    }
}
