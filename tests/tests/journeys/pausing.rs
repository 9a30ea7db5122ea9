//! Pausing a hook loses nothing: what comes due meanwhile waits, and goes out once the
//! hook is enabled.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, TENANT, World};

async fn set_enabled(world: &World, hook: &Hook, enabled: bool) {
    world.patch(&hook.path(), json!({ "enabled": enabled })).await.expect(200);
}

async fn publish(world: &World, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 0..count {
        world.clock.advance(Duration::from_millis(1));
        ids.push(world.publish(json!({ "type": "a", "data": i })).await);
    }
    world.drain().await;
    ids
}

/// A hook that slowly sends 25 events, which came while it was paused.
async fn catching_up(world: &World) -> (Hook, Vec<String>) {
    let hook = world.hook(json!({ "while_paused": { "catch_up_rate": 1 } })).await;
    set_enabled(world, &hook, false).await;
    let events = publish(world, 25).await;
    set_enabled(world, &hook, true).await;
    world.drain().await;
    (hook, events)
}

async fn statuses(world: &World, events: &[String]) -> Vec<String> {
    let mut statuses = Vec::new();
    for event in events {
        statuses.push(world.delivery(event).await["status"].as_str().unwrap().to_owned());
    }
    statuses
}

async fn replays(world: &World, hook: &Hook) -> Vec<Value> {
    world.pages(&format!("{}/replays?limit=10", hook.path())).await
}

fn sent_data(world: &World) -> Vec<Value> {
    let body = |text: &str| serde_json::from_str::<Value>(text).unwrap()["data"].clone();
    world.endpoint.sent().iter().map(|sent| body(sent.text())).collect()
}

#[tokio::test]
async fn what_comes_due_while_a_hook_is_paused_goes_out_oldest_first_once_it_is_enabled() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    set_enabled(&world, &hook, false).await;
    let events = publish(&world, 3).await;
    assert_eq!(statuses(&world, &events).await, ["waiting"; 3]);
    let delivery = world.delivery(&events[0]).await;
    assert_eq!((&delivery["reason"], &delivery["next_attempt_at"]), (&json!("the hook is paused"), &Value::Null));
    assert!(delivery["waits_until"].as_str().unwrap() > world.now().to_string().as_str());
    let shown = world.get(&hook.path()).await.expect(200).json();
    assert_eq!((&shown["waiting"]["deliveries"], &shown["waiting"]["is_exact"]), (&json!(3), &json!(true)));
    assert!(shown["waiting"]["oldest_accepted_at"].is_string());

    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["succeeded"; 3]);
    assert_eq!(sent_data(&world), [json!(0), json!(1), json!(2)]);
    assert_eq!(world.get(&hook.path()).await.expect(200).json()["waiting"], Value::Null);
    let replays = replays(&world, &hook).await;
    assert_eq!(replays.len(), 1, "{replays:?}");
    assert_eq!((&replays[0]["kind"], &replays[0]["started_by"]), (&json!("waiting"), &json!("hookline")));
    assert_eq!(replays[0]["progress"], json!({ "found": 3, "sent": 3, "skipped": 0, "failed": 0 }));
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn a_retry_that_comes_due_while_its_hook_is_paused_waits_and_begins_its_schedule_anew() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60, 120], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 3]);
    let event = publish(&world, 1).await.remove(0);
    set_enabled(&world, &hook, false).await;
    assert_eq!(world.delivery(&event).await["status"], "retrying", "it is not due yet");
    world.clock.advance(Duration::from_secs(60));
    world.drain().await;
    assert_eq!(world.delivery(&event).await["status"], "waiting");

    set_enabled(&world, &hook, true).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(4)));
}

#[tokio::test]
async fn a_hook_that_asks_for_it_skips_what_comes_due_while_it_is_paused() {
    let world = World::new().await;
    let hook = world.hook(json!({ "while_paused": { "deliveries": "skip" } })).await;
    set_enabled(&world, &hook, false).await;
    let event = publish(&world, 1).await.remove(0);
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("skipped"), &json!("the hook is disabled")));
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(statuses(&world, &[event]).await, ["skipped"]);
    assert!(replays(&world, &hook).await.is_empty());
}

#[tokio::test]
async fn what_has_waited_too_long_or_has_expired_is_skipped_and_says_so() {
    let world = World::new().await;
    let hook = world.hook(json!({ "while_paused": { "max_wait": 3600 } })).await;
    set_enabled(&world, &hook, false).await;
    let old = publish(&world, 1).await.remove(0);
    world.clock.advance(Duration::from_secs(1_800));
    let short = world.publish(json!({ "type": "a", "data": 1, "ttl": 600 })).await;
    let young = publish(&world, 1).await.remove(0);
    world.clock.advance(Duration::from_secs(1_801));
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(statuses(&world, &[old.clone(), short.clone(), young]).await, ["skipped", "skipped", "succeeded"]);
    let reason = world.delivery(&old).await["reason"].clone();
    assert_eq!(reason, "it has waited for the paused hook as long as while_paused.max_wait allows");
    assert_eq!(world.endpoint.sent().len(), 1);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn no_more_wait_for_a_hook_than_it_allows() {
    let world = World::new().await;
    let hook = world.hook(json!({ "while_paused": { "max_waiting": 3 } })).await;
    set_enabled(&world, &hook, false).await;
    let events = publish(&world, 5).await;
    assert_eq!(statuses(&world, &events).await, ["waiting", "waiting", "waiting", "skipped", "skipped"]);
    let reason = world.delivery(&events[4]).await["reason"].clone();
    assert_eq!(reason, "the hook is paused, and while_paused.max_waiting deliveries wait for it already");
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    set_enabled(&world, &hook, false).await;
    let more = publish(&world, 1).await;
    assert_eq!(statuses(&world, &more).await, ["waiting"], "there is room again");
}

#[tokio::test]
async fn a_hook_catches_up_at_the_rate_that_it_asks_for() {
    let world = World::new().await;
    let hook = world.hook(json!({ "while_paused": { "catch_up_rate": 2 } })).await;
    set_enabled(&world, &hook, false).await;
    publish(&world, 30).await;
    set_enabled(&world, &hook, true).await;
    let began = world.now();
    for second in 1..=14_usize {
        world.drain().await;
        let sent = world.endpoint.sent().len();
        assert!((2 * second - 1..=2 * second + 1).contains(&sent), "{sent} after {second} s");
        world.clock.advance(Duration::from_secs(1));
    }
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 30);
    let took = world.now().since(began);
    assert!(took < Duration::from_secs(120), "{took:?}");
}

#[tokio::test]
async fn a_hook_that_is_paused_while_it_catches_up_sends_the_rest_next_time_and_nothing_twice() {
    let world = World::new().await;
    let (hook, events) = catching_up(&world).await;
    set_enabled(&world, &hook, false).await;
    world.settle().await;
    let sent = world.endpoint.sent().len();
    assert!((1..25).contains(&sent), "{sent}");
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["succeeded"; 25]);
    assert_eq!(world.endpoint.sent().len(), 25);
}

#[tokio::test]
async fn what_is_held_back_while_a_hook_catches_up_goes_out_once() {
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 1, "probe_after": 300 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 2]);
    publish(&world, 2).await;
    set_enabled(&world, &hook, false).await;
    let events = publish(&world, 4).await;
    // The circuit is open: what is caught up with is held back, and looked for again meanwhile.
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["succeeded"; 4]);
    for event in &events {
        assert_eq!(world.delivery(event).await["attempt_count"], 1);
    }
}

#[tokio::test]
async fn a_catch_up_that_was_cancelled_does_not_begin_anew() {
    let world = World::new().await;
    let (hook, _) = catching_up(&world).await;
    let replay = replays(&world, &hook).await.remove(0);
    world.delete(&format!("{}/replays/{}", hook.path(), replay["id"].as_str().unwrap())).await.expect(200);
    world.settle().await;
    let sent = world.endpoint.sent().len();
    assert!(sent < 25, "{sent}");
    assert_eq!((replays(&world, &hook).await.len(), world.messages_left()), (1, 0));
    // It can be asked for by hand.
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "waiting" })).await.expect(202);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 25);
}

#[tokio::test]
async fn one_call_sends_all_that_did_not_arrive() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500), Answer::Status(410)]);
    let mut events = publish(&world, 1).await;
    events.extend(publish(&world, 1).await);
    // The 410 has disabled the hook.
    events.extend(publish(&world, 2).await);
    assert_eq!(statuses(&world, &events).await, ["failed", "failed", "skipped", "skipped"]);
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 2);
    let asked = json!({ "kind": "undelivered" });
    world.post(&format!("{}/replays", hook.path()), asked).await.expect(202);
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["succeeded"; 4]);
}

#[tokio::test]
async fn what_a_catch_up_sends_is_not_sent_again_by_another_replay_that_asks_for_it() {
    let world = World::new().await;
    let (hook, events) = catching_up(&world).await;
    let asked = json!({ "kind": "undelivered", "rate": 1_000 });
    world.post(&format!("{}/replays", hook.path()), asked).await.expect(202);
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["succeeded"; 25]);
    assert_eq!(world.endpoint.sent().len(), 25);
}

#[tokio::test]
async fn what_waits_is_expunged_with_its_event() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    set_enabled(&world, &hook, false).await;
    let events = publish(&world, 2).await;
    world.delete(&format!("/v1/tenants/{TENANT}/events/{}/data", events[0])).await.expect(204);
    world.settle().await;
    let delivery = world.delivery(&events[0]).await;
    assert_eq!(
        (&delivery["status"], &delivery["reason"]),
        (&json!("skipped"), &json!("the event's payload was expunged"))
    );
    set_enabled(&world, &hook, true).await;
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["skipped", "succeeded"]);
}

#[tokio::test]
async fn one_that_waits_can_be_sent_by_hand_once_the_hook_is_enabled_and_only_once() {
    let world = World::new().await;
    let hook = world.hook(json!({ "while_paused": { "catch_up_rate": 1 } })).await;
    set_enabled(&world, &hook, false).await;
    let events = publish(&world, 15).await;
    let last = world.delivery(&events[14]).await["id"].as_str().unwrap().to_owned();
    let retry = format!("/v1/tenants/{TENANT}/deliveries/{last}/retry");
    world.post(&retry, json!({})).await.expect(409);
    set_enabled(&world, &hook, true).await;
    world.post(&retry, json!({})).await.expect(202);
    world.settle().await;
    assert_eq!(statuses(&world, &events).await, ["succeeded"; 15]);
    assert_eq!(world.endpoint.sent().len(), 15);
}
