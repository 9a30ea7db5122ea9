//! What each stage costs for one delivery: DynamoDB units, and calls to SQS.
//!
//! One event with one hook, first try: fan-out reads what matches and writes
//! the event; the delivery writes its row and reads nothing, because the hook
//! is remembered. A failure adds the attempt's own row, the hook's health and one message.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::OperatorKey;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use contract::messages::DeliveryMessage;
use contract::ports::{
    AlwaysReady, Check, Clock as _, Doctor, Hooks as _, HttpRequest, HttpResponse, HttpResult, HttpSender, OsRandom,
    Outgoing, QueueError, QueueSender, SendFault,
};
use contract::stage::{Message, Outcome};
use courier::Tokens;
use domain::address::AddressPolicy;
use domain::event_type::{Owner, StoredEventType};
use domain::hook::Hook;
use domain::ids::KeyId;
use domain::key::{ApiKey, KeyHash, Scope, TokenId, generate_token};
use domain::rate::Limit;
use domain::tenant::Tenant;
use services::Foundation;
use services::repositories::cache::{CachedHooks, FRESH_FOR};
use services::repositories::documents::StoredEventTypes;
use services::repositories::encrypted_hooks::EncryptedHooks;
use tests::metering::{Meter, Usage};
use tower::ServiceExt as _;

use super::{metered, writes};
use crate::suite::samples::{changed, hook, settings, tenant, tenant_id};
use crate::suite::sealed::{CountedKeys, cipher, sealed};
use crate::suite::{START, Stores, resolved};

/// A queue that keeps what it is sent and counts the calls.
#[derive(Default)]
pub(super) struct Counted {
    calls: AtomicUsize,
    sent: Mutex<Vec<Outgoing>>,
}

impl Counted {
    pub(super) fn take(&self) -> (usize, Vec<Outgoing>) {
        (self.calls.swap(0, Ordering::SeqCst), std::mem::take(&mut *self.sent.lock().unwrap()))
    }
}

#[async_trait]
impl QueueSender for Counted {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.sent.lock().unwrap().extend_from_slice(messages);
        messages.iter().map(|_| Ok(())).collect()
    }
}

/// An endpoint that always answers with one status.
struct Answering(u16);

#[async_trait]
impl HttpSender for Answering {
    async fn send(&self, _: HttpRequest) -> Result<HttpResult, SendFault> {
        let answer = HttpResponse::new(self.0, Vec::new(), Bytes::from_static(b"ok"));
        Ok(HttpResult { answer: Ok(answer), duration: Duration::from_millis(5) })
    }
}

pub(super) struct Stages {
    pub(super) stores: Stores,
    keys: Arc<CountedKeys>,
    pub(super) meter: Meter,
    pub(super) hook: Hook,
    /// That of fan-out, which knows the tenant.
    foundation: Foundation,
    events: Arc<Counted>,
    pub(super) deliveries: Arc<Counted>,
    pub(super) retries: Arc<Counted>,
}

impl Stages {
    pub(super) async fn new() -> Self {
        Self::with(r#"{"retry":{"delays":[1,0.5]}}"#).await
    }

    /// With a hook that is set so.
    pub(super) async fn with(hook_settings: &str) -> Self {
        let (stores, meter) = metered().await;
        let (stores, keys) = sealed(stores);
        let usual = Hook { channels: Default::default(), filter: None, ..hook("acme", &["post.*"]) };
        let settings = settings(hook_settings);
        let hook = Hook { verification_key: None, disabled_reason: None, settings, ..usual };
        let lenient = Tenant { settings: Default::default(), strict_event_types: false, ..tenant("acme") };
        stores.tenants.create(&lenient).await.unwrap();
        stores.hooks.create(&hook).await.unwrap();
        let foundation = stores.foundation().cached();
        foundation.tenants.get(&hook.tenant).await.unwrap();
        meter.reset();
        keys.take();
        let [events, deliveries, retries] = [Arc::default(), Arc::default(), Arc::default()];
        Self { stores, keys, meter, hook, foundation, events, deliveries, retries }
    }

    pub(super) async fn fan_out(&self, id: &str) -> Outcome {
        fanout::handle(&self.fanout(), message(id, published(id, "post.published").into())).await
    }

    pub(super) fn fanout(&self) -> fanout::Deps {
        let queues = fanout::Queues {
            events: self.events.clone(),
            deliveries: self.deliveries.clone(),
            retries: self.retries.clone(),
        };
        fanout::Deps::new(&self.foundation, queues)
    }

    /// Each time with caches of its own, as a function that has just started.
    pub(super) fn deliver(&self, status: u16) -> deliver::Deps {
        self.deliver_through(Arc::new(Answering(status)))
    }

    pub(super) fn deliver_through(&self, sender: Arc<dyn HttpSender>) -> deliver::Deps {
        let foundation = self.stores.foundation().cached();
        deliver::Deps::new(
            &foundation,
            resolved(&foundation),
            Arc::new(foundation.hook_health(self.events.clone())),
            self.retries.clone(),
            sender,
            Tokens::default(),
            Arc::new(contract::ports::NoIdentity),
        )
    }
}

pub(super) fn published(id: &str, event_type: &str) -> String {
    format!(r#"{{"tenant":"acme","id":"{id}","type":"{event_type}","data":{{"post_id":1}}}}"#)
}

pub(super) fn message(id: &str, body: Bytes) -> Message {
    Message { id: id.to_owned(), body, content: None, receive_count: 1, is_due: false, sent_at: None }
}

fn usage(reads: usize, rows: usize, read_units: f64, written: Usage) -> Usage {
    Usage { read_calls: reads, rows_read: rows, read_units, ..written }
}

#[tokio::test]
async fn a_delivery_that_is_under_way_takes_little_room() {
    let stages = Stages::new().await;
    let deps = stages.deliver(200);
    let delivery = deliver::handle(&deps, message("m", Bytes::new()));
    assert!(size_of_val(&delivery) <= 6 * 1024, "{} bytes", size_of_val(&delivery));
}

#[tokio::test]
async fn an_event_costs_three_half_read_units_one_write_unit_and_one_call_to_the_queue() {
    let stages = Stages::new().await;
    assert!(matches!(stages.fan_out("evt-1").await, Outcome::Done));
    assert_eq!(stages.meter.reset(), usage(3, 1, 1.5, writes(1, 1.0)));
    let (calls, sent) = stages.deliveries.take();
    assert_eq!((calls, sent.len()), (1, 1));
    assert_eq!((stages.events.take().0, stages.retries.take().0), (0, 0));
}

#[tokio::test]
async fn a_delivery_that_succeeds_reads_nothing_once_its_hook_is_known() {
    let stages = Stages::new().await;
    let deps = stages.deliver(200);
    // The row, and that of the invocation. The first is also the success that its health writes
    // down, once a minute, and the tenant's first activity of the hour.
    for (id, reads, writes) in [("evt-1", 3, 4), ("evt-2", 0, 2), ("evt-3", 0, 2)] {
        stages.fan_out(id).await;
        stages.meter.reset();
        for outgoing in stages.deliveries.take().1 {
            assert!(matches!(deliver::handle(&deps, message(id, outgoing.body)).await, Outcome::Done));
        }
        let cost = stages.meter.reset();
        assert_eq!((cost.read_calls, cost.write_calls, cost.write_units), (reads, writes, writes as f64), "{id}");
        assert_eq!(stages.keys.take(), 0, "{id}");
        assert_eq!(stages.retries.take().0, 0);
    }
}

#[tokio::test]
async fn a_data_key_is_fetched_once_for_half_an_hour_however_often_hooks_are_read() {
    let (stores, meter) = metered().await;
    let keys = Arc::new(CountedKeys::default());
    let api = EncryptedHooks::new(Arc::clone(&stores.hooks), cipher(&keys, &stores.clock));
    let mine: Vec<Hook> = (0..20).map(|_| hook("acme", &["post.*"])).collect();
    for one in &mine {
        api.create_within(one, u32::MAX).await.unwrap();
    }
    assert_eq!(keys.take(), 1, "one key seals for all");
    // A function of its own, which has not seen the key.
    let opening = cipher(&keys, &stores.clock);
    let clock = Arc::new(stores.clock.clone());
    let sealed = EncryptedHooks::new(Arc::clone(&stores.hooks), opening);
    let deliver = CachedHooks::new(Arc::new(sealed), clock, FRESH_FOR);
    for minute in 0..29 {
        for one in &mine {
            assert_eq!(*deliver.get(&one.tenant, one.id).await.unwrap().unwrap(), *one);
        }
        assert_eq!(keys.take(), usize::from(minute == 0), "minute {minute}");
        stores.clock.advance(Duration::from_secs(60));
    }
    meter.reset();
}

#[tokio::test]
async fn a_change_of_a_sealed_hook_is_a_write_unit_and_another_for_its_former_version() {
    let stages = Stages::new().await;
    let renamed = changed(&stages.hook, |h| h.name = "renamed".to_owned());
    stages.stores.hooks.update(&stages.hook, &renamed).await.unwrap();
    assert_eq!(stages.meter.reset(), writes(2, 2.0));
    assert_eq!(stages.keys.take(), 0);
}

#[tokio::test]
async fn a_failure_costs_four_write_units_and_one_message_and_its_retry_two_reads() {
    let stages = Stages::new().await;
    stages.fan_out("evt-1").await;
    let (failing, succeeding) = (stages.deliver(500), stages.deliver(200));
    for deps in [&failing, &succeeding] {
        deps.hooks.get(&stages.hook.tenant, stages.hook.id).await.unwrap();
        deps.hook_health.health(&stages.hook.tenant, stages.hook.id).await.unwrap();
    }
    stages.meter.reset();
    for outgoing in stages.deliveries.take().1 {
        assert!(matches!(deliver::handle(&failing, message("m", outgoing.body)).await, Outcome::Done));
    }
    // The row, the attempt, the health of the hook, and what the invocation tells of its tenant,
    // which was not active in this hour before.
    assert_eq!(stages.meter.reset(), writes(5, 5.0));
    let (calls, mut waiting) = stages.retries.take();
    assert_eq!((calls, waiting.len()), (1, 1));

    let retry = waiting.remove(0);
    let due = DeliveryMessage::parse(&retry.body).unwrap().due_at.unwrap();
    // Only the clock of the stage moves on; its hook is read once more.
    stages.stores.clock.set(due);
    succeeding.hooks.get(&stages.hook.tenant, stages.hook.id).await.unwrap();
    succeeding.hook_health.health(&stages.hook.tenant, stages.hook.id).await.unwrap();
    stages.meter.reset();
    assert!(matches!(deliver::handle(&succeeding, message("r", retry.body)).await, Outcome::Done));
    let cost = stages.meter.reset();
    assert_eq!(
        (cost.read_calls, cost.write_calls, cost.write_units),
        (2, 3, 3.0),
        "the row, the health, which another process had changed, and what the invocation tells of its tenant"
    );
}

#[tokio::test]
async fn a_rate_limit_costs_one_write_for_each_twentieth_of_it() {
    let stages = Stages::new().await;
    let hook_health = stages.stores.foundation().cached().hook_health(stages.events.clone());
    let (tenant, id, now) = (&stages.hook.tenant, stages.hook.id, stages.stores.clock.now());
    hook_health.rates.take(tenant, id, now, Limit::per_second(100), false).await.unwrap();
    stages.meter.reset();
    for _ in 0..61 {
        assert_eq!(hook_health.rates.take(tenant, id, now, Limit::per_second(100), false).await.unwrap(), None);
    }
    // Two, four, and then five each time.
    let cost = stages.meter.reset();
    assert_eq!((cost.read_calls, cost.write_calls), (0, 13));
}

pub(super) async fn publisher(stages: &Stages) -> (Router, ApiKey, String) {
    api(stages, Scope::Publish).await
}

/// The API as it runs on AWS, and a key for it.
pub(super) async fn api(stages: &Stages, scope: Scope) -> (Router, ApiKey, String) {
    let tenant = tenant_id("acme");
    let id = KeyId::new(stages.stores.clock.now(), &OsRandom);
    let token = generate_token(Some(&tenant), TokenId::Key(id), &OsRandom);
    let hash = KeyHash::of(token.reveal());
    let key = ApiKey {
        tenant: Some(tenant),
        id,
        name: String::new(),
        scope,
        capabilities: None,
        hash,
        created_at: START,
        expires_at: None,
        // Its use is noted once a minute, aside of the requests that are counted here.
        last_used_at: Some(START),
        version: 1,
        unknown: domain::unknown::Unknown::NONE,
    };
    stages.stores.keys.create(&key).await.unwrap();
    stages.meter.reset();
    let foundation = stages.stores.foundation();
    let parts = api::Parts {
        identity: Arc::new(contract::ports::NoIdentity),
        hooks: Arc::clone(&foundation.hooks),
        resolved: resolved(&foundation),
        hook_health: Arc::new(foundation.hook_health(stages.events.clone())),
        queues: api::Queues {
            events: stages.events.clone(),
            retries: stages.retries.clone(),
            redeliveries: stages.deliveries.clone(),
        },
        sender: Arc::new(Answering(200)),
        tokens: Tokens::default(),
        doctor: Arc::new(Absent),
        operator: OperatorKey::new("nobody uses this one"),
        addresses: AddressPolicy::default(),
        readiness: Arc::new(AlwaysReady),
        public_url: None,
    };
    let router = api::router(api::Deps::new(&foundation, parts));
    (router, key, token.reveal().to_owned())
}

struct Absent;

#[async_trait]
impl Doctor for Absent {
    async fn examine(&self) -> Vec<Check> {
        Vec::new()
    }
}

async fn publish(router: &Router, token: &str, event_type: &str) -> StatusCode {
    let request = Request::post("/v1/tenants/acme/events")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(format!(r#"{{"type":"{event_type}","data":{{}}}}"#)))
        .unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn publishing_is_one_call_to_the_queue_and_no_read_once_the_key_is_known() {
    let stages = Stages::new().await;
    let (router, key, token) = publisher(&stages).await;
    // The key, the tenant, and that neither it nor the operator has a catalogue.
    for (event_type, reads) in [("postSent", 4), ("postSent", 0), ("postDeleted", 0)] {
        assert_eq!(publish(&router, &token, event_type).await, StatusCode::ACCEPTED);
        let cost = stages.meter.reset();
        assert_eq!((cost.read_calls, cost.write_calls, stages.events.take().0), (reads, 0, 1), "{event_type}");
    }
    // Whether an id was published before is looked up for who asks.
    for (query, reads) in [("", 0), ("?check_duplicate=true", 1)] {
        let request = Request::post(format!("/v1/tenants/acme/events{query}"))
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(r#"{"id":"order-7","type":"postSent","data":{}}"#))
            .unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), StatusCode::ACCEPTED);
        let cost = stages.meter.reset();
        assert_eq!((cost.read_calls, cost.write_calls, stages.events.take().0), (reads, 0, 1), "{query}");
    }
    // Remembered for publishing, and for nothing else: it was revoked meanwhile.
    stages.stores.keys.delete(key.tenant.as_ref(), key.id).await.unwrap();
    let request = Request::post("/v1/tenants/acme/keys")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(r#"{"scope":"tenant"}"#))
        .unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn publishing_against_a_catalogue_reads_each_type_once_in_five_seconds() {
    let stages = Stages::new().await;
    let (router, _, token) = publisher(&stages).await;
    let catalogue = StoredEventTypes::new(Arc::clone(&stages.stores.documents));
    let strict = Tenant { strict_event_types: true, version: 2, ..tenant("acme") };
    stages.stores.tenants.update(&strict).await.unwrap();
    let entry = serde_json::from_str(r#"{"name":"known","schema":{"type":"object"}}"#).unwrap();
    let event_type = StoredEventType::new(entry, START);
    catalogue.put(Owner::Tenant(&strict.id), &event_type).await.unwrap();
    stages.meter.reset();
    for (event_type, status, reads) in [
        ("known", StatusCode::ACCEPTED, 4),
        ("known", StatusCode::ACCEPTED, 0),
        ("unknown", StatusCode::UNPROCESSABLE_ENTITY, 2),
        ("unknown", StatusCode::UNPROCESSABLE_ENTITY, 0),
    ] {
        assert_eq!(publish(&router, &token, event_type).await, status);
        assert_eq!(stages.meter.reset().read_calls, reads, "{event_type}");
    }
}
