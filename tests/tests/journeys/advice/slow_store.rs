//! No step of the advisor outlives the function that makes it, however slow the store is, and none of what it
//! looks for is lost by that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use contract::jobs::{Advise, Job, JobMessage};
use contract::ports::{
    ActivityLog, ActivityLogLayer, ActivityRange, ActivityRows, Clock as _, Document, Documents, DocumentsLayer, Hooks,
    HooksLayer, Listed, ManualClock, Order, Outgoing, Page, PlacedDocument, QueueError, QueueSender, StoreResult,
};
use contract::stage::{Message, Outcome};
use domain::counts::HourCounts;
use domain::hook;
use domain::ids::{ActivityId, HookId, TenantId};
use domain::time::{Hour, Timestamp};
use domain::unknown::Unknown;
use serde_json::json;
use services::Foundation;
use services::repositories::documents::StoredTenants;
use tests::world::{TENANT, World};

/// What AWS stops `requeue` and `api` after, the one that is stopped first.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(29);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3_600);
/// So many pages of hooks, and a few.
const OTHERS: usize = 250;
const HOURS: usize = 72;

/// A store whose every call takes so long. Calls that are made together take it together.
struct Slow<T: ?Sized> {
    below: Arc<T>,
    clock: ManualClock,
    latency: Duration,
    calls: Arc<AtomicUsize>,
}

impl<T: ?Sized> Slow<T> {
    async fn call<A>(&self, call: impl Future<Output = A>) -> A {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let end = self.clock.steady().saturating_add(self.latency);
        // All of them begin before the first one ends.
        tokio::task::yield_now().await;
        let answer = call.await;
        self.clock.advance(end.since(self.clock.steady()));
        answer
    }
}

#[async_trait]
impl HooksLayer for Slow<dyn Hooks> {
    fn below(&self) -> &dyn Hooks {
        self.below.as_ref()
    }

    async fn list(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<hook::Hook>>> {
        self.call(self.below.list(tenant, limit, cursor)).await
    }
}

#[async_trait]
impl DocumentsLayer for Slow<dyn Documents> {
    fn below(&self) -> &dyn Documents {
        self.below.as_ref()
    }

    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        self.call(self.below.get(partition, name)).await
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        self.call(self.below.put(partition, document)).await
    }

    async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()> {
        self.call(self.below.put_all(documents)).await
    }

    async fn list(&self, partition: &str, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Document>>> {
        self.call(self.below.list(partition, limit, cursor)).await
    }
}

#[async_trait]
impl ActivityLogLayer for Slow<dyn ActivityLog> {
    fn below(&self) -> &dyn ActivityLog {
        self.below.as_ref()
    }

    async fn list(
        &self,
        tenant: &TenantId,
        range: ActivityRange,
        order: Order,
        limit: usize,
    ) -> StoreResult<ActivityRows> {
        self.call(self.below.list(tenant, range, order, limit)).await
    }

    async fn counts(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<Vec<(Hour, HourCounts)>> {
        self.call(self.below.counts(tenant, since, until)).await
    }

    async fn put_counts(
        &self,
        tenant: &TenantId,
        hour: Hour,
        counts: &HourCounts,
        expected: Option<ActivityId>,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        self.call(self.below.put_counts(tenant, hour, counts, expected, expires_at)).await
    }
}

/// Keeps what it is sent.
#[derive(Default)]
struct Kept(Mutex<Vec<Outgoing>>);

#[async_trait]
impl QueueSender for Kept {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        self.0.lock().unwrap().extend_from_slice(messages);
        messages.iter().map(|_| Ok(())).collect()
    }
}

/// A tenant with an event an hour for three days that nobody has counted, and hooks of before secrets noted
/// when they were made. The last of them alone is enabled, and its secret is old.
async fn world() -> (World, String) {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..OTHERS {
        ids.push(world.hook(json!({ "events": ["never"] })).await.id);
    }
    world.clock.advance(Duration::from_secs(1));
    let last = world.hook(json!({ "events": ["a"] })).await.id;
    ids.push(last.clone());
    let (hooks, tenant) = (&world.engine.foundation.hooks, TENANT.parse::<TenantId>().unwrap());
    for id in &ids {
        let old = hooks.get(&tenant, id.parse::<HookId>().unwrap()).await.unwrap().unwrap();
        let mut new = hook::Hook { version: old.version + 1, unknown: Unknown::NONE, ..(*old).clone() };
        new.enabled = *id == last;
        new.secrets[0].created_at = None;
        hooks.update(&old, &new).await.unwrap();
    }
    world.clock.advance(YEAR);
    for n in 0..HOURS {
        world.publish(json!({ "type": "a", "data": n })).await;
        world.drain().await;
        world.clock.advance(Duration::from_secs(3_600));
    }
    (world, last)
}

/// What the stages stand on, over a slow store.
fn slow(world: &World, latency: Duration) -> (Foundation, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let foundation = world.engine.foundation.clone();
    let documents: Arc<dyn Documents> = Arc::new(over(world, foundation.documents, latency, &calls));
    let foundation = Foundation {
        hooks: Arc::new(over(world, foundation.hooks, latency, &calls)),
        activity: Arc::new(over(world, foundation.activity, latency, &calls)),
        tenants: Arc::new(StoredTenants::new(Arc::clone(&documents))),
        states: Arc::new(over(world, foundation.states, latency, &calls)),
        documents,
        ..world.engine.foundation.clone()
    };
    (foundation, calls)
}

fn over<T: ?Sized>(world: &World, below: Arc<T>, latency: Duration, calls: &Arc<AtomicUsize>) -> Slow<T> {
    Slow { below, clock: world.clock.clone(), latency, calls: Arc::clone(calls) }
}

fn slow_requeue(world: &World, latency: Duration, jobs: Arc<Kept>) -> (requeue::Deps, Arc<AtomicUsize>) {
    let (foundation, calls) = slow(world, latency);
    let resolved = foundation.resolved(Arc::clone(&foundation.hooks), "standard".parse().unwrap());
    let queues = requeue::Queues {
        events: Arc::new(world.engine.queues.events.clone()),
        retries: jobs,
        redeliveries: Arc::new(world.engine.queues.redeliveries.clone()),
    };
    let circuits = Arc::new(foundation.circuits());
    (requeue::Deps::new(&foundation, Arc::new(resolved), circuits, queues), calls)
}

async fn causes(world: &World) -> Vec<String> {
    let plans = world.pages("/v1/tenants/acme/plans?limit=100").await;
    plans.iter().map(|plan| plan["cause"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_step_over_a_slow_store_ends_in_time_and_the_next_one_goes_on_behind_it() {
    for (latency, is_slow) in [(1, false), (200, true), (400, true), (1_000, true)] {
        let (world, last) = world().await;
        let jobs = Arc::new(Kept::default());
        let (deps, calls) = slow_requeue(&world, Duration::from_millis(latency), Arc::clone(&jobs));
        let look = JobMessage::new(&TENANT.parse().unwrap(), Job::Advise(Advise::default()));
        let (mut next, mut steps, mut longest) = (vec![look.to_outgoing(None)], 0, Duration::ZERO);
        while let Some(step) = next.pop() {
            let (began, message) = (world.clock.steady(), message(step));
            calls.store(0, Ordering::Relaxed);
            let outcome = requeue::handle(&deps, message).await;
            assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
            longest = longest.max(world.clock.steady().since(began));
            steps += 1;
            assert!(steps < 200, "it goes in circles");
            assert!(calls.load(Ordering::Relaxed) < 1_000, "a step makes so many calls and no more");
            let sent = std::mem::take(&mut *jobs.0.lock().unwrap());
            next.extend(sent.into_iter().filter(|sent| String::from_utf8_lossy(&sent.body).contains("\"advise\"")));
        }
        assert!(longest < FUNCTION_TIMEOUT, "a step took {longest:?} where a call takes {latency} ms");
        assert_eq!(steps > 1, is_slow, "{steps} steps where a call takes {latency} ms");
        assert_eq!(causes(&world).await, [format!("old_secret:{last}")], "{latency} ms");
        let (since, until) = (Hour::of(world.now().saturating_sub(YEAR / 2)), Hour::of(world.now()));
        let counts = world.engine.foundation.activity.counts(&TENANT.parse().unwrap(), since, until).await.unwrap();
        assert_eq!(counts.len(), HOURS, "each hour is counted where a call takes {latency} ms");
    }
}

#[tokio::test]
async fn who_asks_for_advice_is_answered_in_time_and_the_rest_comes_by_itself() {
    let (mut world, last) = world().await;
    let jobs = Arc::new(Kept::default());
    let (deps, _) = slow_requeue(&world, Duration::from_millis(400), jobs);
    world.rewire(|engine| engine.api.advisor = Arc::clone(&deps.advisor));
    let began = world.clock.steady();
    let answer = world.post("/v1/tenants/acme/advice", json!({})).await.expect(200).json();
    assert!(world.clock.steady().since(began) < FUNCTION_TIMEOUT);
    assert_eq!(answer, json!({ "plans": [], "continues": true }));
    world.settle().await;
    assert_eq!(causes(&world).await, [format!("old_secret:{last}")]);
    let answer = world.post("/v1/tenants/acme/advice", json!({})).await.expect(200).json();
    assert!(answer["plans"].as_array().unwrap().is_empty(), "{answer}");
}

#[tokio::test]
async fn of_a_tenant_without_hooks_nothing_is_counted() {
    let world = World::new().await;
    for n in 0..3 {
        world.publish(json!({ "type": "a", "data": n })).await;
    }
    world.settle().await;
    world.clock.advance(Duration::from_secs(7_200));
    let (deps, calls) = slow_requeue(&world, Duration::ZERO, Arc::default());
    let look = JobMessage::new(&TENANT.parse().unwrap(), Job::Advise(Advise::default()));
    assert!(matches!(requeue::handle(&deps, message(look.to_outgoing(None))).await, Outcome::Done));
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls <= 6, "its settings, its plans and the beginning of its hooks, in {calls} calls");
}

fn message(outgoing: Outgoing) -> Message {
    Message { id: "m".to_owned(), body: outgoing.body, content: None, receive_count: 1, is_due: false, sent_at: None }
}
