//! Each setting of a hook, changed on its own, as it shows on the wire.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, Sent, TENANT, World};

/// The request that a hook with these settings makes of one event.
async fn request_with(settings: Value) -> Sent {
    let world = World::new().await;
    world.hook(settings).await;
    let data = r#"{"b":1.50,"a":{"c":[true,null]}}"#;
    world.publish_raw(format!(r#"{{"id":"e-1","type":"post.published","data":{data}}}"#)).await;
    world.drain().await;
    let [only] = <[Sent; 1]>::try_from(world.endpoint.seen()).expect("one request");
    only
}

/// What a change of a hook does to its next request.
async fn after(world: &World, hook: &Hook, change: Value) -> Sent {
    world.patch(&hook.path(), change).await.expect(200);
    world.publish(json!({ "type": "post.published", "data": 1 })).await;
    world.drain().await;
    world.endpoint.seen().pop().expect("a request")
}

#[tokio::test]
async fn method() {
    for method in ["POST", "PUT", "PATCH"] {
        let sent = request_with(json!({ "method": method })).await;
        assert_eq!(sent.method, method);
        assert!(!sent.signed_by.is_empty());
    }
}

#[tokio::test]
async fn get_carries_the_payload_as_query_and_signs_it() {
    let mappings = json!([{ "field": "type", "from": "event.type" }, { "field": "d", "from": "data" }]);
    let sent = request_with(json!({
        "method": "GET", "url": "https://hook.example.com/in?own=1", "payload": { "mappings": mappings },
        "signatures": [{ "scheme": "hmac_sha256", "header": "X-Signature" }], "secret": "key",
    }))
    .await;
    let query = "type=post.published&d%5Bb%5D=1.50&d%5Ba%5D%5Bc%5D%5B0%5D=true&d%5Ba%5D%5Bc%5D%5B1%5D=";
    assert_eq!(sent.url, format!("https://hook.example.com/in?own=1&{query}"));
    assert_eq!((sent.method, sent.text()), ("GET", ""));
    assert!(sent.values("content-type").is_empty());
    assert_eq!(sent.values("x-signature"), [hmac_hex("key", &format!("own=1&{query}"))]);
}

#[tokio::test]
async fn content_type() {
    let sent = request_with(json!({ "content_type": "form", "payload": { "raw": true } })).await;
    assert_eq!(sent.values("content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(sent.text(), "b=1.50&a%5Bc%5D%5B0%5D=true&a%5Bc%5D%5B1%5D=");
    assert!(!sent.signed_by.is_empty(), "what is signed is what is sent");
}

#[tokio::test]
async fn auth() {
    let basic = json!({ "type": "basic", "username": "u", "password": "p:w" });
    let sent = request_with(json!({ "auth": basic })).await;
    assert_eq!(sent.values("authorization"), [format!("Basic {}", STANDARD.encode("u:p:w"))]);
    let sent = request_with(json!({ "auth": { "type": "bearer", "token": "t-1" } })).await;
    assert_eq!(sent.values("authorization"), ["Bearer t-1"]);
    let key = json!({ "type": "api_key", "header": "X-Api-Key", "value": "k-1" });
    let sent = request_with(json!({ "auth": key })).await;
    assert_eq!(sent.values("x-api-key"), ["k-1"]);
    assert!(request_with(json!({})).await.values("authorization").is_empty());
}

#[tokio::test]
async fn oauth2_tokens_are_kept_until_they_expire_and_renewed_once_on_401() {
    let world = World::new().await;
    let auth = json!({ "type": "oauth2", "token_url": "https://login.example.com/token", "client_id": "id",
                       "client_secret": "hush", "scope": "hooks" });
    let hook = world.hook(json!({ "auth": auth })).await;
    let token = |text: &str| Answer::Body(200, text.to_owned());
    world.endpoint.answer(
        "https://login.example.com/token",
        [token(r#"{"access_token":"one","expires_in":3600}"#), token(r#"{"access_token":"two","expires_in":60}"#)],
    );
    world.endpoint.answer(&hook.url, [Answer::Status(200), Answer::Status(401), Answer::Status(200)]);
    for _ in 0..2 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
    }
    let seen = world.endpoint.seen();
    let used: Vec<_> =
        seen.iter().filter(|sent| sent.url == hook.url).flat_map(|sent| sent.values("authorization")).collect();
    assert_eq!(used, ["Bearer one", "Bearer one", "Bearer two"]);
    let asked: Vec<_> = seen.iter().filter(|sent| sent.url != hook.url).map(Sent::text).collect();
    assert_eq!(asked, ["grant_type=client_credentials&client_id=id&client_secret=hush&scope=hooks"; 2]);
    let rows = world.pages(&format!("{}/deliveries?limit=100", hook.path())).await;
    assert!(rows.iter().all(|row| row["status"] == "succeeded" && row["attempt_count"] == 1), "one attempt each");

    // A token endpoint that fails is a failed attempt, and the outcome says so.
    world.endpoint.answer("https://login.example.com/token", [Answer::Status(500)]);
    world.clock.advance(std::time::Duration::from_secs(7_200));
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let attempt = &world.delivery(&event).await["attempts"][0];
    assert_eq!(attempt["outcome"], "auth");
    assert_eq!(attempt["error"], "the token endpoint answered 500");
}

#[tokio::test]
async fn headers() {
    let sent = request_with(json!({ "headers": [
        { "name": "X-Fixed", "value": "one" },
        { "name": "X-Secret", "value": "two", "secret": true },
        { "name": "X-Type", "from": "event.type" },
        { "name": "X-Delivery", "from": "delivery.id" },
        { "name": "X-At", "from": "attempt.timestamp_unix" },
        { "name": "User-Agent", "value": "Acme/1" },
    ] }))
    .await;
    assert_eq!((sent.values("x-fixed"), sent.values("x-secret")), (vec!["one"], vec!["two"]));
    assert_eq!((sent.values("x-type"), sent.values("x-delivery")), (vec!["post.published"], vec![sent.id.as_str()]));
    assert_eq!((sent.values("x-at"), sent.values("user-agent")), (vec!["1769851800"], vec!["Acme/1"]));
}

#[tokio::test]
async fn signatures() {
    let sent = request_with(json!({
        "signatures": [{ "scheme": "hmac_sha256", "header": "X-Sig", "prefix": "sha256=" }, { "scheme": "stripe" }],
        "payload": { "raw": true }, "secret": "It's a Secret to Everybody",
    }))
    .await;
    let body = sent.text();
    assert_eq!(sent.values("x-sig"), [format!("sha256={}", hmac_hex("It's a Secret to Everybody", body))]);
    let expected = hmac_hex("It's a Secret to Everybody", &format!("1769851800.{body}"));
    assert_eq!(sent.values("stripe-signature"), [format!("t=1769851800,v1={expected}")]);
    assert!(sent.values("webhook-signature").is_empty());
}

#[tokio::test]
async fn an_ed25519_key_is_made_where_one_signs_and_its_public_half_is_shown() {
    let world = World::new().await;
    let settings = json!({ "url": "https://e.example.com/", "events": ["*"], "signatures": [{ "scheme": "v1" }, { "scheme": "v1a" }] });
    let created = world.post(&format!("/v1/tenants/{TENANT}/hooks"), settings).await.expect(201).json();
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    assert!(created["public_key"].as_str().unwrap().starts_with("whpk_"));
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let sent = world.endpoint.seen().pop().unwrap();
    let [signatures] = sent.values("webhook-signature")[..] else { panic!("one header") };
    let kinds: Vec<_> = signatures.split(' ').map(|signature| signature.split(',').next().unwrap()).collect();
    assert_eq!(kinds, ["v1", "v1a"]);
}

#[tokio::test]
async fn payload() {
    let mappings = json!([
        { "field": "email", "from": "data.a.c[0]" },
        { "field": "meta.source", "value": "webhook" },
        { "field": "gone", "from": "data.nothing" },
        { "field": "usual", "from": "data.nothing", "default": 7 },
        { "field": "all", "from": "data" },
    ]);
    let sent = request_with(json!({ "payload": { "mappings": mappings } })).await;
    let expected = r#"{"email":true,"meta":{"source":"webhook"},"usual":7,"all":{"b":1.50,"a":{"c":[true,null]}}}"#;
    assert_eq!(sent.text(), expected);
    let sent = request_with(json!({ "payload": { "raw": true } })).await;
    assert_eq!(sent.text(), r#"{"b":1.50,"a":{"c":[true,null]}}"#);
}

#[tokio::test]
async fn filter() {
    let world = World::new().await;
    let hook = world.hook(json!({ "filter": { "platform": ["linkedin"], "score": [{ "numeric": [">", 5] }] } })).await;
    for data in [json!({ "platform": "linkedin", "score": 6 }), json!({ "platform": "x", "score": 6 }), json!(1)] {
        world.publish(json!({ "type": "a", "data": data })).await;
    }
    world.drain().await;
    assert_eq!(world.endpoint.seen().len(), 1);
    after(&world, &hook, json!({ "filter": null })).await;
    assert_eq!(world.endpoint.seen().len(), 2, "null admits everything");
}

#[tokio::test]
async fn success_says_what_counts_and_what_is_final() {
    let world = World::new().await;
    let success = json!({ "statuses": ["200"], "json_body": true, "final": ["4xx"] });
    let hook = world.hook(json!({ "success": success, "retry": { "delays": [1, 1, 1, 1], "jitter": 0 } })).await;
    world.endpoint.answer(
        &hook.url,
        [
            Answer::Status(204),
            Answer::Body(200, "OK".to_owned()),
            Answer::Body(500, "{}".to_owned()),
            Answer::Body(200, "{}".to_owned()),
        ],
    );
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    let outcomes: Vec<_> =
        delivery["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].clone()).collect();
    assert_eq!(outcomes, ["status", "not_json", "status", "success"]);

    world.endpoint.answer(&hook.url, [Answer::Status(404)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("failed"), &json!(1)));
}

#[tokio::test]
async fn the_log_keeps_as_much_of_an_answer_as_it_is_told() {
    for (settings, kept) in [
        (json!({}), json!("añswer")),
        (json!({ "response_body_limit": 2 }), json!("añ")),
        (json!({ "log_response_body": false }), Value::Null),
    ] {
        let world = World::new().await;
        let hook = world.hook(settings).await;
        world.endpoint.answer(&hook.url, [Answer::Body(200, "añswer".to_owned())]);
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
        assert_eq!(world.delivery(&event).await["attempts"][0]["response_body"], kept);
    }
}

#[tokio::test]
async fn an_event_that_has_outlived_its_ttl_is_skipped_and_the_log_says_so() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [30, 60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 3]);
    let event = world.publish(json!({ "type": "a", "data": 1, "ttl": 60 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 2, "at once and after 30 s, not after 90 s");
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("skipped"), &json!("the event has expired")));
}

#[tokio::test]
async fn settings_come_from_the_hook_then_its_tenant_then_a_profile() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let tenant = format!("/v1/tenants/{TENANT}");
    let method = |sent: &Sent| sent.method;
    world.post("/v1/profiles", json!({ "name": "house", "method": "PUT", "response_body_limit": 9 })).await.expect(201);
    world.patch(&tenant, json!({ "profile": "house" })).await.expect(200);
    assert_eq!(method(&after(&world, &hook, json!({})).await), "PUT");
    world.patch(&tenant, json!({ "method": "PATCH" })).await.expect(200);
    assert_eq!(method(&after(&world, &hook, json!({})).await), "PATCH");
    assert_eq!(
        method(&after(&world, &hook, json!({ "profile": "house" })).await),
        "PUT",
        "it names the profile itself"
    );
    assert_eq!(method(&after(&world, &hook, json!({ "method": "GET" })).await), "GET");
    let shown = world.get(&hook.path()).await.expect(200).json();
    assert_eq!((&shown["method"], &shown["response_body_limit"]), (&json!("GET"), &json!(9)));
    assert_eq!((&shown["profile"], &shown["own_settings"]), (&json!("house"), &json!(["method", "retry"])));
    assert_eq!(method(&after(&world, &hook, json!({ "method": null })).await), "PUT");
    world.delete("/v1/profiles/house").await.expect(409);
    after(&world, &hook, json!({ "profile": null })).await;
    world.patch(&tenant, json!({ "profile": null, "method": null })).await.expect(200);
    world.delete("/v1/profiles/house").await.expect(204);
    assert_eq!(method(&after(&world, &hook, json!({})).await), "POST");
}

#[tokio::test]
async fn rules_of_a_profile_bind_its_hooks() {
    let world = World::new().await;
    let rules = json!({ "name": "strict", "url_locked": true, "name_pattern": "[a-z]+" });
    world.post("/v1/profiles", rules).await.expect(201);
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let hook =
        |name: &str| json!({ "profile": "strict", "url": "https://a.example.com/", "events": ["*"], "name": name });
    world.post(&hooks, hook("No 1")).await.expect(422);
    let created = world.post(&hooks, hook("one")).await.expect(201).json();
    let path = format!("{hooks}/{}", created["id"].as_str().unwrap());
    world.patch(&path, json!({ "url": "https://b.example.com/" })).await.expect(422);
    world.patch(&path, json!({ "url_locked": false })).await.expect(422);
    world.patch(&path, json!({ "max_hooks": 5 })).await.expect(422);
    world.patch(&path, json!({ "url": "https://a.example.com/", "description": "kept" })).await.expect(200);
}

#[tokio::test]
async fn secrets_are_masked_when_read_and_kept_when_written_back() {
    let world = World::new().await;
    let auth = json!({ "type": "basic", "username": "u", "password": "hush-1" });
    let headers = json!([{ "name": "X-Key", "value": "hush-2", "secret": true }]);
    let hook = world.hook(json!({ "auth": auth, "headers": headers })).await;
    let read = world.get(&hook.path()).await.expect(200);
    let listed = world.get(&format!("/v1/tenants/{TENANT}/hooks")).await.expect(200);
    assert!(!read.text().contains("hush") && !listed.text().contains("hush"));
    let read = read.json();
    let sent = after(&world, &hook, json!({ "auth": read["auth"], "headers": read["headers"] })).await;
    assert_eq!(sent.values("authorization"), [format!("Basic {}", STANDARD.encode("u:hush-1"))]);
    assert_eq!(sent.values("x-key"), ["hush-2"]);
    let shared = json!({ "name": "p", "auth": { "type": "bearer", "token": "t" } });
    world.post("/v1/profiles", shared).await.expect(422);
}

#[tokio::test]
async fn an_optional_secret_may_be_absent_and_then_nothing_is_signed() {
    let world = World::new().await;
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let settings = json!({ "url": "https://n.example.com/", "events": ["*"], "secret_optional": true });
    let created = world.post(&hooks, settings).await.expect(201).json();
    assert_eq!(created["secret"], Value::Null);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert!(world.endpoint.seen()[0].values("webhook-signature").is_empty());
    let path = format!("{hooks}/{}", created["id"].as_str().unwrap());
    world.patch(&path, json!({ "secret_optional": null })).await.expect(200);
    assert!(world.get(&format!("{path}/secret")).await.expect(200).json()["secret"].is_string());
    world.patch(&path, json!({ "secret": null })).await.expect(422);
}

#[tokio::test]
async fn deliveries_that_come_together_travel_together_and_are_logged_each() {
    let world = World::new().await;
    let hook = world.hook(json!({ "batch": { "max_events": 3, "max_wait": 0.5 }, "payload": { "raw": true } })).await;
    for number in 0..3 {
        world.publish(json!({ "id": format!("e-{number}"), "type": "a", "data": number })).await;
    }
    world.run_until_empty().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 1);
    let mut items: Vec<u64> = serde_json::from_slice(&sent[0].body).unwrap();
    items.sort_unstable();
    assert_eq!(items, [0, 1, 2]);
    for number in 0..3 {
        let delivery = world.delivery(&format!("e-{number}")).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)));
    }
    assert!(sent[0].id.starts_with("batch_"));

    after(&world, &hook, json!({ "batch": { "max_events": 1 } })).await;
    assert_eq!(world.endpoint.sent().pop().unwrap().text(), "[1]");
}

#[tokio::test]
async fn an_event_that_expires_while_others_are_awaited_is_not_sent_with_them() {
    let world = World::new().await;
    world.hook(json!({ "batch": { "max_events": 3, "max_wait": 0.5 }, "payload": { "raw": true } })).await;
    world.publish(json!({ "id": "short", "type": "a", "data": 1, "ttl": 1 })).await;
    world.publish(json!({ "id": "long", "type": "a", "data": 2 })).await;
    let expire = async {
        while world.engine.queues.deliveries.stats().leased < 2 {
            tokio::task::yield_now().await;
        }
        // Both have joined by then; what they do before is done in a few polls.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(Duration::from_secs(2));
    };
    futures::join!(world.run_until_empty(), expire);
    let sent = world.endpoint.sent();
    assert_eq!((sent.len(), sent[0].text()), (1, "[2]"));
    assert_eq!(world.delivery("short").await["status"], "skipped");
    assert_eq!(world.delivery("long").await["status"], "succeeded");
}

pub(crate) fn hmac_hex(key: &str, text: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
