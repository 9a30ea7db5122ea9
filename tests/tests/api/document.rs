//! The OpenAPI document is part of the contract: changing it is a decision.

mod enums;
mod examples;

use std::collections::HashSet;
use std::fs;

use serde_json::{Value, json};
use tests::world::{OPERATOR, World};

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
            let parts: Vec<&str> = name.split('.').collect();
            let plain = |part: &&str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(parts.len() == 2 && parts.iter().all(plain), "{name} is not a resource and a verb");
            assert!(names.insert(name), "{method} {path} has the name of another operation, {name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                path == "/healthz" || path.contains("/.well-known/") || responses.contains_key("401"),
                "{method} {path} needs a key and says nothing of 401"
            );
            let fine = responses.keys().any(|status| status.starts_with('2'));
            assert!(fine, "{method} {path} says nothing of success");
        }
    }
    assert_eq!(operations, 104);
}

/// Every schema and part of one.
fn each<'a>(value: &'a Value, look: &mut dyn FnMut(&'a Value)) {
    look(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each(item, look)),
        Value::Object(members) => members.values().for_each(|member| each(member, look)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_time_says_that_it_is_one() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let (mut links, mut times) = (0, 0);
    each(&document, &mut |part| {
        if let Some(link) = part["$ref"].as_str() {
            links += 1;
            assert!(document.pointer(link.strip_prefix('#').unwrap()).is_some(), "{link} leads nowhere");
        }
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            if name.ends_with("_at") || ["timestamp", "since", "until"].contains(&name.as_str()) {
                times += 1;
                assert_eq!(property["format"], "date-time", "{name}: {property}");
            }
        }
    });
    assert!(links > 500 && times > 50, "{links} {times}");
}

#[tokio::test]
async fn the_variants_of_a_union_have_names_and_a_property_that_tells_them_apart() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let auth = &document["components"]["schemas"]["Auth"];
    assert_eq!(auth["discriminator"]["propertyName"], "type");
    let mapping = auth["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(mapping.len(), auth["oneOf"].as_array().unwrap().len());
    for (value, link) in mapping {
        let variant = document.pointer(link.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
        assert_eq!(variant["properties"]["type"]["enum"], json!([value]));
    }
}

#[tokio::test]
async fn whoever_is_told_to_wait_is_told_how_long() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            for status in ["429", "503"] {
                if let Some(response) = operation["responses"].get(status) {
                    assert_eq!(response["headers"]["Retry-After"]["schema"]["type"], "integer", "{path} {status}");
                    let quotas = ["RateLimit", "RateLimit-Policy"].map(|name| response["headers"].get(name).is_some());
                    assert_eq!(quotas, [*status == *"429"; 2], "{path} {status}");
                }
            }
        }
    }
}

#[tokio::test]
async fn programs_tell_problems_apart_by_a_code_that_the_docs_list() {
    let world = World::new().await;
    world.patch("/v1/tenants/acme", json!({ "max_hooks": 1 })).await.expect(200);
    let hook = json!({ "url": "https://example.com/", "events": ["*"] });
    world.post("/v1/tenants/acme/hooks", hook.clone()).await.expect(201);
    let event = |data: u8| json!({ "id": "order-1", "type": "order.paid", "data": data });
    world.publish(event(1)).await;
    for (reply, status, code) in [
        (world.call("POST", "/v1/tenants", Some(OPERATOR), "{").await, 400, "bad_request"),
        (world.call("GET", "/v1/tenants", None, "").await, 401, "unauthenticated"),
        (world.get("/v1/tenants/nobody").await, 404, "not_found"),
        (world.delete("/v1/tenants").await, 405, "method_not_allowed"),
        (world.post("/v1/tenants/acme/hooks", hook).await, 409, "limit_reached"),
        (world.post("/v1/tenants/acme/events", event(2)).await, 409, "id_taken"),
        (world.post("/v1/tenants/acme/events", json!({})).await, 422, "invalid"),
    ] {
        let problem = reply.expect(status).json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("urn:hookline:problem:{code}"));
    }
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let codes = document["components"]["schemas"]["ProblemCode"]["enum"].as_array().unwrap();
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md")).unwrap();
    for code in codes {
        let row = format!("| `{}` |", code.as_str().unwrap());
        assert!(docs.contains(&row), "docs/api.md does not explain {code}");
    }
}

#[tokio::test]
async fn what_makes_a_hook_has_to_say_where_to_send_what_and_a_change_has_not() {
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["NewHook"]["required"], json!(["url", "events"]));
    assert_eq!(schemas["NewHook"]["properties"]["url"]["type"], "string");
    assert_eq!(schemas["NewHook"]["properties"]["events"]["type"], "array");
    assert_eq!(schemas["HookSettings"].get("required"), None);
    let of = |method: &str, path: &str| {
        let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        body["$ref"].as_str().map(|link| link.rsplit('/').next().unwrap().to_owned())
    };
    assert_eq!(of("post", "/v1/tenants/{tenant}/hooks").as_deref(), Some("NewHook"));
    assert_eq!(of("patch", "/v1/tenants/{tenant}/hooks/{hook}").as_deref(), Some("HookSettings"));
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
                    b'2' => assert!(
                        types.iter().all(|kind| *kind == "application/json" || kind.ends_with("+json")),
                        "{path} {status}"
                    ),
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

#[tokio::test]
async fn a_key_is_shown_with_a_scope_that_the_document_knows() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&document().await).unwrap();
    let schemas = &document["components"]["schemas"];
    let shown = schemas["Scope"]["enum"].as_array().unwrap();
    for scope in schemas["TenantScope"]["enum"].as_array().unwrap() {
        let key = json!({ "scope": scope, "expires_in": 60 });
        let created = world.post("/v1/tenants/acme/keys", key).await.expect(201).json();
        assert!(shown.contains(&created["scope"]), "{}", created["scope"]);
    }
}
