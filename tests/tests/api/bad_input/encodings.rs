//! Bodies that are JSON in another wrapping than plain UTF-8.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;
use tests::world::{OPERATOR, World};

use super::{EVENTS, HOOKS, assert_problem, hook_with};

fn publishing(coding: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method("POST").uri(EVENTS).header(header::CONTENT_ENCODING, coding);
    request.header(header::AUTHORIZATION, format!("Bearer {OPERATOR}")).body(body.into()).unwrap()
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_such() {
    let world = World::new().await;
    for coding in ["gzip", "br", "identity, gzip"] {
        let reply = world.send(publishing(coding, vec![0x1f, 0x8b, 8])).await;
        assert_problem(&reply, 415, "Content-Encoding");
        assert_eq!(reply.headers[header::ACCEPT_ENCODING], "identity", "{coding}");
    }
    let plain = world.send(publishing("identity", json!({ "type": "a", "data": 1 }).to_string())).await;
    assert_eq!(plain.status, 202, "{}", plain.text());
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_and_utf_16_is_told() {
    let world = World::new().await;
    let event = json!({ "type": "a", "data": 1 }).to_string();
    let reply = world.call("POST", EVENTS, Some(OPERATOR), format!("\u{feff}{event}")).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let wide: Vec<u8> = event.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reply = world.call("POST", EVENTS, Some(OPERATOR), wide).await;
    assert_problem(&reply, 400, "looks like UTF-16");
}

#[tokio::test]
async fn parameters_of_a_token_request_are_bounded_and_replace_none_of_its_own() {
    let world = World::new().await;
    let auth = |parameters: serde_json::Value| {
        json!({ "auth": { "type": "oauth2", "token_url": "https://a.example.com/t", "client_id": "c",
                          "client_secret": "s", "parameters": parameters } })
    };
    let many: serde_json::Map<_, _> = (0..11).map(|number| (format!("p{number}"), json!("1"))).collect();
    let long = json!({ "audience": "x".repeat(4_097) });
    for wrong in [json!({ "scope": "x" }), json!({ "client_secret": "x" }), json!({ "": "x" }), json!(many), long] {
        assert_problem(&world.post(HOOKS, hook_with(&auth(wrong))).await, 422, "auth.parameters");
    }
    let right = json!({ "audience": "https://api.example.com", "resource": "urn:x" });
    let hook = world.post(HOOKS, hook_with(&auth(right.clone()))).await.expect(201).json();
    assert_eq!(hook["auth"]["parameters"], right);
}
