//! What is remembered of each hook and changes with its requests.
//!
//! A change is one conditional write on top of what this process knows. Whoever
//! was overtaken reads anew and decides again, so a change that can be had once
//! is had by one process.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::domain::ids::{HookId, TenantId};
use crate::ports::{Clock, Document, Documents, StoreError, StoreResult};
use crate::rows;
use crate::stage::causes;
use crate::time::Timestamp;

const KNOWN: usize = 4_096;
/// Tasks of one process that change the same hook wait for each other.
const LOCKS: usize = 64;
/// Of several processes that change a hook at once, one gets through each time.
const TRIES: usize = 8;
const READ_AT_ONCE: usize = 500;

/// The states of one kind, in documents that nothing else caches.
pub struct States<T> {
    documents: Arc<dyn Documents>,
    kind: &'static str,
    clock: Arc<dyn Clock>,
    fresh_for: Duration,
    known: Cache<(TenantId, HookId), Known<T>>,
    locks: [Mutex<()>; LOCKS],
}

struct Known<T> {
    read_at: Timestamp,
    /// Zero when nothing is stored.
    version: u64,
    state: Arc<T>,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { read_at: self.read_at, version: self.version, state: Arc::clone(&self.state) }
    }
}

impl<T> States<T>
where
    T: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// `fresh_for` is how old a state may be when it is read; this process's
    /// own changes are seen at once.
    pub fn new(documents: Arc<dyn Documents>, kind: &'static str, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        let locks = std::array::from_fn(|_| Mutex::new(()));
        Self { documents, kind, clock, fresh_for, known: Cache::new(KNOWN), locks }
    }

    pub async fn get(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Arc<T>> {
        Ok(self.fresh(tenant, hook).await?.state)
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
            let body = serde_json::to_string(&state).map_err(|error| StoreError::Corrupt(error.into()))?;
            let document = Document { name: hook.to_string(), version: known.version + 1, body };
            match self.documents.put(&self.partition(tenant), &document).await {
                Ok(()) => {
                    let written =
                        Known { read_at: self.clock.now(), version: document.version, state: Arc::new(state) };
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
                    all.insert(hook, self.parse(document));
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

    async fn fresh(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Known<T>> {
        match self.known.get(&(tenant.clone(), hook)) {
            Some(known) if self.clock.now().since(known.read_at) < self.fresh_for => Ok(known),
            _ => self.read(tenant, hook).await,
        }
    }

    async fn read(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Known<T>> {
        let read_at = self.clock.now();
        let (partition, name) = (self.partition(tenant), hook.to_string());
        let document = match self.documents.get(&partition, &name).await {
            Err(StoreError::Unreadable(unreadable)) => {
                tracing::error!(kind = self.kind, error = %unreadable, "the state of a hook is lost and begins anew");
                self.documents.delete(&partition, &name).await?;
                None
            }
            other => other?,
        };
        let known = match document {
            Some(document) => Known { read_at, version: document.version, state: Arc::new(self.parse(&document)) },
            None => Known { read_at, version: 0, state: Arc::new(T::default()) },
        };
        self.known.insert((tenant.clone(), hook), known.clone());
        Ok(known)
    }

    /// What cannot be read begins anew, and is written over by the next change:
    /// nothing that a hook gets may depend on a row that only counts.
    fn parse(&self, document: &Document) -> T {
        rows::from_json(document.body.as_bytes()).unwrap_or_else(|error| {
            tracing::error!(kind = self.kind, hook.id = document.name, error = %causes(&error), "the state of a hook cannot be read and begins anew");
            T::default()
        })
    }

    /// A `#` is in no tenant's id.
    fn partition(&self, tenant: &TenantId) -> String {
        format!("{}#{tenant}", self.kind)
    }

    fn lock(&self, tenant: &TenantId, hook: HookId) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        (tenant, hook).hash(&mut hasher);
        &self.locks[usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or(0)]
    }
}
