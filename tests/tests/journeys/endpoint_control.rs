//! Endpoints that say in the headers of their answers what they want, where their hook allows it.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, START, World};

fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
    Answer::Headers(status, headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

async fn hook(world: &World, control: Value) -> Hook {
    world.hook(json!({ "endpoint_control": control, "retry": { "delays": [5, 60], "jitter": 0 } })).await
}

async fn publish(world: &World) -> String {
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    event
}

async fn audit(world: &World, hook: &Hook) -> String {
    world.get(&format!("{}/audit", hook.path())).await.expect(200).text()
}

#[tokio::test]
async fn an_endpoint_disables_its_hook_with_success_or_failure() {
    for status in [200, 500] {
        let world = World::new().await;
        let hook = hook(&world, json!({ "disable": true })).await;
        world.endpoint.answer(&hook.url, [answer(status, &[("webhook-delivery", "disable")])]);
        let event = publish(&world).await;
        let shown = world.get(&hook.path()).await.expect(200).json();
        assert_eq!(shown["enabled"], false, "{shown}");
        assert_eq!(shown["disabled_reason"], "the endpoint asked for it (webhook-delivery: disable)");
        assert!(audit(&world, &hook).await.contains("webhook-delivery: disable"));
        let expected = if status == 200 { "succeeded" } else { "skipped" };
        world.settle().await;
        assert_eq!(world.delivery(&event).await["status"], expected);
        publish(&world).await;
        assert_eq!(world.endpoint.sent().len(), 1);
        world.patch(&hook.path(), json!({ "enabled": true })).await.expect(200);
        publish(&world).await;
        assert_eq!(world.endpoint.sent().len(), 2, "its owner has the last word");
    }
}

#[tokio::test]
async fn an_endpoint_that_disables_a_hook_after_many_successes_is_heard_at_once() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "disable": true })).await;
    for _ in 0..3 {
        publish(&world).await;
    }
    world.endpoint.answer(&hook.url, [answer(204, &[("webhook-delivery", "disable")])]);
    publish(&world).await;
    assert_eq!(world.get(&hook.path()).await.json()["enabled"], false);
}

#[tokio::test]
async fn an_endpoint_ends_the_retries_of_one_delivery() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "abort_message": true })).await;
    world.endpoint.answer(
        &hook.url,
        [Answer::Status(500), answer(500, &[("webhook-delivery", "abort-message")]), Answer::Status(500)],
    );
    let event = publish(&world).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("failed"), &json!(2)), "{delivery}");
    let reason = "the endpoint asked for no further attempts (webhook-delivery: abort-message)";
    assert_eq!(delivery["reason"], reason);
    assert_eq!(world.get(&hook.path()).await.json()["enabled"], true);
    assert!(!audit(&world, &hook).await.contains(delivery["id"].as_str().unwrap()), "which would grow without bound");
    let other = publish(&world).await;
    world.settle().await;
    assert_eq!(world.delivery(&other).await["status"], "succeeded", "the next is tried as ever");
}

#[tokio::test]
async fn what_is_retried_by_hand_is_ended_by_its_endpoint_as_well() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "abort_message": true })).await;
    let abort = || answer(500, &[("webhook-delivery", "abort-message")]);
    let retry = async |event: &str| {
        let id = world.delivery(event).await["id"].as_str().unwrap().to_owned();
        world.post(&format!("/v1/tenants/acme/deliveries/{id}/retry"), json!({})).await.expect(202);
        world.drain().await;
    };
    let assert_ended = async |event: &str, attempts: u32| {
        let delivery = world.delivery(event).await;
        assert_eq!(
            (&delivery["status"], &delivery["attempt_count"]),
            (&json!("failed"), &json!(attempts)),
            "{delivery}"
        );
        assert!(delivery["reason"].as_str().is_some_and(|reason| reason.contains("abort-message")), "{delivery}");
    };
    world.endpoint.answer(&hook.url, [Answer::Status(500), abort()]);
    let event = publish(&world).await;
    retry(&event).await;
    assert_ended(&event, 2).await;
    world.settle().await;
    assert_ended(&event, 2).await;

    // One that waits for its first attempt.
    world.endpoint.answer(&hook.url, [abort()]);
    let later =
        json!({ "type": "a", "data": 1, "deliver_at": START.saturating_add(Duration::from_secs(900)).to_string() });
    let event = world.publish(later).await;
    world.drain().await;
    retry(&event).await;
    world.settle().await;
    assert_ended(&event, 1).await;

    // What has arrived stays so.
    let event = publish(&world).await;
    world.endpoint.answer(&hook.url, [abort()]);
    retry(&event).await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("succeeded"), &Value::Null), "{delivery}");
}

#[tokio::test]
async fn it_has_no_effect_on_what_succeeded() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "abort_message": true })).await;
    world.endpoint.answer(&hook.url, [answer(200, &[("webhook-delivery", "abort-message")])]);
    let event = publish(&world).await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("succeeded"), &Value::Null), "{delivery}");
}

#[tokio::test]
async fn a_quota_that_is_used_up_holds_back_what_follows_until_it_is_there_again() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate_limit": true })).await;
    world.endpoint.answer(&hook.url, [answer(200, &[("ratelimit", "\"default\";r=0;t=30")])]);
    publish(&world).await;
    let waiting = publish(&world).await;
    assert_eq!(world.endpoint.sent().len(), 1);
    let health = world.get(&hook.path()).await.json()["health"].clone();
    assert!(health["throttled_until"].is_string(), "{health}");
    let explained = world.get(&format!("/v1/tenants/acme/events/{waiting}/explain")).await.expect(200).text();
    assert!(explained.contains("throttled") && explained.contains("asked for no more requests until"), "{explained}");
    world.post(&format!("{}/test", hook.path()), json!({})).await.expect(429);
    assert!(audit(&world, &hook).await.contains("the endpoint asked for no more requests until"));
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[1].at.since(START) >= Duration::from_secs(30));
    let delivery = world.delivery(&waiting).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)));
    assert!(world.get(&hook.path()).await.json()["health"]["throttled_until"].is_null());
}

#[tokio::test]
async fn long_headers_of_a_success_are_followed_to_the_last() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate_limit": true, "disable": true })).await;
    let policy = format!("\"default\";q=1000;w=60;pk=:{}:", "A".repeat(200));
    let headers =
        [("ratelimit-policy", &*policy), ("ratelimit", "\"default\";r=0;t=30"), ("webhook-delivery", "disable")];
    world.endpoint.answer(&hook.url, [answer(200, &headers)]);
    publish(&world).await;
    let shown = world.get(&hook.path()).await.json();
    assert!(shown["enabled"] == false && shown["health"]["throttled_until"].is_string(), "{shown}");
}

#[tokio::test]
async fn the_wait_for_a_quota_begins_with_the_answer_and_not_with_its_request() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate_limit": true })).await;
    let used_up = answer(200, &[("ratelimit", "\"default\";r=0;t=30")]);
    world.endpoint.answer(&hook.url, [Answer::After(12_000, Box::new(used_up))]);
    publish(&world).await;
    publish(&world).await;
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[1].at.since(START) >= Duration::from_secs(42), "{}", sent[1].at);
}

#[tokio::test]
async fn a_retry_waits_for_the_quota_as_well() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate_limit": true })).await;
    world.endpoint.answer(&hook.url, [answer(429, &[("ratelimit", "\"default\";r=0;t=50")])]);
    let event = publish(&world).await;
    world.settle().await;
    let sent = world.endpoint.sent();
    assert!(sent.len() == 2 && sent[1].at.since(START) >= Duration::from_secs(50), "{sent:?}");
    assert_eq!(world.delivery(&event).await["attempt_count"], 2);
}

#[tokio::test]
async fn a_policy_is_a_limit_for_what_follows() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate_limit": true })).await;
    world.endpoint.answer(&hook.url, [answer(200, &[("ratelimit-policy", "\"default\";q=3;w=60")])]);
    publish(&world).await;
    for _ in 0..6 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 7);
    for four in sent[1..].windows(4) {
        assert!(four[3].at.since(four[0].at) >= Duration::from_secs(60));
    }
    assert!(audit(&world, &hook).await.contains("1 requests a second and 3 a minute"));
}

#[tokio::test]
async fn nothing_is_followed_where_the_hook_does_not_allow_it() {
    let headers = [
        ("webhook-delivery", "disable, abort-message"),
        ("ratelimit", "\"a\";r=0;t=9"),
        ("ratelimit-policy", "\"a\";q=1;w=60"),
    ];
    for control in [json!({}), json!({ "disable": false, "abort_message": false, "rate_limit": false })] {
        let world = World::new().await;
        let hook = hook(&world, control).await;
        world.endpoint.answer(&hook.url, [answer(500, &headers), answer(200, &headers)]);
        let event = publish(&world).await;
        world.settle().await;
        publish(&world).await;
        let times: Vec<u64> = world.endpoint.sent().iter().map(|sent| sent.at.since(START).as_secs()).collect();
        assert_eq!(times, [0, 5, 5]);
        assert_eq!(world.delivery(&event).await["status"], "succeeded");
        assert_eq!(world.get(&hook.path()).await.json()["enabled"], true);
    }
}

#[tokio::test]
async fn what_an_endpoint_asked_for_is_forgotten_when_its_hook_moves() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate_limit": true })).await;
    world.endpoint.answer(&hook.url, [answer(200, &[("ratelimit", "\"default\";r=0;t=3600")])]);
    publish(&world).await;
    let moved = "https://moved.example.com/";
    world.endpoint.trust(moved, &hook.secret);
    world.patch(&hook.path(), json!({ "url": moved })).await.expect(200);
    publish(&world).await;
    assert_eq!(world.endpoint.sent_to(moved).len(), 1);
}
