//! When attempts are made, and how they are listed.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, START, World};

/// Seconds from [`START`] to each request.
fn seconds(world: &World) -> Vec<u64> {
    world.endpoint.sent().iter().map(|request| request.at.since(START).as_secs()).collect()
}

fn outcomes(delivery: &Value) -> Vec<(u64, &str, &str)> {
    let attempts = delivery["attempts"].as_array().unwrap();
    let summary = attempts.iter().map(|attempt| {
        let text = |field: &str| attempt[field].as_str().unwrap();
        (attempt["number"].as_u64().unwrap(), text("trigger"), text("outcome"))
    });
    summary.collect()
}

#[tokio::test]
async fn a_delivery_that_lands_at_once_takes_one_request_and_one_row() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "post.published", "data": { "id": 42 } })).await;
    world.drain().await;

    let delivery = world.delivery(&event).await;
    assert_eq!(delivery["status"], "succeeded");
    assert_eq!(delivery["next_attempt_at"], Value::Null);
    assert_eq!(outcomes(&delivery), [(1, "first", "success")]);
    assert_eq!(world.endpoint.sent()[0].id, delivery["id"].as_str().unwrap());
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn the_default_ladder_is_climbed_to_its_end_at_exactly_its_times() {
    let world = World::new().await;
    let hook = world
        .hook(json!({ "retry": { "delays": [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], "jitter": 0 } }))
        .await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(503); 20]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;

    let waits = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    let expected = waits.iter().scan(0, |at, wait| {
        *at += wait;
        Some(*at)
    });
    assert_eq!(seconds(&world), expected.collect::<Vec<u64>>());
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery["status"], "failed");
    assert_eq!(delivery["attempt_count"], 10);
    assert_eq!(delivery["next_attempt_at"], Value::Null);
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn an_exponential_schedule_grows_up_to_its_limit() {
    let world = World::new().await;
    let exponential = json!({ "initial": 10, "factor": 3, "retries": 4, "max": 100 });
    let hook = world.hook(json!({ "retry": { "exponential": exponential, "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 10]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(seconds(&world), [0, 10, 40, 130, 230]);
}

#[tokio::test]
async fn nothing_is_sent_a_millisecond_before_it_is_due() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(world.delivery(&event).await["status"], "retrying");
    assert_eq!(world.delivery(&event).await["next_attempt_at"], "2026-01-31T09:31:00.000Z");

    world.clock.advance(Duration::from_millis(59_999));
    assert_eq!(world.drain().await, 0);
    world.clock.advance(Duration::from_millis(1));
    world.drain().await;
    assert_eq!(seconds(&world), [0, 60]);
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
}

#[tokio::test]
async fn retry_after_lengthens_a_wait_and_never_shortens_it() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [10, 10, 10], "jitter": 0 } })).await;
    let date = "Sat, 31 Jan 2026 09:45:00 GMT";
    let answers = [Answer::Later(429, "120".into()), Answer::Later(503, "1".into()), Answer::Later(503, date.into())];
    world.endpoint.answer(&hook.url, answers);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(seconds(&world), [0, 120, 130, 900]);
}

#[tokio::test]
async fn a_success_after_two_failures_lists_all_three_attempts() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [1, 1, 1], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Timeout, Answer::Status(302)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;

    let delivery = world.delivery(&event).await;
    assert_eq!(outcomes(&delivery), [(1, "first", "timeout"), (2, "retry", "status"), (3, "retry", "success")]);
    assert_eq!(delivery["status"], "succeeded");
    assert_eq!(delivery["attempts"][0]["error"], "no answer within 15 s");
    assert_eq!(delivery["attempts"][1]["status_code"], 302);
    assert_eq!(delivery["last_attempt"]["number"], delivery["attempts"][2]["number"]);
    let ids: Vec<_> = world.endpoint.sent().into_iter().map(|request| request.id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "every attempt carries the delivery's id: {ids:?}");
}

#[tokio::test]
async fn gone_ends_a_delivery_although_retries_are_left() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [1, 1, 1], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery["status"], "failed");
    assert_eq!(outcomes(&delivery), [(1, "first", "gone")]);
}

#[tokio::test]
async fn an_endpoint_that_fails_costs_its_neighbours_nothing() {
    let world = World::new().await;
    let broken = world.hook(json!({ "retry": { "delays": [3600], "jitter": 0 } })).await;
    let healthy = world.hook(json!({})).await;
    world.endpoint.answer(&broken.url, vec![Answer::Timeout; 50]);
    for number in 0..20 {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
    assert_eq!(world.endpoint.sent_to(&healthy.url).len(), 20);
    assert_eq!(seconds(&world), [0; 40]);
}

#[tokio::test]
async fn an_event_for_later_is_sent_then_and_not_before() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-02-03T10:00:00+01:00" })).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 0);
    assert_eq!(world.deliveries(&event).await[0]["status"], "pending");

    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.iter().map(|request| request.at.to_string()).collect::<Vec<_>>(), ["2026-02-03T09:00:00.000Z"]);
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
}

#[tokio::test]
async fn an_event_for_a_time_that_has_passed_is_sent_at_once() {
    let world = World::new().await;
    world.hook(json!({})).await;
    world.publish(json!({ "type": "a", "data": 1, "deliver_at": "1970-01-01T00:00:00Z" })).await;
    world.drain().await;
    assert_eq!(seconds(&world), [0]);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_everything_loses_nothing() {
    let world = World::new().await;
    let flaky = world.hook(json!({ "retry": { "delays": [60, 600], "jitter": 0 } })).await;
    world.hook(json!({ "events": ["b"] })).await;
    world.endpoint.answer(&flaky.url, [Answer::Status(500), Answer::Status(500)]);
    let retrying = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let later = world.publish(json!({ "type": "b", "data": 2, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.drain().await;
    let accepted = world.publish(json!({ "type": "b", "data": 3 })).await;

    let world = world.stop_and_start().await;
    let world = world.restart().await;
    world.settle().await;
    for event in [retrying, later, accepted] {
        for delivery in world.deliveries(&event).await {
            assert_eq!(delivery["status"], "succeeded", "{delivery}");
        }
    }
    assert_eq!(world.endpoint.sent_to(&flaky.url).len(), 5, "three attempts, and two events at once");
    assert_eq!(world.messages_left(), 0);
}
