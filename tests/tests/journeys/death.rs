//! Death between each two steps of each stage.
//!
//! A step is one call of a stage to a port. For every step of a journey, and
//! every way it can go wrong there, the journey is made anew, struck at that
//! step, and taken to its end by a process that opens the same directory.
//! Then the promises are checked: [`verdict::check`] says which.

mod fate;
mod mortal;
mod mutants;
mod scenario;
mod verdict;

use fate::Blow;
use scenario::{Plan, Scenario};
use serde_json::json;
use tests::world::Answer;

const FAILURE: Answer = Answer::Status(503);

fn ladder(answers: &[Answer]) -> Plan {
    Plan { delays: vec![5, 300], answers: answers.to_vec() }
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
