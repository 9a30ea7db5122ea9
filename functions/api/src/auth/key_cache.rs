//! What one process remembers of keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::ports::{ClockReading, Keys, PortalSessions, StoreError, StoreResult};
use contract::stage::causes;
use domain::ids::KeyId;
use domain::key::{ApiKey, TokenId};
use domain::portal::PortalSession;
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
    /// When the use of each key and session was noted by this process.
    noted: Arc<Mutex<HashMap<TokenId, Timestamp>>>,
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
    pub(super) fn claim_use(&self, id: TokenId, last_used_at: Option<Timestamp>, now: Timestamp) -> bool {
        // One that lies ahead was noted before the clock was set back.
        let recent = |at: Timestamp| now.since(at) < NOTED_EVERY && at.since(now) < NOTED_EVERY;
        if last_used_at.is_some_and(recent) {
            return false;
        }
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&id).copied().is_some_and(recent) {
            return false;
        }
        if noted.len() >= REMEMBERED {
            noted.clear();
        }
        noted.insert(id, now);
        true
    }
}

/// Writes down that a key was used, while its request goes on. It is lost when
/// the process ends before, or when another one writes at the same time.
pub(super) fn note_use(keys: Arc<dyn Keys>, key: Arc<ApiKey>, now: Timestamp) {
    tokio::spawn(async move {
        let used = ApiKey { last_used_at: Some(now), version: key.version + 1, ..ApiKey::clone(&key) };
        tell_failure(keys.update(&used).await, TokenId::Key(key.id));
    });
}

/// The same of a portal session.
pub(super) fn note_use_of_session(sessions: Arc<dyn PortalSessions>, session: Arc<PortalSession>, now: Timestamp) {
    tokio::spawn(async move {
        let (version, former) = (session.version + 1, PortalSession::clone(&session));
        let used = PortalSession { last_used_at: Some(now), version, ..former };
        tell_failure(sessions.update(&used).await, TokenId::Session(session.id));
    });
}

fn tell_failure(noted: StoreResult<()>, id: TokenId) {
    match noted {
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => tracing::warn!(key.id = %id, error = %causes(&error), "the use of key {id} is not noted"),
    }
}
