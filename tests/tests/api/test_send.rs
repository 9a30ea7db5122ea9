//! Sending a test event: the whole exchange, and what came of it.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, OPERATOR, World};

async fn try_out(world: &World, hook: &Hook, body: Value) -> Value {
    world.post(&format!("{}/test", hook.path()), body).await.expect(200).json()
}

fn header<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|header| header["name"] == name).and_then(|header| header["value"].as_str())
}

#[tokio::test]
async fn a_test_shows_the_exchange_as_it_was() {
    let world = World::new().await;
    let hook =
        world.hook(json!({ "events": ["post.published"], "headers": [{ "name": "X-Plain", "value": "seen" }] })).await;
    world.endpoint.answer(&hook.url, [Answer::Body(202, "thanks".to_owned())]);
    let trial = try_out(&world, &hook, json!({ "data": { "n": 1.0 } })).await;
    assert_eq!(
        (&trial["result"], &trial["outcome"], &trial["trigger"]),
        (&json!("success"), &json!("success"), &json!("test"))
    );
    let sent = &world.endpoint.sent()[0];
    assert_eq!((&trial["request"]["method"], &trial["request"]["url"]), (&json!("POST"), &json!(hook.url)));
    assert_eq!(trial["request"]["body"].as_str().unwrap().as_bytes(), &sent.body[..]);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "X-Plain"] {
        assert_eq!(header(&trial["request"], name), sent.header(name), "{name}");
    }
    assert!(trial["request"]["body"].as_str().unwrap().contains(r#""type":"post.published""#));
    assert!(trial["request"]["body"].as_str().unwrap().ends_with(r#""data":{"n":1.0}}"#));
    assert_eq!((&trial["response"]["status"], &trial["response"]["body"]), (&json!(202), &json!("thanks")));
    assert!(trial["duration_ms"].is_u64());
}

#[tokio::test]
async fn a_test_sends_the_example_of_its_type_where_there_is_one() {
    let world = World::new().await;
    let hook = world.hook(json!({ "profile": "automrktr", "signatures": [{ "scheme": "v1" }] })).await;
    let trial = try_out(&world, &hook, json!({ "event_type": "post.published" })).await;
    let body: Value = serde_json::from_str(trial["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["event"], &body["data"]["post_id"]), (&json!("post.published"), &json!("post_123")));
    let trial = try_out(&world, &hook, json!({ "event_type": "something.else" })).await;
    let body: Value = serde_json::from_str(trial["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["data"], json!({ "test": true }));
}

#[tokio::test]
async fn each_way_to_fail_has_its_name() {
    let world = World::new().await;
    let hook = world.hook(json!({ "success": { "json_body": true } })).await;
    let answers = [
        (Answer::Body(500, "{}".to_owned()), "request_failed", "status"),
        (Answer::Body(410, "{}".to_owned()), "request_failed", "gone"),
        (Answer::Timeout, "request_failed", "timeout"),
        (Answer::Body(200, "fine".to_owned()), "not_json", "not_json"),
        (Answer::Body(200, "[]".to_owned()), "success", "success"),
    ];
    for (answer, result, outcome) in answers {
        world.endpoint.answer(&hook.url, [answer]);
        let trial = try_out(&world, &hook, json!({})).await;
        assert_eq!((&trial["result"], &trial["outcome"]), (&json!(result), &json!(outcome)), "{trial}");
        assert_eq!(trial["response"].is_null(), outcome == "timeout");
    }
    let verified = world.hook(json!({ "verification": { "required": true } })).await;
    let trial = try_out(&world, &verified, json!({})).await;
    assert_eq!(trial["result"], "not_verified");
    let name = world.get(&verified.path()).await.json()["verification"]["header"].as_str().unwrap().to_lowercase();
    assert_eq!(header(&trial["request"], &name), Some("********"), "{trial}");
    assert!(world.endpoint.sent().last().unwrap().header(&name).is_some_and(|key| key.len() > 8));
    let shown = world.get(&hook.path()).await.json();
    assert_eq!((&shown["enabled"], &shown["health"]["failure_count"]), (&json!(true), &json!(0)), "tests do not count");
}

#[tokio::test]
async fn our_own_fault_is_none_of_the_endpoint_and_a_broken_body_is_remarked() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::OurFault, Answer::Cut(200, "par".to_owned())]);
    let problem = world.post(&format!("{}/test", hook.path()), json!({})).await.expect(503).json();
    assert!(problem["detail"].as_str().unwrap().contains("our own fault"), "{problem}");
    let trial = try_out(&world, &hook, json!({})).await;
    assert_eq!((&trial["result"], &trial["response"]["body"]), (&json!("success"), &json!("par")));
    let message = trial["message"].as_str().unwrap();
    assert_eq!(message, "the endpoint answered 200; the connection broke off within the body");
}

#[tokio::test]
async fn an_address_that_must_not_be_called_is_refused_by_name() {
    let mut world = World::new().await;
    // It was allowed when the hook was made.
    world.rewire(|engine| engine.api.addresses.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]);
    let hook = world.hook(json!({ "url": "https://127.0.0.1/in" })).await;
    world.rewire(|engine| {
        let sender = courier::Http1Sender::new(courier::SenderOptions::default()).unwrap();
        engine.api.courier.sender = std::sync::Arc::new(sender);
    });
    let trial = try_out(&world, &hook, json!({})).await;
    assert_eq!((&trial["result"], &trial["response"]), (&json!("refused_address"), &json!(null)));
}

#[tokio::test]
async fn credentials_are_masked() {
    let world = World::new().await;
    let hook = world
        .hook(json!({
            "auth": { "type": "bearer", "token": "hush-hush" },
            "headers": [{ "name": "X-Key", "value": "hush-too", "secret": true }],
        }))
        .await;
    let trial = try_out(&world, &hook, json!({})).await;
    assert!(!trial.to_string().contains("hush"), "{trial}");
    assert_eq!(header(&trial["request"], "authorization"), Some("Bearer ********"));
    assert_eq!(world.endpoint.sent()[0].header("authorization"), Some("Bearer hush-hush"));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/test", hook.path());
    let refused = world.post(&path, json!({ "event_type": "a b" })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "event_type");
    world.post(&path, json!({ "colour": "red" })).await.expect(422);
    assert_eq!(world.endpoint.sent().len(), 0);
}

#[tokio::test]
async fn breakers_and_limits_are_checked() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let body = json!({ "circuit_breaker": { "failures": 10_001, "probe_after": 0 }, "disable_after": 7_776_001 });
    let refused = world.patch(&hook.path(), body).await.expect(422).json();
    let fields: Vec<&str> =
        refused["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["circuit_breaker.failures", "circuit_breaker.probe_after", "disable_after"]);
    let body = json!({ "circuit_breaker": { "failures": 3 }, "disable_after": 60, "rate_limit": 9 });
    let shown = world.patch(&hook.path(), body).await.expect(200).json();
    assert_eq!(shown["circuit_breaker"], json!({ "failures": 3, "probe_after": 60 }));
    assert_eq!((&shown["disable_after"], &shown["rate_limit"]), (&json!(60), &json!(9)));
}

#[tokio::test]
async fn a_test_of_an_endpoint_that_has_not_verified_itself_is_one_of_the_few_it_gets() {
    let world = World::new().await;
    let hook = world.hook(json!({ "verification": { "required": true, "per_hour": 2 } })).await;
    for _ in 0..2 {
        try_out(&world, &hook, json!({})).await;
    }
    for path in ["test", "verify"] {
        let refused = world.call("POST", &format!("{}/{path}", hook.path()), Some(OPERATOR), "").await.expect(429);
        assert_eq!(refused.headers["retry-after"], "3600");
        assert_eq!(refused.header("ratelimit"), Some(r#""unverified";r=0;t=3600"#));
        assert_eq!(refused.header("ratelimit-policy"), Some(r#""unverified";q=2;w=3600"#));
    }
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 2, "deliveries and tests share the limit");
    world.clock.advance(Duration::from_secs(3_600));
    try_out(&world, &hook, json!({})).await;
    assert_eq!(world.endpoint.sent().len(), 3);
}

#[tokio::test]
async fn tests_respect_the_rate_limit_and_take_no_turn_from_deliveries() {
    let world = World::new().await;
    let hook = world.hook(json!({ "rate_limit": 2 })).await;
    let path = format!("{}/test", hook.path());
    for _ in 0..2 {
        try_out(&world, &hook, json!({})).await;
    }
    for _ in 0..20 {
        let refused = world.post(&path, json!({})).await.expect(429);
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(refused.header("ratelimit"), Some(r#""second";r=0;t=1"#));
        assert_eq!(refused.header("ratelimit-policy"), Some(r#""second";q=2;w=1"#));
    }
    world.clock.advance(Duration::from_millis(1_100));
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 3);
}

#[tokio::test]
async fn the_data_of_a_test_may_be_as_large_as_that_of_an_event() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/test", hook.path());
    let data = |bytes: usize| json!({ "data": "x".repeat(bytes - 2) });
    let refused = world.post(&path, data(262_145)).await.expect(413).json();
    assert_eq!(refused["errors"][0]["field"], "data");
    assert_eq!(world.endpoint.sent().len(), 0);
    world.post(&path, data(262_144)).await.expect(200);
}

#[tokio::test]
async fn neither_a_disabled_hook_nor_an_open_circuit_stops_a_test() {
    let world = World::new().await;
    let breaker = json!({ "failures": 2, "probe_after": 600 });
    let hook = world.hook(json!({ "circuit_breaker": breaker })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500), Answer::Status(500)]);
    for _ in 0..2 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    assert_eq!(world.get(&hook.path()).await.json()["health"]["circuit"], "open");
    assert_eq!(try_out(&world, &hook, json!({})).await["result"], "success");
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    assert_eq!(try_out(&world, &hook, json!({})).await["result"], "success");
}
