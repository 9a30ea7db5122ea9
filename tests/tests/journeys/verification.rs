//! Endpoints that have to show that they want a hook's requests.

use std::time::Duration;

use domain::health::Health;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, OPERATOR, START, World};

const HEADER: &str = "webhook-verification";

/// A hook whose endpoint has to verify itself, and its key.
async fn hook(world: &World, per_hour: u32) -> (Hook, String) {
    let hook = world.hook(json!({ "verification": { "required": true, "per_hour": per_hour } })).await;
    let secrets = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
    let key = secrets["verification_key"].as_str().unwrap().to_owned();
    (hook, key)
}

async fn state(world: &World, hook: &Hook) -> Value {
    world.get(&hook.path()).await.expect(200).json()["health"]["verification"].take()
}

#[tokio::test]
async fn a_hook_is_given_a_key_when_it_is_made_and_shown_it() {
    let world = World::new().await;
    let body = json!({ "url": "https://a.example.com/", "events": ["*"], "verification": { "required": true } });
    let created = world.post("/v1/tenants/acme/hooks", body).await.expect(201).json();
    assert_eq!(created["verification_key"].as_str().unwrap().len(), 32);
    assert_eq!(created["health"]["verification"], "pending");
    let plain = json!({ "url": "https://a.example.com/", "events": ["*"] });
    let created = world.post("/v1/tenants/acme/hooks", plain).await.expect(201).json();
    assert_eq!(created.get("verification_key"), None);
    assert_eq!(created["health"]["verification"], "not_required");
}

#[tokio::test]
async fn until_it_returns_the_key_an_endpoint_gets_so_many_requests_per_hour() {
    let world = World::new().await;
    let (hook, key) = hook(&world, 2).await;
    let mut events = Vec::new();
    for number in 0..7 {
        events.push(world.publish(json!({ "type": "a", "data": number })).await);
    }
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 2);
    let failed = world.delivery(&events[0]).await;
    assert_eq!((&failed["status"], &failed["last_attempt"]["outcome"]), (&json!("failed"), &json!("not_verified")));
    assert_eq!(state(&world, &hook).await, "pending");
    let headers = &failed["attempts"][0]["request"]["headers"];
    let shown = headers.as_array().unwrap().iter().find(|header| header["name"] == HEADER);
    assert_eq!(shown.unwrap()["value"], "********");

    world.endpoint.answer(&hook.url, [Answer::Status(200), Answer::Body(200, key.clone())]);
    world.settle().await;
    let sent = world.endpoint.sent();
    let hours: Vec<u64> = sent.iter().map(|request| request.at.since(START).as_secs() / 3_600).collect();
    assert_eq!(hours, [0, 0, 1, 1, 1, 1, 1]);
    assert!(sent[..4].iter().all(|request| request.header(HEADER) == Some(&*key)));
    assert!(sent[4..].iter().all(|request| request.header(HEADER).is_none()));
    assert_eq!(state(&world, &hook).await, "verified");
    for event in &events[3..] {
        let delivery = world.delivery(event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)), "{delivery}");
    }
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn the_key_may_come_back_anywhere_in_json_or_in_the_header() {
    for by_header in [false, true] {
        let world = World::new().await;
        let (hook, key) = hook(&world, 1).await;
        let body = json!({ "ok": true, "keys": [{ "verification": key }] }).to_string();
        let answer = if by_header { Answer::Echo(HEADER) } else { Answer::Body(200, body) };
        world.endpoint.answer(&hook.url, [answer]);
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
        assert_eq!(world.delivery(&event).await["status"], "succeeded");
        assert_eq!(state(&world, &hook).await, "verified");
    }
}

#[tokio::test]
async fn the_handshake_can_be_made_at_once() {
    let world = World::new().await;
    let (hook, key) = hook(&world, 2).await;
    let path = format!("{}/verify", hook.path());
    world.endpoint.answer(&hook.url, [Answer::Body(200, "something else".to_owned())]);
    let refused = world.post(&path, json!({})).await.expect(200).json();
    assert_eq!(refused["result"], "not_verified");
    assert_eq!(state(&world, &hook).await, "pending");

    world.endpoint.answer(&hook.url, [Answer::Body(200, key)]);
    assert_eq!(world.post(&path, json!({})).await.expect(200).json()["result"], "success");
    assert_eq!(state(&world, &hook).await, "verified");
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 5);
}

#[tokio::test]
async fn a_handshake_that_nobody_asked_for_is_refused() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(409);
    assert_eq!(world.endpoint.sent().len(), 0);
}

#[tokio::test]
async fn another_url_has_to_verify_itself_anew() {
    let world = World::new().await;
    let (hook, key) = hook(&world, 1).await;
    world.endpoint.answer(&hook.url, [Answer::Body(200, key)]);
    world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(200);
    world.patch(&hook.path(), json!({ "name": "same url" })).await.expect(200);
    assert_eq!(state(&world, &hook).await, "verified");
    world.endpoint.trust("https://moved.example.com/", &hook.secret);
    world.patch(&hook.path(), json!({ "url": "https://moved.example.com/" })).await.expect(200);
    assert_eq!(state(&world, &hook).await, "pending");
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    world.clock.advance(Duration::from_secs(3_599));
    world.drain().await;
    assert_eq!(world.endpoint.sent_to("https://moved.example.com/").len(), 1);
}

#[tokio::test]
async fn a_verification_that_is_written_down_late_is_of_the_url_that_was_verified() {
    let world = World::new().await;
    let (hook, _) = hook(&world, 1).await;
    let victim = "https://victim.example.com/";
    world.endpoint.trust(victim, &hook.secret);
    world.patch(&hook.path(), json!({ "url": victim })).await.expect(200);
    let (tenant, id, at) = (hook.tenant.parse().unwrap(), hook.id.parse().unwrap(), world.now());
    let health = &world.engine.api.hook_health.circuits.health;
    health.change(&tenant, id, |health| health.verify(at, &hook.url)).await.unwrap();
    assert_eq!(state(&world, &hook).await, "pending");
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    assert_eq!(world.endpoint.sent_to(victim).len(), 1);
    world.post(&format!("{}/test", hook.path()), json!({})).await.expect(429);
    assert_eq!(world.endpoint.sent_to(victim).len(), 1);
}

#[tokio::test]
async fn verifying_one_url_gives_the_next_no_further_requests() {
    let world = World::new().await;
    let (hook, _) = hook(&world, 2).await;
    let (own, victim) = (hook.url.clone(), "https://victim.example.com/");
    world.endpoint.trust(victim, &hook.secret);
    for _ in 0..5 {
        world.endpoint.answer(&own, [Answer::Echo(HEADER)]);
        world.call("POST", &format!("{}/verify", hook.path()), Some(OPERATOR), "").await;
        world.patch(&hook.path(), json!({ "url": victim })).await.expect(200);
        world.call("POST", &format!("{}/test", hook.path()), Some(OPERATOR), "").await;
        world.patch(&hook.path(), json!({ "url": own })).await.expect(200);
    }
    assert_eq!((world.endpoint.sent_to(&own).len(), world.endpoint.sent_to(victim).len()), (2, 2));
}

#[tokio::test]
async fn a_hook_that_was_verified_by_a_former_version_stays_so_until_it_moves() {
    let world = World::new().await;
    let (hook, _) = hook(&world, 1).await;
    let (tenant, id) = (hook.tenant.parse().unwrap(), hook.id.parse().unwrap());
    let former: Health = serde_json::from_value(json!({ "verified_at": world.now() })).unwrap();
    world.engine.api.hook_health.circuits.health.change(&tenant, id, |health| *health = former.clone()).await.unwrap();
    assert_eq!(state(&world, &hook).await, "verified");
    world.patch(&hook.path(), json!({ "url": "https://moved.example.com/" })).await.expect(200);
    assert_eq!(state(&world, &hook).await, "pending");
}

#[tokio::test]
async fn the_key_cannot_be_placed_where_an_endpoint_would_reflect_it() {
    let world = World::new().await;
    let (hook, key) = hook(&world, 100).await;
    let encoded = format!("%{:02x}{}", key.as_bytes()[0], &key[1..]);
    for (field, value) in [
        ("url", json!(format!("https://victim.example.com/reflect?x={key}"))),
        ("url", json!(format!("https://victim.example.com/{encoded}"))),
        ("url", json!(format!("https://victim.example.com/{}", key.to_uppercase()))),
        ("headers", json!([{ "name": "X-Reflected", "value": key }])),
        ("headers", json!([{ "name": key, "value": "reflected" }])),
        ("payload", json!({ "mappings": [{ "field": "a", "value": [key] }] })),
        ("auth", json!({ "type": "bearer", "token": key })),
        ("events", json!([key])),
        ("name", json!(key)),
    ] {
        let refused = world.patch(&hook.path(), json!({ (field): value })).await.expect(422).json();
        let errors = refused["errors"].as_array().unwrap();
        let told =
            errors.iter().any(|error| error["field"] == field && error["message"].as_str().unwrap().contains("key"));
        assert!(told, "{field}: {refused}");
    }
    let path = format!("{}/test", hook.path());
    for body in [json!({ "data": { "a": [key] } }), json!({ "event_type": key })] {
        world.post(&path, body).await.expect(422);
    }
    assert_eq!(world.endpoint.seen().len(), 0);
}

#[tokio::test]
async fn another_url_gets_another_key_and_so_do_headers_and_payloads_that_were_placed_since() {
    let world = World::new().await;
    let (hook, mut key) = hook(&world, 100).await;
    for change in [
        json!({ "url": "https://moved.example.com/" }),
        json!({ "headers": [{ "name": "X-A", "value": "a" }] }),
        json!({ "auth": { "type": "bearer", "token": "t" } }),
    ] {
        world.patch(&hook.path(), change.clone()).await.expect(200);
        let secrets = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
        let next = secrets["verification_key"].as_str().unwrap().to_owned();
        assert!(next != key && next.len() == key.len(), "{change}");
        key = next;
        world.patch(&hook.path(), json!({ "description": "the same", "rate_limit": 7 })).await.expect(200);
        let secrets = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
        assert_eq!(secrets["verification_key"], key);
    }
}

#[tokio::test]
async fn an_endpoint_that_has_not_verified_itself_does_not_fail() {
    let world = World::new().await;
    let settings = json!({ "verification": { "required": true, "per_hour": 100 }, "disable_after": 60,
                           "circuit_breaker": { "failures": 1 } });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(200), Answer::Status(500), Answer::Timeout]);
    for number in 0..2 {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.settle().await;
    let shown = world.get(&hook.path()).await.expect(200).json();
    let health = &shown["health"];
    assert_eq!((&shown["enabled"], &health["consecutive_failures"]), (&json!(true), &json!(0)), "{shown}");
    assert!(health["last_execution"].is_string() && health["failing_since"].is_null(), "{health}");
}
