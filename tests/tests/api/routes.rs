//! Every route once, as its documentation has it.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, START, TENANT, World};

fn path(rest: &str) -> String {
    format!("/v1/tenants/{TENANT}{rest}")
}

#[tokio::test]
async fn tenants_are_created_read_changed_and_deleted() {
    let world = World::new().await;
    let created = world.post("/v1/tenants", json!({ "id": "blog", "name": "A blog" })).await.expect(201).json();
    let expected = json!({
        "id": "blog", "name": "A blog", "profile": null, "retention_days": null, "strict_event_types": false,
        "attributes": {}, "metadata": {}, "portal": null,
        "created_at": START.to_string(), "updated_at": START.to_string(),
    });
    assert_eq!(created, expected);
    assert_eq!(world.get("/v1/tenants/blog").await.expect(200).json(), created);
    let changed = world.patch("/v1/tenants/blog", json!({ "name": "The blog" })).await.expect(200).json();
    assert_eq!(changed["name"], "The blog");
    assert_eq!(world.get("/v1/tenants").await.expect(200).json()["items"].as_array().unwrap().len(), 2);
    world.delete("/v1/tenants/blog").await.expect(204);
    world.get("/v1/tenants/blog").await.expect(404);

    let made = world.post("/v1/tenants", json!({})).await.expect(201).json();
    assert!(made["id"].as_str().unwrap().starts_with("tenant_"));
}

#[tokio::test]
async fn keys_are_created_listed_and_revoked_and_shown_once() {
    let world = World::new().await;
    let created = world.post(&path("/keys"), json!({ "name": "ci", "scope": "publish" })).await.expect(201).json();
    let key = created["key"].as_str().unwrap();
    let list = world.get(&path("/keys")).await.expect(200);
    assert!(!list.text().contains(key), "a key is shown at creation only");
    assert_eq!(list.json()["items"][0]["id"], created["id"]);
    assert_eq!(list.json()["items"][0]["scope"], "publish");

    let event = || json!({ "type": "a", "data": 1 }).to_string();
    world.call("POST", &path("/events"), Some(key), event()).await.expect(202);
    world.delete(&path(&format!("/keys/{}", created["id"].as_str().unwrap()))).await.expect(204);
    world.call("POST", &path("/events"), Some(key), event()).await.expect(401);
}

#[tokio::test]
async fn a_key_works_as_bearer_token_and_as_password_of_its_tenant() {
    let world = World::new().await;
    let key = world.post(&path("/keys"), json!({ "scope": "tenant" })).await.expect(201).json();
    let key = key["key"].as_str().unwrap();
    world.call("GET", &path("/hooks"), Some(key), "").await.expect(200);
    for (user, status) in [(TENANT, 200), ("other", 401), ("", 401)] {
        let basic = base64(&format!("{user}:{key}"));
        let request = Request::get(path("/hooks")).header(header::AUTHORIZATION, format!("Basic {basic}"));
        world.send(request.body(Body::empty()).unwrap()).await.expect(status);
    }
}

#[tokio::test]
async fn hooks_are_created_read_changed_and_deleted() {
    let world = World::new().await;
    let settings = json!({
        "name": "Search", "description": "Reindexes", "url": "https://search.example.com/in?a=b", "events": ["post.*"],
        "channels": ["blog:7"], "enabled": false, "retry": { "delays": [1.5, 60], "jitter": 0.5 },
        "timeout": { "connect": 1, "total": 2.5 }, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    });
    let created = world.post(&path("/hooks"), settings.clone()).await.expect(201).json();
    for (field, value) in settings.as_object().unwrap() {
        assert_eq!(&created[field], value, "{field}");
    }
    let hook = path(&format!("/hooks/{}", created["id"].as_str().unwrap()));
    let read = world.get(&hook).await.expect(200).json();
    assert_eq!(read["secret"], Value::Null, "the secret is shown when asked for, not in passing");
    let secret = world.get(&format!("{hook}/secret")).await.expect(200).json();
    assert_eq!(secret, json!({ "secret": settings["secret"], "others": [] }));

    let changed = world.patch(&hook, json!({ "enabled": true, "secret": "" })).await.expect(200).json();
    assert_eq!((&changed["enabled"], &changed["name"]), (&json!(true), &json!("Search")));
    assert_eq!(world.get(&format!("{hook}/secret")).await.expect(200).json()["secret"], settings["secret"]);
    let rotated = world.post(&format!("{hook}/secret/rotate"), json!({})).await.expect(200).json();
    assert_eq!(rotated["others"][0]["secret"], settings["secret"]);
    assert_eq!(rotated["others"][0]["expires_at"], "2026-02-01T09:30:00.000Z");
    let rotated = world.post(&format!("{hook}/secret/rotate"), json!({ "cutover": "manual" })).await.expect(200).json();
    assert_eq!(rotated["others"][0]["signs_alone"], true, "until it is told to end");
    let cutover = format!("{hook}/secret/cutover");
    let ended = world.call("POST", &cutover, Some(OPERATOR), "").await.expect(200).json();
    assert_eq!(ended, json!({ "secret": rotated["secret"], "others": [] }));

    world.delete(&hook).await.expect(204);
    world.get(&hook).await.expect(404);
}

#[tokio::test]
async fn an_event_and_its_deliveries_can_be_followed_from_both_ends() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [1], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = json!({ "id": "post-42", "type": "post.published", "channels": ["b", "a"], "data": { "n": 1 } });
    world.publish(event).await;
    world.settle().await;

    let event = world.get(&path("/events/post-42")).await.expect(200).json();
    let expected = json!({ "id": "post-42", "type": "post.published", "timestamp": START.to_string(), "channels": ["a", "b"], "data": { "n": 1 } });
    assert_eq!(event, expected);
    let by_event = world.get(&path("/events/post-42/deliveries")).await.expect(200).json();
    let by_hook = world.get(&format!("{}/deliveries", hook.path())).await.expect(200).json();
    assert_eq!(by_event["items"], by_hook["items"]);
    let mut delivery = by_hook["items"][0].clone();
    let id = delivery["id"].as_str().unwrap().to_owned();
    delivery["attempts"] = world.get(&path(&format!("/deliveries/{id}"))).await.expect(200).json()["attempts"].clone();
    for (attempt, status) in delivery["attempts"].as_array_mut().unwrap().iter_mut().zip([500, 200]) {
        let exchange = attempt.as_object_mut().unwrap();
        let (request, response) = (exchange.remove("request").unwrap(), exchange.remove("response").unwrap());
        assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &json!(hook.url)));
        assert_eq!(response, json!({ "status_code": status, "headers": [], "body": null }));
    }
    let expected = json!({
        "id": id, "event_id": "post-42", "hook_id": hook.id, "event_type": "post.published", "status": "succeeded",
        "attempt_count": 2, "next_attempt_at": null, "created_at": START.to_string(),
        "updated_at": "2026-01-31T09:30:01.000Z",
        "last_attempt": {
            "number": 2, "at": "2026-01-31T09:30:01.000Z", "duration_ms": 0, "duration_us": 0, "status_code": 200, "outcome": "success",
            "response_body": null, "trigger": "retry",
        },
        "attempts": [
            {
                "number": 1, "at": START.to_string(), "duration_ms": 0, "duration_us": 0, "status_code": 500, "outcome": "status",
                "error": "the endpoint answered 500, which is no success", "response_body": null, "trigger": "first",
            },
            {
                "number": 2, "at": "2026-01-31T09:30:01.000Z", "duration_ms": 0, "duration_us": 0, "status_code": 200,
                "outcome": "success", "response_body": null, "trigger": "retry",
            },
        ],
    });
    assert_eq!(delivery, expected);
    world.post(&path(&format!("/deliveries/{id}/retry")), json!({})).await.expect(202);
}

#[tokio::test]
async fn a_batch_answers_for_each_event_in_order() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let events = json!([{ "id": "one", "type": "a", "data": 1 }, { "type": "a" }, { "type": "a", "data": 3, "x": 1 }, { "id": "four", "type": "a", "data": 4 }]);
    let answer = world.post(&path("/events/batch"), json!({ "events": events })).await.expect(202).json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!((&results[0]["id"], &results[3]["id"]), (&json!("one"), &json!("four")));
    assert!(results[1]["error"]["detail"].as_str().unwrap().contains("data"), "{}", results[1]);
    assert!(results[2]["error"]["detail"].as_str().unwrap().contains("x"), "{}", results[2]);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 2);
}

#[tokio::test]
async fn health_and_document_need_no_key() {
    let world = World::new().await;
    assert_eq!(world.call("GET", "/healthz", None, "").await.expect(200).json()["status"], "ok");
    assert_eq!(world.call("GET", "/openapi.json", None, "").await.expect(200).json()["openapi"], "3.1.0");
    let elsewhere = world.call("GET", "/v2/tenants", Some(OPERATOR), "").await.expect(404);
    assert_eq!(elsewhere.content_type(), "application/problem+json");
    let otherwise = world.call("PUT", "/v1/tenants", Some(OPERATOR), "").await.expect(405);
    assert_eq!(otherwise.content_type(), "application/problem+json");
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
