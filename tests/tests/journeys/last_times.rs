//! When a hook was last called, and how that ended, to the second and in order.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, TENANT, World};

async fn health(world: &World, hook: &Hook) -> Value {
    world.get(&hook.path()).await.expect(200).json()["health"].clone()
}

async fn send(world: &World) {
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
}

#[tokio::test]
async fn the_last_success_is_the_last_one_and_not_the_one_of_a_minute_ago() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(7));
        send(&world).await;
        let (now, health) = (json!(world.now().to_string()), health(&world, &hook).await);
        assert_eq!((&health["last_success"], &health["last_execution"]), (&now, &now));
    }
    let listed = world.pages(&format!("/v1/tenants/{TENANT}/hooks?limit=10")).await;
    assert_eq!(listed[0]["health"]["last_success"], world.now().to_string());
}

#[tokio::test]
async fn a_success_by_hand_of_an_old_delivery_counts_as_well() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let old = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    for _ in 0..20 {
        world.clock.advance(Duration::from_millis(100));
        send(&world).await;
    }
    world.clock.advance(Duration::from_secs(5));
    let id = world.delivery(&old).await["id"].as_str().unwrap().to_owned();
    world.post(&format!("/v1/tenants/{TENANT}/deliveries/{id}/retry"), json!({})).await.expect(202);
    world.drain().await;
    assert_eq!(health(&world, &hook).await["last_success"], world.now().to_string());
}

#[tokio::test]
async fn hooks_are_ordered_by_their_last_executions_to_the_second() {
    let world = World::new().await;
    let (one, two) = (world.hook(json!({ "events": ["a"] })).await, world.hook(json!({ "events": ["b"] })).await);
    let publish = async |event_type: &str| {
        world.clock.advance(Duration::from_secs(1));
        world.publish(json!({ "type": event_type, "data": 1 })).await;
        world.drain().await;
    };
    for event_type in ["a", "b", "a"] {
        publish(event_type).await;
    }
    let order = async || {
        let listed = world.pages(&format!("/v1/tenants/{TENANT}/hooks?order=-last_execution&limit=10")).await;
        listed.iter().map(|hook| hook["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order().await, [one.id.clone(), two.id.clone()]);
    publish("b").await;
    assert_eq!(order().await, [two.id.clone(), one.id.clone()]);
}

#[tokio::test]
async fn the_count_of_failures_survives_disabling() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [] } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 3]);
    for _ in 0..3 {
        send(&world).await;
    }
    for enabled in [false, true] {
        world.patch(&hook.path(), json!({ "enabled": enabled })).await.expect(200);
        assert_eq!(health(&world, &hook).await["failure_count"], 3);
    }
    assert_eq!(health(&world, &hook).await["consecutive_failures"], 0);
}
