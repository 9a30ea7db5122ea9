//! Hooks with an end: until then they get events, and a day later they are removed.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, World};

const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn when_a_hook_expires_is_a_time_ahead_and_can_be_changed_until_it_is_removed() {
    let world = World::new().await;
    let hook = world.hook(json!({ "expires_at": "2026-01-31T10:00:00Z" })).await;
    assert_eq!(world.get(&hook.path()).await.json()["expires_at"], "2026-01-31T10:00:00.000Z");
    for wrong in ["2026-01-31T09:30:00Z", "2027-05-01T00:00:00Z", "soon"] {
        let refused = world.patch(&hook.path(), json!({ "expires_at": wrong })).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], "expires_at", "{refused}");
    }
    let event = world.publish(json!({ "type": "a", "data": {} })).await;
    world.drain().await;
    let delivery = world.deliveries(&event).await[0]["id"].as_str().unwrap().to_owned();
    world.clock.advance(Duration::from_secs(3600));
    world.post(&format!("/v1/tenants/acme/deliveries/{delivery}/retry"), json!({})).await.expect(409);
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "failed" })).await.expect(409);
    world.patch(&hook.path(), json!({ "expires_at": "2026-01-31T10:00:00.000Z" })).await.expect(200);
    world.patch(&hook.path(), json!({ "expires_at": null })).await.expect(200);
    world.clock.advance(Duration::from_secs(DAY + 7200));
    world.drain().await;
    assert_eq!(world.get(&hook.path()).await.expect(200).json()["expires_at"], Value::Null);
    world.patch(&hook.path(), json!({ "expires_at": "2026-02-03T00:00:00Z" })).await.expect(200);
    world.clock.advance(Duration::from_secs(3 * DAY));
    // Before the step that removes it has been made.
    world.patch(&hook.path(), json!({ "expires_at": null })).await.expect(404);
    world.get(&hook.path()).await.expect(404);
}

#[tokio::test]
async fn a_delivery_that_comes_due_after_its_hook_expired_is_skipped() {
    let world = World::new().await;
    let hook =
        world.hook(json!({ "expires_at": "2026-01-31T09:31:00Z", "retry": { "delays": [300], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": {} })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(400));
    world.drain().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("skipped"), &json!(1)), "{delivery}");
    assert_eq!(world.endpoint.seen().len(), 1);
}
