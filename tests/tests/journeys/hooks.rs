//! What becomes of deliveries when their hook changes meanwhile.

use std::time::Duration;

use serde_json::json;
use tests::world::{Answer, World};

#[tokio::test]
async fn a_hook_disabled_before_fan_out_leaves_a_row_that_waits() {
    let world = World::new().await;
    world.hook(json!({ "enabled": false })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("waiting"), &json!("the hook is paused")));
    assert_eq!(world.endpoint.sent().len(), 0);
}

#[tokio::test]
async fn a_hook_disabled_while_a_retry_waits_keeps_it_with_its_attempts() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60, 60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    world.settle().await;

    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("waiting"), &json!("the hook is paused")));
    assert_eq!(delivery["next_attempt_at"], json!(null));
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn what_waits_for_a_deleted_hook_is_not_sent() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let waiting = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let later = world.publish(json!({ "type": "a", "data": 2, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.drain().await;
    world.delete(&hook.path()).await.expect(204);
    world.settle().await;

    for event in [waiting, later] {
        let delivery = world.deliveries(&event).await.remove(0);
        assert_eq!(
            (&delivery["status"], &delivery["reason"]),
            (&json!("deleted"), &json!("the hook was deleted, and its log with it"))
        );
    }
    assert_eq!(world.endpoint.sent().len(), 1);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn a_deleted_tenant_is_sent_for_no_more() {
    let world = World::new().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let hook = world.hook_of("other", json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    world.post("/v1/tenants/other/events", json!({ "type": "a", "data": 1 })).await.expect(202);
    world.drain().await;
    world.delete("/v1/tenants/other").await.expect(204);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 1);
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn a_change_of_url_holds_for_the_next_attempt() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let moved = "https://moved.example.com/in";
    world.endpoint.trust(moved, &hook.secret);
    world.patch(&hook.path(), json!({ "url": moved })).await.expect(200);
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(moved).len(), 1);
}

#[tokio::test]
async fn while_secrets_rotate_both_sign_and_afterwards_only_the_new_one() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let rotated = world.post(&format!("{}/secret/rotate", hook.path()), json!({ "overlap": 3600 })).await.expect(200);
    let new = rotated.json()["secret"].as_str().unwrap().to_owned();
    world.endpoint.trust(&hook.url, &new);
    assert_ne!(new, hook.secret);

    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent()[0].signed_by, [hook.secret.clone(), new.clone()]);

    world.clock.advance(Duration::from_secs(3600));
    world.publish(json!({ "type": "a", "data": 2 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent()[1].signed_by, [new]);
}
