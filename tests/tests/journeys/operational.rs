//! Events about hooks: to those who ask for them, once for each change.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, World};

const TYPES: [&str; 4] = ["hook.failing", "hook.recovered", "hook.disabled", "delivery.exhausted"];

async fn listener(world: &World) -> Hook {
    world.hook(json!({ "events": TYPES })).await
}

/// What a listener was told, in order.
fn told(world: &World, listener: &Hook) -> Vec<String> {
    let sent = world.endpoint.sent_to(&listener.url);
    let kind = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["type"].as_str().unwrap().to_owned();
    sent.iter().map(|request| kind(&request.body)).collect()
}

async fn publish(world: &World, count: usize) {
    for number in 0..count {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
}

#[tokio::test]
async fn each_change_is_told_once_however_many_deliveries_fail() {
    let world = World::new().await;
    let hook = world.hook(json!({ "events": ["a"], "circuit_breaker": { "failures": 0 } })).await;
    let listener = listener(&world).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 40]);
    publish(&world, 40).await;
    assert_eq!(told(&world, &listener), ["delivery.exhausted", "hook.failing"]);
    world.clock.advance(Duration::from_secs(1));
    publish(&world, 3).await;
    assert_eq!(told(&world, &listener)[2..], ["hook.recovered"]);

    world.clock.advance(Duration::from_secs(1));
    world.endpoint.answer(&hook.url, [Answer::Status(410), Answer::Status(410)]);
    publish(&world, 2).await;
    assert_eq!(told(&world, &listener)[3..], ["delivery.exhausted", "hook.disabled"]);
    let last: Value = serde_json::from_slice(&world.endpoint.sent_to(&listener.url).last().unwrap().body).unwrap();
    assert_eq!(
        (&last["data"]["hook_id"], &last["data"]["reason"]),
        (&json!(hook.id), &json!("the endpoint answered 410 Gone"))
    );
}

#[tokio::test]
async fn nobody_gets_them_who_did_not_ask() {
    let world = World::new().await;
    let all = world.hook(json!({ "events": ["*"] })).await;
    let some = world.hook(json!({ "events": ["hook.*", "delivery.*"] })).await;
    world.endpoint.answer(&all.url, [Answer::Status(410)]);
    publish(&world, 1).await;
    world.settle().await;
    assert_eq!((world.endpoint.sent_to(&all.url).len(), world.endpoint.sent_to(&some.url).len()), (1, 0));
}

#[tokio::test]
async fn a_listener_that_fails_is_not_told_of_its_own_failures() {
    let world = World::new().await;
    let hook = world.hook(json!({ "events": ["a"] })).await;
    let listener = listener(&world).await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    world.endpoint.answer(&listener.url, vec![Answer::Status(410); 50]);
    publish(&world, 1).await;
    world.settle().await;
    assert!(world.endpoint.sent_to(&listener.url).len() <= 2);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn the_end_of_a_replay_is_told_once_to_who_asks_for_it() {
    let world = World::new().await;
    let listening = world.hook(json!({ "events": ["replay.finished"] })).await;
    let hook = world.hook(json!({ "events": ["a"] })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    publish(&world, 1).await;
    world.clock.advance(Duration::from_millis(1));
    let replay = world.post(&format!("{}/replays", hook.path()), json!({ "kind": "failed" })).await;
    let id = replay.json()["id"].clone();
    world.settle().await;
    let told = world.endpoint.sent_to(&listening.url);
    assert_eq!(told.len(), 1);
    let told: Value = serde_json::from_slice(&told[0].body).unwrap();
    assert_eq!((&told["type"], &told["data"]["replay_id"]), (&json!("replay.finished"), &id));
    assert_eq!((&told["data"]["status"], &told["data"]["progress"]["sent"]), (&json!("finished"), &json!(1)));
}

#[tokio::test]
async fn nobody_else_publishes_under_their_ids_past_the_api_and_the_true_ones_arrive() {
    let world = World::new().await;
    let hook = world.hook(json!({ "events": ["a"], "circuit_breaker": { "failures": 0 } })).await;
    let listener = listener(&world).await;
    // Before it happens, so that the true one would be a duplicate.
    let id = format!("hookline:hook.disabled:{}:{}", hook.id, world.now().as_millis());
    let forged = json!({ "tenant": "acme", "id": id, "type": "hook.disabled", "data": { "hook_id": "forged" } });
    world.send_to_events(forged.to_string()).await;
    world.drain().await;
    let letters = world.dead_letters();
    assert_eq!((letters.len(), letters[0].body.as_str()), (1, &*forged.to_string()));
    assert_eq!(letters[0].reason, "id: begins with hookline:, which is for Hookline's own events; take another id");

    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    publish(&world, 1).await;
    world.settle().await;
    assert_eq!(told(&world, &listener), ["delivery.exhausted", "hook.disabled"]);
    let disabled: Value = serde_json::from_slice(&world.endpoint.sent_to(&listener.url)[1].body).unwrap();
    assert_eq!(disabled["data"]["hook_id"], json!(hook.id));
    world.get(&format!("/v1/tenants/acme/events/{id}")).await.expect(200);
    assert_eq!(world.dead_letters().len(), 1);
}
