//! What is kept for a few seconds, so that a busy function does not read the
//! same hook, tenant or profile for every delivery.

use std::sync::Arc;
use std::time::Duration;

use super::fresh_cache::FreshCache;
use async_trait::async_trait;
use contract::ports::{Clock, Document, Documents, Hooks, Listed, Page, StoreResult};
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};

/// How old a hook may be when it is used. A change takes effect after this long.
pub const FRESH_FOR: Duration = Duration::from_secs(5);
const CAPACITY: usize = 4_096;

pub struct CachedHooks {
    inner: Arc<dyn Hooks>,
    clock: Arc<dyn Clock>,
    fresh_for: Duration,
    read: FreshCache<(TenantId, HookId), Arc<Hook>>,
}

impl CachedHooks {
    pub fn new(inner: Arc<dyn Hooks>, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self { inner, clock, fresh_for, read: FreshCache::new(CAPACITY) }
    }
}

#[async_trait]
impl Hooks for CachedHooks {
    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        self.inner.create_within(hook, most).await
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        let now = self.clock.read();
        let name = (tenant.clone(), id);
        if let Some(hook) = self.read.get(&name, now) {
            return Ok(Some(hook));
        }
        let found = self.inner.get(tenant, id).await?;
        match &found {
            Some(hook) => self.read.insert(name, Arc::clone(hook), now, self.fresh_for),
            None => self.read.remove(&name),
        }
        Ok(found)
    }

    async fn update(&self, old: &Hook, new: &Hook) -> StoreResult<()> {
        self.read.remove(&(old.tenant.clone(), old.id));
        self.inner.update(old, new).await
    }

    async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Hook>>> {
        self.inner.list(tenant, limit, cursor).await
    }

    async fn delete(&self, tenant: &TenantId, id: HookId) -> StoreResult<bool> {
        self.read.remove(&(tenant.clone(), id));
        self.inner.delete(tenant, id).await
    }

    async fn revision(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<Hook>> {
        self.inner.revision(tenant, id, version).await
    }

    async fn forget(&self, tenant: &TenantId, id: HookId) -> StoreResult<()> {
        self.inner.forget(tenant, id).await
    }
}

/// Documents that are kept for a few seconds, absent ones included.
pub struct CachedDocuments {
    inner: Arc<dyn Documents>,
    clock: Arc<dyn Clock>,
    fresh_for: Duration,
    read: FreshCache<(String, String), Option<Arc<Document>>>,
}

impl CachedDocuments {
    pub fn new(inner: Arc<dyn Documents>, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self { inner, clock, fresh_for, read: FreshCache::new(CAPACITY) }
    }
}

#[async_trait]
impl Documents for CachedDocuments {
    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let now = self.clock.read();
        let place = (partition.to_owned(), name.to_owned());
        if let Some(document) = self.read.get(&place, now) {
            return Ok(document);
        }
        let found = self.inner.get(partition, name).await?;
        self.read.insert(place, found.clone(), now, self.fresh_for);
        Ok(found)
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        self.read.remove(&(partition.to_owned(), document.name.clone()));
        self.inner.put(partition, document).await
    }

    async fn list(&self, partition: &str, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Document>>> {
        self.inner.list(partition, limit, cursor).await
    }

    async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool> {
        self.read.remove(&(partition.to_owned(), name.to_owned()));
        self.inner.delete(partition, name).await
    }
}
