//! Manual retries: one attempt now, beside the schedule.

use std::time::Duration;

use contract::messages::DeliveryMessage;
use domain::delivery::Trigger;
use serde_json::{Value, json};
use tests::world::{Answer, START, TENANT, World};

async fn retry(world: &World, delivery: &Value) -> u16 {
    let id = delivery["id"].as_str().unwrap();
    world.post(&format!("/v1/tenants/{TENANT}/deliveries/{id}/retry"), json!({})).await.status
}

fn triggers(delivery: &Value) -> Vec<&str> {
    delivery["attempts"].as_array().unwrap().iter().map(|attempt| attempt["trigger"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_failed_delivery_that_is_retried_by_hand_succeeds() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500), Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    for expected in ["failed", "succeeded"] {
        assert_eq!(retry(&world, &world.delivery(&event).await).await, 202);
        world.settle().await;
        assert_eq!(world.delivery(&event).await["status"], expected);
    }
    assert_eq!(triggers(&world.delivery(&event).await), ["first", "manual", "manual"]);
    assert_eq!(world.endpoint.sent().len(), 3);
}

#[tokio::test]
async fn a_manual_retry_that_fails_leaves_the_schedule_as_it_was() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [600, 600], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 10]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(60));
    retry(&world, &world.delivery(&event).await).await;
    world.drain().await;
    assert_eq!(world.delivery(&event).await["status"], "retrying");
    world.settle().await;

    let times: Vec<u64> = world.endpoint.sent().iter().map(|request| request.at.since(START).as_secs()).collect();
    assert_eq!(times, [0, 60, 600, 1200]);
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery["status"], "failed");
    assert_eq!(triggers(&delivery), ["first", "manual", "retry", "retry"]);
}

#[tokio::test]
async fn a_manual_retry_that_succeeds_ends_the_schedule() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [600, 600], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    retry(&world, &world.delivery(&event).await).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["next_attempt_at"]), (&json!("succeeded"), &json!(null)));
    assert_eq!(triggers(&delivery), ["first", "manual"]);
}

#[tokio::test]
async fn a_succeeded_delivery_is_sent_again_on_request_and_stays_succeeded() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    retry(&world, &world.delivery(&event).await).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery["status"], "succeeded");
    assert_eq!(triggers(&delivery), ["first", "manual"]);
    assert_eq!(delivery["attempts"][1]["outcome"], "status");
}

#[tokio::test]
async fn every_manual_retry_asked_for_is_made_once() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    for _ in 0..3 {
        retry(&world, &delivery).await;
    }
    world.settle().await;
    assert_eq!(triggers(&world.delivery(&event).await), ["first", "manual", "manual", "manual"]);
    assert_eq!(world.endpoint.sent().len(), 4);
}

#[tokio::test]
async fn copies_of_manual_retries_are_made_once_however_they_cross() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let (tenant, id) = (TENANT.parse().unwrap(), event.parse().unwrap());
    let stored = world.engine.api.events.get(&tenant, &id).await.unwrap().unwrap();
    let ask = async |request: &str| {
        let message = DeliveryMessage::of(&stored, hook.id.parse().unwrap(), Trigger::Manual);
        let message = DeliveryMessage { request: Some(request.to_owned()), ..message };
        world.engine.api.redeliveries.send_one(message.to_outgoing()).await.unwrap();
    };
    for request in ["one", "two", "one", "three", "two", "one"] {
        ask(request).await;
        world.settle().await;
    }
    assert_eq!(triggers(&world.delivery(&event).await), ["first", "manual", "manual", "manual"]);
}

#[tokio::test]
async fn a_manual_retry_is_refused_while_the_hook_is_disabled_or_gone() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    assert_eq!(retry(&world, &delivery).await, 409);
    world.delete(&hook.path()).await.expect(204);
    assert_eq!(retry(&world, &delivery).await, 404);
}

#[tokio::test]
async fn a_skipped_delivery_is_sent_by_hand_once_its_hook_is_enabled() {
    let world = World::new().await;
    let hook = world.hook(json!({ "enabled": false, "while_paused": { "deliveries": "skip" } })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    world.patch(&hook.path(), json!({ "enabled": true })).await.expect(200);
    assert_eq!(retry(&world, &world.delivery(&event).await).await, 202);
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("succeeded"), &json!(null)));
}
