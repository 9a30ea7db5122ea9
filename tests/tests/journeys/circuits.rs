//! What becomes of deliveries while their endpoint is down.

use std::time::Duration;

use domain::time::Timestamp;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, START, World};

/// A hook whose circuit opens after five failures and probes each minute.
async fn hook(world: &World, retry: Value) -> Hook {
    world.hook(json!({ "circuit_breaker": { "failures": 5, "probe_after": 60 }, "retry": retry })).await
}

fn no_retries() -> Value {
    json!({ "delays": [], "jitter": 0 })
}

async fn publish(world: &World, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for number in 0..count {
        events.push(world.publish(json!({ "type": "a", "data": number })).await);
    }
    events
}

fn at(millis: u64) -> Timestamp {
    START.saturating_add(Duration::from_millis(millis))
}

#[tokio::test]
async fn failures_in_a_row_hold_back_the_rest_without_using_up_attempts() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 5]);
    let events = publish(&world, 12).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 5);
    let shown = world.get(&hook.path()).await.expect(200).json();
    assert_eq!((&shown["health"]["circuit"], &shown["health"]["consecutive_failures"]), (&json!("open"), &json!(5)));
    assert_eq!(shown["health"]["next_probe_at"], at(60_000).to_string());
    for event in &events[5..] {
        assert_eq!(world.deliveries(event).await[0]["status"], "pending");
    }

    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 12);
    for event in &events[5..] {
        let delivery = world.delivery(event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)));
    }
    assert_eq!(world.get(&hook.path()).await.json()["health"]["circuit"], "closed");
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn a_status_that_is_none_opens_a_circuit_as_5xx_does() {
    for status in [600, 783, 999] {
        let world = World::new().await;
        let hook = hook(&world, no_retries()).await;
        world.endpoint.answer(&hook.url, vec![Answer::Status(status); 12]);
        publish(&world, 12).await;
        world.drain().await;
        assert_eq!(world.endpoint.sent().len(), 5, "{status}");
    }
}

#[tokio::test]
async fn one_probe_goes_out_each_time_and_the_others_wait_for_it() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(503); 8]);
    publish(&world, 30).await;
    world.settle().await;

    let sent: Vec<Timestamp> = world.endpoint.sent().iter().map(|request| request.at).collect();
    assert_eq!(sent.len(), 30, "each delivery was attempted once");
    assert_eq!(sent[..5], [START; 5]);
    // Three probes fail and the fourth succeeds.
    assert_eq!(sent[5..9], [at(60_000), at(120_000), at(180_000), at(240_000)]);
    assert!(sent[9..].iter().all(|later| *later > at(240_000)));
}

#[tokio::test]
async fn what_has_waited_comes_at_a_measured_rate() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 5]);
    publish(&world, 105).await;
    world.settle().await;

    let sent: Vec<Timestamp> = world.endpoint.sent()[5..].iter().map(|request| request.at).collect();
    assert_eq!(sent.len(), 100);
    let within = |from: u64, to: u64| sent.iter().filter(|time| (at(from)..at(to)).contains(*time)).count();
    assert!(within(60_000, 61_000) <= 6, "the probe and five more in the first second");
    assert!(within(61_000, 62_000) <= 10);
    assert!(sent[99] < at(90_000), "{}", sent[99]);
}

#[tokio::test]
async fn probes_go_on_until_the_endpoint_is_back_however_long_that_takes() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "delays": vec![30; 40], "jitter": 0 })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 60]);
    let events = publish(&world, 8).await;
    world.settle().await;
    for event in events {
        assert_eq!(world.delivery(&event).await["status"], "succeeded");
    }
    assert_eq!(world.messages_left(), 0);
    assert_eq!(world.endpoint.sent().len(), 68);
}

#[tokio::test]
async fn one_delivery_that_climbs_its_ladder_alone_keeps_its_times() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "delays": vec![7; 20], "jitter": 0 })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 21]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let times: Vec<u64> = world.endpoint.sent().iter().map(|request| request.at.since(START).as_secs()).collect();
    assert_eq!(times, (0..21).map(|step| step * 7).collect::<Vec<u64>>());
    assert_eq!(world.delivery(&event).await["status"], "failed");
}

#[tokio::test]
async fn a_circuit_that_is_off_never_opens() {
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 100]);
    publish(&world, 100).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 100);
}

#[tokio::test]
async fn a_manual_retry_tries_an_open_circuit_and_its_success_closes_it() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 5]);
    let events = publish(&world, 6).await;
    world.drain().await;
    let failed = world.delivery(&events[0]).await;
    let path = format!("/v1/tenants/{}/deliveries/{}/retry", hook.tenant, failed["id"].as_str().unwrap());
    world.post(&path, json!({})).await.expect(202);
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 6);
    assert_eq!(world.get(&hook.path()).await.json()["health"]["circuit"], "closed");
}

#[tokio::test]
async fn disabling_and_enabling_a_hook_or_moving_it_opens_no_way_round_its_circuit() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 5]);
    publish(&world, 5).await;
    world.drain().await;
    for change in [json!({ "enabled": false }), json!({ "enabled": true }), json!({ "url": format!("{}?2", hook.url) })]
    {
        world.patch(&hook.path(), change).await.expect(200);
    }
    world.endpoint.trust(&format!("{}?2", hook.url), &hook.secret);
    assert_eq!(world.get(&hook.path()).await.json()["health"]["circuit"], "open");
    publish(&world, 3).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 5);
    world.clock.advance(Duration::from_secs(60));
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 6, "one probe");
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 8, "the probe succeeds, and the others follow");
}

#[tokio::test]
async fn a_process_that_dies_with_the_probe_is_followed_by_another_probe() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 5]);
    let events = publish(&world, 7).await;
    world.drain().await;
    let world = world.stop_and_start().await;
    world.clock.advance(Duration::from_secs(60));
    // The probe was taken, and whoever took it was never heard of again.
    let (tenant, id) = (hook.tenant.parse().unwrap(), hook.id.parse().unwrap());
    let admission = world.engine.deliver.hook_health.circuits.admit(&tenant, id, world.now()).await.unwrap();
    assert_eq!(admission, domain::health::Admission::Probe);
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 5);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 7);
    for event in &events[5..] {
        assert_eq!(world.delivery(event).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn while_it_waits_a_delivery_may_still_expire_or_lose_its_hook() {
    let world = World::new().await;
    let hook = hook(&world, no_retries()).await;
    world.endpoint.answer(&hook.url, vec![Answer::Timeout; 5]);
    publish(&world, 5).await;
    world.drain().await;
    let expiring = world.publish(json!({ "type": "a", "data": 1, "ttl": 30 })).await;
    world.drain().await;
    world.settle().await;
    let delivery = world.delivery(&expiring).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("skipped"), &json!("the event has expired")));
}
