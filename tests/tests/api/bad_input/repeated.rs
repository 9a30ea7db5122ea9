//! What is given twice says two things, so it is refused by name: a name in an object, wherever it
//! stands, and a header of which only one can count.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tests::world::{OPERATOR, Reply, World};

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

/// A request with these headers beside one operator's key, in this order.
async fn ask(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_header_of_which_one_counts_is_refused_by_name_when_it_is_there_twice() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let right = format!("Bearer {OPERATOR}");
    let key = ("authorization", right.as_str());
    let event = r#"{"type":"a","data":1}"#;
    let confirm = format!("{}/confirm?key=x", hook.path());
    let events = "/v1/tenants/acme/events";
    for (method, path, headers, field) in [
        ("GET", "/v1/tenants", vec![key, ("authorization", "Bearer another")], "Authorization"),
        // Whichever comes first, and the same twice.
        ("GET", "/v1/tenants", vec![("authorization", "Bearer another"), key], "Authorization"),
        ("DELETE", &*hook.path(), vec![key, key], "Authorization"),
        ("POST", events, vec![key, ("idempotency-key", "one"), ("idempotency-key", "two")], "Idempotency-Key"),
        ("POST", "/v1/tenants", vec![key, ("Idempotency-Key", "one"), ("idempotency-key", "one")], "Idempotency-Key"),
        (
            "POST",
            "/v1/portal/sessions",
            vec![("idempotency-key", "one"), ("idempotency-key", "two")],
            "Idempotency-Key",
        ),
        ("GET", &confirm, vec![("webhook-allowed-rate", "1"), ("webhook-allowed-rate", "100")], "WebHook-Allowed-Rate"),
        ("POST", &confirm, vec![("webhook-allowed-rate", "1"), ("webhook-allowed-rate", "*")], "WebHook-Allowed-Rate"),
    ] {
        let reply = ask(&world, method, path, &headers, event).await;
        assert_problem(&reply, 400, field);
        let problem = reply.json();
        assert_eq!(problem["errors"][0]["field"], field, "{}", reply.what);
        assert!(problem["detail"].as_str().unwrap().contains("more than once"), "{problem}");
        assert!(!reply.text().contains("another") && !reply.text().contains(OPERATOR), "{problem}");
    }
    let all = [key, key, ("idempotency-key", "one"), ("idempotency-key", "two")];
    let problem = ask(&world, "POST", events, &all, event).await.expect(400).json();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    world.get(&hook.path()).await.expect(200);
    assert_eq!(world.messages_left(), 0);
    assert_eq!(world.get("/v1/tenants").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_may_be_in_several_lines_and_two_traces_are_none() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let right = format!("Bearer {OPERATOR}");
    let key = ("authorization", right.as_str());
    let several = [key, ("if-match", "\"7\""), ("if-match", "\"1\"")];
    ask(&world, "PATCH", &hook.path(), &several, r#"{"name":"x"}"#).await.expect(200);
    let codings = [key, ("content-encoding", "identity"), ("content-encoding", "gzip")];
    ask(&world, "POST", "/v1/tenants/acme/events", &codings, r#"{"type":"a","data":1}"#).await.expect(415);
    // W3C Trace Context, section 3.2.
    let trace = |digit: &str| format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16));
    let (one, other) = (trace("1"), trace("2"));
    for (traces, is_carried_on) in [(vec![&one], true), (vec![&one, &other], false)] {
        let headers: Vec<_> =
            [key].into_iter().chain(traces.iter().map(|trace| ("traceparent", trace.as_str()))).collect();
        ask(&world, "POST", "/v1/tenants/acme/events", &headers, r#"{"type":"a","data":1}"#).await.expect(202);
        world.settle().await;
        let sent = world.endpoint.sent().pop().unwrap();
        let carried = sent.header("traceparent").is_some_and(|sent| sent.contains(&"1".repeat(32)));
        assert_eq!(carried, is_carried_on, "{traces:?}");
    }
}

#[tokio::test]
async fn other_systems_apis_refuse_it_as_they_refuse_and_name_it() {
    let world = World::new().await;
    let bearer = format!("Bearer {OPERATOR}");
    let basic = "Basic YWNtZTp4";
    let discover = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (method, path, headers, name) in [
        ("GET", "/api/v1/app", vec![("authorization", &*bearer), ("authorization", &*bearer)], "Authorization"),
        (
            "POST",
            "/api/v1/app",
            vec![("authorization", &*bearer), ("idempotency-key", "one"), ("idempotency-key", "two")],
            "Idempotency-Key",
        ),
        ("GET", "/v2/webhook", vec![("authorization", basic), ("authorization", basic)], "Authorization"),
        ("POST", "/mcp/acme", vec![("authorization", &*bearer), ("authorization", "Bearer x")], "Authorization"),
        (
            "POST",
            "/mcp/acme",
            vec![("authorization", &*bearer), ("mcp-method", "ping"), ("mcp-method", "tools/call")],
            "Mcp-Method",
        ),
    ] {
        let reply = ask(&world, method, path, &headers, discover).await.expect(400);
        assert!(reply.text().contains(name) && reply.text().contains("more than once"), "{path}: {}", reply.text());
    }
}
