//! What a hook holds back is let go by a restart, and when what holds it is
//! turned off.

use bytes::Bytes;
use contract::messages::DeliveryMessage;
use contract::ports::{Clock as _, QueueReceiver as _};
use contract::stage::{Message, Outcome};
use local::HeldBack;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, START, World};

use super::{HOUR, JUMPS, open_circuit, publish, seconds, time_until_sent};

async fn crowd(world: &World) -> Hook {
    let hook = world.hook(json!({ "rate_limit": 1 })).await;
    publish(world, 100).await;
    assert_eq!(world.endpoint.sent().len(), 1);
    hook
}

#[tokio::test]
async fn a_restart_lets_a_rate_limited_crowd_go_on() {
    for jump in JUMPS {
        for while_it_runs in [true, false] {
            let world = World::new().await;
            crowd(&world).await;
            let (before, after) = if while_it_runs { (jump, 0) } else { (0, jump) };
            world.clock.jump(before);
            let world = world.restart_after_jump(after, None).await;
            let passed = time_until_sent(&world, 11).await;
            assert!(passed < seconds(13), "{jump} {while_it_runs}: {passed:?}");
        }
    }
}

#[tokio::test]
async fn a_restart_judges_what_was_held_back_by_the_limit_there_is_now() {
    let world = World::new().await;
    let hook = crowd(&world).await;
    world.patch(&hook.path(), json!({ "rate_limit": 50 })).await.expect(200);
    let world = world.restart_after_jump(0, None).await;
    let passed = time_until_sent(&world, 100).await;
    assert!(passed < seconds(5), "{passed:?}");
}

#[tokio::test]
async fn a_restart_after_the_clock_was_set_back_leaves_a_circuit_open_no_longer_than_was_meant() {
    for jump in JUMPS {
        for while_it_runs in [true, false] {
            let world = World::new().await;
            open_circuit(&world).await;
            let (before, after) = if while_it_runs { (jump, 0) } else { (0, jump) };
            world.clock.jump(before);
            let world = world.restart_after_jump(after, None).await;
            let passed = time_until_sent(&world, 8).await;
            assert!(passed < seconds(65), "{jump} {while_it_runs}: {passed:?}");
        }
    }
}

#[tokio::test]
async fn turning_off_the_limit_or_the_breaker_lets_go_what_waits() {
    for jump in [0, -HOUR] {
        let world = World::new().await;
        let mut held = HeldBack::new(&world.engine);
        let hook = crowd(&world).await;
        held.look().await;
        world.clock.jump(jump);
        world.patch(&hook.path(), json!({ "rate_limit": 0 })).await.expect(200);
        held.look().await;
        assert_eq!(time_until_sent(&world, 100).await, seconds(0), "{jump}");

        let world = World::new().await;
        let mut held = HeldBack::new(&world.engine);
        let hook = open_circuit(&world).await;
        held.look().await;
        world.clock.jump(jump);
        world.patch(&hook.path(), json!({ "circuit_breaker": { "failures": 0 } })).await.expect(200);
        held.look().await;
        assert_eq!(time_until_sent(&world, 8).await, seconds(0), "{jump}");
    }
}

#[tokio::test]
async fn a_limit_that_is_raised_by_the_hooks_profile_makes_what_waits_faster() {
    let world = World::new().await;
    world.post("/v1/profiles", json!({ "name": "slow", "rate_limit": 1 })).await.expect(201);
    world.hook(json!({ "profile": "slow" })).await;
    let mut held = HeldBack::new(&world.engine);
    publish(&world, 100).await;
    held.look().await;
    world.patch("/v1/profiles/slow", json!({ "rate_limit": 50 })).await.expect(200);
    held.look().await;
    let passed = time_until_sent(&world, 100).await;
    assert!(passed < seconds(5), "{passed:?}");
}

#[tokio::test]
async fn a_change_of_something_else_lets_nothing_go() {
    let world = World::new().await;
    let mut held = HeldBack::new(&world.engine);
    let hook = crowd(&world).await;
    held.look().await;
    world.patch(&hook.path(), json!({ "name": "another" })).await.expect(200);
    held.look().await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 1);
}

fn named(status: u16, name: &str, value: &str) -> Answer {
    Answer::Headers(status, vec![(name.to_owned(), value.to_owned())])
}

/// A hook that follows its endpoint's limits, whose endpoint answers so, and a crowd that waits for it.
async fn following(answers: impl IntoIterator<Item = Answer>, crowd: usize) -> World {
    let world = World::new().await;
    let hook = world.hook(json!({ "endpoint_control": { "rate_limit": true } })).await;
    world.endpoint.answer(&hook.url, answers);
    publish(&world, 1).await;
    publish(&world, crowd).await;
    world
}

/// Handles everything, and looks at what is held back as often as anything happens.
async fn settle_looking(world: &World) {
    let mut held = HeldBack::new(&world.engine);
    while {
        held.look().await;
        world.drain().await;
        world.advance_to_next_due()
    } {}
}

#[tokio::test]
async fn a_pause_that_ends_does_not_begin_the_minute_anew() {
    let policy = named(200, "ratelimit-policy", "\"a\";q=3;w=60");
    let paused = named(200, "ratelimit", "\"a\";r=0;t=5");
    let world = following([policy, Answer::Status(200), Answer::Status(200), paused], 9).await;
    settle_looking(&world).await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 10);
    for four in sent[1..].windows(4) {
        assert!(four[3].at.since(four[0].at) >= seconds(60), "{} to {}", four[0].at, four[3].at);
    }
}

#[tokio::test]
async fn what_waits_for_an_endpoints_policy_is_let_go_when_that_is_another_or_is_over() {
    let policy = |policy: &str| named(200, "ratelimit-policy", policy);
    let world = following([policy("\"a\";q=1;w=60"), policy("\"a\";q=1000;w=60")], 30).await;
    settle_looking(&world).await;
    let last = world.endpoint.sent().last().unwrap().at.since(START);
    assert!(world.endpoint.sent().len() == 31 && last < seconds(200), "{last:?}");

    let world = following([policy("\"a\";q=1;w=60")], 100).await;
    settle_looking(&world).await;
    let last = world.endpoint.sent().last().unwrap().at.since(START);
    assert!(world.endpoint.sent().len() == 101 && last < seconds(3_700), "{last:?}");
}

/// The message that waits, as a queue hands it out that does not know when it is due.
async fn taken(world: &World) -> Message {
    world.advance_to_next_due();
    let received = world.engine.queues.retries.receive(1).await.unwrap().remove(0);
    Message { id: received.id, body: received.body, content: None, receive_count: 1, is_due: false, sent_at: None }
}

fn changed(message: &Message, change: impl FnOnce(&mut Value)) -> Message {
    let mut body: Value = serde_json::from_slice(&message.body).unwrap();
    change(&mut body);
    Message { body: Bytes::from(body.to_string()), ..message.clone() }
}

#[tokio::test]
async fn a_wait_that_began_in_the_future_is_made_anew_where_the_queue_cannot_tell() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [300], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    publish(&world, 1).await;
    let message = taken(&world).await;
    let now = world.now();
    let ahead = changed(&message, |body| {
        body["waits_since"] = json!(now.shifted(HOUR));
        body["due_at"] = json!(now.shifted(HOUR + 300_000));
    });
    let outcome = requeue::handle(&world.engine.requeue, ahead).await;
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    let next = world.engine.queues.retries.receive(9).await.unwrap();
    assert!(next.is_empty(), "it is not due yet");
    world.clock.advance(seconds(300));
    let next = world.engine.queues.retries.receive(9).await.unwrap();
    let next: Vec<_> = next.iter().map(|message| DeliveryMessage::parse(&message.body).unwrap()).collect();
    assert!(next.iter().any(|message| message.due_at == Some(now.saturating_add(seconds(300)))), "{next:?}");

    let absurd = changed(&message, |body| body["due_at"] = json!("2126-01-01T00:00:00Z"));
    assert!(matches!(requeue::handle(&world.engine.requeue, absurd).await, Outcome::Done));
}

#[tokio::test]
async fn what_is_held_back_is_looked_at_before_its_time_where_nobody_is_told_of_changes() {
    let consent = json!({ "required": true, "kind": "options", "origin": "hooks.example.com" });
    // What could hold it back, and does not, keeps it no longer.
    for could in [json!({}), json!({ "endpoint_control": { "rate_limit": true } }), json!({ "verification": consent })]
    {
        let world = World::new().await;
        let hook = crowd(&world).await;
        world.patch(&hook.path(), could.clone()).await.expect(200);
        let late = ten_hours_late(&world).await;
        assert_waits(&world, &late).await;
        world.patch(&hook.path(), json!({ "rate_limit": 0 })).await.expect(200);
        assert_goes(&world, late, &could).await;
    }
}

#[tokio::test]
async fn what_an_endpoint_holds_back_is_let_go_once_it_holds_nothing_back_where_nobody_is_told_of_changes() {
    let world = following([named(200, "ratelimit-policy", "\"a\";q=1;w=60")], 3).await;
    let late = ten_hours_late(&world).await;
    assert_waits(&world, &late).await;
    world.clock.advance(seconds(3_600));
    assert_goes(&world, late, &json!("policy")).await;

    let world = World::new().await;
    let control = json!({ "rate_limit": 1, "endpoint_control": { "rate_limit": true } });
    let hook = world.hook(control).await;
    world.endpoint.answer(&hook.url, [Answer::Status(200), named(200, "ratelimit", "\"a\";r=0;t=7200")]);
    publish(&world, 3).await;
    let late = ten_hours_late(&world).await;
    assert!(world.advance_to_next_due());
    world.drain().await;
    world.patch(&hook.path(), json!({ "rate_limit": 0 })).await.expect(200);
    assert_waits(&world, &late).await;
    world.clock.advance(seconds(7_200));
    assert_goes(&world, late, &json!("pause")).await;
}

/// The message that waits, as if for ten hours from now on.
async fn ten_hours_late(world: &World) -> Message {
    let message = taken(world).await;
    changed(&message, |body| body["due_at"] = json!(world.now().saturating_add(seconds(36_000))))
}

async fn assert_waits(world: &World, message: &Message) {
    let look = world.now().saturating_add(seconds(900));
    match requeue::handle(&world.engine.requeue, message.clone()).await {
        Outcome::NotBefore(at) => assert_eq!(at, look),
        other => panic!("expected to wait, got {other:?}"),
    }
}

async fn assert_goes(world: &World, message: Message, case: &Value) {
    let outcome = requeue::handle(&world.engine.requeue, message).await;
    assert!(matches!(outcome, Outcome::Done), "{case}: {outcome:?}");
    assert_eq!(world.engine.queues.redeliveries.stats().waiting, 1, "{case}");
    assert!(world.engine.clock.steady() > world.now().shifted(-1));
}
