//! How long a subscription lasts, and its secrets; and what a refresh does to one that is disabled.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, World};

use super::{DAY, OTHER_SECRET, SECRET, URL, bodies, hooks, publish, result, start, subscription, with};

/// One that lasts as long as one may.
fn lasting() -> Value {
    with(json!({ "ttlMs": null }))
}

async fn hook(world: &World) -> Value {
    hooks(world).await.remove(0)
}

#[tokio::test]
async fn without_a_ttl_a_subscription_lasts_for_a_day() {
    let (world, key) = start().await;
    let made = result(&world, &key, "events/subscribe", subscription()).await;
    assert_eq!(made["refreshBefore"], "2026-02-01T09:30:00.000Z");
    world.clock.advance(Duration::from_secs(DAY - 1));
    publish(&world, "e-1", "T-1").await;
    world.clock.advance(Duration::from_secs(1));
    publish(&world, "e-2", "T-1").await;
    let sent = bodies(&world.endpoint.seen());
    assert_eq!((sent.len(), &sent[1]["eventId"]), (2, &json!("e-1")), "the challenge, and one event");
}

#[tokio::test]
async fn the_former_secret_signs_beside_the_new_one_for_five_minutes_and_no_longer() {
    let (world, key) = start().await;
    result(&world, &key, "events/subscribe", lasting()).await;
    let other = json!({ "mode": "webhook", "url": URL, "secret": OTHER_SECRET });
    result(&world, &key, "events/subscribe", with(json!({ "ttlMs": null, "delivery": other }))).await;
    world.endpoint.trust(URL, OTHER_SECRET);
    let signed_by = async |id: &str| {
        publish(&world, id, "T-1").await;
        let sent = world.endpoint.seen().pop().unwrap();
        assert_eq!(sent.values("webhook-signature")[0].split(' ').count(), sent.signed_by.len());
        sent.signed_by
    };
    world.clock.advance(Duration::from_secs(299));
    assert_eq!(signed_by("e-1").await, [SECRET, OTHER_SECRET]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(signed_by("e-2").await, [OTHER_SECRET]);
}

#[tokio::test]
async fn a_refresh_enables_what_failures_disabled() {
    let (world, key) = start().await;
    result(&world, &key, "events/subscribe", lasting()).await;
    for (id, wait) in [("e-1", 5 * DAY), ("e-2", 0)] {
        world.endpoint.answer(URL, vec![Answer::Status(500); 5]);
        publish(&world, id, "T-1").await;
        world.clock.advance(Duration::from_secs(wait));
        world.drain().await;
    }
    let disabled = hook(&world).await;
    let why = (&disabled["enabled"], &disabled["disabled_reason"]);
    assert_eq!(why, (&json!(false), &json!("every request failed for too long")));
    world.endpoint.receive(URL, tests::mcp::echo);
    let refreshed = result(&world, &key, "events/subscribe", lasting()).await;
    assert_eq!(refreshed["deliveryStatus"]["active"], false, "it was not until now");
    let enabled = hook(&world).await;
    assert_eq!((&enabled["enabled"], &enabled["disabled_reason"]), (&json!(true), &Value::Null));
    let again = result(&world, &key, "events/subscribe", lasting()).await;
    assert_eq!(again["deliveryStatus"]["active"], true);
}

#[tokio::test]
async fn a_refresh_leaves_what_somebody_has_paused() {
    let (world, key) = start().await;
    result(&world, &key, "events/subscribe", subscription()).await;
    let path = format!("/v1/tenants/acme/hooks/{}", hook(&world).await["id"].as_str().unwrap());
    world.patch(&path, json!({ "enabled": false })).await.expect(200);
    let sent = world.endpoint.seen().len();
    let refreshed = result(&world, &key, "events/subscribe", lasting()).await;
    assert_eq!(refreshed["deliveryStatus"]["active"], false);
    publish(&world, "e-1", "T-1").await;
    let paused = hook(&world).await;
    assert_eq!((&paused["enabled"], &paused["waiting"]["deliveries"]), (&json!(false), &json!(1)));
    assert_eq!(paused["expires_at"], refreshed["refreshBefore"], "it is refreshed all the same");
    assert_eq!(world.endpoint.seen().len(), sent);
    world.patch(&path, json!({ "enabled": true })).await.expect(200);
    world.drain().await;
    assert_eq!(bodies(&world.endpoint.seen()).last().unwrap()["eventId"], "e-1");
}
