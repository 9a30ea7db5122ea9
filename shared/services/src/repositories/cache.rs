//! What is kept for a few seconds, so that a busy function does not read the
//! same hook, tenant or profile for every delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fresh_cache::FreshCache;
use async_trait::async_trait;

use contract::ports::{
    Clock, ClockReading, Document, Documents, DocumentsLayer, Hooks, HooksLayer, PlacedDocument, StoreResult,
};
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};

/// How old a hook may be when it is used. A change takes effect after this long.
pub const FRESH_FOR: Duration = Duration::from_secs(5);
const CAPACITY: usize = 4_096;

/// When something was read, and after how many writes of this process.
#[derive(Clone, Copy)]
struct ReadAt {
    time: ClockReading,
    writes: u64,
}

/// What was read after that many writes of this process.
type AfterWrites<T> = (u64, T);

/// Until when what was read may be used: for some seconds, and until this process writes.
struct Freshness {
    clock: Arc<dyn Clock>,
    fresh_for: Duration,
    /// Counts writes. A read that one of them overtook may have seen what was there before.
    writes: AtomicU64,
}

impl Freshness {
    fn new(clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self { clock, fresh_for, writes: AtomicU64::new(0) }
    }

    fn now(&self) -> ReadAt {
        ReadAt { time: self.clock.read(), writes: self.writes.load(Ordering::SeqCst) }
    }

    /// Outdates all that is kept once the write has ended, also one whose caller stopped waiting.
    fn write(&self) -> Write<'_> {
        Write(&self.writes)
    }
}

struct Write<'a>(&'a AtomicU64);

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub struct CachedHooks {
    inner: Arc<dyn Hooks>,
    freshness: Freshness,
    read: FreshCache<(TenantId, HookId), AfterWrites<Arc<Hook>>>,
}

impl CachedHooks {
    pub fn new(inner: Arc<dyn Hooks>, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self { inner, freshness: Freshness::new(clock, fresh_for), read: FreshCache::new(CAPACITY) }
    }
}

#[async_trait]
impl HooksLayer for CachedHooks {
    fn below(&self) -> &dyn Hooks {
        self.inner.as_ref()
    }

    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        let _write = self.freshness.write();
        self.inner.create_within(hook, most).await
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        let now = self.freshness.now();
        let name = (tenant.clone(), id);
        if let Some((writes, hook)) = self.read.get(&name, now.time)
            && writes == now.writes
        {
            return Ok(Some(hook));
        }
        let found = self.inner.get(tenant, id).await?;
        match &found {
            Some(hook) => {
                self.read.insert(name, (now.writes, Arc::clone(hook)), now.time, self.freshness.fresh_for);
            }
            None => self.read.remove(&name),
        }
        Ok(found)
    }

    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        let _write = self.freshness.write();
        self.inner.update_with(old, new, beside).await
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        let _write = self.freshness.write();
        self.inner.delete(tenant, id, version).await
    }
}

/// Documents that are kept for a few seconds, absent ones included.
pub struct CachedDocuments {
    inner: Arc<dyn Documents>,
    freshness: Freshness,
    read: FreshCache<(String, String), AfterWrites<Option<Arc<Document>>>>,
}

impl CachedDocuments {
    pub fn new(inner: Arc<dyn Documents>, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self { inner, freshness: Freshness::new(clock, fresh_for), read: FreshCache::new(CAPACITY) }
    }
}

#[async_trait]
impl DocumentsLayer for CachedDocuments {
    fn below(&self) -> &dyn Documents {
        self.inner.as_ref()
    }

    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let now = self.freshness.now();
        let place = (partition.to_owned(), name.to_owned());
        if let Some((writes, document)) = self.read.get(&place, now.time)
            && writes == now.writes
        {
            return Ok(document);
        }
        let found = self.inner.get(partition, name).await?;
        self.read.insert(place, (now.writes, found.clone()), now.time, self.freshness.fresh_for);
        Ok(found)
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        let _write = self.freshness.write();
        self.inner.put(partition, document).await
    }

    async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()> {
        let _write = self.freshness.write();
        self.inner.put_all(documents).await
    }

    async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool> {
        let _write = self.freshness.write();
        self.inner.delete(partition, name).await
    }
}
