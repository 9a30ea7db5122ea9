//! What was read lately and may be used again for a while.

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use quick_cache::sync::Cache;

use contract::ports::ClockReading;

/// Each value may be used for as long as was said when it came in. The least used
/// make room.
pub struct FreshCache<K, V>(Cache<K, FreshValue<V>>);

#[derive(Clone)]
struct FreshValue<V> {
    value: V,
    read_at: ClockReading,
    fresh_for: Duration,
}

impl<K: Clone + Eq + Hash, V: Clone> FreshCache<K, V> {
    /// For so many values at most.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    pub fn get(&self, key: &K, now: ClockReading) -> Option<V> {
        let entry = self.0.get(key)?;
        (now.age_of(entry.read_at) < entry.fresh_for).then_some(entry.value)
    }

    /// `read_at` is from before the value was asked for.
    pub fn insert(&self, key: K, value: V, read_at: ClockReading, fresh_for: Duration) {
        if !fresh_for.is_zero() {
            self.0.insert(key, FreshValue { value, read_at, fresh_for });
        }
    }

    pub fn remove(&self, key: &K) {
        self.0.remove(key);
    }

    pub fn remove_if(&self, key: &K, is_outdated: impl FnOnce(&V) -> bool) {
        self.0.remove_if(key, |entry| is_outdated(&entry.value));
    }
}

impl<K, V> fmt::Debug for FreshCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreshCache(..)")
    }
}

#[cfg(test)]
mod tests {
    use contract::ports::{Clock as _, ManualClock};
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn a_value_is_used_until_it_is_too_old_or_outdated() {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let cache = FreshCache::new(8);
        cache.insert("a", 1, clock.read(), Duration::from_secs(5));
        cache.insert("b", 2, clock.read(), Duration::from_secs(60));
        cache.insert("never", 3, clock.read(), Duration::ZERO);
        assert_eq!([cache.get(&"a", clock.read()), cache.get(&"never", clock.read())], [Some(1), None]);
        clock.advance(Duration::from_secs(5));
        assert_eq!([cache.get(&"a", clock.read()), cache.get(&"b", clock.read())], [None, Some(2)]);
        cache.remove_if(&"b", |value| *value != 2);
        assert_eq!(cache.get(&"b", clock.read()), Some(2));
        cache.remove_if(&"b", |value| *value == 2);
        assert_eq!(cache.get(&"b", clock.read()), None);
    }
}
