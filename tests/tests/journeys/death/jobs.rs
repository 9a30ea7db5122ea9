//! Death between the steps of jobs.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::LogFilter;
use domain::ids::HookId;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, TENANT, World};

use super::fate::{Blow, Fate};
use super::scenario::live_through;

/// More events than one step of any job takes.
const EVENTS: usize = 12;

struct Prepared {
    world: World,
    hook: Hook,
    events: Vec<String>,
}

async fn publish_all(world: &World) -> Vec<String> {
    let mut events = Vec::new();
    for i in 0..EVENTS {
        world.clock.advance(Duration::from_millis(1));
        events.push(world.publish(json!({ "type": "a", "data": i })).await);
    }
    events
}

/// A hook that is paused, and the events that came meanwhile.
async fn paused(world: &World, catch_up_rate: u32) -> (Hook, Vec<String>) {
    let hook = world.hook(json!({ "while_paused": { "catch_up_rate": catch_up_rate } })).await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    (hook, publish_all(world).await)
}

async fn prepare(answers: usize) -> Prepared {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); answers]);
    let events = publish_all(&world).await;
    world.settle().await;
    world.clock.advance(Duration::from_millis(1));
    Prepared { world, hook, events }
}

/// Strikes a journey, made anew each time, at each of its steps.
pub(super) async fn strike_everywhere(journey: impl AsyncFn(Arc<Fate>)) {
    let calm = Fate::new([]);
    journey(Arc::clone(&calm)).await;
    for (number, step) in calm.trace().iter().enumerate() {
        for blow in Blow::possible_at(step) {
            journey(Fate::new([(number, blow)])).await;
        }
    }
}

async fn replay_of(world: &World, hook: &Hook, asked: Value) -> String {
    let path = format!("{}/replays", hook.path());
    let started = world.post(&path, asked).await.expect(202).json();
    format!("{path}/{}", started["id"].as_str().unwrap())
}

/// Everything was sent once more and no step counted twice.
async fn check_replay(world: &World, path: &str, sent: usize, doubled: usize, what: &str) {
    let replay = world.get(path).await.expect(200).json();
    assert_eq!(replay["status"], "finished", "{what}");
    assert_eq!((&replay["progress"]["found"], &replay["progress"]["sent"]), (&json!(EVENTS), &json!(EVENTS)), "{what}");
    let extra = world.endpoint.sent().len() - sent;
    assert!((EVENTS..=EVENTS + doubled).contains(&extra), "{extra} requests, {what}");
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
}

#[tokio::test]
async fn a_replay_of_failed_survives_death_at_every_step() {
    strike_everywhere(async |fate| {
        let Prepared { world, hook, events } = prepare(EVENTS).await;
        // Three steps: ten, and the rest, and the end.
        let path = replay_of(&world, &hook, json!({ "kind": "failed", "rate": 1 })).await;
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        check_replay(&world, &path, EVENTS, fate.doubled(), &what).await;
        for event in &events {
            let delivery = world.delivery(event).await;
            let attempts = delivery["attempts"].as_array().unwrap().len();
            assert_eq!((&delivery["status"], attempts), (&json!("succeeded"), 2), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_replay_of_what_is_missing_survives_death_at_every_step_of_the_job() {
    strike_everywhere(async |fate| {
        let Prepared { world, .. } = prepare(0).await;
        let later = world.hook(json!({})).await;
        let path = replay_of(&world, &later, json!({ "kind": "missing", "rate": 1_000 })).await;
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        check_replay(&world, &path, EVENTS, fate.doubled(), &what).await;
    })
    .await;
}

#[tokio::test]
async fn the_purge_of_a_hook_survives_death_at_every_step() {
    strike_everywhere(async |fate| {
        let Prepared { world, hook, events } = prepare(3).await;
        world.delete(&hook.path()).await.expect(204);
        let world = Box::pin(live_through(world, &fate)).await;
        let what = format!("{:?}", fate.struck());
        let (tenant, id): (_, HookId) = (TENANT.parse().unwrap(), hook.id.parse().unwrap());
        let rows = world.engine.api.log.list(&tenant, id, &LogFilter::default(), 100, None).await.unwrap();
        assert!(rows.items.is_empty(), "{what}");
        // Nothing leads to the events but the list of the unclaimed.
        let left = world.engine.api.events.unclaimed(&tenant, Default::default(), 100, None).await.unwrap();
        let left = left.items.iter().filter(|left| events.iter().any(|event| *event == left.id.as_str()));
        assert_eq!(left.count(), events.len(), "{what}");
        assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
    })
    .await;
}

#[tokio::test]
async fn expunging_survives_death_at_every_step() {
    strike_everywhere(async |fate| {
        let world = World::new().await;
        let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
        world.endpoint.answer(&hook.url, [Answer::Status(500)]);
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
        world.delete(&format!("/v1/tenants/{TENANT}/events/{event}/data")).await.expect(204);
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        assert_eq!(world.delivery(&event).await["status"], "skipped", "{what}");
        assert_eq!(world.endpoint.sent().len(), 1, "{what}");
        assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
    })
    .await;
}

#[tokio::test]
async fn catching_up_with_a_paused_hook_survives_death_at_every_step() {
    strike_everywhere(async |fate| {
        let world = World::new().await;
        let (hook, events) = paused(&world, 5).await;
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        for event in &events {
            assert_eq!(world.delivery(event).await["status"], "waiting", "{what}");
        }
        world.patch(&hook.path(), json!({ "enabled": true })).await.expect(200);
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        for event in &events {
            assert_eq!(world.delivery(event).await["status"], "succeeded", "{what}");
        }
        let sent = world.endpoint.sent().len();
        assert!((EVENTS..=EVENTS + fate.doubled()).contains(&sent), "{sent} requests, {what}");
        assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_replay_of_what_waits_sends_each_once_whoever_else_does_and_wherever_it_dies() {
    strike_everywhere(async |fate| {
        let world = World::new().await;
        let (hook, events) = paused(&world, 1).await;
        world.settle().await;
        world.clock.advance(Duration::from_millis(1));
        world.patch(&hook.path(), json!({ "enabled": true })).await.expect(200);
        replay_of(&world, &hook, json!({ "kind": "range", "only_status": "waiting", "rate": 1_000 })).await;
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        for event in &events {
            assert_eq!(world.delivery(event).await["status"], "succeeded", "{what}");
        }
        let sent = world.endpoint.sent().len();
        assert!((EVENTS..=EVENTS + fate.doubled()).contains(&sent), "{sent} requests, {what}");
        assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
    })
    .await;
}
