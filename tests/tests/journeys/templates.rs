//! Texts from templates: what follows when one fails, and what its author is told.

use serde_json::{Value, json};
use tests::world::{TENANT, World};

fn text(template: &str) -> Value {
    json!({ "mappings": [{ "field": "text", "template": template }] })
}

#[tokio::test]
async fn a_template_that_fails_loses_nothing_and_is_sent_once_it_is_put_right() {
    let world = World::new().await;
    let settings = json!({ "payload": text("Hello {{ data.name }}"), "retry": { "delays": [60], "jitter": 0 },
                           "circuit_breaker": { "failures": 1, "probe_after": 60 } });
    let hook = world.hook(settings).await;
    let event = world.publish(json!({ "type": "a", "data": { "first_name": "Ann" } })).await;
    world.drain().await;
    let delivery = world.delivery(&event).await;
    let attempt = &delivery["last_attempt"];
    assert_eq!((&delivery["status"], &attempt["outcome"]), (&json!("retrying"), &json!("template_failed")));
    assert_eq!(attempt["error"], "the template of text failed: line 1: a value is missing: data.name");
    assert!(world.endpoint.seen().is_empty(), "nothing was sent");

    world.patch(&hook.path(), json!({ "payload": text("Hello {{ data.first_name }}") })).await.expect(200);
    world.settle().await;
    assert_eq!(world.delivery(&event).await["status"], "succeeded");
    assert_eq!(world.endpoint.seen()[0].text(), r#"{"text":"Hello Ann"}"#);
}

#[tokio::test]
async fn one_event_whose_template_fails_holds_up_none_of_its_batch() {
    let world = World::new().await;
    world.hook(json!({ "payload": text("{{ data.n }}"), "batch": { "max_events": 3, "max_wait": 0.05 }, "retry": { "delays": [] } })).await;
    let mut events = Vec::new();
    for data in [json!({ "n": 1 }), json!({}), json!({ "n": 3 })] {
        events.push(world.publish(json!({ "type": "a", "data": data })).await);
    }
    world.settle().await;
    let mut outcomes = Vec::new();
    for event in &events {
        outcomes.push(world.delivery(event).await["last_attempt"]["outcome"].clone());
    }
    assert_eq!(outcomes, ["success", "template_failed", "success"]);
}

#[tokio::test]
async fn a_template_that_does_not_compile_is_refused_wherever_it_is_saved() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let payload = text("Hello\n{{ data.name|sluck }}");
    let refused = [
        world.patch(&hook.path(), json!({ "payload": payload })).await,
        world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "payload": payload })).await,
        world.post("/v1/profiles", json!({ "name": "house", "payload": payload })).await,
    ];
    for reply in refused {
        let errors = reply.expect(422).json()["errors"].clone();
        assert_eq!(errors[0]["field"], "payload.mappings[0].template", "{errors}");
        assert_eq!(errors[0]["message"], "line 2: there is no filter `sluck`");
    }
}

#[tokio::test]
async fn a_test_shows_the_text_or_why_there_is_none() {
    let world = World::new().await;
    let hook = world.hook(json!({ "payload": text("{{ event.type }} of {{ tenant.id }}: {{ data.price }}") })).await;
    let path = format!("{}/test", hook.path());
    let asked = r#"{"event_type":"a.b","data":{"price":1.50}}"#;
    let shown = world.call("POST", &path, Some(tests::world::OPERATOR), asked).await.expect(200).json();
    assert_eq!(shown["request"]["body"], format!(r#"{{"text":"a.b of {TENANT}: 1.50"}}"#), "{shown}");
    let shown = world.post(&path, json!({ "event_type": "a.b", "data": {} })).await.expect(200).json();
    assert_eq!((&shown["outcome"], &shown["result"]), (&json!("template_failed"), &json!("internal")), "{shown}");
    assert!(shown["message"].as_str().unwrap().contains("a value is missing: data.price"), "{shown}");
}

#[tokio::test]
async fn a_template_cannot_put_the_verification_key_together() {
    let world = World::new().await;
    let settings = json!({ "verification": { "required": true, "per_hour": 9 }, "payload": text("{{ data.one }}{{ data.other }}") });
    world.hook(settings).await;
    world.publish(json!({ "type": "a", "data": { "one": "1", "other": "2" } })).await;
    world.drain().await;
    let key = world.endpoint.seen()[0].values("webhook-verification")[0].to_owned();
    let (one, other) = key.split_at(10);
    let event = world.publish(json!({ "type": "a", "data": { "one": one, "other": other } })).await;
    world.drain().await;
    let attempt = world.delivery(&event).await["last_attempt"].clone();
    assert_eq!((&attempt["outcome"], world.endpoint.seen().len()), (&json!("invalid_request"), 1), "{attempt}");
    assert!(!attempt.to_string().contains(&key), "{attempt}");
}

#[tokio::test]
async fn attributes_of_the_tenant_are_told_by_mappings_and_templates() {
    let world = World::new().await;
    let tenant = format!("/v1/tenants/{TENANT}");
    let mappings = json!([{ "field": "plan", "from": "tenant.attributes.plan", "default": "free" },
                          { "field": "region", "from": "tenant.attributes.region" },
                          { "field": "text", "template": "{{ tenant.attributes.plan|default('no plan') }}" }]);
    let hook = world.hook(json!({ "payload": { "mappings": mappings } })).await;
    let mut bodies = Vec::new();
    for attributes in [json!({ "plan": "gold", "region": "eu" }), json!({ "plan": "silver" }), Value::Null] {
        let shown = world.patch(&tenant, json!({ "attributes": attributes })).await.expect(200).json();
        assert_eq!(shown["attributes"], if attributes.is_null() { json!({}) } else { attributes });
        let event = world.publish(json!({ "type": "a", "data": {} })).await;
        world.drain().await;
        let sent = world.endpoint.sent_to(&hook.url).last().unwrap().text().to_owned();
        bodies.push((event, sent));
    }
    let texts: Vec<&str> = bodies.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(
        texts,
        [
            r#"{"plan":"gold","region":"eu","text":"gold"}"#,
            r#"{"plan":"silver","text":"silver"}"#,
            r#"{"plan":"free","text":"no plan"}"#,
        ]
    );
    // The log shows what was sent then.
    let shown = world.delivery(&bodies[0].0).await;
    assert_eq!(shown["attempts"][0]["request"]["body"], texts[0], "{shown}");
    for wrong in [json!({ "a b": "x" }), json!({ "a": "x".repeat(501) })] {
        let refused = world.patch(&tenant, json!({ "attributes": wrong })).await.expect(422).json();
        assert!(refused["errors"][0]["field"].as_str().unwrap().starts_with("attributes"), "{refused}");
    }
}
