//! The ports of the stages, each call a step that can go wrong.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{
    ActivityLog, ActivityLogLayer, DeliveryLog, Document, Documents, DocumentsLayer, EventRef, Events, EventsLayer,
    Expected, Hooks, HttpRequest, HttpResult, HttpSender, Listed, LogFilter, Match, Outgoing, Page, PlacedDocument,
    QueueError, QueueSender, Recorded, Replays, SendFault, StoreError, StoreResult, Subscriptions, TimeRange,
};
use domain::activity::Activity;
use domain::delivery::{Attempt, Delivery};
use domain::event::{Event, FanoutPage};
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, EventSeq, EventType, HookId, ReplayId, TenantId};
use domain::replay::Replay;
use domain::time::Timestamp;
use embedded::EmbeddedDocuments;
use local::Engine;
use services::Foundation;

use super::fate::{Blow, Fate, Step};

pub(crate) struct Mortal<T: ?Sized> {
    port: Arc<T>,
    fate: Arc<Fate>,
}

impl<T: ?Sized> Mortal<T> {
    pub(crate) fn new(port: Arc<T>, fate: &Arc<Fate>) -> Self {
        Self { port, fate: Arc::clone(fate) }
    }
}

/// Puts the fate of one process between its stages and their ports.
pub(crate) fn make_mortal(engine: &mut Engine, fate: &Arc<Fate>) {
    macro_rules! wrap {
        ($($port:expr),* $(,)?) => {
            $($port = Arc::new(Mortal { port: Arc::clone(&$port), fate: Arc::clone(fate) });)*
        };
    }
    let Engine { fanout, deliver, requeue, .. } = engine;
    wrap!(
        fanout.subscriptions,
        fanout.events,
        fanout.activity,
        fanout.queue,
        fanout.deliveries,
        fanout.retries,
        deliver.events,
        deliver.log,
        deliver.activity,
        deliver.retries,
        deliver.sender,
        requeue.hooks,
        requeue.events,
        requeue.log,
        requeue.activity,
        requeue.replays,
        requeue.jobs,
        requeue.redeliveries,
    );
    let (documents, hooks, events): (Arc<dyn Documents>, Arc<dyn Hooks>, Arc<dyn QueueSender>) = (
        Arc::new(EmbeddedDocuments::new(engine.store.clone())),
        Arc::clone(&engine.api.hooks),
        Arc::new(engine.queues.events.for_stage()),
    );
    let mortal = Foundation {
        hooks: Arc::new(Mortal { port: hooks, fate: Arc::clone(fate) }),
        states: Arc::new(Mortal { port: documents, fate: Arc::clone(fate) }),
        ..engine.foundation.clone()
    };
    deliver.hooks = Arc::new(mortal.resolved(Arc::clone(&mortal.hooks), deliver.hooks.usual_profile().clone()));
    deliver.hook_health = Arc::new(mortal.hook_health(Arc::new(Mortal { port: events, fate: Arc::clone(fate) })));
    requeue.circuits = Arc::clone(&deliver.hook_health.circuits);
}

/// The same for the queue that publishers write to through the API.
pub(crate) fn make_publishing_mortal(engine: &mut Engine, fate: &Arc<Fate>) {
    engine.api.queue = Arc::new(Mortal { port: Arc::clone(&engine.api.queue), fate: Arc::clone(fate) });
}

fn store_fails<T>() -> Option<impl FnOnce() -> StoreResult<T>> {
    Some(|| Err(StoreError::Unavailable("struck".into())))
}

#[async_trait]
impl EventsLayer for Mortal<dyn Events> {
    fn below(&self) -> &dyn Events {
        self.port.as_ref()
    }

    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>> {
        self.fate.step("events.record", self.port.record(event, page), store_fails()).await
    }

    async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>> {
        self.fate.step("events.record_page", self.port.record_page(event, page), store_fails()).await
    }

    async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>> {
        self.fate.step("events.get", self.port.get(tenant, id), store_fails()).await
    }

    async fn pages(
        &self,
        tenant: &TenantId,
        id: &EventId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<FanoutPage>>> {
        self.fate.step("events.pages", self.port.pages(tenant, id, limit, cursor), store_fails()).await
    }

    async fn expunge(&self, tenant: &TenantId, id: &EventId) -> StoreResult<bool> {
        self.fate.step("events.expunge", self.port.expunge(tenant, id), store_fails()).await
    }

    async fn delete(&self, tenant: &TenantId, event: &EventRef) -> StoreResult<()> {
        self.fate.step("events.delete", self.port.delete(tenant, event), store_fails()).await
    }

    async fn unclaim(&self, tenant: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()> {
        self.fate.step("events.unclaim", self.port.unclaim(tenant, events), store_fails()).await
    }

    async fn unclaimed(
        &self,
        tenant: &TenantId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventRef>> {
        self.fate.step("events.unclaimed", self.port.unclaimed(tenant, times, limit, cursor), store_fails()).await
    }
}

#[async_trait]
impl ActivityLogLayer for Mortal<dyn ActivityLog> {
    fn below(&self) -> &dyn ActivityLog {
        self.port.as_ref()
    }

    async fn note(&self, tenant: &TenantId, entries: Vec<Activity>, expires_at: Timestamp) -> StoreResult<()> {
        self.fate.step("activity.note", self.port.note(tenant, entries, expires_at), store_fails()).await
    }

    async fn delete(&self, tenant: &TenantId, until: Timestamp, limit: usize) -> StoreResult<bool> {
        self.fate.step("activity.delete", self.port.delete(tenant, until, limit), store_fails()).await
    }
}

#[async_trait]
impl DeliveryLog for Mortal<dyn DeliveryLog> {
    async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()> {
        self.fate.step("log.record", self.port.record(delivery, expected), store_fails()).await
    }

    async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.fate.step("log.get", self.port.get(tenant, id), store_fails()).await
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        self.fate.step("log.attempts", self.port.attempts(delivery), store_fails()).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        filter: &LogFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Delivery>>> {
        self.fate.step("log.list", self.port.list(tenant, hook, filter, limit, cursor), store_fails()).await
    }

    async fn failed(
        &self,
        tenant: &TenantId,
        hook: HookId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        self.fate.step("log.failed", self.port.failed(tenant, hook, times, limit, cursor), store_fails()).await
    }

    async fn waiting(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        self.fate.step("log.waiting", self.port.waiting(tenant, hook, limit, cursor), store_fails()).await
    }

    async fn delete(&self, deliveries: &[Delivery]) -> StoreResult<()> {
        self.fate.step("log.delete", self.port.delete(deliveries), store_fails()).await
    }

    async fn delete_unreadable(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<()> {
        self.fate.step("log.delete", self.port.delete_unreadable(tenant, id), store_fails()).await
    }
}

#[async_trait]
impl Hooks for Mortal<dyn Hooks> {
    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        self.fate.step("hooks.create", self.port.create_within(hook, most), store_fails()).await
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        self.fate.step("hooks.get", self.port.get(tenant, id), store_fails()).await
    }

    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        self.fate.step("hooks.update", self.port.update_with(old, new, beside), store_fails()).await
    }

    async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Hook>>> {
        self.fate.step("hooks.list", self.port.list(tenant, limit, cursor), store_fails()).await
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        self.fate.step("hooks.delete", self.port.delete(tenant, id, version), store_fails()).await
    }

    async fn revision(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<Hook>> {
        self.fate.step("hooks.revision", self.port.revision(tenant, id, version), store_fails()).await
    }

    async fn forget(&self, tenant: &TenantId, id: HookId) -> StoreResult<()> {
        self.fate.step("hooks.forget", self.port.forget(tenant, id), store_fails()).await
    }
}

#[async_trait]
impl Replays for Mortal<dyn Replays> {
    async fn create(&self, replay: &Replay) -> StoreResult<()> {
        self.fate.step("replays.create", self.port.create(replay), store_fails()).await
    }

    async fn get(&self, tenant: &TenantId, hook: HookId, id: ReplayId) -> StoreResult<Option<Arc<Replay>>> {
        self.fate.step("replays.get", self.port.get(tenant, hook, id), store_fails()).await
    }

    async fn update(&self, replay: &Replay) -> StoreResult<()> {
        self.fate.step("replays.update", self.port.update(replay), store_fails()).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Replay>>> {
        self.fate.step("replays.list", self.port.list(tenant, hook, limit, cursor), store_fails()).await
    }

    async fn delete(&self, tenant: &TenantId, hook: HookId, id: ReplayId) -> StoreResult<bool> {
        self.fate.step("replays.delete", self.port.delete(tenant, hook, id), store_fails()).await
    }
}

#[async_trait]
impl Subscriptions for Mortal<dyn Subscriptions> {
    async fn matching(
        &self,
        tenant: &TenantId,
        event_type: &EventType,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Match>>> {
        let call = self.port.matching(tenant, event_type, limit, cursor);
        self.fate.step("subscriptions.matching", call, store_fails()).await
    }
}

/// They only die: whatever cannot be counted, because the store fails, is not.
#[async_trait]
impl DocumentsLayer for Mortal<dyn Documents> {
    fn below(&self) -> &dyn Documents {
        self.port.as_ref()
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        self.fate.step("documents.put", self.port.put(partition, document), None::<fn() -> StoreResult<()>>).await
    }

    async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()> {
        self.fate.step("documents.put_all", self.port.put_all(documents), None::<fn() -> StoreResult<()>>).await
    }
}

#[async_trait]
impl HttpSender for Mortal<dyn HttpSender> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        self.fate.step("sender.send", self.port.send(request), None::<fn() -> Result<HttpResult, SendFault>>).await
    }
}

fn queue_fails() -> Result<(), QueueError> {
    Err(QueueError::Unavailable("struck".into()))
}

#[async_trait]
impl QueueSender for Mortal<dyn QueueSender> {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        let step = Step { name: "queue.send", fallible: true, divisible: messages.len() > 1 };
        let Some(blow) = self.fate.take(step) else { return self.port.send(messages).await };
        let arrive = match blow {
            Blow::FailsBefore | Blow::DiesBefore => 0,
            Blow::FailsHalfway | Blow::DiesHalfway => messages.len() / 2,
            Blow::FailsAfter | Blow::DiesAfter => messages.len(),
        };
        if arrive > 0 {
            self.port.send(&messages[..arrive]).await;
        }
        match blow {
            Blow::DiesBefore | Blow::DiesHalfway | Blow::DiesAfter => self.fate.die().await,
            Blow::FailsHalfway => {
                messages.iter().enumerate().map(|(i, _)| if i < arrive { Ok(()) } else { queue_fails() }).collect()
            }
            Blow::FailsBefore | Blow::FailsAfter => messages.iter().map(|_| queue_fails()).collect(),
        }
    }
}
