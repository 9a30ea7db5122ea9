//! `events/subscribe` and `events/unsubscribe`: challenged, refreshed, bounded and ended.

use std::time::Duration;

use futures::future::join;
use serde_json::{Value, json};
use tests::world::Answer;

use super::{DAY, OTHER_SECRET, SECRET, URL, bodies, error, hooks, key, publish, result, start, subscription, with};

#[tokio::test]
async fn a_subscription_lives_from_its_challenge_over_refreshes_to_its_end() {
    let (world, key) = start().await;
    let made = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 3_600_000 }))).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("sub_") && id.len() == 36, "{id}");
    assert_eq!((&made["refreshBefore"], &made["cursor"]), (&json!("2026-01-31T10:30:00.000Z"), &Value::Null));
    assert_eq!(made["truncated"], false);
    let challenge = world.endpoint.seen().remove(0);
    assert_eq!(bodies(std::slice::from_ref(&challenge))[0]["type"], "verification");
    assert!(challenge.id.starts_with("msg_verification_"));
    assert_eq!((challenge.values("x-mcp-subscription-id"), challenge.signed_by.len()), (vec![&*id], 1));
    publish(&world, "e-1", "T-1").await;
    publish(&world, "e-2", "T-2").await;
    let sent = world.endpoint.seen();
    assert_eq!(sent.len(), 2, "{:?}", bodies(&sent));
    let told = json!({ "eventId": "e-1", "name": "ticket.updated", "timestamp": "2026-01-31T09:30:00Z",
                       "data": { "ticket": "T-1", "priority": 1 }, "cursor": null });
    let mut body = bodies(&sent)[1].clone();
    body["timestamp"] = told["timestamp"].clone();
    assert_eq!((body, &*sent[1].id), (told, "e-1"));
    assert_eq!(sent[1].values("x-mcp-subscription-id"), [&*id]);
    // Refreshed, with another secret: both sign for a while.
    world.clock.advance(Duration::from_secs(1800));
    let other = json!({ "mode": "webhook", "url": URL, "secret": OTHER_SECRET });
    let refreshed =
        result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 3_600_000, "delivery": other }))).await;
    assert_eq!((&refreshed["id"], &refreshed["refreshBefore"]), (&json!(id), &json!("2026-01-31T11:00:00.000Z")));
    assert_eq!(refreshed["deliveryStatus"]["active"], true);
    assert_eq!(hooks(&world).await.len(), 1);
    world.endpoint.trust(URL, OTHER_SECRET);
    world.clock.advance(Duration::from_secs(10));
    publish(&world, "e-3", "T-1").await;
    let sent = world.endpoint.seen();
    assert_eq!((sent.len(), sent[2].values("webhook-signature")[0].split(' ').count()), (3, 2));
    // It is not refreshed any more: nothing is sent, and it is removed a day later.
    world.clock.advance(Duration::from_secs(3600));
    publish(&world, "e-4", "T-1").await;
    assert_eq!(world.endpoint.seen().len(), 3);
    let hook = hooks(&world).await.remove(0);
    assert_eq!((&hook["expires_at"], &hook["uid"]), (&json!("2026-01-31T11:00:00.000Z"), &json!(id)));
    let why = world.get("/v1/tenants/acme/events/e-4/explain").await.expect(200).json();
    assert_eq!(why["items"][0]["verdict"], "hook_expired", "{why}");
    world.clock.advance(Duration::from_secs(DAY + 120));
    world.drain().await;
    assert_eq!(hooks(&world).await, [Value::Null; 0]);
    let audit = world.get("/v1/tenants/acme/audit").await.expect(200).json();
    assert!(audit["items"].as_array().unwrap().iter().any(|one| one["by"] == "hookline" && one["what"] == "deleted"));
}

#[tokio::test]
async fn what_expired_comes_back_when_it_is_refreshed_before_it_is_removed() {
    let (world, key) = start().await;
    let first = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 300_000 }))).await;
    world.clock.advance(Duration::from_secs(3600));
    let again = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 3 * 24 * 3_600_000_u64 }))).await;
    assert_eq!(first["id"], again["id"]);
    world.clock.advance(Duration::from_secs(DAY + 120));
    world.drain().await;
    publish(&world, "e-1", "T-1").await;
    assert_eq!(bodies(&world.endpoint.seen()).last().unwrap()["eventId"], "e-1");
}

#[tokio::test]
async fn the_same_request_twice_and_at_once_is_one_subscription_and_another_key_has_its_own() {
    let (world, first) = start().await;
    let same = json!({ "arguments": { "priority": 1, "ticket": "T-1" } });
    let equal = json!({ "arguments": { "ticket": "T-1", "priority": 1.0 } });
    let (one, two) = join(
        result(&world, &first, "events/subscribe", with(same)),
        result(&world, &first, "events/subscribe", with(equal.clone())),
    )
    .await;
    assert_eq!((&one["id"], hooks(&world).await.len()), (&two["id"], 1));
    let second = key(&world).await;
    let other = result(&world, &second, "events/subscribe", with(equal.clone())).await;
    assert!(other["id"] != one["id"] && hooks(&world).await.len() == 2);
    // Whose it is not ends nothing.
    assert_eq!(
        error(&world, &second, "events/unsubscribe", subscription()).await,
        (-32_023, json!({ "kind": "subscription" }))
    );
    result(&world, &first, "events/unsubscribe", with(equal)).await;
    assert_eq!(hooks(&world).await.len(), 1);
    let shown = world.get("/v1/tenants/acme/hooks").await.text();
    assert!(!shown.contains("AAECAwQF"), "no secret is shown");
}

#[tokio::test]
async fn what_is_wrong_is_told_by_the_error_of_the_protocol_and_nothing_is_stored_or_dialled() {
    let (world, key) = start().await;
    let to = |url: &str| json!({ "delivery": { "mode": "webhook", "url": url, "secret": SECRET } });
    let signed = |secret: Value| json!({ "delivery": { "mode": "webhook", "url": URL, "secret": secret } });
    for (changes, code) in [
        (json!({ "name": "no.such" }), -32_023),
        (json!({ "name": 1 }), -32_602),
        (json!({ "arguments": { "nothing": 1 } }), -32_602),
        (json!({ "arguments": { "ticket": 1 } }), -32_602),
        (json!({ "arguments": { "lines": [] } }), -32_602),
        (json!({ "arguments": [] }), -32_602),
        (json!({ "delivery": null }), -32_602),
        (json!({ "delivery": { "mode": "push", "url": URL, "secret": SECRET } }), -32_026),
        (to("http://agent.example.com/in"), -32_602),
        (to("https://127.0.0.1/in"), -32_602),
        (to("https://[::1]/in"), -32_602),
        (to("https://10.0.0.1/in"), -32_602),
        (to("nothing"), -32_602),
        (signed(Value::Null), -32_602),
        (signed(json!("whsec_")), -32_602),
        (signed(json!("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFQ==")), -32_602),
        (signed(json!(format!("whsec_{}", "A".repeat(88)))), -32_602),
        (signed(json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")), -32_602),
        (json!({ "ttlMs": 1.5 }), -32_602),
        (json!({ "ttlMs": "1" }), -32_602),
        (json!({ "maxAgeMs": -1 }), -32_602),
        (json!({ "cursor": 1 }), -32_602),
    ] {
        assert_eq!(error(&world, &key, "events/subscribe", with(changes.clone())).await.0, code, "{changes}");
    }
    assert_eq!((hooks(&world).await.len(), world.endpoint.seen().len()), (0, 0));
    // What is out of range is brought into it.
    for (ttl, until) in [
        (json!(1), "2026-01-31T09:35:00.000Z"),
        (json!(0), "2026-01-31T09:35:00.000Z"),
        (json!(i64::MIN), "2026-01-31T09:35:00.000Z"),
        (Value::Null, "2026-03-02T09:30:00.000Z"),
        (json!(u64::MAX), "2026-03-02T09:30:00.000Z"),
    ] {
        let made = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": ttl }))).await;
        assert_eq!(made["refreshBefore"], until, "{ttl}");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_its_challenge_leaves_nothing() {
    let (world, key) = start().await;
    let url = "https://victim.example.com/in";
    world.endpoint.trust(url, SECRET);
    let to = || with(json!({ "delivery": { "mode": "webhook", "url": url, "secret": SECRET } }));
    for (answer, reason) in [
        (Answer::Status(200), "challenge_failed"),
        (Answer::Body(200, r#"{"challenge":"x"}"#.to_owned()), "challenge_failed"),
        (Answer::Status(302), "challenge_failed"),
        (Answer::Status(404), "http_4xx"),
        (Answer::Status(500), "http_5xx"),
        (Answer::Timeout, "timeout"),
    ] {
        world.endpoint.answer(url, [answer]);
        let expected = (-32_027, json!({ "reason": reason }));
        assert_eq!(error(&world, &key, "events/subscribe", to()).await, expected);
        assert_eq!(hooks(&world).await.len(), 0, "{reason}");
        world.clock.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn a_principal_has_so_many_subscriptions_and_no_more_and_an_expired_one_holds_its_place() {
    let (world, key) = start().await;
    for number in 0..500 {
        let asked = with(json!({ "arguments": { "priority": number } }));
        result(&world, &key, "events/subscribe", asked).await;
    }
    let dialled = world.endpoint.seen().len();
    let one_more = || with(json!({ "arguments": { "priority": 500 } }));
    let refused = (-32_025, json!({ "limit": "subscriptions", "max": 500 }));
    assert_eq!(error(&world, &key, "events/subscribe", one_more()).await, refused);
    assert_eq!(world.endpoint.seen().len(), dialled);
    // Those it has can be refreshed.
    result(&world, &key, "events/subscribe", with(json!({ "arguments": { "priority": 3 } }))).await;
    let total = world.get("/v1/tenants/acme/hooks").await.json()["total"].clone();
    assert_eq!(total, 500);
    // All have expired, and none is removed yet.
    world.clock.advance(Duration::from_secs(DAY + 60));
    world.drain().await;
    assert_eq!(error(&world, &key, "events/subscribe", one_more()).await, refused);
    world.clock.advance(Duration::from_secs(DAY + 60));
    world.drain().await;
    result(&world, &key, "events/subscribe", one_more()).await;
    assert_eq!(hooks(&world).await.len(), 1);
}
