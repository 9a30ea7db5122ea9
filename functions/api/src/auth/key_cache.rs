//! What one process remembers of keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::ports::{ClockReading, Keys, StoreError};
use contract::stage::causes;
use domain::ids::KeyId;
use domain::key::ApiKey;
use domain::time::Timestamp;
use services::repositories::fresh_cache::FreshCache;

/// Keys that are remembered at most.
const REMEMBERED: usize = 1_000;
/// How exact `last_used_at` is.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Remembers keys for a while, so that publishing does not read one each time.
/// A revoked key can publish for at most that long.
#[derive(Clone, Debug)]
pub struct KeyCache {
    keep: Duration,
    keys: Arc<FreshCache<KeyId, Arc<ApiKey>>>,
    /// When each key's use was noted by this process.
    noted: Arc<Mutex<HashMap<KeyId, Timestamp>>>,
}

impl KeyCache {
    /// Zero remembers nothing.
    pub fn new(keep: Duration) -> Self {
        Self { keep, keys: Arc::new(FreshCache::new(REMEMBERED)), noted: Arc::default() }
    }

    pub(super) fn get(&self, id: KeyId, now: ClockReading) -> Option<Arc<ApiKey>> {
        self.keys.get(&id, now)
    }

    pub(super) fn put(&self, key: &Arc<ApiKey>, now: ClockReading) {
        self.keys.insert(key.id, Arc::clone(key), now, self.keep);
    }

    pub(crate) fn forget(&self, id: KeyId) {
        self.keys.remove(&id);
    }

    /// Whether this use is to be written down: the last one is a minute old, by
    /// the row and by what this process wrote.
    pub(super) fn claim_use(&self, key: &ApiKey, now: Timestamp) -> bool {
        // One that lies ahead was noted before the clock was set back.
        let recent = |at: Timestamp| now.since(at) < NOTED_EVERY && at.since(now) < NOTED_EVERY;
        if key.last_used_at.is_some_and(recent) {
            return false;
        }
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&key.id).copied().is_some_and(recent) {
            return false;
        }
        if noted.len() >= REMEMBERED {
            noted.clear();
        }
        noted.insert(key.id, now);
        true
    }
}

/// Writes down that a key was used, while its request goes on. It is lost when
/// the process ends before, or when another one writes at the same time.
pub(super) fn note_use(keys: Arc<dyn Keys>, key: Arc<ApiKey>, now: Timestamp) {
    tokio::spawn(async move {
        let used = ApiKey { last_used_at: Some(now), version: key.version + 1, ..ApiKey::clone(&key) };
        match keys.update(&used).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => {
                tracing::warn!(key.id = %key.id, error = %causes(&error), "the use of key {} is not noted", key.id)
            }
        }
    });
}
