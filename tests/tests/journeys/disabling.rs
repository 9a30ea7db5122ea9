//! Hooks that are disabled because nothing succeeds, and enabled again.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, OPERATOR, START, World};

async fn read(world: &World, hook: &Hook) -> Value {
    world.get(&hook.path()).await.expect(200).json()
}

async fn audit(world: &World, hook: &Hook) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let entries = world.pages(&format!("{}/audit?limit=2", hook.path())).await;
    entries.iter().map(|entry| (text(entry, "by"), text(entry, "what"))).collect()
}

async fn fail_once(world: &World, hook: &Hook, answer: Answer) {
    world.endpoint.answer(&hook.url, [answer]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
}

#[tokio::test]
async fn gone_disables_the_hook_at_once() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    fail_once(&world, &hook, Answer::Status(410)).await;
    let shown = read(&world, &hook).await;
    assert_eq!(
        (&shown["enabled"], &shown["disabled_reason"]),
        (&json!(false), &json!("the endpoint answered 410 Gone"))
    );
    assert_eq!(shown["disabled_at"], START.to_string());

    let event = world.publish(json!({ "type": "a", "data": 2 })).await;
    world.settle().await;
    assert_eq!(world.delivery(&event).await["status"], "skipped");
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn gone_is_like_any_other_failure_where_it_is_not_final() {
    let world = World::new().await;
    let hook = world.hook(json!({ "success": { "final": [] } })).await;
    fail_once(&world, &hook, Answer::Status(410)).await;
    assert_eq!(read(&world, &hook).await["enabled"], true);
}

#[tokio::test]
async fn a_hook_that_fails_for_too_long_is_disabled_and_one_success_prevents_it() {
    let world = World::new().await;
    let hook = world.hook(json!({ "disable_after": 3600 })).await;
    fail_once(&world, &hook, Answer::Status(500)).await;
    world.clock.advance(Duration::from_secs(1_800));
    fail_once(&world, &hook, Answer::Status(200)).await;
    world.clock.advance(Duration::from_secs(1_800));
    fail_once(&world, &hook, Answer::Status(500)).await;
    assert_eq!(read(&world, &hook).await["enabled"], true);

    world.clock.advance(Duration::from_secs(3_599));
    fail_once(&world, &hook, Answer::Timeout).await;
    assert_eq!(read(&world, &hook).await["enabled"], true);
    world.clock.advance(Duration::from_secs(1));
    fail_once(&world, &hook, Answer::Timeout).await;
    let shown = read(&world, &hook).await;
    assert_eq!(
        (&shown["enabled"], &shown["disabled_reason"]),
        (&json!(false), &json!("every request failed for too long"))
    );
}

#[tokio::test]
async fn zero_never_disables() {
    let world = World::new().await;
    let hook = world.hook(json!({ "disable_after": 0 })).await;
    for _ in 0..3 {
        fail_once(&world, &hook, Answer::Status(500)).await;
        world.clock.advance(Duration::from_secs(30 * 24 * 3600));
    }
    assert_eq!(read(&world, &hook).await["enabled"], true);
}

#[tokio::test]
async fn five_days_are_the_default() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    fail_once(&world, &hook, Answer::Status(500)).await;
    world.clock.advance(Duration::from_secs(5 * 24 * 3600 - 1));
    fail_once(&world, &hook, Answer::Status(500)).await;
    assert_eq!(read(&world, &hook).await["enabled"], true);
    world.clock.advance(Duration::from_secs(1));
    fail_once(&world, &hook, Answer::Status(500)).await;
    assert_eq!(read(&world, &hook).await["enabled"], false);
}

#[tokio::test]
async fn a_hook_that_is_enabled_again_starts_from_zero_and_its_history_is_kept() {
    let world = World::new().await;
    let hook = world.hook(json!({ "disable_after": 60 })).await;
    fail_once(&world, &hook, Answer::Status(500)).await;
    world.clock.advance(Duration::from_secs(60));
    fail_once(&world, &hook, Answer::Status(500)).await;
    assert_eq!(read(&world, &hook).await["health"]["failure_count"], 2);
    world.clock.advance(Duration::from_secs(1));
    world.patch(&hook.path(), json!({ "enabled": true })).await.expect(200);
    let shown = read(&world, &hook).await;
    assert_eq!((&shown["enabled"], &shown["disabled_reason"]), (&json!(true), &json!(null)));
    assert_eq!((&shown["health"]["failure_count"], &shown["health"]["failing_since"]), (&json!(2), &json!(null)));

    fail_once(&world, &hook, Answer::Status(500)).await;
    assert_eq!(read(&world, &hook).await["enabled"], true, "old failures do not count");
    world.clock.advance(Duration::from_secs(1));
    world.patch(&hook.path(), json!({ "name": "x" })).await.expect(200);
    let expected =
        [("operator", "changed"), ("operator", "enabled"), ("hookline", "disabled"), ("operator", "created")];
    let expected: Vec<_> = expected.iter().map(|(by, what)| ((*by).to_owned(), (*what).to_owned())).collect();
    assert_eq!(audit(&world, &hook).await, expected);
}

#[tokio::test]
async fn with_a_portal_key_neither_moving_nor_enabling_a_hook_makes_its_failures_count_anew() {
    let world = World::new().await;
    let key = world
        .post("/v1/tenants/acme/keys", json!({ "scope": "portal", "expires_in": 86_400 }))
        .await
        .expect(201)
        .json();
    let key = key["key"].as_str().unwrap().to_owned();
    for (by, still_enabled) in [(key.as_str(), false), (OPERATOR, true)] {
        for enabling in [false, true] {
            let mut hook =
                world.hook(json!({ "disable_after": 60, "events": [if enabling { "b" } else { "a" }] })).await;
            let (first, path) = (hook.url.clone(), hook.path());
            let patch = async |body: Value| {
                world.call("PATCH", &path, Some(by), body.to_string()).await.expect(200);
            };
            for second in 0..7 {
                world.endpoint.answer(&hook.url, [Answer::Status(500)]);
                world.publish(json!({ "type": if enabling { "b" } else { "a" }, "data": 1 })).await;
                world.drain().await;
                world.clock.advance(Duration::from_secs(10));
                if second == 6 {
                    break;
                }
                if enabling {
                    patch(json!({ "enabled": false })).await;
                    // How long it is disabled does not count.
                    world.clock.advance(Duration::from_secs(3_600));
                    patch(json!({ "enabled": true })).await;
                } else {
                    let url = format!("{first}?{second}");
                    world.endpoint.trust(&url, &hook.secret);
                    patch(json!({ "url": url })).await;
                    hook.url = url;
                }
            }
            assert_eq!(read(&world, &hook).await["enabled"], still_enabled, "{by}");
            world.delete(&hook.path()).await.expect(204);
        }
    }
}

#[tokio::test]
async fn a_hook_tells_how_it_fares() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    assert_eq!(read(&world, &hook).await["health"]["last_execution"], json!(null));
    fail_once(&world, &hook, Answer::Status(200)).await;
    let health = read(&world, &hook).await["health"].take();
    assert_eq!((&health["last_execution"], &health["last_success"]), (&json!(START), &json!(START)));
    assert_eq!((&health["last_failure"], &health["consecutive_failures"]), (&json!(null), &json!(0)));

    world.clock.advance(Duration::from_secs(1));
    fail_once(&world, &hook, Answer::Status(404)).await;
    let health = read(&world, &hook).await["health"].take();
    let later = json!(START.saturating_add(Duration::from_secs(1)));
    assert_eq!((&health["last_failure"], &health["failing_since"]), (&later, &later));
    assert_eq!((&health["last_execution"], &health["failure_count"]), (&later, &json!(1)));
}

#[tokio::test]
async fn hooks_are_listed_in_the_order_of_their_last_execution() {
    let world = World::new().await;
    let never = world.hook(json!({ "events": ["none"] })).await;
    let first = world.hook(json!({ "events": ["one"] })).await;
    let last = world.hook(json!({ "events": ["two"] })).await;
    for kind in ["one", "two"] {
        world.publish(json!({ "type": kind, "data": 1 })).await;
        world.drain().await;
        world.clock.advance(Duration::from_secs(1));
    }
    let order =
        |listed: Vec<Value>| listed.iter().map(|hook| hook["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let path = "/v1/tenants/acme/hooks?limit=1&order=";
    assert_eq!(order(world.pages(&format!("{path}last_execution")).await), [&*never.id, &*first.id, &*last.id]);
    assert_eq!(order(world.pages(&format!("{path}-last_execution")).await), [&*last.id, &*first.id, &*never.id]);
}

#[tokio::test]
async fn the_trail_names_the_key_that_made_a_change() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let key = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    let token = key["key"].as_str();
    world.call("PATCH", &hook.path(), token, r#"{"enabled":false}"#).await.expect(200);
    world.call("POST", &format!("{}/secret/rotate", hook.path()), token, "{}").await.expect(200);
    let mut made: Vec<_> = audit(&world, &hook).await;
    made.retain(|(by, _)| by == key["id"].as_str().unwrap_or_default());
    made.sort();
    assert_eq!(made.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), ["disabled", "secret rotated"]);
    assert_eq!(read(&world, &hook).await["disabled_reason"], "disabled by request");
}
