//! The end of hooks whose time is over.

use std::time::Duration;

use contract::jobs::{Job, JobMessage, RemoveExpired};
use contract::stage::{Message, Outcome};
use domain::hook::Hook;
use domain::unknown::Unknown;
use serde_json::{Value, json};
use tests::world::{TENANT, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn stored(world: &World, id: &str) -> Hook {
    let tenant = TENANT.parse().unwrap();
    let hook = world.engine.foundation.hooks.get(&tenant, id.parse().unwrap()).await.unwrap().unwrap();
    Hook::clone(&hook)
}

/// As a queue may hand it over that cannot wait for so long.
async fn early(world: &World, job: RemoveExpired, sent: Duration) -> Outcome {
    let job = JobMessage::new(&TENANT.parse().unwrap(), Job::RemoveExpired(job)).to_outgoing(None);
    let sent_at = Some(world.now().saturating_sub(sent));
    let message =
        Message { id: "m".to_owned(), body: job.body, content: None, receive_count: 1, is_due: false, sent_at };
    requeue::handle(&world.engine.requeue, message).await
}

#[tokio::test]
async fn a_removal_that_comes_early_waits_and_one_for_another_end_does_not() {
    let world = World::new().await;
    let made = world.hook(json!({ "expires_at": "2026-02-10T09:30:00Z" })).await;
    let hook = stored(&world, &made.id).await;
    let job = RemoveExpired::of(&hook).unwrap();
    let due = RemoveExpired::due(&hook).unwrap();
    assert_eq!(due.to_string(), "2026-02-11T09:31:00.000Z");
    let waits = |outcome: &Outcome| matches!(outcome, Outcome::NotBefore(until) if *until == due);
    assert!(waits(&early(&world, job.clone(), Duration::ZERO).await));
    // As a version before asked for it.
    let former = RemoveExpired { hook: hook.id, end: None, unknown: Unknown::NONE };
    assert!(waits(&early(&world, former, Duration::ZERO).await));
    // A queue keeps no message for so long: it is sent anew.
    let before = world.messages_left();
    assert!(matches!(early(&world, job.clone(), 4 * DAY).await, Outcome::Done));
    assert_eq!(world.messages_left(), before + 1);
    // Given another end, for which another step was asked.
    world.patch(&made.path(), json!({ "expires_at": "2026-02-12T09:30:00Z" })).await.expect(200);
    assert!(matches!(early(&world, job.clone(), Duration::ZERO).await, Outcome::Done));
    world.patch(&made.path(), json!({ "expires_at": null })).await.expect(200);
    assert!(matches!(early(&world, job, Duration::ZERO).await, Outcome::Done));
}

#[tokio::test]
async fn whoever_dies_after_the_deletion_leaves_nothing_of_the_hook() {
    let world = World::new().await;
    let made = world.hook(json!({ "expires_at": "2026-01-31T10:30:00Z" })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
    let hook = stored(&world, &made.id).await;
    world.clock.advance(2 * DAY);
    // It cannot be read any more, and not deleted by hand.
    world.delete(&made.path()).await.expect(404);
    // All that the step does until it dies: what is left is asked for, and the hook is gone.
    let (tenant, hooks) = (TENANT.parse().unwrap(), &world.engine.foundation.hooks);
    let circuits = world.engine.requeue.circuits.health.get(&tenant, hook.id).await.unwrap();
    assert!(circuits.last_execution.is_some(), "its health is there");
    let purge = contract::jobs::PurgeHook { hook: hook.id, with_events: false, cursor: None, unknown: Unknown::NONE };
    let message = JobMessage::new(&tenant, Job::PurgeHook(purge)).to_outgoing(None);
    hooks.delete(&tenant, hook.id, None).await.unwrap();
    world.engine.requeue.jobs.send_one(message).await.unwrap();
    world.settle().await;
    let health = world.engine.requeue.circuits.health.get(&tenant, hook.id).await.unwrap();
    assert_eq!(health.last_execution, None, "its health is gone with it");
    let log = world.get("/v1/tenants/acme/deliveries").await.expect(200).json();
    assert_eq!(log["items"], Value::Array(Vec::new()));
}
