//! Death between each two steps of each stage.
//!
//! A step is one call of a stage to a port. For every step of a journey, and
//! every way it can go wrong there, the journey is made anew, struck at that
//! step, and taken to its end by a process that opens the same directory.
//! Then the promises are checked: [`verdict::check`] says which.

mod batches;
pub(crate) mod fate;
mod jobs;
pub(crate) mod mortal;
mod mutants;
mod scenario;
mod telling;
mod verdict;

use fate::{Blow, Fate};
use scenario::{Plan, Scenario, live_through};
use serde_json::json;
use tests::world::{Answer, OPERATOR, World};

const FAILURE: Answer = Answer::Status(503);

fn ladder(answers: &[Answer]) -> Plan {
    Plan { delays: vec![5, 300], answers: answers.to_vec(), settings: json!({}) }
}

fn event() -> serde_json::Value {
    json!({ "id": "order-7", "type": "order.paid", "data": { "total": 9.90 } })
}

#[tokio::test]
async fn a_delivery_that_lands_at_once_survives_death_at_every_step() {
    Scenario::new([ladder(&[])], [event()]).strike_everywhere().await;
}

#[tokio::test]
async fn a_delivery_that_fails_and_then_lands_survives_death_at_every_step() {
    Scenario::new([ladder(&[FAILURE])], [event()]).strike_everywhere().await;
}

#[tokio::test]
async fn a_delivery_that_never_lands_survives_death_at_every_step() {
    Scenario::new([ladder(&vec![FAILURE; 10])], [event()]).strike_everywhere().await;
}

#[tokio::test]
async fn three_hooks_of_different_fortune_survive_death_at_every_step() {
    let plans = [ladder(&[]), ladder(&[FAILURE, Answer::Timeout]), ladder(&vec![FAILURE; 10])];
    Scenario::new(plans, [event()]).strike_everywhere().await;
}

fn events(count: usize) -> Vec<serde_json::Value> {
    (0..count).map(|number| json!({ "id": format!("order-{number}"), "type": "order.paid", "data": number })).collect()
}

#[tokio::test]
async fn deliveries_that_wait_for_their_turn_survive_death_at_every_step() {
    let slow = Plan { settings: json!({ "rate_limit": 1 }), ..ladder(&[]) };
    Scenario::new([slow], events(3)).strike_everywhere().await;
}

#[tokio::test]
async fn deliveries_that_wait_for_a_probe_survive_death_at_every_step() {
    let breaker = json!({ "circuit_breaker": { "failures": 2, "probe_after": 60 } });
    let broken = Plan { settings: breaker, ..ladder(&[FAILURE, FAILURE]) };
    Scenario::new([broken], events(4)).strike_everywhere().await;
}

#[tokio::test]
async fn an_event_published_twice_survives_death_at_every_step() {
    Scenario::new([ladder(&[FAILURE]), ladder(&[])], [event(), event()]).strike_everywhere().await;
}

#[tokio::test]
async fn an_event_for_later_survives_death_at_every_step() {
    let mut later = event();
    later["deliver_at"] = json!("2026-01-31T21:30:00Z");
    Scenario::new([ladder(&[FAILURE]), ladder(&[])], [later]).strike_everywhere().await;
}

#[tokio::test]
async fn an_event_whose_data_travels_by_reference_survives_death_at_every_step() {
    let mut large = event();
    large["data"] = json!("x".repeat(100_000));
    Scenario::new([ladder(&[FAILURE])], [large]).strike_everywhere().await;
}

#[tokio::test]
async fn a_fan_out_in_several_pages_survives_death_at_every_step_of_it() {
    let scenario = Scenario::new(vec![ladder(&[]); 150], [event()]);
    // The 150 deliveries are all alike, so a few of their steps stand for all.
    let of_fan_out = |step: usize| step < 12;
    scenario.strike_where(|step| of_fan_out(step) || step % 101 == 0).await;
}

#[tokio::test]
async fn a_manual_retry_survives_death_at_every_step() {
    let mut steps = Fate::new([]);
    for strike in strikes(7) {
        let world = World::new().await;
        let hook = world.hook(json!({})).await;
        world.endpoint.answer(&hook.url, [FAILURE]);
        let event = world.publish(event()).await;
        world.settle().await;
        let id = world.delivery(&event).await["id"].as_str().unwrap().to_owned();
        world.post(&format!("/v1/tenants/acme/deliveries/{id}/retry"), json!({})).await.expect(202);

        steps = Fate::new([strike]);
        let world = live_through(world, &steps).await;
        let delivery = world.delivery(&event).await;
        let attempts = delivery["attempts"].as_array().unwrap().len();
        assert_eq!((&delivery["status"], attempts), (&json!("succeeded"), 2), "{strike:?}");
        assert!(world.endpoint.sent().len() <= 2 + steps.doubled(), "{strike:?}");
        assert_eq!(world.messages_left(), 0);
    }
    assert!(steps.struck().is_empty(), "a manual retry has more steps than were struck");
}

#[tokio::test]
async fn a_retry_whose_hook_was_paused_waits_through_death_at_every_step() {
    let mut steps = Fate::new([]);
    for strike in strikes(6) {
        let world = World::new().await;
        let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
        world.endpoint.answer(&hook.url, [FAILURE]);
        let event = world.publish(event()).await;
        world.drain().await;
        world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);

        steps = Fate::new([strike]);
        let world = live_through(world, &steps).await;
        let delivery = world.delivery(&event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("waiting"), &json!(1)), "{strike:?}");
        assert_eq!((world.endpoint.sent().len(), world.messages_left()), (1, 0), "{strike:?}");
    }
    assert!(steps.struck().is_empty(), "a retry that waits has more steps than were struck");
}

/// Every blow at every one of the first `steps` steps.
fn strikes(steps: usize) -> impl Iterator<Item = (usize, Blow)> {
    (0..steps).flat_map(|step| Blow::ALL.map(|blow| (step, blow)))
}

#[tokio::test]
async fn blow_upon_blow_loses_nothing_either() {
    let plans = [ladder(&[]), ladder(&[FAILURE, Answer::Timeout]), ladder(&vec![FAILURE; 100])];
    let mut later = event();
    later["id"] = json!("order-8");
    later["deliver_at"] = json!("2026-01-31T21:30:00Z");
    let scenario = Scenario::new(plans, [event(), later, event()]);
    for seed in 1..=40 {
        scenario.keeps_its_promises(storm(seed)).await;
    }
}

/// A blow at one step in eight, for as long as most runs last.
fn storm(seed: u64) -> Vec<(usize, Blow)> {
    // Marsaglia's xorshift: the same storm for the same seed.
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut draw = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits fit")
    };
    let struck = (0..200).filter(|_| draw() % 8 == 0).collect::<Vec<_>>();
    struck.into_iter().map(|step| (step, Blow::ALL[draw() % Blow::ALL.len()])).collect()
}

#[tokio::test]
async fn a_publisher_that_was_refused_may_publish_again_and_is_heard_once() {
    for blow in [Blow::FailsBefore, Blow::FailsAfter] {
        let mut world = World::new().await;
        world.hook(json!({})).await;
        let fate = Fate::new([(0, blow)]);
        world.rewire(|engine| mortal::make_publishing_mortal(engine, &fate));
        let publish = || world.call("POST", "/v1/tenants/acme/events", Some(OPERATOR), event().to_string());
        let refused = publish().await.expect(503);
        assert!(refused.headers.contains_key("retry-after"));
        publish().await.expect(202);
        world.settle().await;
        assert_eq!(world.endpoint.sent().len(), 1, "{blow:?}");
    }
}

#[tokio::test]
async fn an_allowed_duplicate_is_one_that_dies_between_answer_and_log() {
    let trace = Scenario::new([ladder(&[])], [event()]).trace().await;
    let allowed: Vec<(&str, Blow)> = trace
        .iter()
        .flat_map(|step| Blow::possible_at(step).map(move |blow| (step.name, blow)))
        .filter(|(name, blow)| blow.may_double(name))
        .collect();
    let expected =
        [("sender.send", Blow::DiesAfter), ("log.record", Blow::FailsBefore), ("log.record", Blow::DiesBefore)];
    assert_eq!(allowed, expected);
}
