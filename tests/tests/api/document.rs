//! The OpenAPI document is part of the contract: changing it is a decision.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;
use tests::world::World;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/openapi.json");

async fn document() -> String {
    World::new().await.get("/openapi.json").await.expect(200).text()
}

#[tokio::test]
async fn the_document_is_the_one_that_was_agreed_on() {
    let document = document().await + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(SNAPSHOT, &document).unwrap();
    }
    let agreed = fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(document == agreed, "the API's document has changed; if that is meant, run again with UPDATE_SNAPSHOTS=1");
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_how_it_is_refused() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let mut operations = 0;
    let mut names = HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{method} {path} has the name of another operation, {name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                path == "/healthz" || responses.contains_key("401"),
                "{method} {path} needs a key and says nothing of 401"
            );
            let fine = responses.keys().any(|status| status.starts_with('2'));
            assert!(fine, "{method} {path} says nothing of success");
        }
    }
    assert_eq!(operations, 77);
}

/// Where a `$ref` leads, if it is one.
fn followed<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|link| document.pointer(link.strip_prefix('#')?));
    target.unwrap_or(schema)
}

#[tokio::test]
async fn every_response_is_described_and_every_refusal_is_a_problem() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{path} {status} has no description");
                let types: Vec<&String> =
                    response["content"].as_object().into_iter().flat_map(|all| all.keys()).collect();
                match status.as_bytes()[0] {
                    b'2' => assert!(types.iter().all(|kind| *kind == "application/json"), "{path} {status}"),
                    _ => assert_eq!(types, ["application/problem+json"], "{path} {status}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_put_together_from_parts_is_one_object_with_all_their_fields() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    for (method, path, fields) in [
        ("post", "/v1/tenants/{tenant}/hooks", ["url", "events", "secret", "retry", "headers"]),
        ("post", "/v1/tenants", ["id", "name", "profile", "retry", "max_hooks"]),
        ("patch", "/v1/profiles/{profile}", ["description", "event_types", "auth", "payload", "timeout"]),
    ] {
        let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        let schema = followed(&document, body);
        assert_eq!(schema["additionalProperties"], false, "{method} {path} refuses what it does not know");
        for field in fields {
            assert!(schema["properties"][field].is_object(), "{method} {path} says nothing of {field}: {schema}");
        }
    }
}
