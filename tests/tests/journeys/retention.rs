//! What is kept for how long, and what goes when somebody wants it gone.

use std::time::Duration;

use contract::ports::{Events as _, LogFilter};
use domain::ids::HookId;
use domain::tenant::ID_RESTS_FOR;
use embedded::EmbeddedEvents;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, OPERATOR, RETENTION, TENANT, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many rows the log of a hook holds, whoever may see them.
async fn rows(world: &World, hook: &Hook) -> usize {
    let id: HookId = hook.id.parse().unwrap();
    let tenant = hook.tenant.parse().unwrap();
    world.engine.api.log.list(&tenant, id, &LogFilter::default(), 1_000, None).await.unwrap().items.len()
}

async fn publish(world: &World, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 0..count {
        world.clock.advance(Duration::from_millis(1));
        ids.push(world.publish(json!({ "type": "a", "data": i })).await);
    }
    ids
}

#[tokio::test]
async fn a_tenants_own_retention_holds_for_its_events_and_deliveries() {
    for (days, kept) in [(json!(2), 2 * DAY), (json!(null), RETENTION), (json!(400), 400 * DAY)] {
        let world = World::new().await;
        let tenant = format!("/v1/tenants/{TENANT}");
        world.patch(&tenant, json!({ "retention_days": days })).await.expect(200);
        assert_eq!(world.get(&tenant).await.expect(200).json()["retention_days"], days);
        let hook = world.hook(json!({})).await;
        let disabled = world.hook(json!({ "enabled": false })).await;
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.settle().await;
        let path = format!("{tenant}/events/{event}");
        world.clock.advance(kept - Duration::from_secs(1));
        world.get(&path).await.expect(200);
        assert_eq!((rows(&world, &hook).await, rows(&world, &disabled).await), (1, 1));
        world.clock.advance(Duration::from_secs(1));
        world.get(&path).await.expect(404);
        assert_eq!((rows(&world, &hook).await, rows(&world, &disabled).await), (0, 0));
    }
}

#[tokio::test]
async fn retention_is_from_one_day_to_ten_years_and_the_operators_to_set() {
    let world = World::new().await;
    let tenant = format!("/v1/tenants/{TENANT}");
    for days in [json!(0), json!(3651), json!(-1), json!("7")] {
        world.patch(&tenant, json!({ "retention_days": days })).await.expect(422);
    }
    let key = world.post(&format!("{tenant}/keys"), json!({ "scope": "tenant" })).await.expect(201).json();
    let key = key["key"].as_str().or(key["token"].as_str()).unwrap().to_owned();
    world.call("PATCH", &tenant, Some(&key), r#"{"retention_days":1}"#).await.expect(403);
}

#[tokio::test]
async fn a_deleted_hooks_log_is_out_of_sight_at_once_and_then_gone() {
    let world = World::new().await;
    let patient = json!({ "failures": 0 });
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 }, "circuit_breaker": patient })).await;
    let other = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 250]);
    let events = publish(&world, 250).await;
    world.drain().await;
    let delivery = world.deliveries(&events[0]).await.into_iter().find(|row| row["hook_id"] == *hook.id).unwrap();
    world.delete(&hook.path()).await.expect(204);

    world.get(&format!("{}/deliveries", hook.path())).await.expect(404);
    let path = format!("/v1/tenants/{TENANT}/deliveries/{}", delivery["id"].as_str().unwrap());
    world.get(&path).await.expect(404);
    world.call("POST", &format!("{path}/retry"), Some(OPERATOR), "").await.expect(404);
    assert_eq!(rows(&world, &hook).await, 250);

    world.settle().await;
    assert_eq!((rows(&world, &hook).await, rows(&world, &other).await), (0, 250));
    let shown = world.deliveries(&events[0]).await;
    let row = shown.iter().find(|row| row["hook_id"] == *hook.id).unwrap();
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&json!("deleted"), &json!("the hook was deleted, and its log with it"))
    );
    let (tenant, id) = (TENANT.parse().unwrap(), hook.id.parse().unwrap());
    assert_eq!(world.engine.api.hooks.revision(&tenant, id, 1).await.unwrap(), None);
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn a_deletion_that_never_came_about_deletes_no_log() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    publish(&world, 3).await;
    world.settle().await;
    let stored = world.engine.api.hooks.get(&TENANT.parse().unwrap(), hook.id.parse().unwrap()).await.unwrap().unwrap();
    let job = contract::jobs::Job::PurgeHook(contract::jobs::PurgeHook {
        hook: stored.id,
        with_events: true,
        cursor: None,
        unknown: domain::unknown::Unknown::NONE,
    });
    world
        .engine
        .api
        .jobs
        .send_one(contract::jobs::JobMessage::new(&stored.tenant, job).to_outgoing(None))
        .await
        .unwrap();
    world.settle().await;
    assert_eq!(rows(&world, &hook).await, 3);
}

#[tokio::test]
async fn a_deleted_tenant_leaves_no_events_and_no_deliveries() {
    let world = World::new().await;
    let hook = world.hook(json!({ "events": ["a"] })).await;
    let seen = world.publish(json!({ "type": "a", "data": 1 })).await;
    let unseen = world.publish(json!({ "type": "nobody.wants.it", "data": 1 })).await;
    world.settle().await;
    world.clock.advance(Duration::from_millis(1));
    world.delete(&format!("/v1/tenants/{TENANT}")).await.expect(204);
    world.clock.advance(ID_RESTS_FOR);
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    world.settle().await;
    let (tenant, stored) = (TENANT.parse().unwrap(), EmbeddedEvents(world.engine.store.clone()));
    for event in [seen, unseen] {
        assert!(stored.get(&tenant, &event.parse().unwrap()).await.unwrap().is_none());
    }
    assert_eq!(rows(&world, &hook).await, 0);
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

async fn expunge(world: &World, event: &str) -> Value {
    world.delete(&format!("/v1/tenants/{TENANT}/events/{event}/data")).await.expect(204);
    world.get(&format!("/v1/tenants/{TENANT}/events/{event}")).await.expect(200).json()
}

#[tokio::test]
async fn an_expunged_event_keeps_its_rows_and_sends_no_more() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    let landed = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": { "email": "a@example.com" } })).await;
    world.drain().await;
    let shown = expunge(&world, &event).await;
    assert_eq!((&shown["expunged"], shown.get("data")), (&json!(true), None));
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 1);
    let rows = world.deliveries(&event).await;
    let of = |hook: &Hook| rows.iter().find(|row| row["hook_id"] == *hook.id).unwrap();
    assert_eq!(of(&hook)["status"], "skipped");
    assert_eq!(of(&hook)["reason"], "the event's payload was expunged");
    assert_eq!(of(&landed)["status"], "succeeded");
    let path = format!("/v1/tenants/{TENANT}/deliveries/{}", of(&landed)["id"].as_str().unwrap());
    world.post(&format!("{path}/retry"), json!({})).await.expect(409);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn an_event_expunged_before_its_time_is_never_sent() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let large = json!("x".repeat(100_000));
    for data in [json!(1), large] {
        let event = json!({ "type": "a", "data": data, "deliver_at": "2026-03-01T00:00:00Z" });
        let event = world.publish(event).await;
        world.drain().await;
        expunge(&world, &event).await;
        assert_eq!(world.deliveries(&event).await.len(), 1);
    }
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 0);
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn an_event_that_is_not_there_cannot_be_expunged() {
    let world = World::new().await;
    world.delete(&format!("/v1/tenants/{TENANT}/events/none/data")).await.expect(404);
}
