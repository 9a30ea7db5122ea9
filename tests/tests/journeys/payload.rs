//! What arrives is what was published, to the byte.

use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

fn body_of(data: &str) -> String {
    format!(r#"{{"type":"a","timestamp":"2026-01-31T09:30:00.000Z","data":{data}}}"#)
}

async fn sent_bodies(data: &str, answers: Vec<Answer>) -> (World, Vec<String>) {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [1], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, answers);
    world.publish_raw(format!(r#"{{"data":{data},"id":"e","type":"a"}}"#)).await;
    world.settle().await;
    let bodies = world.endpoint.sent().into_iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap());
    let bodies = bodies.collect();
    (world, bodies)
}

#[tokio::test]
async fn data_arrives_byte_for_byte() {
    for data in [
        r#"{"b":1,"a":2,"b":3}"#,
        r#"{ "spaced" : [ 1 , 2 ] }"#,
        "[1.0,1e2,1E400,-0,0.10,123456789012345678901234567890]",
        r#""\u00e9\ud83d\ude00\/ é😀 \ud800""#,
        r#"{"":null}"#,
        "[]",
        "false",
        "0",
        "null",
    ] {
        let (world, bodies) = sent_bodies(data, Vec::new()).await;
        assert_eq!(bodies, [body_of(data)]);
        let read = world.get(&format!("/v1/tenants/{TENANT}/events/e")).await.expect(200);
        assert!(read.text().contains(&format!(r#""data":{data}"#)), "{}", read.text());
    }
}

#[tokio::test]
async fn data_too_large_to_travel_arrives_byte_for_byte_at_every_attempt() {
    for size in [60 * 1024, 60 * 1024 + 1, 256 * 1024] {
        let data = format!(r#"{{"z":1.0,"a":"{}"}}"#, "x".repeat(size - 16));
        let expected = body_of(&data);
        let (_, bodies) = sent_bodies(&data, vec![Answer::Status(500)]).await;
        assert_eq!(bodies.len(), 2);
        assert!(bodies.iter().all(|body| *body == expected), "{size} bytes");
    }
}

#[tokio::test]
async fn the_time_of_an_event_is_the_publishers_or_that_of_publishing() {
    let world = World::new().await;
    world.hook(json!({})).await;
    world.publish(json!({ "type": "a", "data": 1, "timestamp": "2025-12-24T20:00:00+02:00" })).await;
    world.publish(json!({ "type": "a", "data": 1, "deliver_at": "2026-02-01T00:00:00Z" })).await;
    world.settle().await;
    let times: Vec<Value> = world
        .endpoint
        .sent()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["timestamp"].clone())
        .collect();
    assert_eq!(times, ["2025-12-24T18:00:00.000Z", "2026-01-31T09:30:00.000Z"]);
}
