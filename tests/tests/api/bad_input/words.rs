//! What is wrong is told by its own cause, its own bounds and its own names.

use serde_json::{Value, json};
use tests::world::{Reply, World};

use super::{HOOKS, hook_with};

fn told(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 422, "{}", reply.text());
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    let problem = reply.json();
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| format!("{}: {}", text(error, "field"), text(error, "message"))).collect()
}

async fn refused(world: &World, wrong: Value) -> Vec<String> {
    told(&world.post(HOOKS, hook_with(&wrong)).await)
}

#[tokio::test]
async fn a_number_is_told_its_own_bounds_whatever_is_wrong_with_it() {
    let world = World::new().await;
    for wrong in [json!(-1), json!(10_001), json!("7"), json!(1.5), json!(4_294_967_296_u64)] {
        let told = refused(&world, json!({ "rate_limit": wrong })).await;
        assert_eq!(told, ["rate_limit: expected a whole number from 0 to 10000"], "{wrong}");
        let batch = refused(&world, json!({ "batch": { "max_events": wrong } })).await;
        assert_eq!(batch, ["batch.max_events: expected a whole number from 0 to 100"], "{wrong}");
    }
    for wrong in [json!(0), json!("7"), json!(-1)] {
        let reply = world.patch("/v1/tenants/acme", json!({ "retention_days": wrong })).await;
        assert_eq!(told(&reply), ["retention_days: expected a whole number from 1 to 3650"], "{wrong}");
    }
}

#[tokio::test]
async fn a_credential_that_is_missing_is_required_like_any_other_field() {
    let world = World::new().await;
    for (auth, field) in [
        (json!({ "type": "basic", "username": "u" }), "password"),
        (json!({ "type": "bearer" }), "token"),
        (json!({ "type": "api_key", "header": "X-Key" }), "value"),
        (json!({ "type": "oauth2", "token_url": "https://a.example.com/t", "client_id": "c" }), "client_secret"),
    ] {
        assert_eq!(refused(&world, json!({ "auth": auth })).await, [format!("auth.{field}: is required")]);
    }
}

#[tokio::test]
async fn one_mistyped_name_makes_no_error_of_a_field_that_is_right() {
    let world = World::new().await;
    let told = refused(&world, json!({ "auth": { "typ": "basic", "username": "u" } })).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("auth.typ: unknown field") && told[1] == "auth.type: is required", "{told:?}");
    let told = refused(&world, json!({ "auth": { "type": "bearer", "token": "t", "username": "u" } })).await;
    assert_eq!(told, ["auth.username: unknown field; expected one of `type`, `token`"]);
}

#[tokio::test]
async fn a_header_that_another_setting_writes_is_refused_with_its_name() {
    let world = World::new().await;
    let auth = json!({ "type": "bearer", "token": "t" });
    for (header, setting) in
        [("content-type", "content_type"), ("Authorization", "auth"), ("webhook-signature", "signatures")]
    {
        let wrong = json!({ "auth": auth, "headers": [{ "name": header, "value": "x" }] });
        let told = refused(&world, wrong).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("headers[0].name: is written by the setting `{setting}`")), "{told:?}");
    }
}

#[tokio::test]
async fn one_of_two_fields_is_asked_for_in_the_same_words_everywhere() {
    let world = World::new().await;
    for (wrong, told) in [
        (
            json!({ "headers": [{ "name": "x" }] }),
            "headers[0].value: expected exactly one of `value`, `from` and `template`",
        ),
        (json!({ "retry": {} }), "retry: expected exactly one of `delays` and `exponential`"),
        (json!({ "payload": {} }), "payload: expected exactly one of `mappings` and `raw`"),
        (
            json!({ "payload": { "mappings": [{ "field": "a" }] } }),
            "payload.mappings[0]: expected exactly one of `from`, `value` and `template`",
        ),
    ] {
        assert_eq!(refused(&world, wrong).await, [told]);
    }
}

#[tokio::test]
async fn names_that_are_chosen_once_are_among_those_expected_and_cannot_be_changed() {
    let world = World::new().await;
    for (path, name) in [("/v1/tenants", "id"), ("/v1/profiles", "name")] {
        let told = told(&world.post(path, json!({ "nam": "x", "name": "x" })).await);
        assert!(told[0].starts_with("nam: unknown field") && told[0].contains(&format!("`{name}`")), "{told:?}");
    }
    let hook = world.hook(json!({})).await;
    world.post("/v1/profiles", json!({ "name": "own" })).await.expect(201);
    world.post("/v1/tenants/acme/event-types", json!({ "name": "a" })).await.expect(201);
    for (path, name) in [
        ("/v1/tenants/acme", "id"),
        ("/v1/profiles/own", "name"),
        ("/v1/tenants/acme/event-types/a", "name"),
        (&*hook.path(), "id"),
    ] {
        let reply = world.patch(path, json!({ name: "other" })).await;
        assert_eq!(told(&reply), [format!("{name}: cannot be changed")], "{path}");
    }
}

#[tokio::test]
async fn where_there_is_more_than_is_told_that_is_said_and_names_are_listed_once() {
    let world = World::new().await;
    let many: serde_json::Map<String, Value> = (0..40).map(|n| (format!("x{n}"), json!(1))).collect();
    let reply = world.post(HOOKS, hook_with(&Value::Object(many))).await;
    let told = told(&reply);
    assert_eq!(reply.json()["detail"], "32 fields are wrong, and more may be");
    assert!(told.len() == 32 && told[0].contains("expected one of `name`"), "{told:?}");
    assert!(told[1..].iter().all(|told| told.ends_with(": unknown field")), "{told:?}");
}

#[tokio::test]
async fn a_text_that_is_no_url_and_one_that_is_no_json_are_told_in_plain_words() {
    let world = World::new().await;
    let told = refused(&world, json!({ "url": "x" })).await;
    assert_eq!(told, ["url: expected a URL such as https://example.com/hooks"]);
    let reply = world.call("POST", HOOKS, Some(tests::world::OPERATOR), r#"{"id":"#).await;
    assert!(reply.text().contains("the body is not JSON: it ends where a value is expected"), "{}", reply.text());
}
