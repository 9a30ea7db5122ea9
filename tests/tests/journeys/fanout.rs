//! Who gets an event, and how often.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::ports::{Outgoing, QueueError, QueueReceiver, QueueSender};
use contract::stage::{Message, Outcome};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tests::world::{TENANT, World};

const EVENTS: &str = "/v1/tenants/acme/events";

#[tokio::test]
async fn each_of_250_hooks_gets_an_event_exactly_once() {
    let world = World::new().await;
    let mut urls = BTreeSet::new();
    for _ in 0..250 {
        urls.insert(world.hook(json!({})).await.url);
    }
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;

    let sent: Vec<String> = world.endpoint.sent().into_iter().map(|request| request.url).collect();
    assert_eq!(sent.len(), 250);
    assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), urls);
    let deliveries = world.deliveries(&event).await;
    assert_eq!(deliveries.len(), 250);
    assert!(deliveries.iter().all(|delivery| delivery["status"] == "succeeded"));
}

#[tokio::test]
async fn an_event_published_twice_one_after_the_other_is_sent_once() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = json!({ "id": "order-7", "type": "a", "data": 1 });
    world.publish(event.clone()).await;
    world.settle().await;
    world.publish(event).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 1);
    assert_eq!(world.deliveries("order-7").await.len(), 1);
}

#[tokio::test]
async fn an_event_published_twice_before_either_is_taken_up_is_sent_once() {
    let world = World::new().await;
    world.hook(json!({})).await;
    for data in ["the first", "the second"] {
        let event = json!({ "id": "order-7", "type": "a", "data": data });
        let accepted = world.post("/v1/tenants/acme/events?check_duplicate=false", event).await.expect(202).json();
        assert_eq!(accepted["id"], "order-7");
    }
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 1);
    assert!(String::from_utf8_lossy(&sent[0].body).contains("the first"));
}

#[tokio::test]
async fn a_publication_that_was_seen_is_told_and_another_event_of_its_id_is_refused() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = json!({ "id": "order-7", "type": "a", "channels": ["de", "at"], "data": { "n": 1 } });
    let first = world.post(EVENTS, event.clone()).await.expect(202).json();
    assert_eq!((&first["id"], first.get("duplicate")), (&json!("order-7"), None));
    for is_recorded in [false, true] {
        if is_recorded {
            world.settle().await;
            world.clock.advance(Duration::from_secs(60));
        }
        let again = world.post(EVENTS, event.clone()).await.expect(202).json();
        assert_eq!(
            again,
            json!({ "id": "order-7", "timestamp": again["timestamp"], "duplicate": true }),
            "{is_recorded}"
        );
        for (field, value) in [("data", json!({ "n": 2 })), ("type", json!("b")), ("channels", json!(["at"]))] {
            let mut other = event.clone();
            other[field] = value;
            let refused = world.post(EVENTS, other).await.expect(409).json();
            let known = "a\nat,de\n{\"n\":1}";
            assert_eq!(refused["fingerprints"]["known"], sha256(known), "{field}");
            assert!(refused["fingerprints"]["given"].is_string() && refused["errors"][0]["field"] == "id", "{refused}");
        }
    }
    let mut later = event;
    later["timestamp"] = json!("2026-02-01T00:00:00Z");
    assert_eq!(world.post(EVENTS, later).await.expect(202).json()["duplicate"], true);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn each_event_of_a_batch_is_told_whether_it_was_published_before() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = |id: &str, data: u32| json!({ "id": id, "type": "a", "data": data });
    world.publish(event("known", 1)).await;
    world.settle().await;
    let events = [event("known", 1), event("known", 2), event("new", 1), event("new", 1), event("new", 2)];
    let batch = format!("{EVENTS}/batch");
    let results = world.post(&batch, json!({ "events": events })).await.expect(202).json()["results"].take();
    let told: Vec<(bool, u64)> = results.as_array().unwrap().iter().map(told).collect();
    assert_eq!(told, [(true, 202), (false, 409), (false, 202), (true, 202), (false, 409)]);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 2);
    world.post(&batch, json!({ "events": [event("known", 2)] })).await.expect(409);
}

/// Whether a result says that its event is a duplicate, and the status it got.
fn told(result: &Value) -> (bool, u64) {
    (result["duplicate"] == true, result["error"]["status"].as_u64().unwrap_or(202))
}

#[tokio::test]
async fn what_was_expunged_is_not_published_again_as_if_it_were_new() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = json!({ "id": "order-7", "type": "a", "data": 1 });
    world.publish(event.clone()).await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(60));
    world.delete(&format!("{EVENTS}/order-7/data")).await.expect(204);
    world.settle().await;
    let refused = world.post(EVENTS, event).await.expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("expunged"), "{refused}");
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn two_tenants_may_use_the_same_event_id() {
    let world = World::new().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let (ours, theirs) = (world.hook(json!({})).await, world.hook_of("other", json!({})).await);
    let event = json!({ "id": "order-7", "type": "a", "data": 1 });
    world.publish(event.clone()).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&theirs.url).len(), 0, "another tenant's events are nobody else's");

    world.post("/v1/tenants/other/events", event).await.expect(202);
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&ours.url).len(), 1);
    assert_eq!(world.endpoint.sent_to(&theirs.url).len(), 1);
}

#[tokio::test]
async fn a_hook_with_several_matching_patterns_gets_one_delivery() {
    let world = World::new().await;
    world.hook(json!({ "events": ["post.comment.created", "post.*", "post.comment.*", "*"] })).await;
    let event = world.publish(json!({ "type": "post.comment.created", "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.deliveries(&event).await.len(), 1);
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn patterns_take_what_they_name_and_nothing_else() {
    let world = World::new().await;
    let exact = world.hook(json!({ "events": ["post.created"] })).await;
    let prefix = world.hook(json!({ "events": ["post.*"] })).await;
    let all = world.hook(json!({ "events": ["*"] })).await;
    for event_type in ["post.created", "post.comment.created", "post", "posting", "user.created"] {
        world.publish(json!({ "type": event_type, "data": 1 })).await;
    }
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&exact.url).len(), 1);
    assert_eq!(world.endpoint.sent_to(&prefix.url).len(), 2);
    assert_eq!(world.endpoint.sent_to(&all.url).len(), 5);
}

#[tokio::test]
async fn channels_narrow_a_hook_and_never_widen_it() {
    let world = World::new().await;
    let blog = world.hook(json!({ "channels": ["blog:7", "blog:8"], "events": ["post.*"] })).await;
    let any = world.hook(json!({ "events": ["post.*"] })).await;
    for channels in [json!([]), json!(["blog:7", "public"]), json!(["blog:9"]), json!(["blog:7", "blog:8"])] {
        world.publish(json!({ "type": "post.created", "channels": channels, "data": 1 })).await;
    }
    world.publish(json!({ "type": "user.created", "channels": ["blog:7"], "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&blog.url).len(), 2);
    assert_eq!(world.endpoint.sent_to(&any.url).len(), 4);
}

#[tokio::test]
async fn a_hook_made_after_the_event_was_taken_up_does_not_get_it() {
    let world = World::new().await;
    world.publish(json!({ "id": "early", "type": "a", "data": 1 })).await;
    world.settle().await;
    world.hook(json!({})).await;
    world.publish(json!({ "id": "early", "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 0);
    assert_eq!(world.get(&format!("/v1/tenants/{TENANT}/events/early")).await.expect(200).json()["type"], "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_events_at_once_reach_every_hook_exactly_once() {
    let world = World::new().await;
    for _ in 0..10 {
        world.hook(json!({})).await;
    }
    for number in 0..100 {
        let event = json!({ "id": format!("event-{number}"), "type": "a", "data": number });
        world.publish(event.clone()).await;
        world.publish(event).await;
    }
    world.run_until_empty().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 1_000);
    assert_eq!(sent.into_iter().map(|request| request.id).collect::<BTreeSet<_>>().len(), 1_000);
    for delivery in world.deliveries("event-42").await {
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)));
    }
}

/// A queue that is down.
struct Down;

#[async_trait]
impl QueueSender for Down {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        messages.iter().map(|_| Err(QueueError::Unavailable("down".into()))).collect()
    }
}

#[tokio::test]
async fn an_event_that_failed_half_way_and_is_sent_back_under_a_new_message_id_reaches_its_hooks() {
    let world = World::new().await;
    world.hook(json!({"events": ["*"]})).await;
    let id = world.publish(json!({"type": "post.published", "data": {"n": 1}})).await;
    let taken = world.engine.queues.events.receive(1).await.unwrap().remove(0);
    let message = |id: &str| Message {
        id: id.to_owned(),
        body: taken.body.clone(),
        content: None,
        receive_count: 1,
        is_due: false,
        sent_at: None,
    };

    let down = fanout::Deps { deliveries: Arc::new(Down), ..world.engine.fanout.clone() };
    assert!(matches!(fanout::handle(&down, message("before")).await, Outcome::Fault(_)));
    // As a dead-letter queue does when it is redriven.
    assert!(matches!(fanout::handle(&world.engine.fanout, message("after")).await, Outcome::Done));
    world.engine.queues.events.ack(&taken.receipt).await.unwrap();
    world.settle().await;
    assert_eq!(world.delivery(&id).await["status"], "succeeded");
    assert_eq!(world.endpoint.sent().len(), 1);
}
