//! Each cause for which a customer does not get an event.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, World};

use super::{assert_documented, assert_held, assert_verdict, explained};

const DATA: &str = "shown nowhere else";

#[tokio::test]
async fn a_type_that_no_pattern_matches() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "Search", "events": ["post.*", "user.created"] })).await;
    let event = world.publish(json!({ "type": "user.deleted", "data": DATA })).await;
    world.settle().await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "type", "user.deleted");
    assert_documented(&entry, "type");
    assert_eq!(entry["patterns"], json!(["post.*", "user.created"]));
    assert_eq!((&entry["hook_name"], &entry["delivery"]), (&json!("Search"), &Value::Null));
}

#[tokio::test]
async fn a_channel_that_the_event_is_not_in() {
    let world = World::new().await;
    let hook = world.hook(json!({ "channels": ["eu", "us"] })).await;
    let event = world.publish(json!({ "type": "a", "channels": ["asia"], "data": DATA })).await;
    let without = world.publish(json!({ "type": "a", "data": DATA })).await;
    world.settle().await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "channel", "asks for the channels eu, us, and the event is in asia");
    assert_documented(&entry, "channel");
    assert_eq!(entry["channels"], json!(["eu", "us"]));
    assert_verdict(&explained(&world, &without, &hook).await, "channel", "the event is in no channel");
}

#[tokio::test]
async fn a_filter_names_the_rule_and_the_value_that_it_met() {
    let world = World::new().await;
    let filter = json!({ "state": ["live"], "$or": [{ "score": [{ "numeric": [">", 5] }] }, { "pinned": [true] }] });
    let hook = world.hook(json!({ "filter": filter })).await;
    let event = world.publish(json!({ "type": "a", "data": { "state": "draft", "score": 1 } })).await;
    world.settle().await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "filter", r#"data.state is "draft", which none of its rules admits: ["live"]"#);
    assert_documented(&entry, "filter");
    let expected = json!([
        { "path": "data.state", "cause": "refused", "rules": ["live"], "value": r#""draft""# },
        { "path": "data", "cause": "no_alternative", "alternatives": [
            [{ "path": "data.score", "cause": "refused", "rules": [{ "numeric": [">", 5] }], "value": "1" }],
            [{ "path": "data.pinned", "cause": "missing", "rules": [true] }],
        ] },
    ]);
    assert_eq!(entry["unmet"], expected);
}

#[tokio::test]
async fn a_hook_that_was_disabled_by_what_its_endpoint_answered() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let event = world.publish(json!({ "type": "a", "data": 2 })).await;
    world.settle().await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "chosen", "was skipped: the hook is disabled");
    assert_documented(&entry, "disabled");
    assert_eq!(entry["delivery"]["status"], "skipped");
}

#[tokio::test]
async fn a_hook_that_was_paused_while_a_retry_was_waiting() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(
        &entry,
        "chosen",
        "the hook is disabled (disabled by request), and what comes due waits until it is enabled",
    );
    assert_documented(&entry, "paused");
    let holds: Vec<&Value> = entry["held_by"].as_array().unwrap().iter().map(|hold| &hold["by"]).collect();
    assert_eq!(holds, ["disabled", "retry"]);
    world.settle().await;
    assert_verdict(&explained(&world, &event, &hook).await, "chosen", "it came due while the hook was paused");
}

#[tokio::test]
async fn a_hook_that_was_made_later() {
    let world = World::new().await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
    let hook = world.hook(json!({})).await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "made_later", "the hook was made at 2026-01-31T09:30:01.000Z, after the event");
    assert_documented(&entry, "made later");
    assert_eq!((&entry["judged_from"], &entry["hook_version"]), (&json!("version_now"), &json!(1)));
}

#[tokio::test]
async fn a_rate_limit_with_others_in_line() {
    let world = World::new().await;
    let hook = world.hook(json!({ "rate_limit": 2 })).await;
    let mut event = String::new();
    for number in 0..9 {
        event = world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "chosen", "at most 2 requests a second go out");
    assert_documented(&entry, "rate");
    let until = entry["held_by"][0]["until"].as_str().unwrap().to_owned();
    assert_held(&entry, "rate_limit", Some(&until));
    // It took no turn: all have arrived by then, and nobody waits.
    let until: domain::time::Timestamp = serde_json::from_value(json!(until)).unwrap();
    while world.now() < until && world.advance_to_next_due() {
        world.drain().await;
    }
    assert_verdict(&explained(&world, &event, &hook).await, "chosen", "it was delivered");
}

#[tokio::test]
async fn a_circuit_that_is_open() {
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 2, "probe_after": 60 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 2]);
    for number in 0..2 {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
    let event = world.publish(json!({ "type": "a", "data": "waits" })).await;
    world.drain().await;
    let entry = explained(&world, &event, &hook).await;
    assert_held(&entry, "circuit", Some("2026-01-31T09:31:00.000Z"));
    assert_documented(&entry, "circuit");
    world.settle().await;
    assert_verdict(&explained(&world, &event, &hook).await, "chosen", "was answered with 200");
}

#[tokio::test]
async fn an_endpoint_that_has_not_verified_itself() {
    let world = World::new().await;
    let hook = world.hook(json!({ "verification": { "required": true, "per_hour": 1 } })).await;
    let first = world.publish(json!({ "type": "a", "data": 1 })).await;
    let second = world.publish(json!({ "type": "a", "data": 2 })).await;
    world.drain().await;
    let mut held = 0;
    for event in [&first, &second] {
        let entry = explained(&world, event, &hook).await;
        match entry["delivery"]["status"].as_str().unwrap() {
            "pending" => {
                assert_held(&entry, "verification", Some("2026-01-31T10:30:00.000Z"));
                assert_documented(&entry, "verification");
                held += 1;
            }
            _ => assert_eq!(entry["delivery"]["last_attempt"]["outcome"], "not_verified", "{entry}"),
        }
    }
    assert_eq!(held, 1);
}

#[tokio::test]
async fn an_endpoint_that_fails() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [30], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Timeout, Answer::Status(503)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let entry = explained(&world, &event, &hook).await;
    assert_held(&entry, "retry", Some("2026-01-31T09:30:30.000Z"));
    assert_verdict(&entry, "chosen", "the one attempt ended with timeout");
    world.settle().await;
    let entry = explained(&world, &event, &hook).await;
    assert_verdict(&entry, "chosen", "failed for good: the last of 2 attempts was answered with 503");
    assert_documented(&entry, "endpoint");
    assert_eq!((&entry["delivery"]["status"], &entry["held_by"]), (&json!("failed"), &Value::Null));
}

#[tokio::test]
async fn an_event_whose_time_has_not_come_or_is_over() {
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 2, "probe_after": 60 } })).await;
    let later = world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-01-31T09:40:00Z", "ttl": 5 })).await;
    world.drain().await;
    assert_held(&explained(&world, &later, &hook).await, "deliver_at", Some("2026-01-31T09:40:00.000Z"));

    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 2]);
    for number in 0..2 {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
    let expiring = world.publish(json!({ "type": "a", "data": 1, "ttl": 30 })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(31));
    let entry = explained(&world, &expiring, &hook).await;
    let holds: Vec<&Value> = entry["held_by"].as_array().unwrap().iter().map(|hold| &hold["by"]).collect();
    assert_eq!(holds, ["expired", "circuit"], "{entry}");
    world.settle().await;
    assert_verdict(&explained(&world, &expiring, &hook).await, "chosen", "was skipped: the event has expired");
}
