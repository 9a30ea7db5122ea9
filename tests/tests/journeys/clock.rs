//! Clocks that are set while a server runs, or between two runs of it: what
//! waits, waits as long as was meant.

mod expiry;
mod freed;

use std::time::Duration;

use serde_json::{Value, json};

use contract::ports::{Clock as _, Outgoing, QueueReceiver as _, QueueSender as _};
use domain::time::Timestamp;
use tests::world::{Answer, Hook, World};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const JUMPS: [i64; 3] = [-20 * SECOND, -HOUR, HOUR];

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) async fn publish(world: &World, count: usize) {
    for number in 0..count {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
}

/// How much time passes until `count` requests were sent altogether.
pub(crate) async fn time_until_sent(world: &World, count: usize) -> Duration {
    let steady = || world.engine.clock.steady();
    let start = steady();
    loop {
        world.drain().await;
        if world.endpoint.sent().len() >= count {
            return steady().since(start);
        }
        assert!(world.advance_to_next_due(), "{} of {count} were sent", world.endpoint.sent().len());
        assert!(steady().since(start) < seconds(24 * 3_600), "{} of {count} in a day", world.endpoint.sent().len());
    }
}

pub(crate) async fn open_circuit(world: &World) -> Hook {
    let breaker = json!({ "failures": 5, "probe_after": 60 });
    let hook = world.hook(json!({ "circuit_breaker": breaker })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(503); 5]);
    publish(world, 8).await;
    assert_eq!(world.endpoint.sent().len(), 5);
    hook
}

async fn health(world: &World, hook: &Hook) -> Value {
    world.get(&hook.path()).await.expect(200).json()["health"].take()
}

#[tokio::test]
async fn a_rate_limited_crowd_goes_on_at_its_pace() {
    for jump in JUMPS {
        let world = World::new().await;
        world.hook(json!({ "rate_limit": 2 })).await;
        publish(&world, 20).await;
        world.clock.jump(jump);
        world.drain().await;
        assert_eq!(world.endpoint.sent().len(), 2, "{jump}: nothing comes early");
        let passed = time_until_sent(&world, 20).await;
        assert!(seconds(8) < passed && passed < seconds(11), "{jump}: {passed:?}");
    }
}

#[tokio::test]
async fn an_open_circuit_is_probed_when_it_was_meant_to_be() {
    for jump in JUMPS {
        let world = World::new().await;
        let hook = open_circuit(&world).await;
        world.clock.advance(seconds(10));
        world.clock.jump(jump);
        world.drain().await;
        assert_eq!(world.endpoint.sent().len(), 5, "{jump}: nothing comes early");
        let probe = world.now().saturating_add(seconds(50)).to_string();
        assert_eq!(health(&world, &hook).await["next_probe_at"], probe, "{jump}");
        let passed = time_until_sent(&world, 6).await;
        assert!(passed >= seconds(50) && passed < seconds(51), "{jump}: {passed:?}");
        assert_eq!(health(&world, &hook).await["circuit"], "closed");
    }
}

#[tokio::test]
async fn a_retry_waits_as_long_as_its_policy_says() {
    for jump in JUMPS {
        let world = World::new().await;
        let hook = world.hook(json!({ "retry": { "delays": [300], "jitter": 0 } })).await;
        world.endpoint.answer(&hook.url, [Answer::Status(500)]);
        publish(&world, 1).await;
        world.clock.advance(seconds(100));
        world.clock.jump(jump);
        world.drain().await;
        assert_eq!(world.endpoint.sent().len(), 1, "{jump}: nothing comes early");
        assert_eq!(time_until_sent(&world, 2).await, seconds(200), "{jump}");
    }
}

#[tokio::test]
async fn a_retry_waits_as_long_also_when_the_process_stopped_before_or_after_the_clock_was_set() {
    for jump in JUMPS {
        for while_it_runs in [true, false] {
            let world = World::new().await;
            let hook = world.hook(json!({ "retry": { "delays": [300], "jitter": 0 } })).await;
            world.endpoint.answer(&hook.url, [Answer::Status(500)]);
            publish(&world, 1).await;
            world.clock.advance(seconds(100));
            let (before, after) = if while_it_runs { (jump, 0) } else { (0, jump) };
            world.clock.jump(before);
            let world = world.restart_after_jump(after, None).await;
            let passed = time_until_sent(&world, 2).await;
            // A clock that is an hour ahead after a stop may well be right.
            let expected = if !while_it_runs && jump > 0 { Duration::ZERO } else { seconds(200) };
            assert_eq!(passed, expected, "{jump} {while_it_runs}");
        }
    }
}

#[tokio::test]
async fn a_jump_between_two_failures_disables_nothing() {
    for jump in [HOUR, 24 * HOUR] {
        for restarts in [false, true] {
            let world = World::new().await;
            let hook = world.hook(json!({ "disable_after": 3_600 })).await;
            world.endpoint.answer(&hook.url, vec![Answer::Status(500); 12]);
            publish(&world, 1).await;
            let world = match restarts {
                true => world.restart_after_jump(jump, None).await,
                false => {
                    world.clock.jump(jump);
                    world
                }
            };
            publish(&world, 1).await;
            assert_eq!(world.get(&hook.path()).await.json()["enabled"], true, "{jump} {restarts}");
            // What passed in earnest counts, whatever the clock says.
            world.clock.advance(seconds(3_600));
            publish(&world, 1).await;
            assert_eq!(world.get(&hook.path()).await.json()["enabled"], false, "{jump} {restarts}");
        }
    }
}

#[tokio::test]
async fn a_hook_that_fails_across_restarts_is_disabled_in_the_end() {
    let mut world = World::new().await;
    let hook = world.hook(json!({ "disable_after": 3_600 })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 12]);
    publish(&world, 1).await;
    for round in 1..=5 {
        assert_eq!(world.get(&hook.path()).await.json()["enabled"], true, "{round}");
        world = world.restart_after_jump(720 * SECOND, None).await;
        publish(&world, 1).await;
    }
    assert_eq!(world.get(&hook.path()).await.json()["enabled"], false);
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_it_was_given() {
    for jump in JUMPS {
        let world = World::new().await;
        let queue = &world.engine.queues.deliveries;
        let message = Outgoing { body: "m".into(), group: "g".into(), due: None, content: None };
        queue.send_one(message).await.unwrap();
        assert_eq!(queue.receive(1).await.unwrap().len(), 1);
        world.clock.jump(jump);
        assert!(queue.receive(1).await.unwrap().is_empty(), "{jump}: it is still leased");
        let ends = queue.next_change().unwrap();
        assert!(ends.since(world.engine.clock.steady()) < seconds(600), "{jump}");
        assert!(world.advance_to_next_due());
        assert_eq!(queue.receive(1).await.unwrap().len(), 1, "{jump}");
    }
}

#[tokio::test]
async fn an_event_that_is_to_be_delivered_at_some_time_waits_for_that_time_of_day() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let at = world.now().saturating_add(seconds(600));
    world.publish(json!({ "type": "a", "data": 1, "deliver_at": at })).await;
    world.drain().await;
    world.clock.jump(-HOUR);
    let sent_at = |world: &World| world.endpoint.sent().first().map(|sent| sent.at);
    time_until_sent(&world, 1).await;
    assert!(sent_at(&world) >= Some(at), "{:?}", sent_at(&world).map(Timestamp::as_secs));
}
