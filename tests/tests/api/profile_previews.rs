//! The request that a profile makes, shown and not sent.

use serde_json::json;
use tests::world::{TENANT, World};

const PATH: &str = "/v1/profile-previews";

fn header<'a>(request: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|header| header["name"] == name).map(|header| header["value"].as_str().unwrap())
}

#[tokio::test]
async fn the_request_of_a_profile_is_shown_and_nothing_is_sent_or_stored() {
    let world = World::new().await;
    let before = world.get("/v1/profiles").await.expect(200).json();
    let asked = json!({ "profile": "standard", "method": "PUT", "headers": [{ "name": "x-team", "value": "blue" }],
        "event_type": "order.paid", "data": { "total": 5 }, "url": "https://shop.example.com/in?a=1" });
    let request = world.post(PATH, asked).await.expect(200).json()["request"].clone();
    assert_eq!(request["method"], "PUT");
    assert_eq!(request["url"], "https://shop.example.com/in?a=1");
    assert_eq!(header(&request, "x-team"), Some("blue"));
    assert!(header(&request, "webhook-signature").unwrap().starts_with("v1,"), "{request}");
    let body = request["body"].as_str().unwrap();
    assert!(body.contains(r#""order.paid""#) && body.contains(r#""total":5"#), "{body}");
    assert!(world.endpoint.sent().is_empty());
    assert_eq!(world.get("/v1/profiles").await.expect(200).json(), before);
}

#[tokio::test]
async fn every_profile_that_is_built_in_shows_what_it_sends_without_anything_being_given() {
    let world = World::new().await;
    for profile in world.get("/v1/profiles").await.expect(200).json()["items"].as_array().unwrap() {
        let asked = json!({ "profile": profile["name"] });
        let request = world.post(PATH, asked).await.expect(200).json()["request"].clone();
        assert!(request["url"].as_str().unwrap().starts_with("https://receiver.example.com/webhooks"), "{request}");
    }
    world.post(PATH, json!({})).await.expect(200);
}

#[tokio::test]
async fn the_shown_request_is_the_one_that_a_hook_of_the_profile_gets() {
    let world = World::new().await;
    let profile =
        json!({ "name": "mine", "content_type": "form", "headers": [{ "name": "x-type", "from": "event.type" }] });
    world.post("/v1/profiles", profile).await.expect(201);
    let hook = world.hook(json!({ "profile": "mine" })).await;
    world.publish(json!({ "id": "event-1", "type": "order.paid", "data": { "total": 5 } })).await;
    world.settle().await;
    let asked = json!({ "profile": "mine", "event_type": "order.paid", "data": { "total": 5 }, "url": hook.url });
    let request = world.post(PATH, asked).await.expect(200).json()["request"].clone();
    let sent = world.endpoint.sent();
    let names = |headers: Vec<&str>| headers.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let shown = request["headers"].as_array().unwrap().iter().map(|header| header["name"].as_str().unwrap());
    assert_eq!(names(shown.collect()), names(sent[0].headers.iter().map(|(name, _)| name.as_str()).collect()));
    assert_eq!(request["url"], sent[0].url.as_str());
    assert_eq!(header(&request, "x-type"), Some("order.paid"));
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field() {
    let world = World::new().await;
    let wrong = [
        (json!({ "profile": "none" }), "profile"),
        (json!({ "url": "ftp://a.example.com" }), "url"),
        (json!({ "event_type": "a b" }), "event_type"),
        (json!({ "rate_limit": "many" }), "rate_limit"),
        (json!({ "headers": [{ "name": "host", "value": "x" }] }), "headers[0].name"),
        (json!({ "nonsense": 1 }), "nonsense"),
    ];
    for (body, field) in wrong {
        let told = world.post(PATH, body.clone()).await.expect(422).json();
        let fields: Vec<_> = told["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
        assert_eq!(fields, [json!(field)], "{body}: {told}");
    }
    let large = json!({ "data": "x".repeat(300_000) });
    world.post(PATH, large).await.expect(413);
}

#[tokio::test]
async fn only_an_operator_asks_for_previews() {
    let world = World::new().await;
    let key = world.post(&format!("/v1/tenants/{TENANT}/keys"), json!({ "scope": "tenant" })).await.expect(201).json();
    world.call("POST", PATH, Some(key["key"].as_str().unwrap()), "{}").await.expect(403);
    world.call("POST", PATH, None, "{}").await.expect(401);
}
