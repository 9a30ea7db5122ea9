//! Replays: many deliveries sent again, as a job that can be watched.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, TENANT, World};

async fn replay(world: &World, hook: &Hook, asked: Value) -> Value {
    world.post(&format!("{}/replays", hook.path()), asked).await.expect(202).json()
}

async fn read(world: &World, hook: &Hook, replay: &Value) -> Value {
    let id = replay["id"].as_str().unwrap();
    world.get(&format!("{}/replays/{id}", hook.path())).await.expect(200).json()
}

/// Asks for a replay and takes it to its end.
async fn run(world: &World, hook: &Hook, asked: Value) -> Value {
    let started = replay(world, hook, asked).await;
    world.settle().await;
    read(world, hook, &started).await
}

async fn publish(world: &World, count: usize, event_type: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 0..count {
        world.clock.advance(Duration::from_millis(1));
        ids.push(world.publish(json!({ "type": event_type, "data": i })).await);
    }
    world.settle().await;
    world.clock.advance(Duration::from_millis(1));
    ids
}

fn progress(found: u64, sent: u64, skipped: u64) -> Value {
    json!({ "found": found, "sent": sent, "skipped": skipped, "failed": 0 })
}

#[tokio::test]
async fn a_replay_of_failed_sends_those_and_no_others() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 5]);
    let events = publish(&world, 8, "a").await;
    let counted = run(&world, &hook, json!({ "kind": "failed", "dry_run": true })).await;
    assert_eq!((&counted["status"], &counted["progress"]), (&json!("finished"), &progress(5, 0, 0)));
    assert_eq!(world.endpoint.sent().len(), 8);

    let done = run(&world, &hook, json!({ "kind": "failed" })).await;
    assert_eq!((&done["status"], &done["progress"]), (&json!("finished"), &progress(5, 5, 0)));
    assert_eq!((&done["started_by"], &done["rate"]), (&json!("operator"), &json!(10)));
    assert_eq!(world.endpoint.sent().len(), 13);
    for event in &events {
        assert_eq!(world.delivery(event).await["status"], "succeeded");
    }
    let triggers = world.delivery(&events[0]).await["attempts"].as_array().unwrap().clone();
    assert_eq!(triggers[1]["trigger"], "replay");
    assert_eq!(run(&world, &hook, json!({ "kind": "failed" })).await["progress"], progress(0, 0, 0));
}

#[tokio::test]
async fn a_replay_that_fails_is_retried_on_the_hooks_schedule() {
    let world = World::new().await;
    let settings = json!({ "retry": { "delays": [60, 120], "jitter": 0, "deadline": 600 } });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 5]);
    let event = publish(&world, 1, "a").await.remove(0);
    assert_eq!(world.delivery(&event).await["status"], "failed");
    world.clock.advance(Duration::from_secs(86_400));
    run(&world, &hook, json!({ "kind": "failed" })).await;
    let delivery = world.delivery(&event).await;
    let attempts = delivery["attempts"].as_array().unwrap();
    let triggers: Vec<_> = attempts.iter().map(|attempt| attempt["trigger"].as_str().unwrap()).collect();
    assert_eq!(triggers, ["first", "retry", "retry", "replay", "retry", "retry"]);
    assert_eq!(delivery["status"], "succeeded");
}

#[tokio::test]
async fn a_replay_leaves_a_schedule_that_is_under_way_alone() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [600, 600], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 3]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(1));
    let all = run(&world, &hook, json!({ "kind": "range", "dry_run": true })).await;
    assert_eq!(all["progress"], progress(0, 0, 0), "it has retries before it");
    let delivery = world.delivery(&event).await;
    assert_ne!(delivery["status"], "retrying", "settling has taken the schedule to its end");
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_replay_of_a_range_sends_what_lies_between() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    publish(&world, 3, "a").await;
    world.clock.advance(Duration::from_secs(3_600));
    let since = world.now().to_string();
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    publish(&world, 4, "a").await;
    world.clock.advance(Duration::from_secs(3_600));
    let until = world.now().to_string();
    publish(&world, 2, "a").await;

    let between = json!({ "kind": "range", "since": since, "until": until, "dry_run": true });
    assert_eq!(run(&world, &hook, between).await["progress"], progress(4, 0, 0));
    let succeeded = json!({ "kind": "range", "since": since, "until": until, "only_status": "succeeded" });
    assert_eq!(run(&world, &hook, succeeded).await["progress"], progress(3, 3, 0));
    assert_eq!(world.endpoint.sent().len(), 9 + 3);
    assert_eq!(run(&world, &hook, json!({ "kind": "range" })).await["progress"], progress(9, 9, 0));
    assert_eq!(world.endpoint.sent().len(), 9 + 3 + 9);
}

#[tokio::test]
async fn a_replay_of_a_range_is_narrowed_by_types_channels_and_answers() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [] } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(503)]);
    for (kind, channels) in [("a", json!(["x", "y"])), ("a", json!(["x"])), ("b", json!(["x", "y"])), ("c", json!([]))]
    {
        world.clock.advance(Duration::from_millis(1));
        world.publish(json!({ "type": kind, "data": 1, "channels": channels })).await;
        world.settle().await;
    }
    world.clock.advance(Duration::from_millis(1));
    for (narrowed, sent) in [
        (json!({ "event_types": ["a", "c"] }), 3),
        (json!({ "channels": ["x"] }), 3),
        (json!({ "channels": ["x", "y"] }), 2),
        (json!({ "channels": ["x", "y"], "event_types": ["a"] }), 1),
        (json!({ "code": "5xx" }), 1),
        (json!({ "code": "5xx", "event_types": ["b"] }), 0),
    ] {
        let mut asked = json!({ "kind": "range", "dry_run": true });
        asked.as_object_mut().unwrap().extend(narrowed.as_object().unwrap().clone());
        assert_eq!(run(&world, &hook, asked).await["progress"], progress(sent, 0, 0), "{narrowed}");
    }
    for field in ["event_types", "channels"] {
        let asked = json!({ "kind": "failed", field: ["a"] });
        let refused = world.post(&format!("{}/replays", hook.path()), asked).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn a_hook_added_later_gets_what_it_missed_and_nothing_else() {
    let world = World::new().await;
    let earlier = world.hook(json!({ "events": ["a"] })).await;
    let other = world.hook(json!({ "events": ["*"] })).await;
    let deleted = world.hook(json!({ "events": ["c"] })).await;
    for event_type in ["a", "b", "a", "c"] {
        publish(&world, 2, event_type).await;
    }
    world.delete(&other.path()).await.expect(204);
    world.delete(&deleted.path()).await.expect(204);
    world.settle().await;
    publish(&world, 2, "b").await;
    let later = world.hook(json!({ "events": ["a", "b"] })).await;
    publish(&world, 3, "a").await;

    let sent = world.endpoint.sent_to(&later.url).len();
    let counted = run(&world, &later, json!({ "kind": "missing", "dry_run": true })).await;
    assert_eq!(counted["progress"], progress(8, 0, 0));
    let done = run(&world, &later, json!({ "kind": "missing" })).await;
    assert_eq!(done["progress"], progress(8, 8, 0));
    assert_eq!(world.endpoint.sent_to(&later.url).len(), sent + 8);
    let again = run(&world, &later, json!({ "kind": "missing" })).await;
    assert_eq!(again["progress"], progress(0, 0, 0));
    assert_eq!(run(&world, &earlier, json!({ "kind": "missing" })).await["progress"], progress(0, 0, 0));
}

#[tokio::test]
async fn what_is_missing_is_chosen_by_channels_and_filter_as_well() {
    let world = World::new().await;
    for (n, channel) in [(1, "x"), (2, "x"), (2, "y")] {
        world.publish(json!({ "type": "a", "data": { "n": n }, "channels": [channel] })).await;
    }
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
    let hook = world.hook(json!({ "channels": ["x"], "filter": { "n": [2] } })).await;
    assert_eq!(run(&world, &hook, json!({ "kind": "missing" })).await["progress"], progress(1, 1, 0));
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 1);
}

#[tokio::test]
async fn an_event_for_later_is_not_missing_before_its_time() {
    let world = World::new().await;
    world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(1));
    let hook = world.hook(json!({})).await;
    assert_eq!(run(&world, &hook, json!({ "kind": "missing" })).await["progress"], progress(0, 0, 0));
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(run(&world, &hook, json!({ "kind": "missing" })).await["progress"], progress(1, 1, 0));
}

#[tokio::test]
async fn a_replay_keeps_to_its_rate() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    publish(&world, 130, "a").await;
    let before = world.endpoint.sent().len();
    let began = world.now();
    replay(&world, &hook, json!({ "kind": "range", "rate": 2 })).await;
    world.settle().await;
    let sent = world.endpoint.sent().split_off(before);
    assert_eq!(sent.len(), 130);
    for second in 0..70_u64 {
        let within = |at: u64| (second..second + 10).contains(&at);
        let count = sent.iter().filter(|request| within(request.at.since(began).as_secs())).count();
        assert!(count <= 20, "{count} requests in the 10 s from second {second}");
    }
}

#[tokio::test]
async fn a_replay_that_is_cancelled_sends_no_more() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    publish(&world, 60, "a").await;
    let started = replay(&world, &hook, json!({ "kind": "range", "rate": 1 })).await;
    world.drain().await;
    let path = format!("{}/replays/{}", hook.path(), started["id"].as_str().unwrap());
    assert_eq!(world.delete(&path).await.expect(200).json()["status"], "cancelled");
    world.delete(&path).await.expect(409);
    world.settle().await;
    let ended = read(&world, &hook, &started).await;
    assert_eq!((&ended["status"], &ended["progress"]["sent"]), (&json!("cancelled"), &json!(10)));
    assert_eq!(world.endpoint.sent().len(), 60 + 10);
}

#[tokio::test]
async fn payloads_that_are_gone_are_skipped() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let events = publish(&world, 3, "a").await;
    world.delete(&format!("/v1/tenants/{TENANT}/events/{}/data", events[1])).await.expect(204);
    assert_eq!(run(&world, &hook, json!({ "kind": "range" })).await["progress"], progress(3, 2, 1));
}

#[tokio::test]
async fn a_replay_ends_when_its_hook_is_disabled_and_is_gone_with_it() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    publish(&world, 30, "a").await;
    let started = replay(&world, &hook, json!({ "kind": "range", "rate": 1 })).await;
    world.drain().await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    world.settle().await;
    let ended = read(&world, &hook, &started).await;
    assert_eq!((&ended["status"], &ended["reason"]), (&json!("failed"), &json!("the hook is disabled")));
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "range" })).await.expect(409);
    world.delete(&hook.path()).await.expect(204);
    world.get(&format!("{}/replays", hook.path())).await.expect(404);
    world.settle().await;
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn the_last_hundred_replays_are_remembered() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    for _ in 0..103 {
        run(&world, &hook, json!({ "kind": "failed", "dry_run": true })).await;
    }
    assert_eq!(world.pages(&format!("{}/replays?limit=40", hook.path())).await.len(), 100);
}

#[tokio::test]
async fn a_replay_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    for wrong in [
        json!({}),
        json!({ "kind": "everything" }),
        json!({ "kind": "failed", "rate": 0 }),
        json!({ "kind": "failed", "rate": 1_001 }),
        json!({ "kind": "failed", "only_status": "failed" }),
        json!({ "kind": "range", "since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z" }),
    ] {
        world.post(&format!("{}/replays", hook.path()), wrong).await.expect(422);
    }
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn an_event_for_later_goes_to_the_hooks_there_were_when_it_was_published() {
    let world = World::new().await;
    let before = world.hook(json!({})).await;
    let later = world.now().saturating_add(Duration::from_secs(3_600));
    let event = world.publish(json!({ "type": "a", "data": 1, "deliver_at": later.to_string() })).await;
    world.drain().await;
    let after = world.hook(json!({})).await;
    assert_eq!(run(&world, &after, json!({ "kind": "missing", "dry_run": true })).await["progress"]["found"], 0);
    world.settle().await;
    world.clock.advance(Duration::from_secs(3_601));
    world.settle().await;
    assert_eq!((world.endpoint.sent_to(&before.url).len(), world.endpoint.sent_to(&after.url).len()), (1, 0));
    let done = run(&world, &after, json!({ "kind": "missing" })).await;
    assert_eq!(done["progress"], progress(1, 1, 0), "{event}");
    assert_eq!((world.endpoint.sent_to(&before.url).len(), world.endpoint.sent_to(&after.url).len()), (1, 1));
}
