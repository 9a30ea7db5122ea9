//! The promises, as they must hold at the end of every run.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::time::Timestamp;
use serde_json::Value;
use tests::world::{Sent, TENANT};

use super::scenario::{Plan, Prepared, Scenario};

/// - Nothing is left in the queues, and there are no dead letters.
/// - Every event has one delivery for every hook, in the state it had to end in.
/// - Every request is in the log and the other way round, save a request for
///   each blow that fell between an answer and the log: `doubled` counts them.
/// - No attempt was made before its time, and none beyond the schedule.
pub(crate) async fn check(run: &Prepared, scenario: &Scenario, doubled: usize) -> Result<(), String> {
    let world = &run.world;
    let (left, dead) = (world.messages_left(), world.dead_letters());
    ensure(left == 0, || format!("{left} messages are left"))?;
    ensure(dead.is_empty(), || format!("dead letters: {dead:?}"))?;

    let sent = world.endpoint.sent();
    let mut requests_seen = 0;
    let mut unlogged = 0;
    for (id, event) in events_by_id(scenario) {
        let deliveries = world.deliveries(id).await;
        let (expected, found) = (run.hooks.len(), deliveries.len());
        ensure(found == expected, || format!("{found} deliveries for {expected} hooks"))?;
        let not_before = event["deliver_at"].as_str().map(time).unwrap_or_default();
        for (hook, plan) in run.hooks.iter().zip(&scenario.plans) {
            let row = deliveries.iter().find(|delivery| delivery["hook_id"] == *hook.id);
            let row = row.ok_or_else(|| format!("no delivery for {}", hook.id))?;
            ensure(row["status"] == plan.end(), || format!("a delivery is {}: {row}", row["status"]))?;
            let attempts = times_of(&world.attempts_of(row).await);
            let of_this = |request: &&Sent| request.url == hook.url && row["id"] == *request.id;
            let requests: Vec<Timestamp> = sent.iter().filter(of_this).map(|request| request.at).collect();
            requests_seen += requests.len();
            unlogged += check_schedule(plan, not_before, &attempts, requests)?;
        }
    }
    check_lists(run, scenario).await?;
    ensure(requests_seen == sent.len(), || format!("{} requests belong to no delivery", sent.len() - requests_seen))?;
    ensure(unlogged <= doubled, || format!("{unlogged} requests are not in the log, {doubled} may be"))
}

/// Lists show every event, and every delivery as it ended.
async fn check_lists(run: &Prepared, scenario: &Scenario) -> Result<(), String> {
    let events = run.world.pages(&format!("/v1/tenants/{TENANT}/events?limit=100")).await;
    let deliveries = run.world.pages(&format!("/v1/tenants/{TENANT}/deliveries?limit=100")).await;
    for (id, _) in events_by_id(scenario) {
        let shown = events.iter().any(|event| event["id"] == *id);
        ensure(shown, || format!("{id} is in no list of events"))?;
        for (hook, plan) in run.hooks.iter().zip(&scenario.plans) {
            let of_it = |row: &&Value| row["event_id"] == *id && row["hook_id"] == *hook.id;
            let rows: Vec<&Value> = deliveries.iter().filter(of_it).collect();
            let as_it_ended = rows.iter().all(|row| row["status"] == plan.end()) && !rows.is_empty();
            ensure(as_it_ended, || format!("{id} for {} is listed as {rows:?}", hook.id))?;
        }
    }
    Ok(())
}

/// Events of one id are one event.
fn events_by_id(scenario: &Scenario) -> BTreeMap<&str, &Value> {
    scenario.events.iter().map(|event| (event["id"].as_str().expect("events of scenarios have ids"), event)).collect()
}

/// How many requests the log does not know of.
fn check_schedule(
    plan: &Plan,
    not_before: Timestamp,
    attempts: &[Timestamp],
    requests: Vec<Timestamp>,
) -> Result<usize, String> {
    let (logged, most) = (attempts.len(), plan.delays.len() + 1);
    ensure(logged <= most, || format!("{logged} attempts where {most} are the most"))?;
    let mut unknown = requests;
    for attempt in attempts {
        let known = unknown.iter().position(|at| at == attempt);
        unknown.swap_remove(known.ok_or_else(|| format!("the attempt at {attempt} was never sent"))?);
    }
    for at in attempts.iter().chain(&unknown) {
        // Whatever was sent follows the attempts that are in the log before it.
        let before: Vec<&Timestamp> = attempts.iter().filter(|earlier| *earlier < at).collect();
        let due = match (before.last(), before.len()) {
            (Some(last), count) => {
                let delay = plan.delays.get(count - 1).ok_or_else(|| format!("{at} is beyond the schedule"))?;
                last.saturating_add(Duration::from_secs(*delay))
            }
            (None, _) => not_before,
        };
        ensure(*at >= due, || format!("sent at {at}, due at {due}"))?;
    }
    Ok(unknown.len())
}

fn times_of(delivery: &Value) -> Vec<Timestamp> {
    let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    attempts.iter().map(|attempt| attempt["at"].as_str().map(time).unwrap_or_default()).collect()
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("times are RFC 3339")
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
