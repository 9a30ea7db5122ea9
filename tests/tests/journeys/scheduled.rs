//! Deliveries that wait are seen, sent by hand and cancelled from the moment they are made.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, TENANT, World};

const LATER: &str = "2026-02-01T00:00:00.000Z";

async fn later(world: &World) -> String {
    let event = world.publish(json!({ "type": "a", "data": 1, "deliver_at": LATER, "ttl": 60 })).await;
    world.drain().await;
    event
}

fn path(delivery: &Value) -> String {
    format!("/v1/tenants/{TENANT}/deliveries/{}", delivery["id"].as_str().unwrap())
}

async fn log(world: &World, hook: &Hook) -> Vec<Value> {
    world.pages(&format!("{}/deliveries?limit=10", hook.path())).await
}

#[tokio::test]
async fn a_delivery_for_later_is_in_the_log_with_its_time_and_its_event_shows_both() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = later(&world).await;
    let delivery = world.delivery(&event).await;
    assert_eq!(
        (&delivery["status"], &delivery["next_attempt_at"]),
        (&json!("pending"), &json!("2026-02-01T00:00:00.000Z"))
    );
    assert_eq!(log(&world, &hook).await.len(), 1);
    let shown = world.get(&format!("/v1/tenants/{TENANT}/events/{event}")).await.expect(200).json();
    assert_eq!((&shown["deliver_at"], &shown["not_after"]), (&json!(LATER), &json!("2026-02-01T00:01:00.000Z")));
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn a_delivery_for_later_that_was_cancelled_is_not_sent() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = later(&world).await;
    let delivery = world.delivery(&event).await;
    let cancelled = world.post(&format!("{}/cancel", path(&delivery)), json!({})).await.expect(200).json();
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("skipped"), &json!("cancelled by request")));
    world.settle().await;
    assert_eq!(world.delivery(&event).await["status"], "skipped");
    assert_eq!((world.endpoint.sent().len(), world.messages_left()), (0, 0));
    world.post(&format!("{}/cancel", path(&delivery)), json!({})).await.expect(409);
    let listed = world.pages(&format!("/v1/tenants/{TENANT}/deliveries?status=skipped")).await;
    assert_eq!(listed.len(), 1, "lists of all hooks tell of it as well");
}

#[tokio::test]
async fn a_delivery_for_later_can_be_sent_at_once_and_is_not_sent_again_at_its_time() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = later(&world).await;
    let delivery = world.delivery(&event).await;
    world.post(&format!("{}/retry", path(&delivery)), json!({})).await.expect(202);
    world.drain().await;
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn one_that_fails_by_hand_before_its_time_is_still_sent_then() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = later(&world).await;
    let delivery = world.delivery(&event).await;
    world.post(&format!("{}/retry", path(&delivery)), json!({})).await.expect(202);
    world.drain().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["next_attempt_at"]), (&json!("pending"), &json!(LATER)));
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(2)));
}

#[tokio::test]
async fn the_deadline_of_retries_counts_from_the_first_attempt_also_where_that_was_for_later() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0, "deadline": 100 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1, "deliver_at": LATER })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(2)));
}

#[tokio::test]
async fn what_a_hook_holds_back_can_be_cancelled_or_sent_by_hand() {
    let world = World::new().await;
    let hook = world.hook(json!({ "rate_limit": 1 })).await;
    let mut events = Vec::new();
    for i in 0..4 {
        events.push(world.publish(json!({ "type": "a", "data": i })).await);
    }
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 1);
    let waiting: Vec<Value> =
        log(&world, &hook).await.into_iter().filter(|delivery| delivery["status"] == "pending").collect();
    assert_eq!(waiting.len(), 3);
    world.post(&format!("{}/cancel", path(&waiting[0])), json!({})).await.expect(200);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 3);
}

#[tokio::test]
async fn a_retry_that_was_cancelled_is_not_made() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let delivery = world.delivery(&event).await;
    world.post(&format!("{}/cancel", path(&delivery)), json!({})).await.expect(200);
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("skipped"), &json!(1)));
    assert_eq!((world.endpoint.sent().len(), world.messages_left()), (1, 0));
}

#[tokio::test]
async fn an_event_cannot_be_for_a_time_at_which_it_is_not_kept_any_more() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let events = format!("/v1/tenants/{TENANT}/events");
    world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "retention_days": 30 })).await.expect(200);
    let at = |days: u64| world.now().saturating_add(Duration::from_secs(days * 86_400)).to_string();
    let refused = world.post(&events, json!({ "type": "a", "data": 1, "deliver_at": at(31) })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "deliver_at");
    world.post(&events, json!({ "type": "a", "data": 1, "deliver_at": at(30) })).await.expect(202);
    world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "retention_days": 60 })).await.expect(200);
    world.post(&events, json!({ "type": "a", "data": 1, "deliver_at": at(59) })).await.expect(202);
    world.drain().await;
    world.send_to_events(format!(r#"{{"tenant":"{TENANT}","type":"a","data":1,"deliver_at":"{}"}}"#, at(61))).await;
    world.drain().await;
    let letters = world.dead_letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("deliver_at"), "{}", letters[0].reason);
}
