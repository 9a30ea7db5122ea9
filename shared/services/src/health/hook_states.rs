//! What is remembered of each hook and changes with its requests.
//!
//! A change is one conditional write on top of what this process knows. Whoever
//! was overtaken reads anew and decides again, so a change that can be had once
//! is had by one process.
//!
//! What a state holds are times of day, for people see them. When the clock is
//! set, they move with it: a state that this process has had in its memory by as
//! much as the clock was set, and one that was written in the future, which
//! nothing can be, by as much as makes it the present. So what waits for one of
//! these times waits as long as was meant, however the clock is set.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Clock, ClockReading, Document, Documents, StoreError, StoreResult};
use contract::rows;
use contract::stage::causes;
use domain::health::Health;
use domain::ids::{HookId, TenantId};
use domain::rate::Window;
use domain::time::Timestamp;

const KNOWN: usize = 4_096;
/// Tasks of one process that change the same hook wait for each other.
const LOCKS: usize = 64;
/// Of several processes that change a hook at once, one gets through each time.
const TRIES: usize = 8;
const READ_AT_ONCE: usize = 500;

/// Clocks of several machines may differ by this much, and one that is put right
/// gradually never does by more within a reading.
const TOLERATED_MILLIS: i64 = 1_000;

/// What is remembered of a hook, with times in it.
pub trait State: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Moves every time in it by `millis` milliseconds.
    fn shift(&mut self, millis: i64);
    /// When it was written; none when that was before this was noted.
    fn written_at(&self) -> Option<Timestamp>;
    fn set_written_at(&mut self, at: Timestamp);
    /// From here on this process sees all that happens to it.
    fn seen_from(&mut self, _at: Timestamp) {}
}

impl State for Health {
    fn shift(&mut self, millis: i64) {
        Self::shift(self, millis);
    }

    fn written_at(&self) -> Option<Timestamp> {
        Self::written_at(self)
    }

    fn set_written_at(&mut self, at: Timestamp) {
        Self::set_written_at(self, at);
    }

    fn seen_from(&mut self, at: Timestamp) {
        Self::seen_from(self, at);
    }
}

impl State for Window {
    fn shift(&mut self, millis: i64) {
        Self::shift(self, millis);
    }

    fn written_at(&self) -> Option<Timestamp> {
        Self::written_at(self)
    }

    fn set_written_at(&mut self, at: Timestamp) {
        Self::set_written_at(self, at);
    }
}

/// The states of one kind, in documents that nothing else caches.
pub struct HookStates<T> {
    documents: Arc<dyn Documents>,
    kind: DocumentKind,
    clock: Arc<dyn Clock>,
    fresh_for: Duration,
    known: Cache<(TenantId, HookId), KnownState<T>>,
    locks: [Mutex<()>; LOCKS],
}

struct KnownState<T> {
    read_at: ClockReading,
    /// Zero when nothing is stored.
    version: u64,
    state: Arc<T>,
}

impl<T> Clone for KnownState<T> {
    fn clone(&self) -> Self {
        Self { read_at: self.read_at, version: self.version, state: Arc::clone(&self.state) }
    }
}

impl<T: State> HookStates<T> {
    /// `fresh_for` is how old a state may be when it is read; this process's
    /// own changes are seen at once.
    pub fn new(documents: Arc<dyn Documents>, kind: DocumentKind, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        let locks = std::array::from_fn(|_| Mutex::new(()));
        Self { documents, kind, clock, fresh_for, known: Cache::new(KNOWN), locks }
    }

    pub async fn get(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Arc<T>> {
        Ok(self.fresh(tenant, hook).await?.state)
    }

    /// The state as it is stored, for those who do not change it and would not
    /// hear of what others wrote.
    pub async fn stored(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Arc<T>> {
        Ok(self.read(tenant, hook).await?.state)
    }

    /// The same, unless nobody else could have changed it.
    pub async fn current(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Arc<T>> {
        match self.fresh_for == Duration::MAX {
            true => self.get(tenant, hook).await,
            false => self.stored(tenant, hook).await,
        }
    }

    /// Changes a state, and writes it if that made a difference. `change` may be
    /// called several times; the last time counts.
    pub async fn change<R>(
        &self,
        tenant: &TenantId,
        hook: HookId,
        mut change: impl FnMut(&mut T) -> R,
    ) -> StoreResult<(R, Arc<T>)> {
        let _turn = self.lock(tenant, hook).lock().await;
        let mut known = self.fresh(tenant, hook).await?;
        for _ in 0..TRIES {
            let mut state = T::clone(&known.state);
            let result = change(&mut state);
            if state == *known.state {
                return Ok((result, known.state));
            }
            let written_at = self.clock.read();
            state.set_written_at(written_at.now);
            let body = serde_json::to_string(&state).map_err(|error| StoreError::Corrupt(error.into()))?;
            let document = Document { name: hook.to_string(), version: known.version + 1, body };
            match self.documents.put(&self.partition(tenant), &document).await {
                Ok(()) => {
                    let written = KnownState { read_at: written_at, version: document.version, state: Arc::new(state) };
                    self.known.insert((tenant.clone(), hook), written.clone());
                    return Ok((result, written.state));
                }
                Err(StoreError::Conflict) => known = self.read(tenant, hook).await?,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// The states of all hooks of a tenant that have one.
    pub async fn all(&self, tenant: &TenantId) -> StoreResult<HashMap<HookId, T>> {
        let (mut all, mut cursor) = (HashMap::new(), None);
        loop {
            let page = self.documents.list(&self.partition(tenant), READ_AT_ONCE, cursor.as_deref()).await?;
            for document in page.items.iter().flatten() {
                if let Ok(hook) = document.name.parse() {
                    all.insert(hook, self.parse(tenant, document, self.clock.now()));
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    pub async fn remove(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        self.known.remove(&(tenant.clone(), hook));
        self.documents.delete(&self.partition(tenant), &hook.to_string()).await?;
        Ok(())
    }

    async fn fresh(&self, tenant: &TenantId, hook: HookId) -> StoreResult<KnownState<T>> {
        let (name, now) = ((tenant.clone(), hook), self.clock.read());
        let Some(known) = self.known.get(&name).filter(|known| now.age_of(known.read_at) < self.fresh_for) else {
            return self.read(tenant, hook).await;
        };
        let jump = now.jump_since(known.read_at);
        if jump.abs() < TOLERATED_MILLIS {
            return Ok(known);
        }
        // Kept as it is until it is written: somebody may be about to.
        let mut state = T::clone(&known.state);
        state.shift(jump);
        Ok(KnownState { state: Arc::new(state), ..known })
    }

    async fn read(&self, tenant: &TenantId, hook: HookId) -> StoreResult<KnownState<T>> {
        let read_at = self.clock.read();
        let (partition, name) = (self.partition(tenant), hook.to_string());
        let document = match self.documents.get(&partition, &name).await {
            Err(StoreError::Unreadable(unreadable)) => {
                self.tell_lost(tenant, &name, &unreadable);
                self.documents.delete(&partition, &name).await?;
                None
            }
            other => other?,
        };
        let (version, state) = match document {
            Some(document) => (document.version, self.parse(tenant, &document, read_at.now)),
            None => (0, T::default()),
        };
        let known = KnownState { read_at, version, state: Arc::new(state) };
        self.known.insert((tenant.clone(), hook), known.clone());
        Ok(known)
    }

    /// What cannot be read begins anew, and is written over by the next change:
    /// nothing that a hook gets may depend on a row that only counts.
    fn parse(&self, tenant: &TenantId, document: &Document, now: Timestamp) -> T {
        let mut state = rows::from_json(document.body.as_bytes()).unwrap_or_else(|error| {
            self.tell_lost(tenant, &document.name, &causes(&error));
            T::default()
        });
        let ahead = state.written_at().map_or(0, |at| at.as_millis() - now.as_millis());
        if ahead > TOLERATED_MILLIS {
            state.shift(-ahead);
        }
        state.seen_from(now);
        state
    }

    fn tell_lost(&self, tenant: &TenantId, hook: &str, error: &dyn fmt::Display) {
        let kind = self.kind.name();
        tracing::error!(
            tenant.id = %tenant,
            hook.id = hook,
            kind,
            %error,
            "the {kind} of hook {hook} of tenant {tenant} cannot be read and begins anew"
        );
    }

    /// A `#` is in no tenant's id.
    fn partition(&self, tenant: &TenantId) -> String {
        self.kind.partition(&[tenant.as_str()])
    }

    fn lock(&self, tenant: &TenantId, hook: HookId) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        (tenant, hook).hash(&mut hasher);
        &self.locks[usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or(0)]
    }
}
