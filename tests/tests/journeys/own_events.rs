//! The events that Hookline publishes itself are as its OpenAPI document says.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

const PLANS: &str = "/v1/tenants/acme/plans";

async fn decide(world: &World, change: Value, verb: &str) -> String {
    let plan = json!({ "title": "t", "change": change, "impact": { "text": "less" },
        "evidence": [{ "name": "failures", "value": 0.5, "since": "2026-01-30T00:00:00Z" }] });
    let plan = world.post(PLANS, plan).await.expect(201).json();
    let path = format!("{PLANS}/{}", plan["id"].as_str().unwrap());
    world.post(&format!("{path}/{verb}"), json!({})).await.expect(200);
    path
}

#[tokio::test]
async fn each_is_sent_as_the_document_says_and_each_is_in_it() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.expect(200).json();
    let webhooks = document["webhooks"].as_object().unwrap();
    let names: Vec<&String> = webhooks.keys().collect();
    let listener = world.hook(json!({ "events": names })).await;

    let hook = world.hook(json!({ "events": ["a"], "circuit_breaker": { "failures": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 12]);
    for number in 0..12 {
        world.publish(json!({ "type": "a", "data": number })).await;
    }
    world.drain().await;
    world.clock.advance(Duration::from_secs(1));
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "failed" })).await.expect(202);
    world.settle().await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;

    let external = json!({ "kind": "external", "target": "x", "before": 1, "after": 2 });
    let path = decide(&world, external.clone(), "approve").await;
    world.post(&format!("{path}/applied"), json!({})).await.expect(200);
    let path = decide(&world, external.clone(), "approve").await;
    world.post(&format!("{path}/failed"), json!({ "reason": "no" })).await.expect(200);
    decide(&world, external, "reject").await;
    decide(&world, json!({ "kind": "hook", "hook": hook.id, "patch": { "name": "new" } }), "approve").await;
    world.settle().await;

    let mut told = BTreeSet::new();
    for sent in world.endpoint.sent_to(&listener.url) {
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        let name = body["type"].as_str().unwrap();
        let operation = &webhooks[name]["post"];
        let mut schema = operation["requestBody"]["content"]["application/json"]["schema"].clone();
        let link = schema["$ref"].as_str().unwrap().trim_start_matches('#').to_owned();
        let properties = document.pointer(&link).unwrap()["properties"].as_object().unwrap();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), properties.keys().collect::<Vec<_>>());
        let data = properties["data"]["$ref"].as_str().unwrap().trim_start_matches('#');
        let known = document.pointer(data).unwrap()["properties"].as_object().unwrap();
        let given: Vec<&String> = body["data"].as_object().unwrap().keys().collect();
        assert_eq!(given, known.keys().collect::<Vec<_>>(), "{name}");
        schema["components"] = document["components"].clone();
        let checked = jsonschema::validate(&schema, &body);
        assert!(checked.is_ok(), "{body}: {}", checked.unwrap_err());
        for header in operation["parameters"].as_array().unwrap() {
            let is_sent = sent.header(header["name"].as_str().unwrap()).is_some();
            assert!(is_sent || header["required"] == false, "{header} is not sent");
        }
        told.insert(name.to_owned());
    }
    assert_eq!(told, names.into_iter().cloned().collect(), "of {TENANT}");
}
