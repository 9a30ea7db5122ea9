//! `rate_limit`: never more requests than that in any second, wherever that
//! second begins, and all arrive.

use std::time::Duration;

use domain::time::Timestamp;
use serde_json::json;
use tests::world::{START, World};

fn assert_within(sent: &[Timestamp], limit: usize) {
    for several in sent.windows(limit + 1) {
        let span = several[limit].since(several[0]);
        assert!(span >= Duration::from_secs(1), "{} requests within {span:?}", limit + 1);
    }
}

async fn times(world: &World, url: &str) -> Vec<Timestamp> {
    world.endpoint.sent_to(url).iter().map(|request| request.at).collect()
}

#[tokio::test]
async fn a_crowd_is_spread_over_time_and_all_of_it_arrives() {
    let world = World::new().await;
    let hook = world.hook(json!({ "rate_limit": 10 })).await;
    let mut events = Vec::new();
    for number in 0..65 {
        events.push(world.publish(json!({ "type": "a", "data": number })).await);
    }
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 10);
    world.settle().await;
    let sent = times(&world, &hook.url).await;
    assert_eq!(sent.len(), 65);
    assert_within(&sent, 10);
    assert!(sent[64].since(START) < Duration::from_secs(7), "{}", sent[64]);
    for event in events {
        let delivery = world.delivery(&event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)));
    }
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn who_comes_later_does_not_overtake_who_waits() {
    let world = World::new().await;
    let hook = world.hook(json!({ "rate_limit": 2 })).await;
    let mut expected = Vec::new();
    for _ in 0..10 {
        expected.push(world.publish(json!({ "type": "a", "data": 1 })).await);
        world.drain().await;
        world.clock.advance(Duration::from_millis(100));
    }
    world.settle().await;
    let sent = times(&world, &hook.url).await;
    assert_within(&sent, 2);
    let mut ids = Vec::new();
    for event in &expected {
        ids.push(world.delivery(event).await["id"].as_str().unwrap().to_owned());
    }
    let order: Vec<String> = world.endpoint.sent().into_iter().map(|request| request.id).collect();
    assert_eq!(order, ids);
}

#[tokio::test]
async fn another_hook_is_not_held_back() {
    let world = World::new().await;
    world.hook(json!({ "rate_limit": 1 })).await;
    let free = world.hook(json!({})).await;
    for number in 0..30 {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
    assert_eq!(times(&world, &free.url).await, [START; 30]);
}

#[tokio::test]
async fn below_the_limit_nothing_waits() {
    let world = World::new().await;
    let hook = world.hook(json!({ "rate_limit": 5 })).await;
    for _ in 0..20 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
        world.clock.advance(Duration::from_millis(250));
    }
    assert_eq!(times(&world, &hook.url).await.len(), 20);
}
