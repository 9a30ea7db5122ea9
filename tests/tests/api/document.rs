//! The OpenAPI document is part of the contract: changing it is a decision.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/openapi.json");

#[test]
fn the_document_is_the_one_that_was_agreed_on() {
    let document = api::openapi_document() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(SNAPSHOT, &document).unwrap();
    }
    let agreed = fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(document == agreed, "the API's document has changed; if that is meant, run again with UPDATE_SNAPSHOTS=1");
}

#[test]
fn every_operation_says_what_it_does_and_how_it_is_refused() {
    let document: Value = serde_json::from_str(&api::openapi_document()).unwrap();
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
    assert_eq!(operations, 55);
}
