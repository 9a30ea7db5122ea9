//! A name that an object gives twice says two things, so it is refused, wherever it stands.

use serde_json::json;
use tests::world::{OPERATOR, World};

use super::assert_problem;

#[tokio::test]
async fn a_field_that_is_given_twice_is_refused_by_name_wherever_it_is() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.post("/v1/profiles", json!({ "name": "own" })).await.expect(201);
    world.post("/v1/tenants/acme/event-types", json!({ "name": "known" })).await.expect(201);
    let hooks = "/v1/tenants/acme/hooks";
    let types = "/v1/tenants/acme/event-types";
    let url = r#""url":"https://a.example.com/","events":["a"]"#;
    for (method, path, body, field) in [
        ("POST", hooks, format!("{{{url},{url}}}"), "url"),
        ("POST", hooks, format!(r#"{{{url},"rate_limit":0,"rate_limit":1}}"#), "rate_limit"),
        ("PATCH", &*hook.path(), r#"{"rate_limit":0,"rate_limit":1}"#.to_owned(), "rate_limit"),
        ("PATCH", &hook.path(), r#"{"name":"a","\u006eame":"a"}"#.to_owned(), "name"),
        ("PATCH", &hook.path(), r#"{"timeout":{"total":1,"total":2}}"#.to_owned(), "timeout.total"),
        ("PATCH", &hook.path(), r#"{"filter":{"a":["x"],"a":["y"]}}"#.to_owned(), "filter.a"),
        (
            "PATCH",
            &hook.path(),
            r#"{"payload":{"mappings":[{"field":"a","value":{"b":1,"b":2}}]}}"#.to_owned(),
            "payload.mappings[0].value.b",
        ),
        ("POST", "/v1/tenants", r#"{"id":"other","id":"another"}"#.to_owned(), "id"),
        ("PATCH", "/v1/tenants/acme", r#"{"name":"a","name":"b"}"#.to_owned(), "name"),
        ("POST", "/v1/profiles", r#"{"name":"p","name":"q"}"#.to_owned(), "name"),
        ("PATCH", "/v1/profiles/own", r#"{"rate_limit":0,"rate_limit":1}"#.to_owned(), "rate_limit"),
        ("POST", "/v1/tenants/acme/keys", r#"{"scope":"publish","scope":"tenant"}"#.to_owned(), "scope"),
        ("POST", "/v1/tenants/acme/events", r#"{"type":"a","type":"b","data":1}"#.to_owned(), "type"),
        ("POST", types, r#"{"name":"x","schema":{"type":"object","type":"array"}}"#.to_owned(), "schema.type"),
        ("POST", types, r#"{"name":"x","example":{"a":[{"b":1,"b":2}]}}"#.to_owned(), "example.a[0].b"),
        ("PATCH", "/v1/tenants/acme/event-types/known", r#"{"schema":{"a":1,"a":2}}"#.to_owned(), "schema.a"),
        (
            "PUT",
            "/v1/tenants/acme/catalogue",
            r#"{"event_types":[{"name":"x","schema":{"properties":{"a":{},"a":{}}}}]}"#.to_owned(),
            "event_types[0].schema.properties.a",
        ),
        ("PUT", "/v1/catalogue", r#"{"event_types":[],"event_types":[]}"#.to_owned(), "event_types"),
    ] {
        let reply = world.call(method, path, Some(OPERATOR), body).await;
        assert_problem(&reply, 422, field);
        assert!(
            reply.text().contains("given more than once") || reply.text().contains("given twice"),
            "{}: {}",
            reply.what,
            reply.text()
        );
    }
    // It is sent on byte for byte, and what it means is between publisher and receiver.
    let body = r#"{"type":"a","data":{"a":1,"a":2}}"#;
    world.call("POST", "/v1/tenants/acme/events", Some(OPERATOR), body).await.expect(202);
}
