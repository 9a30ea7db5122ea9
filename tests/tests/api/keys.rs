//! What a key may do, for how long, and what is told to who has none.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::world::{OPERATOR, START, TENANT, World};

const KEYS: &str = "/v1/tenants/acme/keys";
const HOOKS: &str = "/v1/tenants/acme/hooks";
const EVENTS: &str = "/v1/tenants/acme/events";
const EVENT: &str = r#"{"type":"a","data":1}"#;

async fn create(world: &World, path: &str, body: Value) -> (Value, String) {
    let created = world.post(path, body).await.expect(201).json();
    let key = created["key"].as_str().unwrap().to_owned();
    (created, key)
}

/// The status of a request with HTTP Basic.
async fn basic(world: &World, path: &str, user: &str, key: &str) -> u16 {
    let credentials = STANDARD.encode(format!("{user}:{key}"));
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Basic {credentials}"));
    world.send(request.body(Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn a_portal_key_looks_after_hooks_and_does_nothing_else() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let (_, portal) = create(&world, KEYS, json!({ "scope": "portal", "expires_in": 3600 })).await;
    let portal = Some(portal.as_str());
    world.publish(json!({ "id": "e", "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery("e").await["id"].as_str().unwrap().to_owned();
    let new = json!({ "url": "https://a.example.com/", "events": ["a"] }).to_string();
    let own = world.call("POST", HOOKS, portal, new).await.expect(201).json();
    assert!(own["secret"].is_string(), "who creates a hook has to verify what it gets");
    let own = format!("{HOOKS}/{}", own["id"].as_str().unwrap());
    for (method, path, body, status) in [
        ("GET", HOOKS.to_owned(), "", 200),
        ("PATCH", own.clone(), r#"{"enabled":false}"#, 200),
        ("DELETE", own, "", 204),
        ("GET", format!("{}/deliveries", hook.path()), "", 200),
        ("GET", format!("/v1/tenants/acme/deliveries/{delivery}"), "", 200),
        ("POST", format!("/v1/tenants/acme/deliveries/{delivery}/retry"), "", 202),
        ("GET", format!("{EVENTS}/e"), "", 200),
        ("GET", format!("{EVENTS}/e/deliveries"), "", 200),
        ("GET", "/v1/tenants/acme/event-types".to_owned(), "", 200),
        ("GET", "/v1/tenants/acme/catalogue".to_owned(), "", 200),
        ("POST", "/v1/tenants/acme/event-types".to_owned(), r#"{"name":"a"}"#, 403),
        ("PUT", "/v1/tenants/acme/catalogue".to_owned(), r#"{"event_types":[]}"#, 403),
        ("POST", EVENTS.to_owned(), EVENT, 403),
        ("GET", KEYS.to_owned(), "", 403),
        ("POST", KEYS.to_owned(), r#"{"scope":"publish"}"#, 403),
        ("GET", format!("{}/secret", hook.path()), "", 403),
        ("POST", format!("{}/secret/rotate", hook.path()), "", 403),
        ("POST", format!("{}/secret/cutover", hook.path()), "", 403),
        ("GET", "/v1/tenants/acme".to_owned(), "", 403),
        ("GET", "/v1/tenants".to_owned(), "", 403),
    ] {
        world.call(method, &path, portal, body).await.expect(status);
    }
}

#[tokio::test]
async fn a_key_that_has_expired_is_refused_and_says_so() {
    let world = World::new().await;
    for scope in ["tenant", "publish", "portal"] {
        let (created, key) = create(&world, KEYS, json!({ "scope": scope, "expires_in": 60 })).await;
        let expires_at = START.saturating_add(world.now().since(START) + Duration::from_secs(60));
        assert_eq!(created["expires_at"], expires_at.to_string());
        let request = if scope == "publish" { ("POST", EVENTS, EVENT, 202) } else { ("GET", HOOKS, "", 200) };
        let (method, path, body, status) = request;
        world.clock.advance(Duration::from_millis(59_999));
        world.call(method, path, Some(&key), body).await.expect(status);
        world.clock.advance(Duration::from_millis(1));
        let refused = world.call(method, path, Some(&key), body).await.expect(401);
        assert!(refused.text().contains("expired"), "{}", refused.text());
    }
    // They make room for new ones.
    create(&world, KEYS, json!({ "scope": "tenant" })).await;
    assert_eq!(world.get(KEYS).await.expect(200).json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_portal_key_expires_within_seven_days_and_any_within_ten_years() {
    let world = World::new().await;
    let operators = "/v1/keys";
    for (path, body) in [
        (KEYS, json!({ "scope": "portal" })),
        (KEYS, json!({ "scope": "portal", "expires_in": 0 })),
        (KEYS, json!({ "scope": "portal", "expires_in": 604_801 })),
        (KEYS, json!({ "scope": "tenant", "expires_in": 0 })),
        (KEYS, json!({ "scope": "publish", "expires_in": 315_360_001_u64 })),
        (KEYS, json!({ "scope": "publish", "expires_in": -1 })),
        (operators, json!({ "expires_in": 0 })),
        (operators, json!({ "expires_in": "1" })),
    ] {
        let reply = world.post(path, body.clone()).await.expect(422);
        assert_eq!(reply.json()["errors"][0]["field"], "expires_in", "{body}");
    }
    world.post(KEYS, json!({ "scope": "operator" })).await.expect(422);
    world.post(operators, json!({ "scope": "tenant" })).await.expect(422);
    create(&world, KEYS, json!({ "scope": "portal", "expires_in": 604_800 })).await;
    create(&world, operators, json!({ "expires_in": 315_360_000 })).await;
}

#[tokio::test]
async fn the_operators_key_can_be_changed_without_an_interruption() {
    let world = World::new().await;
    let (created, first) = create(&world, "/v1/keys", json!({ "name": "2026" })).await;
    assert_eq!((&created["scope"], &created["expires_at"]), (&json!("operator"), &Value::Null));
    let second = world.call("POST", "/v1/keys", Some(&first), "{}").await.expect(201).json();
    let second = second["key"].as_str().unwrap();
    world.call("POST", "/v1/tenants", Some(second), r#"{"id":"blog"}"#).await.expect(201);
    world.call("POST", EVENTS, Some(second), EVENT).await.expect(202);
    world.call("GET", "/v1/tenants/nobody/hooks", Some(second), "").await.expect(404);
    let list = world.call("GET", "/v1/keys", Some(second), "").await.expect(200);
    assert!(!list.text().contains(&first) && list.json()["items"].as_array().unwrap().len() == 2, "{}", list.text());

    let path = format!("/v1/keys/{}", created["id"].as_str().unwrap());
    world.call("DELETE", &path, Some(second), "").await.expect(204);
    world.call("DELETE", &path, Some(second), "").await.expect(404);
    world.call("GET", "/v1/tenants", Some(&first), "").await.expect(401);
    let world = world.restart().await;
    world.call("GET", "/v1/tenants", Some(second), "").await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let world = World::new().await;
    for body in
        [json!({ "scope": "tenant" }), json!({ "scope": "publish" }), json!({ "scope": "portal", "expires_in": 60 })]
    {
        let (created, key) = create(&world, KEYS, body.clone()).await;
        let request = if body["scope"] == "publish" { ("POST", EVENTS, EVENT) } else { ("GET", HOOKS, "") };
        assert!(world.call(request.0, request.1, Some(&key), request.2).await.status < 300, "{body}");
        world.delete(&format!("{KEYS}/{}", created["id"].as_str().unwrap())).await.expect(204);
        world.call(request.0, request.1, Some(&key), request.2).await.expect(401);
    }
}

#[tokio::test]
async fn keys_of_every_scope_work_with_basic_and_their_tenant_only() {
    let world = World::new().await;
    for scope in ["tenant", "portal"] {
        let (_, key) = create(&world, KEYS, json!({ "scope": scope, "expires_in": 60 })).await;
        for (user, status) in [(TENANT, 200), ("other", 401), ("", 401)] {
            assert_eq!(basic(&world, HOOKS, user, &key).await, status, "{scope} {user}");
        }
    }
    let (_, operators) = create(&world, "/v1/keys", json!({})).await;
    for key in [OPERATOR, &operators] {
        assert_eq!(basic(&world, HOOKS, TENANT, key).await, 200);
    }
    let request = Request::get(HOOKS).header(header::AUTHORIZATION, "Basic nonsense");
    world.send(request.body(Body::empty()).unwrap()).await.expect(401);
}

/// The time of last use, once it is what is expected; it is written aside.
async fn last_use(world: &World, expected: &str) -> Value {
    let mut seen = Value::Null;
    for _ in 0..10_000 {
        seen = world.get(KEYS).await.expect(200).json()["items"][0]["last_used_at"].clone();
        if seen == expected {
            break;
        }
        tokio::task::yield_now().await;
    }
    seen
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    let world = World::new().await;
    let (created, key) = create(&world, KEYS, json!({ "scope": "publish" })).await;
    assert_eq!(created["last_used_at"], Value::Null);
    world.call("POST", EVENTS, Some(&key), EVENT).await.expect(202);
    assert_eq!(last_use(&world, &START.to_string()).await, START.to_string());
    world.clock.advance(Duration::from_secs(59));
    world.call("POST", EVENTS, Some(&key), EVENT).await.expect(202);
    world.clock.advance(Duration::from_secs(1));
    world.call("POST", EVENTS, Some(&key), EVENT).await.expect(202);
    let later = START.saturating_add(Duration::from_secs(60)).to_string();
    assert_eq!(last_use(&world, &later).await, later);
}

#[tokio::test]
async fn who_guesses_at_a_key_has_to_wait_and_who_has_it_does_not() {
    let world = World::new().await;
    let (_, key) = create(&world, KEYS, json!({ "scope": "tenant" })).await;
    let guess = format!("{key}x");
    for _ in 0..20 {
        world.call("GET", HOOKS, Some(&guess), "").await.expect(401);
        world.call("GET", HOOKS, Some(&key), "").await.expect(200);
    }
    world.clock.advance(Duration::from_secs(20));
    let refused = world.call("GET", HOOKS, Some(&guess), "").await.expect(429);
    assert_eq!(refused.headers["retry-after"], "40");
    assert_eq!(refused.header("ratelimit"), Some(r#""unknown-keys";r=0;t=40"#));
    assert_eq!(refused.header("ratelimit-policy"), Some(r#""unknown-keys";q=20;w=60"#));
    assert_eq!(refused.content_type(), "application/problem+json");
    world.call("GET", HOOKS, Some(&key), "").await.expect(200);
    world.clock.advance(Duration::from_secs(40));
    world.call("GET", HOOKS, Some(&guess), "").await.expect(401);
}

#[tokio::test]
async fn who_tries_many_keys_from_one_address_has_to_wait() {
    let world = World::new().await;
    let from = |address: &str, key: &str| {
        let mut request = Request::get(HOOKS).header(header::AUTHORIZATION, format!("Bearer {key}"));
        let address = api::ClientAddress(address.parse().unwrap());
        request.extensions_mut().unwrap().insert(address);
        request.body(Body::empty()).unwrap()
    };
    for n in 0..20 {
        world.send(from("192.0.2.1", &format!("guess-{n}"))).await.expect(401);
    }
    world.send(from("192.0.2.1", "guess")).await.expect(429);
    world.send(from("192.0.2.2", "guess")).await.expect(401);
    world.send(from("192.0.2.1", OPERATOR)).await.expect(200);
}
