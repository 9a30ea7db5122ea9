//! Every outcome of an attempt, with the sentence that the log has of it.

use domain::delivery::AttemptOutcome;
use serde_json::{Value, json};
use tests::world::{Answer, World};

/// How a hook comes to this outcome; none where its endpoint's network does, which
/// the tests of the sender look at.
fn caused(outcome: AttemptOutcome) -> Option<(Value, Value, Option<Answer>, &'static str)> {
    let large = Value::from("x".repeat(66 * 1_024));
    let plain = json!({});
    Some(match outcome {
        AttemptOutcome::Success => (plain, json!(1), None, ""),
        AttemptOutcome::Status => {
            (plain, json!(1), Some(Answer::Status(503)), "the endpoint answered 503, which is no success")
        }
        AttemptOutcome::Gone => {
            (plain, json!(1), Some(Answer::Status(410)), "the endpoint answered 410: it wants no more requests, ever")
        }
        AttemptOutcome::NotJson => (
            json!({ "success": { "json_body": true } }),
            json!(1),
            Some(Answer::Body(200, "OK".to_owned())),
            "the endpoint answered 200, but not with JSON",
        ),
        AttemptOutcome::NotVerified => (
            json!({ "verification": { "required": true } }),
            json!(1),
            None,
            "the endpoint answered 200, but did not verify itself",
        ),
        AttemptOutcome::Timeout => (plain, json!(1), Some(Answer::Timeout), "no answer within 15 s"),
        AttemptOutcome::Auth => (
            json!({ "auth": { "type": "oauth2", "token_url": "https://login.example.com/", "client_id": "c", "client_secret": "s" } }),
            json!(1),
            None,
            "the token endpoint answered 200, but not with JSON",
        ),
        AttemptOutcome::RequestTooLarge => (
            json!({ "method": "GET" }),
            large,
            None,
            "the request line with its URL would have 67652 bytes, and at most 8000 are sent: the payload of a GET is its query",
        ),
        AttemptOutcome::TemplateFailed => (
            json!({ "payload": { "mappings": [{ "field": "text", "template": "Hello\n{{ data.name }}" }] } }),
            json!({}),
            None,
            "the template of text failed: line 2: a value is missing: data.name",
        ),
        // Neither settings nor endpoints that the API takes.
        AttemptOutcome::InvalidRequest => return None,
        AttemptOutcome::RefusedAddress
        | AttemptOutcome::Dns
        | AttemptOutcome::Connect
        | AttemptOutcome::Tls
        | AttemptOutcome::InvalidResponse
        | AttemptOutcome::Unknown(_) => return None,
    })
}

#[tokio::test]
async fn every_outcome_is_told_in_a_sentence() {
    for outcome in AttemptOutcome::ALL.iter().copied() {
        let Some((settings, data, answer, sentence)) = caused(outcome) else { continue };
        let world = World::new().await;
        let hook = world.hook(settings).await;
        world.endpoint.answer(&hook.url, answer);
        let event = world.publish(json!({ "type": "a", "data": data })).await;
        world.drain().await;
        let attempt = world.delivery(&event).await["attempts"][0].clone();
        let expected = if sentence.is_empty() { Value::Null } else { sentence.into() };
        assert_eq!((&attempt["outcome"], &attempt["error"]), (&json!(outcome.as_str()), &expected), "{attempt}");
    }
}

#[tokio::test]
async fn what_is_too_large_for_a_request_fails_at_once_and_is_not_tried_again() {
    let world = World::new().await;
    let retry = json!({ "delays": [1, 1, 1], "jitter": 0 });
    let hook = world.hook(json!({ "method": "GET", "retry": retry })).await;
    let event = world.publish(json!({ "type": "a", "data": "x".repeat(66 * 1_024) })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("failed"), &json!(1)));
    assert_eq!(world.endpoint.seen().len(), 0);
    // And what fits is sent, also beside it.
    let event = world.publish(json!({ "type": "a", "data": "x".repeat(7_000) })).await;
    world.settle().await;
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
    // Before anything is published, a test send tells.
    let tested = world.post(&format!("{}/test", hook.path()), json!({ "data": "x".repeat(9_000) })).await.expect(200);
    assert_eq!(tested.json()["outcome"], "request_too_large");
    // What is known when the hook is written, is told then.
    let mappings: Vec<Value> =
        (0..3).map(|n| json!({ "field": format!("f{n}"), "value": "x".repeat(3_000) })).collect();
    let refused = world.patch(&hook.path(), json!({ "payload": { "mappings": mappings } })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "payload", "{refused}");
    let headers: Vec<Value> = (0..9).map(|n| json!({ "name": format!("x-{n}"), "value": "x".repeat(3_000) })).collect();
    let refused = world.patch(&hook.path(), json!({ "headers": headers })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "headers", "{refused}");
}

#[tokio::test]
async fn events_that_are_too_large_together_go_out_singly() {
    let world = World::new().await;
    let hook = world.hook(json!({ "method": "GET", "batch": { "max_events": 4, "max_wait": 5 } })).await;
    let mut events = Vec::new();
    for length in [6_000, 6_000, 9_000, 6_000] {
        events.push(world.publish(json!({ "type": "a", "data": "x".repeat(length) })).await);
    }
    world.run_until_empty().await;
    let mut told = Vec::new();
    for event in &events {
        told.push(world.delivery(event).await["last_attempt"]["outcome"].as_str().unwrap().to_owned());
    }
    assert_eq!(told, ["success", "success", "request_too_large", "success"]);
    assert_eq!(world.endpoint.seen().iter().filter(|sent| sent.url.starts_with(&hook.url)).count(), 3);
}
