//! The payloads of many events are removed by type and time.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

fn path(rest: &str) -> String {
    format!("/v1/tenants/{TENANT}{rest}")
}

/// Events of three types, an hour apart.
async fn published(count: usize) -> World {
    let world = World::new().await;
    world.hook(json!({ "events": ["user.*"] })).await;
    for number in 0..count {
        let event_type = ["user.created", "user.deleted", "post.created"][number % 3];
        world.publish(json!({ "id": format!("e{number}"), "type": event_type, "data": { "n": number } })).await;
        world.settle().await;
        world.clock.advance(Duration::from_secs(3_600));
    }
    world
}

async fn expunge(world: &World, body: Value) -> Value {
    let asked = world.post(&path("/expungements"), body).await.expect(202).json();
    assert_eq!((&asked["status"], &asked["found"]), (&json!("running"), &json!(0)));
    world.settle().await;
    world.get(&path(&format!("/expungements/{}", asked["id"].as_str().unwrap()))).await.expect(200).json()
}

async fn left(world: &World, count: usize) -> Vec<usize> {
    let mut left = Vec::new();
    for number in 0..count {
        let event = world.get(&path(&format!("/events/e{number}"))).await.expect(200).json();
        if event.get("data").is_some() {
            left.push(number);
        }
    }
    left
}

#[tokio::test]
async fn events_are_counted_first_and_then_expunged_by_type_and_time() {
    let world = published(9).await;
    let counted = expunge(&world, json!({ "event_type": "user.*", "dry_run": true })).await;
    assert_eq!(
        (&counted["status"], &counted["found"], &counted["expunged"]),
        (&json!("finished"), &json!(6), &json!(0))
    );
    assert_eq!(left(&world, 9).await.len(), 9);

    let done = expunge(&world, json!({ "event_type": "user.deleted" })).await;
    assert_eq!(
        (&done["found"], &done["expunged"], &done["event_type"]),
        (&json!(3), &json!(3), &json!("user.deleted"))
    );
    assert_eq!(left(&world, 9).await, [0, 2, 3, 5, 6, 8]);

    let accepted = async |number: usize| {
        let list = world.get(&path(&format!("/events?id_prefix=e{number}"))).await.expect(200).json();
        list["items"][0]["accepted_at"].as_str().unwrap().to_owned()
    };
    let (since, until) = (accepted(2).await, accepted(6).await);
    let done = expunge(&world, json!({ "since": since, "until": until })).await;
    assert_eq!((&done["found"], &done["expunged"]), (&json!(3), &json!(3)), "what is gone is not counted again");
    assert_eq!(left(&world, 9).await, [0, 6, 8]);
    let list = world.get(&path("/expungements")).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_long_expungement_takes_many_steps_and_settles_what_waits() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [3_600], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 120]);
    for number in 0..120 {
        world.publish(json!({ "id": format!("e{number}"), "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    let sent = world.endpoint.sent().len();
    world.clock.advance(Duration::from_millis(1));
    let asked = world.post(&path("/expungements"), json!({})).await.expect(202).json();
    world.drain().await;
    let done = world.get(&path(&format!("/expungements/{}", asked["id"].as_str().unwrap()))).await.expect(200).json();
    assert_eq!((&done["status"], &done["expunged"]), (&json!("finished"), &json!(120)));
    let skipped = world.pages(&path("/deliveries?status=skipped&limit=100")).await;
    assert_eq!(skipped.len(), 120);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), sent, "nothing is sent again");
}

#[tokio::test]
async fn an_expungement_is_cancelled_once_and_wrong_ones_are_refused() {
    let world = published(1).await;
    let asked = world.post(&path("/expungements"), json!({})).await.expect(202).json();
    let one = path(&format!("/expungements/{}", asked["id"].as_str().unwrap()));
    assert_eq!(world.delete(&one).await.expect(200).json()["status"], "cancelled");
    world.delete(&one).await.expect(409);
    world.settle().await;
    assert_eq!(left(&world, 1).await, [0]);
    for (body, field) in [
        (json!({ "event_type": "a b" }), "event_type"),
        (json!({ "since": "yesterday" }), "since"),
        (json!({ "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" }), "until"),
        (json!({ "type": "a" }), "type"),
    ] {
        let problem = world.post(&path("/expungements"), body).await.expect(422).json();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    world.get(&one.replace(TENANT, "other")).await.expect(404);
    world.delete(&format!("/v1/tenants/{TENANT}")).await.expect(204);
    world.clock.advance(Duration::from_secs(31));
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    assert_eq!(world.get(&path("/expungements")).await.expect(200).json()["items"], json!([]));
}
