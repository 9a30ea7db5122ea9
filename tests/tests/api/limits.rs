//! Whatever a tenant controls has a bound, told by name where it is passed.

use serde_json::{Value, json};
use tests::world::{Reply, World};

const HOOKS: &str = "/v1/tenants/acme/hooks";

/// A problem of this status that names the field and the limit.
#[track_caller]
fn assert_refused(reply: &Reply, status: u16, field: &str, limit: &str) {
    assert_eq!(reply.status, status, "{field}: {}", reply.text());
    let problem = reply.json();
    let named = |error: &Value| {
        let message = error["message"].as_str().unwrap_or_default();
        error["field"] == field && message.replace(['_', ','], "").contains(limit)
    };
    assert!(problem["errors"].as_array().is_some_and(|errors| errors.iter().any(named)), "{field}: {problem}");
}

fn many(count: usize, of: impl Fn(usize) -> Value) -> Value {
    (0..count).map(of).collect()
}

fn text(length: usize) -> String {
    "x".repeat(length)
}

/// Settings beyond their limit, the field that is named and the limit that is told.
fn beyond() -> Vec<(Value, &'static str, &'static str)> {
    let mapping = |n: usize| json!({ "field": format!("f{n}"), "value": n });
    let large = |n: usize| json!({ "field": format!("f{n}"), "value": text(4_000) });
    let variant = |_| json!({ "events": ["a"], "payload": { "raw": true } });
    let header = |n: usize| json!({ "name": format!("X-{n}"), "value": "v" });
    let path = |length: usize| json!({ "mappings": [{ "field": "f", "from": format!("data.{}", text(length)) }] });
    vec![
        (json!({ "headers": many(51, header) }), "headers", "50"),
        (json!({ "headers": [{ "name": text(129), "value": "v" }] }), "headers[0].name", "128"),
        (json!({ "headers": [{ "name": "X-A", "value": text(4_097) }] }), "headers[0].value", "4096"),
        (
            json!({ "headers": many(20, |n| json!({ "name": format!("X-{n}"), "value": text(4_096) })) }),
            "headers",
            "65536",
        ),
        (json!({ "payload": { "mappings": many(101, mapping) } }), "payload.mappings", "100"),
        (json!({ "payload": { "mappings": many(20, large) } }), "payload", "65536"),
        (
            json!({ "payload": { "mappings": [{ "field": "f", "value": text(4_096) }] } }),
            "payload.mappings[0].value",
            "4096",
        ),
        (json!({ "payload": path(513) }), "payload.mappings[0].from", "512"),
        (json!({ "payload": { "raw": true, "variants": many(21, variant) } }), "payload.variants", "20"),
        (json!({ "signatures": many(9, |_| json!({ "scheme": "v1" })) }), "signatures", "8"),
        (
            json!({ "signatures": [{ "scheme": "hmac_sha256", "header": "X-S", "prefix": text(65) }] }),
            "signatures[0].prefix",
            "64",
        ),
        (json!({ "auth": { "type": "bearer", "token": text(4_097) } }), "auth.token", "4096"),
        (json!({ "retry": { "delays": vec![1; 51] } }), "retry.delays", "50"),
        (json!({ "success": { "statuses": vec!["200"; 51] } }), "success.statuses", "50"),
        (json!({ "success": { "final": vec!["410"; 51] } }), "success.final", "50"),
        (json!({ "batch": { "max_events": 101 } }), "batch.max_events", "100"),
        (json!({ "batch": { "max_events": 2, "max_wait": 6 } }), "batch.max_wait", "5"),
        (json!({ "response_body_limit": 10_001 }), "response_body_limit", "10000"),
        (json!({ "rate_limit": 10_001 }), "rate_limit", "10000"),
        (json!({ "circuit_breaker": { "failures": 10_001 } }), "circuit_breaker.failures", "10000"),
        (json!({ "disable_after": 7_776_001 }), "disable_after", "7776000"),
    ]
}

#[tokio::test]
async fn settings_are_bounded_wherever_they_are_made() {
    let world = World::new().await;
    for (settings, field, limit) in beyond() {
        let mut hook = json!({ "url": "https://a.example.com/", "events": ["a"] });
        hook.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        assert_refused(&world.post(HOOKS, hook).await, 422, field, limit);
        // Credentials are a hook's own, which is said of others before their length.
        if field != "auth.token" {
            assert_refused(&world.patch("/v1/tenants/acme", settings.clone()).await, 422, field, limit);
            let profile = json!({ "name": "house" });
            let mut profile = profile.as_object().unwrap().clone();
            profile.extend(settings.as_object().unwrap().clone());
            assert_refused(&world.post("/v1/profiles", Value::Object(profile)).await, 422, field, limit);
        }
    }
    for (settings, field, limit) in [
        (json!({ "max_hooks": 100_001 }), "max_hooks", "100000"),
        (json!({ "name_pattern": text(201) }), "name_pattern", "200"),
    ] {
        assert_refused(&world.patch("/v1/tenants/acme", settings).await, 422, field, limit);
    }
}

#[tokio::test]
async fn a_filter_is_bounded_in_size_depth_rules_and_combinations() {
    let world = World::new().await;
    let deep = (0..11).fold(json!([1]), |inner, _| json!({ "a": inner }));
    let rules = many(201, |n| n.into());
    let choices = |n: usize| json!({ "$or": many(40, |m| json!({ format!("f{n}"): [m] })) });
    let mut combined = choices(0);
    combined["g"] = choices(1);
    for (filter, limit) in
        [(json!({ "a": [text(4_096)] }), "4096"), (deep, "10"), (json!({ "a": rules }), "200"), (combined, "1000")]
    {
        let hook = json!({ "url": "https://a.example.com/", "events": ["a"], "filter": filter });
        let reply = world.post(HOOKS, hook).await.expect(422);
        assert!(reply.text().replace(['_', ','], "").contains(limit), "{limit}: {}", reply.text());
        assert!(reply.json()["errors"][0]["field"].as_str().unwrap().starts_with("filter"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_hook_has_few_secrets_however_often_it_is_rotated() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    for _ in 0..8 {
        world.post(&format!("{}/secret/rotate", hook.path()), json!({ "overlap": 604_800 })).await.expect(200);
    }
    let secrets = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
    assert_eq!(secrets["others"].as_array().unwrap().len(), 4, "five with the current one");
}

#[tokio::test]
async fn a_tenant_has_a_hundred_keys_and_a_thousand_portal_keys_beside_them() {
    let world = World::new().await;
    let make = |scope: &str| json!({ "scope": scope, "expires_in": 3_600 });
    for (scope, most) in [("tenant", 100), ("portal", 1_000)] {
        for _ in 0..most {
            world.post("/v1/tenants/acme/keys", make(scope)).await.expect(201);
        }
        let refused = world.post("/v1/tenants/acme/keys", make(scope)).await.expect(409);
        assert!(refused.text().contains(&most.to_string()), "{}", refused.text());
    }
    world.clock.advance(std::time::Duration::from_secs(3_601));
    world.post("/v1/tenants/acme/keys", make("tenant")).await.expect(201);
}

#[tokio::test]
async fn a_hook_has_a_hundred_replays_of_which_the_ended_ones_give_way() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/replays", hook.path());
    let range = json!({ "kind": "failed", "dry_run": true });
    for _ in 0..100 {
        world.post(&path, range.clone()).await.expect(202);
    }
    let refused = world.post(&path, range.clone()).await.expect(409);
    assert!(refused.text().contains("100"), "{}", refused.text());
    world.drain().await;
    world.post(&path, range).await.expect(202);
    assert_eq!(world.get(&format!("{path}?limit=100")).await.json()["items"].as_array().unwrap().len(), 100);
}
