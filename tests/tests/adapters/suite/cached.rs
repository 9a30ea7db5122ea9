//! Caches over the stores of one machine, and what caches promise beyond the ports they stand before.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::ports::{Document, Documents, DocumentsLayer, Hooks, StoreResult};
use domain::hook::Hook;
use services::repositories::cache::{CachedDocuments, CachedHooks};
use services::repositories::documents::{StoredKeys, StoredTenants};
use tokio::sync::Semaphore;

use super::samples::{changed, hook};
use super::{Stores, on_disk};

const FRESH_FOR: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(1);

pub(crate) async fn stores() -> Option<Stores> {
    Some(cached(&on_disk::stores().await?))
}

/// What one process sees of `stores`. Others may write to them.
fn cached(stores: &Stores) -> Stores {
    let clock = Arc::new(stores.clock.clone());
    let documents = Arc::new(CachedDocuments::new(Arc::clone(&stores.documents), clock.clone(), FRESH_FOR));
    Stores {
        clock: stores.clock.clone(),
        tenants: Arc::new(StoredTenants::new(documents.clone())),
        keys: Arc::new(StoredKeys::new(documents.clone())),
        documents,
        hooks: Arc::new(CachedHooks::new(Arc::clone(&stores.hooks), clock, FRESH_FOR)),
        subscriptions: Arc::clone(&stores.subscriptions),
        events: Arc::clone(&stores.events),
        deliveries: Arc::clone(&stores.deliveries),
        activity: Arc::clone(&stores.activity),
        audit: Arc::clone(&stores.audit),
        _keep: Arc::clone(&stores._keep),
    }
}

fn document(version: u64) -> Document {
    Document { name: "a".to_owned(), version, body: format!("{{\"n\":{version}}}") }
}

async fn version(documents: &dyn Documents) -> Option<u64> {
    documents.get("p", "a").await.unwrap().map(|found| found.version)
}

async fn hook_version(hooks: &dyn Hooks, hook: &Hook) -> Option<u64> {
    hooks.get(&hook.tenant, hook.id).await.unwrap().map(|found| found.version)
}

#[tokio::test]
async fn what_this_process_changed_is_read_changed_at_once() {
    let stores = stores().await.unwrap();
    let documents = &*stores.documents;
    assert_eq!(version(documents).await, None);
    for written in 1..=2 {
        documents.put("p", &document(written)).await.unwrap();
        assert_eq!(version(documents).await, Some(written));
    }
    documents.delete("p", "a").await.unwrap();
    assert_eq!(version(documents).await, None);

    let (hooks, first) = (&*stores.hooks, hook("acme", &["a"]));
    assert_eq!(hook_version(hooks, &first).await, None);
    hooks.create(&first).await.unwrap();
    assert_eq!(hook_version(hooks, &first).await, Some(1));
    hooks.update(&first, &changed(&first, |_| {})).await.unwrap();
    assert_eq!(hook_version(hooks, &first).await, Some(2));
    hooks.delete(&first.tenant, first.id, None).await.unwrap();
    assert_eq!(hook_version(hooks, &first).await, None);
}

#[tokio::test]
async fn what_another_process_changed_is_read_changed_when_it_is_no_longer_fresh_and_not_before() {
    let others = on_disk::stores().await.unwrap();
    let ours = cached(&others);
    let first = hook("acme", &["a"]);
    others.documents.put("p", &document(1)).await.unwrap();
    others.hooks.create(&first).await.unwrap();
    let read = async || (version(&*ours.documents).await, hook_version(&*ours.hooks, &first).await);
    assert_eq!(read().await, (Some(1), Some(1)));

    others.documents.put("p", &document(2)).await.unwrap();
    others.hooks.update(&first, &changed(&first, |_| {})).await.unwrap();
    others.clock.advance(FRESH_FOR - MOMENT);
    assert_eq!(read().await, (Some(1), Some(1)), "what was read last is kept");
    others.clock.advance(MOMENT);
    assert_eq!(read().await, (Some(2), Some(2)));

    assert!(others.documents.delete("p", "a").await.unwrap());
    assert!(others.hooks.delete(&first.tenant, first.id, None).await.unwrap());
    others.clock.advance(FRESH_FOR);
    assert_eq!(read().await, (None, None));
}

/// A document that is absent is asked for with every delivery, a hook that is absent hardly ever.
#[tokio::test]
async fn an_absent_document_is_kept_and_an_absent_hook_is_not() {
    let others = on_disk::stores().await.unwrap();
    let ours = cached(&others);
    let first = hook("acme", &["a"]);
    let read = async || (version(&*ours.documents).await, hook_version(&*ours.hooks, &first).await);
    assert_eq!(read().await, (None, None));
    others.documents.put("p", &document(1)).await.unwrap();
    others.hooks.create(&first).await.unwrap();
    assert_eq!(read().await, (None, Some(1)));
    others.clock.advance(FRESH_FOR);
    assert_eq!(read().await, (Some(1), Some(1)));
}

/// What was parsed once is used as long as the same document is handed out.
#[tokio::test]
async fn while_nothing_was_written_the_same_document_is_handed_out() {
    let stores = stores().await.unwrap();
    stores.documents.put("p", &document(1)).await.unwrap();
    let read = async || stores.documents.get("p", "a").await.unwrap().unwrap();
    let first = read().await;
    stores.clock.advance(FRESH_FOR - MOMENT);
    assert!(Arc::ptr_eq(&first, &read().await));
}

#[tokio::test]
async fn what_a_clock_that_is_set_back_shows_keeps_nothing_longer() {
    let others = on_disk::stores().await.unwrap();
    let ours = cached(&others);
    others.documents.put("p", &document(1)).await.unwrap();
    assert_eq!(version(&*ours.documents).await, Some(1));
    others.documents.put("p", &document(2)).await.unwrap();
    others.clock.jump(-3_600_000);
    others.clock.advance(FRESH_FOR);
    assert_eq!(version(&*ours.documents).await, Some(2));
}

/// Answers to reads that are under way until they are let go.
struct Slow<T: ?Sized> {
    inner: Arc<T>,
    started: Semaphore,
    let_go: Semaphore,
}

impl<T: ?Sized> Slow<T> {
    fn new(inner: Arc<T>) -> Arc<Self> {
        Arc::new(Self { inner, started: Semaphore::new(0), let_go: Semaphore::new(0) })
    }

    async fn hold(&self) {
        self.started.add_permits(1);
        self.let_go.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl DocumentsLayer for Slow<dyn Documents> {
    fn below(&self) -> &dyn Documents {
        self.inner.as_ref()
    }

    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let found = self.inner.get(partition, name).await;
        self.hold().await;
        found
    }
}

#[tokio::test]
async fn what_was_read_before_a_write_and_answered_after_it_is_not_kept() {
    let stores = on_disk::stores().await.unwrap();
    let slow = Slow::new(Arc::clone(&stores.documents));
    let clock = Arc::new(stores.clock.clone());
    let cached: Arc<dyn Documents> = Arc::new(CachedDocuments::new(slow.clone(), clock, FRESH_FOR));
    cached.put("p", &document(1)).await.unwrap();
    let overtaken = tokio::spawn({
        let cached = Arc::clone(&cached);
        async move { version(&*cached).await }
    });
    slow.started.acquire().await.unwrap().forget();
    cached.put("p", &document(2)).await.unwrap();
    slow.let_go.add_permits(2);
    assert_eq!(overtaken.await.unwrap(), Some(1));
    assert_eq!(version(&*cached).await, Some(2));
}
