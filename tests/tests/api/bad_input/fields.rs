//! A field that is wrong is refused by its name.

use serde_json::{Value, json};
use tests::world::{OPERATOR, TENANT, World};

use super::{EVENTS, HOOKS, KEYS, assert_nothing_stored, assert_problem, hook_with};

#[tokio::test]
async fn a_wrong_setting_of_a_hook_is_refused_by_name() {
    let world = World::new().await;
    let long = |count: usize| "x".repeat(count);
    let many = |count: usize| (0..count).map(|n| format!("e{n}")).collect::<Vec<_>>();
    let retry = |retry: Value| json!({ "retry": retry });
    let table = [
        (json!({ "colour": "red" }), "colour"),
        (json!({ "url": null }), "url"),
        (json!({ "url": 7 }), "url"),
        (json!({ "url": "" }), "url"),
        (json!({ "url": "example.com" }), "url"),
        (json!({ "url": "http://a.example.com/" }), "url"),
        (json!({ "url": "ftp://a.example.com/" }), "url"),
        (json!({ "url": "https://a.example.com:8443/" }), "url"),
        (json!({ "url": "https://user:pass@a.example.com/" }), "url"),
        (json!({ "url": "https://a.example.com/#top" }), "url"),
        (json!({ "url": "https://127.0.0.1/" }), "url"),
        (json!({ "url": "https://[::ffff:169.254.169.254]/" }), "url"),
        (json!({ "url": "https://localhost/" }), "url"),
        (json!({ "url": format!("https://a.example.com/{}", long(2_048)) }), "url"),
        (json!({ "events": [] }), "events"),
        (json!({ "events": "a" }), "events"),
        (json!({ "events": ["a", "b c"] }), "events[1]"),
        (json!({ "events": ["*.created"] }), "events[0]"),
        (json!({ "events": [long(129)] }), "events[0]"),
        (json!({ "events": many(51) }), "events"),
        (json!({ "channels": ["a", ""] }), "channels[1]"),
        (json!({ "channels": many(51) }), "channels"),
        (json!({ "enabled": "yes" }), "enabled"),
        (json!({ "name": long(201) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "description": long(2_001) }), "description"),
        (json!({ "secret": "whsec_short" }), "secret"),
        (json!({ "secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }), "secret"),
        (json!({ "timeout": { "total": 31 } }), "timeout.total"),
        (json!({ "timeout": { "connect": 0 } }), "timeout.connect"),
        (json!({ "timeout": { "read": 1 } }), "timeout.read"),
        (json!({ "timeout": [1, 2] }), "timeout"),
        (json!({ "auth": ["none"] }), "auth"),
        (json!({ "auth": ["bearer", "t"] }), "auth"),
        (json!({ "headers": [["X-A", "v"]] }), "headers[0]"),
        (json!({ "headers": [{ "name": "X-A", "value": "é" }] }), "headers[0].value"),
        (json!({ "headers": [{ "name": "X-A", "value": "a", "template": "b" }] }), "headers[0].value"),
        (json!({ "headers": [{ "name": "X-A", "template": "{{ secret }}" }] }), "headers[0].template"),
        (json!({ "headers": [{ "name": "X-A", "template": "{{" }] }), "headers[0].template"),
        (json!({ "headers": [{ "name": "X-A", "template": "a", "secret": true }] }), "headers[0].secret"),
        (json!({ "headers": [{ "name": "X-A", "value": "a", "encoding": "base64" }] }), "headers[0].encoding"),
        (
            json!({ "headers": [{ "name": "X-A", "template": "a" }], "batch": { "max_events": 5 } }),
            "headers[0].template",
        ),
        (json!({ "endpoint_control": { "disable": "yes" } }), "endpoint_control.disable"),
        (json!({ "endpoint_control": { "enable": true } }), "endpoint_control.enable"),
        (json!({ "media_type": { "single": "json" } }), "media_type.single"),
        (json!({ "media_type": { "batch": "a/b\r\nx: y" } }), "media_type.batch"),
        (json!({ "media_type": { "both": "a/b" } }), "media_type.both"),
        (json!({ "media_type": { "single": "a/b" }, "content_type": "form" }), "media_type"),
        (json!({ "verification": { "required": true, "kind": "options" } }), "verification.origin"),
        (json!({ "verification": { "required": true, "kind": "get" } }), "verification.kind"),
        (
            json!({ "verification": { "required": true, "kind": "options", "origin": "https://a.example.com" } }),
            "verification.origin",
        ),
        (json!({ "verification": { "required": true, "origin": "a.example.com" } }), "verification.origin"),
        (
            json!({ "verification": { "required": true, "kind": "options", "origin": "a.example.com", "rate": 0 } }),
            "verification.rate",
        ),
        (
            json!({ "verification": { "required": true, "kind": "options", "origin": "a.example.com", "header": "x" } }),
            "verification.header",
        ),
        (retry(json!({})), "retry"),
        (retry(json!([])), "retry"),
        (
            retry(json!({ "delays": [1], "exponential": { "initial": 1, "factor": 2, "retries": 3, "max": 4 } })),
            "retry",
        ),
        (retry(json!({ "delays": [1, -1] })), "retry.delays[1]"),
        (retry(json!({ "delays": [604_801] })), "retry.delays[0]"),
        (retry(json!({ "delays": vec![1; 51] })), "retry.delays"),
        (retry(json!({ "delays": ["1"] })), "retry.delays[0]"),
        (retry(json!({ "delays": [1], "jitter": 1.5 })), "retry.jitter"),
        (
            retry(json!({ "exponential": { "initial": 1, "factor": 0.5, "retries": 3, "max": 4 } })),
            "retry.exponential.factor",
        ),
        (
            retry(json!({ "exponential": { "initial": 1, "factor": 2, "retries": 51, "max": 4 } })),
            "retry.exponential.retries",
        ),
        (
            retry(json!({ "exponential": { "initial": 1, "factor": 2, "retries": -1, "max": 4 } })),
            "retry.exponential.retries",
        ),
        (retry(json!({ "exponential": { "initial": 1, "factor": 2, "max": 4 } })), "retry.exponential.retries"),
    ];
    for (wrong, field) in &table {
        assert_problem(&world.post(HOOKS, hook_with(wrong)).await, 422, field);
    }
    assert_nothing_stored(&world).await;

    let hook = world.hook(json!({})).await;
    let before = world.get(&hook.path()).await.json();
    for (wrong, field) in table.iter().filter(|(wrong, _)| *wrong != json!({ "url": null })) {
        assert_problem(&world.patch(&hook.path(), wrong.clone()).await, 422, field);
    }
    assert_eq!(world.get(&hook.path()).await.json(), before);
}

#[tokio::test]
async fn a_wrong_event_is_refused_by_name() {
    let world = World::new().await;
    let channels: Vec<String> = (0..17).map(|n| n.to_string()).collect();
    for (body, status, field) in [
        (json!({ "data": 1 }), 422, "type"),
        (json!({ "type": "a" }), 422, "data"),
        (json!({ "data": 1, "type": 7 }), 422, "type"),
        (json!({ "data": { "deep": [1] }, "type": "a b" }), 422, "type"),
        (json!({ "type": "x".repeat(129), "data": 1 }), 422, "type"),
        (json!({ "type": "a", "data": 1, "colour": 1 }), 422, "colour"),
        (json!({ "type": "a", "data": 1, "id": "" }), 422, "id"),
        (json!({ "type": "a", "data": 1, "id": "x y" }), 422, "id"),
        (json!({ "type": "a", "data": 1, "id": "x".repeat(129) }), 422, "id"),
        (json!({ "type": "a", "data": 1, "timestamp": "yesterday" }), 422, "timestamp"),
        (json!({ "type": "a", "data": 1, "timestamp": 1_769_851_800 }), 422, "timestamp"),
        (json!({ "type": "a", "data": 1, "deliver_at": "2026-13-01T00:00:00Z" }), 422, "deliver_at"),
        (json!({ "type": "a", "data": 1, "channels": ["ok", "not ok"] }), 422, "channels[1]"),
        (json!({ "type": "a", "data": 1, "channels": channels }), 422, "channels"),
        (json!({ "type": "a", "data": "x".repeat(256 * 1024) }), 413, "data"),
    ] {
        assert_problem(&world.post(EVENTS, body.clone()).await, status, field);
        let in_batch = world.post("/v1/tenants/acme/events/batch", json!({ "events": [body] })).await;
        assert_problem(&in_batch, status, field);
        assert!(in_batch.text().contains("events[0]"), "{}", in_batch.text());
    }
    for (events, field) in [(json!([]), "events"), (json!(vec![1; 101]), "events"), (json!({}), "events")] {
        assert_problem(&world.post("/v1/tenants/acme/events/batch", json!({ "events": events })).await, 422, field);
    }
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn wrong_tenants_keys_and_rotations_are_refused_by_name() {
    let world = World::new().await;
    assert_problem(&world.post("/v1/tenants", json!({ "id": "a b" })).await, 422, "id");
    assert_problem(&world.post("/v1/tenants", json!({ "id": "x".repeat(65) })).await, 422, "id");
    assert_problem(&world.post("/v1/tenants", json!({ "name": "x".repeat(201) })).await, 422, "name");
    assert_problem(&world.post("/v1/tenants", json!({ "plan": "free" })).await, 422, "plan");
    assert_problem(&world.post("/v1/tenants", json!({ "id": TENANT })).await, 409, "acme");
    assert_problem(&world.patch("/v1/tenants/acme", json!({ "id": "b" })).await, 422, "id");
    assert_problem(&world.post(KEYS, json!({})).await, 422, "scope");
    assert_problem(&world.post(KEYS, json!({ "scope": "root" })).await, 422, "scope");
    assert_problem(&world.post(KEYS, json!({ "scope": "tenant", "name": "x".repeat(201) })).await, 422, "name");
    assert_nothing_stored(&world).await;

    let hook = world.hook(json!({})).await;
    let rotate = format!("{}/secret/rotate", hook.path());
    assert_problem(&world.post(&rotate, json!({ "overlap": 604_801 })).await, 422, "overlap");
    assert_problem(&world.post(&rotate, json!({ "overlap": -1 })).await, 422, "overlap");
    assert_problem(&world.post(&rotate, json!({ "overlap": 1, "cutover": "manual" })).await, 422, "overlap");
    assert_problem(&world.post(&rotate, json!({ "cutover": "later" })).await, 422, "cutover");
    assert_problem(&world.post(&rotate, json!({ "secret": "whsec_" })).await, 422, "secret");
    assert_problem(&world.post(&rotate, json!([null, null])).await, 422, "body");
    let secret = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
    assert_eq!(secret, json!({ "secret": hook.secret, "others": [] }));
}

#[tokio::test]
async fn an_id_that_no_path_could_name_is_refused_where_it_is_chosen() {
    let world = World::new().await;
    for name in [".", ".."] {
        assert_problem(&world.post("/v1/tenants", json!({ "id": name })).await, 422, "id");
        assert_problem(&world.post("/v1/profiles", json!({ "name": name })).await, 422, "name");
        for types in ["/v1/event-types", "/v1/tenants/acme/event-types"] {
            assert_problem(&world.post(types, json!({ "name": name })).await, 422, "name");
        }
        let document = json!({ "event_types": [{ "name": "a" }, { "name": name }] }).to_string();
        let reply = world.call("PUT", "/v1/tenants/acme/catalogue", Some(OPERATOR), document).await;
        assert_problem(&reply, 422, "event_types[1].name");
        let typed = json!({ "type": name, "data": 1 });
        assert_problem(&world.post(EVENTS, typed.clone()).await, 422, "type");
        let batch = json!({ "events": [typed] });
        assert_problem(&world.post("/v1/tenants/acme/events/batch", batch).await, 422, "events[0].type");
        assert_problem(&world.post(HOOKS, hook_with(&json!({ "events": [name] }))).await, 422, "events[0]");
    }
    for id in [".", "..", "batch"] {
        let reply = world.post(EVENTS, json!({ "id": id, "type": "a", "data": 1 })).await;
        assert_problem(&reply, 422, "id");
        assert!(reply.text().contains("could not be part of a URL's path"), "{}", reply.text());
        world.send_to_events(json!({ "tenant": TENANT, "id": id, "type": "a", "data": 1 }).to_string()).await;
        world.drain().await;
        let dead = world.dead_letters();
        assert!(dead[0].reason.contains("id"), "{}", dead[0].reason);
    }
    assert_eq!(world.dead_letters().len(), 3);
    assert_nothing_stored(&world).await;
}
