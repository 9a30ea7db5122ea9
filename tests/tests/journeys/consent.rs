//! Endpoints that are asked with OPTIONS whether they want a hook's requests.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tests::world::{Answer, Hook, OPERATOR, Sent, World};

const ORIGIN: &str = "hooks.example.com";
const PUBLISHED: usize = 5;

async fn hook(world: &World, verification: Value) -> Hook {
    let mut settings = json!({ "required": true, "per_hour": 2, "kind": "options", "origin": ORIGIN });
    settings.as_object_mut().unwrap().extend(verification.as_object().unwrap().clone());
    world.hook(json!({ "verification": settings })).await
}

fn consent(origin: &str, rate: Option<&str>) -> Answer {
    let rate = rate.map(|rate| ("webhook-allowed-rate".to_owned(), rate.to_owned()));
    let origin = ("webhook-allowed-origin".to_owned(), origin.to_owned());
    Answer::Headers(200, [origin].into_iter().chain(rate).collect())
}

async fn publish(world: &World) -> Vec<String> {
    let mut events = Vec::new();
    for number in 0..PUBLISHED {
        events.push(world.publish(json!({ "type": "a", "data": number })).await);
    }
    events
}

async fn health(world: &World, hook: &Hook) -> Value {
    world.get(&hook.path()).await.expect(200).json()["health"].take()
}

fn methods(world: &World) -> Vec<&'static str> {
    world.endpoint.seen().iter().map(|sent| sent.method).collect()
}

fn callback(sent: &Sent) -> String {
    let url = sent.header("WebHook-Request-Callback").expect("where to consent later");
    url.strip_prefix("https://hooks.example.com").expect("where this deployment is reached").to_owned()
}

#[tokio::test]
async fn an_endpoint_is_asked_before_it_gets_a_request_and_each_request_names_who_asked() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate": 120 })).await;
    world.endpoint.answer(&hook.url, [consent(ORIGIN, Some("100"))]);
    let events = publish(&world).await;
    world.settle().await;
    let sent = world.endpoint.seen();
    assert_eq!(methods(&world), ["OPTIONS", "POST", "POST", "POST", "POST", "POST"]);
    assert!(sent.iter().all(|sent| sent.url == hook.url && sent.header("WebHook-Request-Origin") == Some(ORIGIN)));
    assert_eq!(sent[0].header("WebHook-Request-Rate"), Some("120"));
    assert!(sent[0].body.is_empty() && sent[0].header("webhook-signature").is_none());
    assert!(sent[1..].iter().all(|sent| sent.header("WebHook-Request-Rate").is_none() && !sent.signed_by.is_empty()));
    for event in &events {
        let delivery = world.delivery(event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)), "{delivery}");
        let shown = &delivery["attempts"][0]["request"];
        let names_origin = |header: &Value| header["name"] == "WebHook-Request-Origin" && header["value"] == ORIGIN;
        assert_eq!(shown["method"], "POST");
        assert!(shown["headers"].as_array().unwrap().iter().any(names_origin), "{shown}");
    }
    let health = health(&world, &hook).await;
    assert_eq!((&health["verification"], &health["allowed_per_minute"]), (&json!("verified"), &json!(100)));
    let audit = world.get(&format!("{}/audit", hook.path())).await.expect(200).text();
    assert!(audit.contains("the endpoint allows 100 requests a minute"), "{audit}");
}

#[tokio::test]
async fn a_hook_from_before_its_profile_asked_for_consent_names_a_callback_once_it_is_verified() {
    let world = World::new().await;
    world.post("/v1/profiles", json!({ "name": "asking" })).await.expect(201);
    let hook = world.hook(json!({ "profile": "asking" })).await;
    let verification = json!({ "required": true, "per_hour": 2, "kind": "options", "origin": ORIGIN });
    world.patch("/v1/profiles/asking", json!({ "verification": verification })).await.expect(200);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(200);
    let asked = world.endpoint.seen();
    assert_eq!(methods(&world), ["OPTIONS", "OPTIONS"]);
    assert_eq!(asked[0].header("WebHook-Request-Callback"), None, "it has no key that could be in it");
    world.call("POST", &callback(&asked[1]), None, "").await.expect(200);
}

#[tokio::test]
async fn no_minute_sees_more_requests_than_were_allowed() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate": 600 })).await;
    world.endpoint.answer(&hook.url, [consent("*", Some("3"))]);
    for _ in 0..4 {
        publish(&world).await;
    }
    world.settle().await;
    let posts: Vec<Sent> = world.endpoint.seen().into_iter().filter(|sent| sent.method == "POST").collect();
    assert_eq!(posts.len(), 4 * PUBLISHED);
    for four in posts.windows(4) {
        assert!(four[3].at.since(four[0].at) >= Duration::from_secs(60), "{four:?}");
    }
    assert!(posts[19].at.since(posts[0].at) < Duration::from_secs(8 * 60), "and not many fewer");
}

#[tokio::test]
async fn a_test_counts_towards_what_was_allowed() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "rate": 5 })).await;
    world.endpoint.answer(&hook.url, [consent("*", Some("2"))]);
    let path = format!("{}/test", hook.path());
    assert_eq!(world.post(&path, json!({})).await.expect(200).json()["result"], "success");
    world.post(&path, json!({})).await.expect(200);
    let refused = world.post(&path, json!({})).await.expect(429);
    assert!(refused.text().contains("2 requests a minute"), "{}", refused.text());
    world.clock.advance(Duration::from_secs(64));
    world.post(&path, json!({})).await.expect(200);
}

#[tokio::test]
async fn whatever_is_no_consent_is_refusal_and_only_the_question_went_out() {
    for (answer, rate, reason) in [
        (Answer::Status(200), json!({}), "has no WebHook-Allowed-Origin"),
        (Answer::Status(405), json!({}), "has no WebHook-Allowed-Origin"),
        (Answer::Status(410), json!({}), "has no WebHook-Allowed-Origin"),
        (consent("other.example.com", Some("*")), json!({}), "neither * nor hooks.example.com"),
        (consent(ORIGIN, None), json!({ "rate": 5 }), "has no WebHook-Allowed-Rate"),
        (consent(ORIGIN, Some("0")), json!({}), "neither * nor a whole number above zero"),
        (consent(ORIGIN, Some("many")), json!({}), "neither * nor a whole number above zero"),
        (Answer::Timeout, json!({}), "no answer"),
    ] {
        let world = World::new().await;
        let hook = hook(&world, rate).await;
        world.endpoint.answer(&hook.url, [answer.clone()]);
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
        assert_eq!(methods(&world), ["OPTIONS"], "{answer:?}");
        let delivery = world.delivery(&event).await;
        let attempt = &delivery["attempts"][0];
        let expected = if matches!(answer, Answer::Timeout) { "timeout" } else { "not_verified" };
        assert_eq!(attempt["outcome"], expected, "{attempt}");
        assert!(attempt.to_string().contains(reason), "{attempt}");
        assert_eq!(attempt["request"]["method"], "OPTIONS", "{attempt}");
        assert!(attempt["request"].to_string().contains("/confirm?key=********"), "{attempt}");
        let path = callback(&world.endpoint.seen()[0]);
        let (_, key) = path.split_once("key=").unwrap();
        assert!(key.len() > 32 && !delivery.to_string().contains(key), "the log does not show the key");
        let health = health(&world, &hook).await;
        assert_eq!((&health["verification"], &health["consecutive_failures"]), (&json!("pending"), &json!(0)));
        assert_eq!(world.get(&hook.path()).await.json()["enabled"], true);
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_consent_is_asked_so_many_times_per_hour() {
    let world = World::new().await;
    let hook = hook(&world, json!({})).await;
    publish(&world).await;
    world.drain().await;
    assert_eq!(methods(&world), ["OPTIONS", "OPTIONS"]);
    world.post(&format!("{}/test", hook.path()), json!({})).await.expect(429);
    world.endpoint.answer(&hook.url, [Answer::Status(200), Answer::Status(200)]);
    world.clock.advance(Duration::from_secs(3_599));
    world.drain().await;
    assert_eq!(methods(&world).len(), 2);
}

#[tokio::test]
async fn consent_may_come_later_by_the_address_that_the_question_names() {
    for method in ["GET", "POST"] {
        let world = World::new().await;
        let hook = hook(&world, json!({})).await;
        world.endpoint.answer(&hook.url, [Answer::Status(200)]);
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.drain().await;
        let path = callback(&world.endpoint.seen()[0]);
        world.call(method, &path.replace("key=", "key=0"), None, "").await.expect(401);
        assert_eq!(health(&world, &hook).await["verification"], "pending");
        let granted = world.call(method, &path, None, "").await.expect(200).json();
        assert_eq!(granted, json!({ "verified": true, "allowed_per_minute": null }));
        assert_eq!(health(&world, &hook).await["verification"], "verified");
        let retry = world.delivery(&event).await["id"].as_str().unwrap().to_owned();
        let retry = format!("/v1/tenants/acme/deliveries/{retry}/retry");
        world.call("POST", &retry, Some(OPERATOR), "").await.expect(202);
        world.settle().await;
        assert_eq!(methods(&world), ["OPTIONS", "POST"]);
    }
}

#[tokio::test]
async fn the_address_of_one_hook_confirms_no_other_and_none_that_has_moved() {
    let world = World::new().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let (one, two) = (hook(&world, json!({})).await, hook(&world, json!({})).await);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let path = callback(world.endpoint.seen().iter().find(|sent| sent.url == one.url).unwrap());
    for wrong in [path.replace(&one.id, &two.id), path.replace("/acme/", "/other/"), path.replace("/acme/", "/nobody/")]
    {
        let refused = world.call("POST", &wrong, None, "").await.expect(401);
        assert!(refused.text().contains("the address is not known"), "{}", refused.text());
    }
    assert_eq!(health(&world, &two).await["verification"], "pending");
    world.patch(&one.path(), json!({ "url": "https://moved.example.com/" })).await.expect(200);
    world.call("POST", &path, None, "").await.expect(401);
    assert_eq!(health(&world, &one).await["verification"], "pending");
    let by_key = world.hook(json!({ "verification": { "required": true } })).await;
    let key = world.get(&format!("{}/secret", by_key.path())).await.json()["verification_key"].clone();
    let path = format!("{}/confirm?key={}", by_key.path(), key.as_str().unwrap());
    world.call("POST", &path, None, "").await.expect(401);
}

#[tokio::test]
async fn a_hooks_owner_never_sees_what_would_let_it_consent_for_its_endpoint() {
    let world = World::new().await;
    let settings = json!({ "required": true, "kind": "options", "origin": ORIGIN });
    let body = json!({ "url": "https://victim.example.com/", "events": ["*"], "verification": settings });
    let created = world.post("/v1/tenants/acme/hooks", body).await.expect(201);
    let path = format!("/v1/tenants/acme/hooks/{}", created.json()["id"].as_str().unwrap());
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let asked = callback(&world.endpoint.seen()[0]);
    let (_, key) = asked.split_once("key=").unwrap();
    let shown = |reply: String| assert!(!reply.contains(key), "{reply}");
    shown(created.text());
    for part in ["", "/secret", "/audit", "/deliveries"] {
        shown(world.get(&format!("{path}{part}")).await.expect(200).text());
    }
    // Nor one that was shown before the endpoint was to be asked.
    world.patch(&path, json!({ "verification": { "required": true } })).await.expect(200);
    let seen = world.get(&format!("{path}/secret")).await.expect(200).json()["verification_key"].clone();
    world.patch(&path, json!({ "verification": settings })).await.expect(200);
    for key in [seen.as_str().unwrap(), key] {
        world.call("POST", &format!("{path}/confirm?key={key}"), None, "").await.expect(401);
    }
}

#[tokio::test]
async fn who_guesses_addresses_is_told_to_wait() {
    let world = World::new().await;
    let hook = hook(&world, json!({})).await;
    let path = format!("{}/confirm?key=0", hook.path());
    let from = |address: &str| {
        let mut request = Request::get(&path);
        request.extensions_mut().unwrap().insert(api::ClientAddress(address.parse().unwrap()));
        request.body(Body::empty()).unwrap()
    };
    for _ in 0..20 {
        world.send(from("192.0.2.1")).await.expect(401);
    }
    world.send(from("192.0.2.1")).await.expect(429);
    world.send(from("192.0.2.2")).await.expect(401);
}

#[tokio::test]
async fn an_endpoint_that_echoes_its_question_tells_nobody_what_consents_for_it() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "per_hour": 10 })).await;
    let test = format!("{}/test", hook.path());
    world.endpoint.answer(&hook.url, [Answer::Status(200)]);
    world.post(&test, json!({})).await.expect(200);
    let path = callback(&world.endpoint.seen()[0]);
    let (_, key) = path.split_once("key=").unwrap();
    let in_headers =
        || Answer::Headers(200, vec![("x-echo".to_owned(), path.clone()), (format!("x-{key}"), path.clone())]);
    // Cut so that the last letters of the key are missing, which is as good as all of it.
    let in_body = || Answer::Body(200, format!("{{\"callback\":\"{}", &path[..path.len() - 2]));
    world.endpoint.answer(&hook.url, [in_headers(), in_body()]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let mut shown = vec![world.delivery(&event).await.to_string()];
    assert!(shown[0].contains("x-echo") && shown[0].contains("confirm?key=********"), "{shown:?}");
    for answer in [in_headers(), in_body()] {
        world.clock.advance(Duration::from_secs(3_600));
        world.endpoint.answer(&hook.url, [answer]);
        shown.push(world.post(&test, json!({})).await.expect(200).text());
    }
    for text in shown {
        assert!(!text.contains(&key[..24]), "{text}");
    }
}

#[tokio::test]
async fn another_url_is_asked_anew_and_what_the_former_allowed_is_forgotten() {
    let world = World::new().await;
    let hook = hook(&world, json!({ "per_hour": 10 })).await;
    world.endpoint.answer(&hook.url, [consent("*", Some("1"))]);
    world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(200);
    assert_eq!(health(&world, &hook).await["allowed_per_minute"], 1);
    let moved = "https://moved.example.com/";
    world.endpoint.trust(moved, &hook.secret);
    world.patch(&hook.path(), json!({ "url": moved })).await.expect(200);
    world.endpoint.answer(moved, [consent("*", Some("*"))]);
    publish(&world).await;
    world.drain().await;
    let sent: Vec<&str> =
        world.endpoint.seen().iter().filter(|sent| sent.url == moved).map(|sent| sent.method).collect();
    assert_eq!(sent.iter().filter(|method| **method == "POST").count(), PUBLISHED);
    assert!(health(&world, &hook).await["allowed_per_minute"].is_null());
}

#[tokio::test]
async fn one_question_goes_before_a_batch() {
    let world = World::new().await;
    let settings = json!({ "verification": { "required": true, "kind": "options", "origin": ORIGIN },
                           "batch": { "max_events": 5, "max_wait": 0 }, "profile": "cloudevents" });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, [consent("*", Some("60"))]);
    let events = publish(&world).await;
    world.settle().await;
    assert_eq!(methods(&world).iter().filter(|method| **method == "OPTIONS").count(), 1);
    for event in &events {
        assert_eq!(world.delivery(event).await["status"], "succeeded");
    }
}
