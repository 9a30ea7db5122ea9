//! What arrives is what was published, to the byte.

use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, TENANT, World};

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

#[tokio::test]
async fn a_payload_is_written_as_ecmascript_writes_it_whatever_it_is_made_of() {
    let world = World::new().await;
    let mappings = json!([{ "field": "one", "from": "data.n" }, { "field": "2", "from": "data" },
                          { "field": "1.deep[0]", "from": "data.n" }]);
    let fixed = r#"{"field":"x","value":{"b":1.0,"7":"\u00e9"}}"#;
    let mapped = mappings.to_string().replace("}]", &format!("}},{fixed}]"));
    for (payload, expected) in [
        (r#"{"raw":true,"json":"ecmascript"}"#.to_owned(), r#"{"n":1.5}"#),
        (
            format!(r#"{{"mappings":{mapped},"json":"ecmascript"}}"#),
            r#"{"1":{"deep":[1.5]},"2":{"n":1.5},"one":1.5,"x":{"7":"é","b":1}}"#,
        ),
        (
            r#"{"raw":true,"json":"ecmascript","variants":[{"events":["a"],"payload":{"mappings":[{"field":"v","from":"data.n"}]}}]}"#.to_owned(),
            r#"{"v":1.5}"#,
        ),
        (r#"{"raw":true,"json":"as_published"}"#.to_owned(), r#"{ "n": 1.50 }"#),
    ] {
        for batch in ["", r#","batch":{"max_events":1}"#] {
            let url = "https://hook.example.com/in";
            let hook = format!(r#"{{"url":"{url}","events":["*"],"payload":{payload}{batch}}}"#);
            let hooks = format!("/v1/tenants/{TENANT}/hooks");
            let created = world.call("POST", &hooks, Some(OPERATOR), hook).await.expect(201).json();
            world.endpoint.trust(url, created["secret"].as_str().unwrap());
            world.publish_raw(r#"{"type":"a","data":{ "n": 1.50 }}"#.to_owned()).await;
            world.drain().await;
            let sent = world.endpoint.sent().pop().expect("a request");
            let expected = if batch.is_empty() { expected.to_owned() } else { format!("[{expected}]") };
            assert_eq!(sent.text(), expected, "{payload}");
            world.delete(&format!("{hooks}/{}", created["id"].as_str().unwrap())).await.expect(204);
        }
    }
    let within =
        json!({ "raw": true, "variants": [{ "events": ["a"], "payload": { "raw": true, "json": "ecmascript" } }] });
    let refused = json!({ "url": "https://a.example.com/", "events": ["*"], "payload": within });
    let told = world.post(&format!("/v1/tenants/{TENANT}/hooks"), refused).await.expect(422).text();
    assert!(told.contains("payload.variants[0].payload.json"), "{told}");
}

#[tokio::test]
async fn what_grows_while_it_is_rewritten_is_still_bounded() {
    let world = World::new().await;
    let settings =
        json!({ "payload": { "raw": true, "json": "ecmascript" }, "batch": { "max_events": 100, "max_wait": 1 } });
    let hook = world.hook(settings).await;
    let data = format!("[{}1e20]", "1e20,".repeat(50_000));
    for n in 0..4 {
        world.publish_raw(format!(r#"{{"id":"e-{n}","type":"a","data":{data}}}"#)).await;
    }
    world.settle().await;
    let sent = world.endpoint.sent_to(&hook.url);
    let all: usize = sent.iter().map(|sent| sent.text().matches("100000000000000000000").count()).sum();
    assert_eq!(all, 4 * 50_001);
    assert!(sent.iter().all(|sent| sent.body.len() < 4 * 1024 * 1024));
}
