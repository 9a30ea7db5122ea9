//! Settings that write the same header, each in a request or a layer of its own.

use serde_json::{Value, json};
use tests::world::{Reply, World};

use super::{HOOKS, hook_with};

/// What writes `x-same` in a hook, and what that is called where two meet.
fn writers() -> [(&'static str, Value, &'static str); 4] {
    [
        (
            "signatures",
            json!([{ "scheme": "v1" }, { "scheme": "hmac_sha256", "header": "X-Same", "key": "whsec" }]),
            "signatures[1].header",
        ),
        ("verification", json!({ "required": true, "header": "x-SAME" }), "verification.header"),
        ("auth", json!({ "type": "api_key", "header": "x-same", "value": "k" }), "auth.header"),
        ("headers", json!([{ "name": "X-SAME", "value": "1" }]), "headers[0].name"),
    ]
}

#[track_caller]
fn told(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 422, "{}", reply.text());
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    let problem = reply.json();
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| format!("{}: {}", text(error, "field"), text(error, "message"))).collect()
}

fn expected((field, setting, place): (&str, &str, &str)) -> [String; 1] {
    [format!("{field}: is written by the setting `{setting}` ({place})")]
}

#[tokio::test]
async fn two_settings_of_a_hook_that_write_the_same_header_are_told_once_when_it_is_written() {
    let world = World::new().await;
    let writers = writers();
    for (n, (first, one, place)) in writers.iter().enumerate() {
        for (second, two, field) in &writers[n + 1..] {
            let both = hook_with(&json!({ *first: one, *second: two }));
            assert_eq!(told(&world.post(HOOKS, both).await), expected((field, first, place)));
            // And whichever comes later is told.
            for ((old, has), (new, gets), error) in [
                ((first, one), (second, two), (*field, *first, *place)),
                ((second, two), (first, one), (*place, *second, *field)),
            ] {
                let hook = world.hook(json!({ *old: has })).await;
                let change = json!({ *new: gets });
                assert_eq!(told(&world.patch(&hook.path(), change).await), expected(error));
                world.patch(&hook.path(), json!({ *new: gets, *old: null })).await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn what_layers_above_write_is_known_when_a_hook_is_written_or_gets_another_profile() {
    let world = World::new().await;
    let writers = writers();
    for (n, (first, one, place)) in writers.iter().enumerate().filter(|(_, (name, ..))| *name != "auth") {
        let profile = format!("profile-{n}");
        let document = json!({ "name": profile, *first: one });
        world.post("/v1/profiles", document).await.expect(201);
        let tenant = format!("tenant-{n}");
        world.post("/v1/tenants", json!({ "id": tenant, *first: one })).await.expect(201);
        for (m, (second, two, field)) in writers.iter().enumerate().filter(|(m, _)| *m != n) {
            // Of what is given, whatever is written above.
            let error = expected((field, first, place));
            let hooks = format!("/v1/tenants/{tenant}/hooks");
            assert_eq!(told(&world.post(&hooks, hook_with(&json!({ *second: two }))).await), error);
            let hook = world.hook(json!({ *second: two })).await;
            let reply = world.patch(&hook.path(), json!({ "profile": profile })).await;
            let error = if m > n { error } else { expected((place, second, field)) };
            assert_eq!(told(&reply), error, "{first} {second}");
        }
    }
}

#[tokio::test]
async fn a_profile_and_a_tenant_are_told_what_would_meet_in_a_hook_that_decides_nothing() {
    let world = World::new().await;
    let signed = json!([{ "scheme": "v1", "header": "X-House-Signature" }]);
    world.post("/v1/profiles", json!({ "name": "house", "signatures": signed })).await.expect(201);
    let headers = json!([{ "name": "x-house-id", "value": "1" }]);
    let error = expected(("headers[0].name", "signatures", "signatures[0].header"));
    let document = json!({ "headers": headers });
    assert_eq!(told(&world.patch("/v1/profiles/house", document.clone()).await), error);
    let tenant = json!({ "id": "other", "profile": "house", "headers": headers });
    assert_eq!(told(&world.post("/v1/tenants", tenant).await), error);
    world.post("/v1/tenants", document).await.expect(201);
    // What is there of the standard.
    let verification = json!({ "verification": { "required": true, "header": "Webhook-Timestamp" } });
    let error = expected(("verification.header", "signatures", "signatures[0].header"));
    assert_eq!(told(&world.post("/v1/profiles", with(&verification, "name", "other")).await), error);
    assert_eq!(told(&world.post("/v1/tenants", with(&verification, "id", "other")).await), error);
    let content_type = json!({ "signatures": [{ "scheme": "hmac_sha256", "header": "Content-Type" }] });
    let error = ["signatures[0].header: is written by the setting `content_type`"];
    assert_eq!(told(&world.post("/v1/profiles", with(&content_type, "name", "other")).await), error);
    let own = json!({ "signatures": [{ "scheme": "hmac_sha256", "header": "User-Agent" }] });
    let error =
        ["signatures[0].header: user-agent is written by Hookline itself, and only the setting `headers` replaces it"];
    assert_eq!(told(&world.post("/v1/profiles", with(&own, "name", "other")).await), error);
}

fn with(document: &Value, name: &str, value: &str) -> Value {
    let mut document = document.clone();
    document[name] = value.into();
    document
}

#[tokio::test]
async fn who_changes_something_else_is_not_told_of_what_a_layer_above_has_brought_about() {
    let world = World::new().await;
    let hook = world.hook(json!({ "auth": { "type": "api_key", "header": "x-key", "value": "k" } })).await;
    world.patch("/v1/tenants/acme", json!({ "headers": [{ "name": "X-Key", "value": "1" }] })).await.expect(200);
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    let changed = json!({ "auth": { "type": "api_key", "header": "X-Other", "value": "k" } });
    world.patch(&hook.path(), changed).await.expect(200);
    let back = json!({ "auth": { "type": "api_key", "header": "X-Key", "value": "k" } });
    let error = expected(("auth.header", "headers", "headers[0].name"));
    assert_eq!(told(&world.patch(&hook.path(), back).await), error);
}
