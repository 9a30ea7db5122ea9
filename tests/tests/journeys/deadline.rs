//! After its retry deadline nothing of a delivery is tried again, whatever held it back.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, START, World};

const REASON: &str = "the retry deadline has passed";

fn seconds(world: &World) -> Vec<u64> {
    world.endpoint.sent().iter().map(|request| request.at.since(START).as_secs()).collect()
}

/// It failed because of its deadline, and log and explanation say so.
async fn assert_ran_out(world: &World, event: &str, attempts: u64, reason: &str) {
    let delivery = world.delivery(event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("failed"), &json!(reason)), "{delivery}");
    assert_eq!((&delivery["attempt_count"], &delivery["next_attempt_at"]), (&json!(attempts), &Value::Null));
    assert_eq!(delivery["attempts"].as_array().unwrap().len() as u64, attempts);
    let explained = world.get(&format!("/v1/tenants/acme/events/{event}/explain")).await.expect(200).json();
    let items = explained["items"].as_array().unwrap();
    let sentence = items.iter().find(|item| item["delivery"]["id"] == delivery["id"]).unwrap()["sentence"].to_string();
    assert!(sentence.contains("failed for good") && sentence.contains(reason), "{sentence}");
}

#[tokio::test]
async fn what_was_due_while_the_server_was_down_is_not_sent_after_the_deadline() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [1, 1, 1], "jitter": 0, "deadline": 2 } })).await;
    let listener = world.hook(json!({ "events": ["delivery.exhausted"] })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 9]);
    let event = world.publish(json!({ "id": "e", "type": "a", "data": 1 })).await;
    world.drain().await;
    let world = world.stop_and_start().await;
    world.clock.advance(Duration::from_secs(3));
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 1);
    assert_ran_out(&world, &event, 1, REASON).await;
    assert_eq!(world.endpoint.sent_to(&listener.url).len(), 1, "its owner hears of it");
}

#[tokio::test]
async fn what_waits_for_its_turn_under_a_rate_is_not_sent_after_the_deadline() {
    let world = World::new().await;
    let retry = json!({ "delays": [1, 1, 1], "jitter": 0, "deadline": 2 });
    let hook = world.hook(json!({ "rate_limit": 1, "retry": retry, "circuit_breaker": { "failures": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 99]);
    let mut events = Vec::new();
    for n in 0..6 {
        events.push(world.publish(json!({ "type": "a", "data": n })).await);
    }
    world.settle().await;
    let mut ran_out = 0;
    for event in &events {
        let delivery = world.delivery(event).await;
        let attempts = delivery["attempts"].as_array().unwrap();
        let at = |attempt: &Value| domain::time::Timestamp::parse(attempt["at"].as_str().unwrap()).unwrap();
        let first = at(&attempts[0]);
        assert!(attempts.iter().all(|attempt| at(attempt).since(first) <= Duration::from_secs(2)), "{delivery}");
        assert_eq!(delivery["status"], "failed");
        ran_out += usize::from(delivery["reason"] == REASON);
    }
    assert!(ran_out > 0, "some had to wait for longer");
}

#[tokio::test]
async fn what_waits_for_a_circuit_ends_at_its_deadline_and_not_with_the_probe() {
    let world = World::new().await;
    let breaker = json!({ "failures": 2, "probe_after": 3_600 });
    let hook = world
        .hook(json!({ "circuit_breaker": breaker, "retry": { "delays": [60, 60], "jitter": 0, "deadline": 100 } }))
        .await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(503); 9]);
    let mut events = Vec::new();
    for n in 0..2 {
        events.push(world.publish(json!({ "type": "a", "data": n })).await);
    }
    world.settle().await;
    assert_eq!(seconds(&world), [0, 0]);
    for event in &events {
        assert_ran_out(&world, event, 1, REASON).await;
        let updated = world.delivery(event).await["updated_at"].as_str().unwrap().to_owned();
        let ended = domain::time::Timestamp::parse(&updated).unwrap().since(START);
        assert!(ended >= Duration::from_secs(100) && ended < Duration::from_secs(110), "{updated}");
    }
}

#[tokio::test]
async fn a_retry_that_would_come_too_late_is_not_planned_and_the_reason_is_told() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [5, 60], "jitter": 0, "deadline": 30 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 9]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(seconds(&world), [0, 5]);
    assert_ran_out(&world, &event, 2, "the next retry would come after the retry deadline").await;
    // Who ran out of retries has no other reason.
    world.patch(&hook.path(), json!({ "retry": { "delays": [5], "jitter": 0, "deadline": 30 } })).await.expect(200);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.delivery(&event).await["reason"], Value::Null);
}

#[tokio::test]
async fn what_is_asked_for_by_hand_or_by_a_replay_has_a_deadline_of_its_own() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [1, 1], "jitter": 0, "deadline": 10 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 6]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(3_600));
    let id = world.delivery(&event).await["id"].as_str().unwrap().to_owned();
    world.post(&format!("/v1/tenants/acme/deliveries/{id}/retry"), json!({})).await.expect(202);
    world.settle().await;
    assert_eq!(world.delivery(&event).await["attempt_count"], 4);
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "failed" })).await.expect(202);
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["attempt_count"], &delivery["status"]), (&json!(7), &json!("succeeded")));
}
