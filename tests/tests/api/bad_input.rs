//! What is wrong with a request is said by name, with 4xx, and nothing is stored.

mod all_at_once;
mod any_value;
mod collisions;
mod encodings;
mod fields;
mod parameters;
mod repeated;
mod untaken;
mod words;

use serde_json::{Value, json};
use tests::world::{OPERATOR, Reply, TENANT, World};

const HOOKS: &str = "/v1/tenants/acme/hooks";
const EVENTS: &str = "/v1/tenants/acme/events";
const KEYS: &str = "/v1/tenants/acme/keys";

/// A problem document of this status that names the field.
#[track_caller]
fn assert_problem(reply: &Reply, status: u16, field: &str) {
    let what = format!("{}: {}", reply.what, reply.text());
    assert_eq!(reply.status, status, "{what}");
    assert_eq!(reply.content_type(), "application/problem+json", "{what}");
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{what}");
    assert_eq!(problem["type"], format!("urn:hookline:problem:{}", problem["code"].as_str().unwrap()), "{what}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}");
    let named = problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["field"] == field));
    assert!(
        named || problem["detail"].as_str().is_some_and(|detail| detail.contains(field)),
        "no word of {field}: {what}"
    );
}

async fn assert_nothing_stored(world: &World) {
    assert_eq!(world.get(HOOKS).await.expect(200).json()["total"], 0);
    assert_eq!(world.get(KEYS).await.expect(200).json()["items"], json!([]));
    assert_eq!(world.get("/v1/tenants").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.messages_left(), 0);
}

/// A hook's settings that are right, save for what `wrong` replaces.
fn hook_with(wrong: &Value) -> Value {
    let mut settings = json!({ "url": "https://a.example.com/", "events": ["a"] });
    settings.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
    settings
}

#[tokio::test]
async fn a_path_that_is_not_text_names_nothing() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.expect(200).json();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some((before, after)) = path.rsplit_once('{') else { continue };
        let (_, after) = after.split_once('}').unwrap();
        let path = format!("{}%da{after}", before.replace("{tenant}", TENANT).replace(['{', '}'], ""));
        for method in methods.as_object().unwrap().keys() {
            let reply = world.call(&method.to_uppercase(), &path, Some(OPERATOR), "{}").await;
            assert_problem(&reply, 404, "no such");
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}

#[tokio::test]
async fn a_name_that_is_misspelt_is_answered_with_all_there_are() {
    let world = World::new().await;
    for (path, known) in [(HOOKS, "`channels`"), ("/v1/profiles", "`event_types`"), ("/v1/tenants", "`profile`")] {
        let reply = world.post(path, json!({ "name": "mine", "retries": {} })).await;
        assert_problem(&reply, 422, "retries");
        for name in [known, "or a setting: `method`", "`retry`"] {
            assert!(reply.text().contains(name), "{}", reply.text());
        }
    }
    let reply = world.post(HOOKS, hook_with(&json!({ "retry": { "delay": 1 } }))).await;
    assert_problem(&reply, 422, "retry.delay");
    assert!(!reply.text().contains("or a setting"), "{}", reply.text());
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn what_is_not_json_is_refused_as_such() {
    let world = World::new().await;
    for path in [HOOKS, EVENTS, KEYS, "/v1/tenants", "/v1/tenants/acme/events/batch"] {
        for body in ["{", "nonsense", "\u{0}"] {
            let reply = world.call("POST", path, Some(OPERATOR), body).await;
            assert_problem(&reply, 400, "not JSON");
        }
        let reply = world.call("POST", path, Some(OPERATOR), b"\xff\xfe{}".to_vec()).await;
        assert_problem(&reply, 400, "not JSON");
        for body in ["[]", "1", "null", "\"text\""] {
            let reply = world.call("POST", path, Some(OPERATOR), body).await;
            assert_eq!(reply.status, 422, "{path} {body}: {}", reply.text());
        }
    }
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413() {
    let world = World::new().await;
    let body = format!(r#"{{"type":"a","data":"{}"}}"#, "x".repeat(4 * 1024 * 1024));
    assert_problem(&world.call("POST", EVENTS, Some(OPERATOR), body).await, 413, "4194304");
    assert_nothing_stored(&world).await;
}
