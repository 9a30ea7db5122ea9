//! Any JSON in the place of any part of any body.

use serde_json::{Value, json};
use tests::world::{OPERATOR, World};

use super::{EVENTS, HOOKS, KEYS};

/// `value` with every part of it replaced by `wrong`, one at a time.
fn spoilt(value: &Value, wrong: &Value) -> Vec<Value> {
    let mut all = vec![wrong.clone()];
    match value {
        Value::Object(fields) => {
            for (name, part) in fields {
                all.extend(spoilt(part, wrong).into_iter().map(|part| {
                    let mut whole = fields.clone();
                    whole.insert(name.clone(), part);
                    Value::Object(whole)
                }));
            }
        }
        Value::Array(items) => {
            for (index, part) in items.iter().enumerate() {
                all.extend(spoilt(part, wrong).into_iter().map(|part| {
                    let mut whole = items.clone();
                    whole[index] = part;
                    Value::Array(whole)
                }));
            }
        }
        _ => {}
    }
    all
}

#[tokio::test]
async fn no_value_in_any_field_of_any_body_is_our_fault() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let settings = json!({
        "name": "n", "description": "d", "url": "https://a.example.com/", "events": ["a"], "channels": ["c"],
        "enabled": true, "retry": { "delays": [1.0], "jitter": 0.5 }, "timeout": { "connect": 1.0, "total": 2.0 },
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    });
    let exponential = json!({ "initial": 1.0, "factor": 2.0, "retries": 3, "max": 60.0 });
    let event = json!({
        "id": "e", "type": "a", "data": 1, "timestamp": "2026-01-31T09:30:00Z", "channels": ["c"],
        "deliver_at": "2026-01-31T09:30:00Z",
    });
    let bodies = [
        ("POST", HOOKS.to_owned(), settings.clone()),
        ("PATCH", hook.path(), settings),
        ("PATCH", hook.path(), json!({ "retry": { "exponential": exponential } })),
        ("POST", format!("{}/secret/rotate", hook.path()), json!({ "secret": "s", "overlap": 1, "cutover": "at_end" })),
        ("POST", EVENTS.to_owned(), event.clone()),
        ("POST", format!("{EVENTS}/batch"), json!({ "events": [event] })),
        ("POST", KEYS.to_owned(), json!({ "name": "n", "scope": "publish" })),
        ("POST", "/v1/tenants".to_owned(), json!({ "id": "t", "name": "n" })),
        ("PATCH", "/v1/tenants/acme".to_owned(), json!({ "name": "n" })),
    ];
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}"),
        json!("9999-12-31T23:59:59.999Z"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "a": 1 }),
    ];
    for (method, path, body) in bodies {
        for wrong in &strange {
            for body in spoilt(&body, wrong) {
                let reply = world.call(method, &path, Some(OPERATOR), body.to_string()).await;
                assert!(reply.status < 500, "{}: {}: {body}", reply.what, reply.text());
                let problem = reply.content_type() == "application/problem+json";
                assert_eq!(problem, reply.status >= 400, "{}: {}", reply.what, reply.text());
            }
        }
    }
    world.settle().await;
    assert!(world.dead_letters().is_empty(), "what was accepted can be processed: {:?}", world.dead_letters());
}
