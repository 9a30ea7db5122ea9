//! What is wrong, by its place and in the shape that the SDKs read.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tests::world::{OPERATOR, TENANT, World};

use super::{URL, call, everything, get, send, text};

#[tokio::test]
async fn what_has_no_counterpart_or_is_wrong_is_told_by_its_place() {
    let world = World::new().await;
    everything(&world, TENANT).await;
    for (method, path, body, places) in [
        ("POST", "/app", json!({ "name": "", "uid": "a b", "x": 1 }), vec!["body.uid", "body.name", "body.x"]),
        ("POST", "/app", json!({ "uid": "app_x", "name": "x" }), vec!["body.uid"]),
        ("PATCH", "/app/acme", json!({ "uid": "other" }), vec!["body.uid"]),
        ("POST", "/app/acme/endpoint", json!({}), vec!["body.url"]),
        ("POST", "/app/acme/endpoint", json!({ "url": "http://10.0.0.1/" }), vec!["body.url"]),
        (
            "POST",
            "/app/acme/endpoint",
            json!({ "url": URL, "version": 2, "eventTypes": [] }),
            vec!["body.version", "body.eventTypes"],
        ),
        ("POST", "/app/acme/endpoint", json!({ "url": URL, "filterTypes": ["no"] }), vec!["body.eventTypes"]),
        ("POST", "/app/acme/endpoint", json!({ "url": URL, "channels": ["tag:x"] }), vec!["body.channels"]),
        ("POST", "/app/acme/endpoint", json!({ "url": URL, "metadata": { "a": 1 } }), vec!["body.metadata.a"]),
        ("POST", "/app/acme/endpoint", json!({ "url": URL, "secret": "short" }), vec!["body.secret"]),
        ("PUT", "/app/acme/endpoint/mine/headers", json!({ "headers": { "host": "x" } }), vec!["body.headers[0].name"]),
        ("POST", "/app/acme/msg", json!({ "eventType": "a.b", "payload": [] }), vec!["body.payload"]),
        (
            "POST",
            "/app/acme/msg",
            json!({ "eventType": "a.b", "payload": {}, "payloadRetentionPeriod": 30 }),
            vec!["body.payloadRetentionPeriod"],
        ),
        (
            "POST",
            "/app/acme/msg",
            json!({ "eventType": "a.b", "payload": {}, "transformationsParams": { "y": 1 } }),
            vec!["body.transformationsParams.y"],
        ),
        (
            "POST",
            "/event-type",
            json!({ "name": "x", "description": "", "featureFlag": "f", "schemas": { "2": {} } }),
            vec!["body.schemas", "body.featureFlag"],
        ),
        ("POST", "/app/acme/endpoint/mine/recover", json!({ "since": "yesterday" }), vec!["body.since"]),
        ("GET", "/app?limit=251&order=up&no=1", Value::Null, vec!["query.limit", "query.order", "query.no"]),
        ("GET", "/app/acme/msg?before=now", Value::Null, vec!["query.before"]),
        ("GET", "/app/acme/endpoint?iterator=ep_none", Value::Null, vec!["query.iterator"]),
    ] {
        let refused = call(&world, method, path, OPERATOR, &body, None).await.expect(422).json();
        let items = refused["detail"].as_array().unwrap();
        let of = |item: &Value| item["loc"].as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(".");
        let mut told: Vec<String> = items.iter().map(of).collect();
        let mut places = places;
        told.sort_unstable();
        places.sort_unstable();
        assert_eq!(told, places, "{method} {path} {body}: {refused}");
        assert!(
            items.iter().all(|item| !text(&item["msg"]).is_empty() && text(&item["type"]).starts_with("value_error"))
        );
    }
    let not_json = Request::post("/api/v1/app").header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"));
    let refused = world.send(not_json.body(Body::from("{")).unwrap()).await.expect(422).json();
    assert_eq!(refused["detail"][0]["type"], "value_error.jsondecode");
    for path in ["/app/acme/endpoint/mine/transformation", "/ingest/api/v1/source", "/app/a%2Fb", "/app/acme/msg/none"]
    {
        assert_eq!(get(&world, path).await.expect(404).json()["code"], "not_found", "{path}");
    }
    assert_eq!(send(&world, "DELETE", "/app", Value::Null).await.expect(405).json()["code"], "method_not_allowed");
    let open = world.send(Request::get("/api/v1/health").body(Body::empty()).unwrap()).await;
    open.expect(204);
}
