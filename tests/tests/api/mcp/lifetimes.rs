//! How long a subscription lasts, and its secrets; and what a refresh does to one that is disabled.

use std::collections::BTreeSet;
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

/// Subscribed, and disabled after five days in which nothing arrived, with an event that came after that.
async fn disabled(world: &World, key: &str) {
    result(world, key, "events/subscribe", lasting()).await;
    world.endpoint.receive(URL, |_| Answer::Status(500));
    for (id, wait) in [("e-1", 5 * DAY), ("e-2", 0)] {
        publish(world, id, "T-1").await;
        world.clock.advance(Duration::from_secs(wait));
        world.drain().await;
    }
    let disabled = hook(world).await;
    let why = (&disabled["enabled"], &disabled["disabled_reason"]);
    assert_eq!(why, (&json!(false), &json!("every request failed for too long")));
    world.clock.advance(Duration::from_secs(60));
    publish(world, "e-3", "T-1").await;
    world.clock.advance(Duration::from_secs(60));
    world.endpoint.receive(URL, tests::mcp::echo);
}

/// As long as the replay of a few deliveries takes.
async fn some_seconds(world: &World) {
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(1));
        world.drain().await;
    }
}

/// Which events arrived, each once.
fn arrived(world: &World) -> BTreeSet<String> {
    let sent = bodies(&world.endpoint.seen());
    // Of each, what was refused came before.
    let last: Vec<String> =
        sent.iter().rev().map_while(|body| body["eventId"].as_str().map(str::to_owned)).take(3).collect();
    last.into_iter().collect()
}

#[tokio::test]
async fn a_refresh_enables_what_failures_disabled_and_sends_again_what_was_lost() {
    let (world, key) = start().await;
    disabled(&world, &key).await;
    let before = world.endpoint.seen().len();
    let refreshed = result(&world, &key, "events/subscribe", lasting()).await;
    assert_eq!(
        refreshed["deliveryStatus"],
        json!({ "active": false, "lastDeliveryAt": null, "lastError": "http_5xx",
                "failedSince": "2026-01-31T09:30:00.000Z" }),
        "as it was until now"
    );
    let enabled = hook(&world).await;
    assert_eq!((&enabled["enabled"], &enabled["disabled_reason"]), (&json!(true), &Value::Null));
    some_seconds(&world).await;
    let all = ["e-1", "e-2", "e-3"].map(str::to_owned);
    assert_eq!((arrived(&world), world.endpoint.seen().len() - before), (BTreeSet::from(all), 3));
    let again = result(&world, &key, "events/subscribe", lasting()).await;
    assert_eq!(
        (&again["deliveryStatus"]["active"], &again["deliveryStatus"]["lastError"]),
        (&json!(true), &Value::Null)
    );
    some_seconds(&world).await;
    assert_eq!(world.endpoint.seen().len() - before, 3, "once");
}

#[tokio::test]
async fn whoever_may_not_send_again_has_it_enabled_all_the_same() {
    let (world, _) = start().await;
    let asked = json!({ "scope": "portal", "expires_in": 7 * DAY, "capabilities": ["view", "manage", "test"] });
    let made = world.post("/v1/tenants/acme/keys", asked).await.expect(201).json();
    let key = made["key"].as_str().unwrap();
    disabled(&world, key).await;
    let before = world.endpoint.seen().len();
    result(&world, key, "events/subscribe", lasting()).await;
    some_seconds(&world).await;
    assert_eq!((&hook(&world).await["enabled"], world.endpoint.seen().len() - before), (&json!(true), 0));
}

#[tokio::test]
async fn while_the_circuit_is_open_a_subscription_is_not_active_and_says_why() {
    let (world, key) = start().await;
    result(&world, &key, "events/subscribe", lasting()).await;
    let path = format!("/v1/tenants/acme/hooks/{}", hook(&world).await["id"].as_str().unwrap());
    world.patch(&path, json!({ "circuit_breaker": { "failures": 2, "probe_after": 3_600 } })).await.expect(200);
    world.endpoint.answer(URL, vec![Answer::Timeout; 2]);
    publish(&world, "e-1", "T-1").await;
    publish(&world, "e-2", "T-1").await;
    let status = result(&world, &key, "events/subscribe", lasting()).await["deliveryStatus"].clone();
    assert_eq!((&status["active"], &status["lastError"]), (&json!(false), &json!("timeout")), "{status}");
    assert!(status["failedSince"].is_string());
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
