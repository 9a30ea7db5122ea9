//! Who takes the id of a tenant that was deleted gets nothing of it, and loses nothing to it.

use std::time::Duration;

use contract::ports::QueueReceiver as _;
use contract::stage::{Message, Outcome};
use domain::tenant::ID_RESTS_FOR;
use domain::time::Timestamp;
use serde_json::{Value, json};
use tests::world::{Hook, OPERATOR, TENANT, World};

const PATH: &str = "/v1/tenants/acme";

/// Deletes the tenant and makes it anew once its id is free, with one hook.
async fn make_anew(world: &World) -> Hook {
    world.delete(PATH).await.expect(204);
    world.clock.advance(ID_RESTS_FOR);
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    world.hook(json!({})).await
}

fn bodies(world: &World, hook: &Hook) -> Vec<Value> {
    let sent = world.endpoint.sent_to(&hook.url);
    sent.iter().map(|sent| serde_json::from_slice::<Value>(&sent.body).unwrap()["data"].clone()).collect()
}

#[tokio::test]
async fn the_id_of_a_deleted_tenant_can_be_taken_after_half_a_minute_and_not_before() {
    let world = World::new().await;
    world.delete(PATH).await.expect(204);
    for (waited, left) in [(0, "30"), (29, "1")] {
        world.clock.advance(Duration::from_secs(waited));
        let refused = world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(409);
        assert_eq!(refused.headers["retry-after"], left);
        assert!(refused.json()["detail"].as_str().unwrap().contains("deleted a moment ago"), "{}", refused.json());
        world.get(PATH).await.expect(404);
    }
    world.clock.advance(Duration::from_secs(1));
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
}

#[tokio::test]
async fn nothing_is_left_of_a_deletion_in_the_end() {
    let world = World::new().await;
    let deleted_at = async || world.engine.api.tenants.deleted_at(&TENANT.parse().unwrap()).await.unwrap();
    world.delete(PATH).await.expect(204);
    assert_eq!(deleted_at().await, Some(world.now()));
    world.settle().await;
    assert_eq!(deleted_at().await, None);
}

#[tokio::test]
async fn an_event_id_that_a_former_tenant_has_used_is_sent_to_the_new_one() {
    let world = World::new().await;
    let former = world.hook(json!({})).await;
    world.publish(json!({ "id": "e1", "type": "a", "data": "OLD" })).await;
    world.publish(json!({ "id": "unwanted", "type": "a", "data": "OLD" })).await;
    world.drain().await;
    assert_eq!(bodies(&world, &former).len(), 2);
    let hook = make_anew(&world).await;
    world.get(&format!("{PATH}/events/e1")).await.expect(404);

    world.publish(json!({ "id": "e1", "type": "a", "data": "NEW" })).await;
    world.drain().await;
    assert_eq!(bodies(&world, &hook), ["NEW"]);
    assert_eq!(world.get(&format!("{PATH}/events/e1")).await.expect(200).json()["data"], "NEW");
    assert_eq!(world.delivery("e1").await["status"], "succeeded");
    // Twice is still once, and what the purge deletes is not the new one's.
    let again = json!({ "id": "e1", "type": "a", "data": "AGAIN" });
    world.post(&format!("{PATH}/events"), again.clone()).await.expect(409);
    world.post(&format!("{PATH}/events?check_duplicate=false"), again).await.expect(202);
    world.settle().await;
    assert_eq!(bodies(&world, &hook), ["NEW"]);
    assert_eq!(world.get(&format!("{PATH}/events/e1")).await.expect(200).json()["data"], "NEW");
}

#[tokio::test]
async fn nothing_that_lists_or_counts_shows_a_former_tenants_events() {
    let world = World::new().await;
    world.hook(json!({})).await;
    for id in ["e1", "e2"] {
        world.publish(json!({ "id": id, "type": "old.one", "data": "OLD" })).await;
    }
    world.drain().await;
    // So that some of it is counted for good.
    world.clock.advance(Duration::from_secs(3_600));
    world.get(&format!("{PATH}/counts")).await.expect(200);
    world.publish(json!({ "id": "e3", "type": "old.one", "data": "OLD" })).await;
    world.drain().await;
    let hook = make_anew(&world).await;

    let shown = async |path: &str| world.get(&format!("{PATH}{path}")).await.expect(200).json();
    for list in ["/events", "/deliveries"] {
        assert_eq!(shown(list).await["items"], json!([]), "{list}");
    }
    let counted = shown("/counts?group_by=type").await;
    assert!(!counted.to_string().contains("old.one"), "{counted}");
    for id in ["e1", "e2", "e3"] {
        for path in ["", "/deliveries", "/explain"] {
            world.get(&format!("{PATH}/events/{id}{path}")).await.expect(404);
        }
        world.delete(&format!("{PATH}/events/{id}/data")).await.expect(404);
    }
    let replay = world.post(&format!("{}/replays", hook.path()), json!({ "kind": "missing" })).await.expect(202);
    world.drain().await;
    let replay = world.get(&format!("{}/replays/{}", hook.path(), replay.json()["id"].as_str().unwrap())).await;
    let replay = replay.expect(200).json();
    assert_eq!((&replay["status"], &replay["progress"]["found"]), (&json!("finished"), &json!(0)), "{replay}");
    assert!(bodies(&world, &hook).is_empty());

    world.publish(json!({ "type": "new.one", "data": "NEW" })).await;
    world.drain().await;
    assert_eq!(shown("/events").await["items"].as_array().unwrap().len(), 1);
    world.settle().await;
    assert_eq!(shown("/deliveries").await["items"].as_array().unwrap().len(), 1);
    let counted = shown("/counts?group_by=type").await["items"].clone();
    assert_eq!((&counted[0]["event_type"], &counted[1]), (&json!("new.one"), &json!(null)));
}

#[tokio::test]
async fn an_event_that_was_still_queued_for_a_former_tenant_is_dropped_and_no_later_one_is() {
    let world = World::new().await;
    world.hook(json!({})).await;
    world.publish(json!({ "id": "e1", "type": "a", "data": "OLD" })).await;
    world.publish(json!({ "id": "e2", "type": "a", "data": "OLD" })).await;
    let hook = make_anew(&world).await;
    world.publish(json!({ "id": "e1", "type": "a", "data": "NEW" })).await;
    // Whoever takes it has a clock that is behind that of whoever made the tenant.
    world.clock.jump(-5_000);
    let large = "x".repeat(100_000);
    world.publish(json!({ "id": "e3", "type": "a", "data": large })).await;
    world.drain().await;
    world.clock.jump(5_000);
    world.settle().await;
    let mut sent = bodies(&world, &hook);
    sent.sort_by_key(Value::to_string);
    assert_eq!(sent, [json!("NEW"), json!(large)]);
    world.get(&format!("{PATH}/events/e2")).await.expect(404);
    world.get(&format!("{PATH}/events/e3")).await.expect(200);
    assert!(world.dead_letters().is_empty());
}

#[tokio::test]
async fn a_publication_without_a_token_is_as_old_as_its_message() {
    let world = World::new().await;
    let published_at = world.now();
    let hook = make_anew(&world).await;
    let handle = async |id: &str, sent_at: Option<Timestamp>| {
        let body = json!({ "tenant": TENANT, "id": id, "type": "a", "data": id }).to_string().into();
        let id = format!("m-{id}");
        let message = Message { id, body, content: None, receive_count: 1, is_due: false, sent_at };
        assert!(matches!(fanout::handle(&world.engine.fanout, message).await, Outcome::Done));
    };
    handle("old", Some(published_at)).await;
    handle("new", Some(world.now())).await;
    handle("behind", Some(world.now().saturating_sub(Duration::from_secs(5)))).await;
    handle("unknown", None).await;
    world.settle().await;
    let mut sent = bodies(&world, &hook);
    sent.sort_by_key(Value::to_string);
    assert_eq!(sent, ["behind", "new", "unknown"]);
}

#[tokio::test]
async fn a_fan_out_that_a_deletion_interrupts_is_not_carried_on_for_the_new_tenant() {
    let world = World::new().await;
    for _ in 0..=fanout::HOOKS_PER_PAGE {
        world.hook(json!({})).await;
    }
    world.publish(json!({ "id": "e1", "type": "a", "data": "OLD" })).await;
    let taken = world.engine.queues.events.receive(1).await.unwrap().pop().unwrap();
    let message = Message {
        id: taken.id.clone(),
        body: taken.body.clone(),
        content: None,
        receive_count: 1,
        is_due: false,
        sent_at: None,
    };
    assert!(matches!(fanout::handle(&world.engine.fanout, message).await, Outcome::Done));
    world.engine.queues.events.ack(&taken.receipt).await.unwrap();
    let hook = make_anew(&world).await;
    world.settle().await;
    assert!(bodies(&world, &hook).is_empty());
    assert!(world.dead_letters().is_empty());
    world.call("GET", &format!("{PATH}/events/e1"), Some(OPERATOR), "").await.expect(404);
}
