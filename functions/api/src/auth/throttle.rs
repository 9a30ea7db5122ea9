//! Slows down who guesses keys.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::key::TokenId;
use domain::time::Timestamp;
use quick_cache::sync::Cache;

/// Failures within [`WINDOW`] after which a source is told to wait.
pub(crate) const MAX_FAILURES: u32 = 20;
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Sources that are remembered, about 100 bytes each; the least used go first.
const SOURCES: usize = 10_000;

/// What failures are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KeySource {
    Token(TokenId),
    Address(IpAddr),
}

/// Counts failures only, so that a key that is valid is never locked out,
/// whoever else guesses at it or shares its address.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Cache<KeySource, (Timestamp, u32)>>);

impl Default for Throttle {
    fn default() -> Self {
        Self(Arc::new(Cache::new(SOURCES)))
    }
}

impl Throttle {
    /// How long each of these sources has to wait, after one more failure.
    pub(crate) fn failed(&self, sources: &[KeySource], now: Timestamp) -> Option<Duration> {
        sources.iter().filter_map(|source| self.count(*source, now)).max()
    }

    fn count(&self, source: KeySource, now: Timestamp) -> Option<Duration> {
        let known = self.0.get(&source).filter(|(since, _)| now.since(*since) < WINDOW);
        let (since, failures) = known.unwrap_or((now, 0));
        self.0.insert(source, (since, failures.saturating_add(1)));
        (failures >= MAX_FAILURES).then(|| WINDOW - now.since(since))
    }
}
