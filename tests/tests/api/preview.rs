//! What a hook, or a change of it, would make of an event of the past.

use serde_json::json;
use tests::world::World;

#[tokio::test]
async fn a_preview_says_whether_the_hook_would_get_an_event_and_shows_the_request() {
    let world = World::new().await;
    let hook = world
        .hook(json!({ "events": ["post.*"], "headers": [{ "name": "x-key", "value": "hidden", "secret": true }] }))
        .await;
    world.publish_raw(r#"{"id":"e-1","type":"post.published","data":{"z":1.50,"state":"draft"}}"#.to_owned()).await;
    world.settle().await;
    let (before, sent) = (world.get(&hook.path()).await.expect(200).json(), world.endpoint.sent().len());
    let path = format!("{}/preview", hook.path());
    let shown = world.post(&path, json!({ "event": "e-1" })).await.expect(200).json();
    assert_eq!((&shown["wanted"], &shown["cause"]), (&json!(true), &json!(null)));
    let body = shown["request"]["body"].as_str().unwrap();
    assert!(body.ends_with(r#""data":{"z":1.50,"state":"draft"}}"#), "{body}");
    assert!(!shown.to_string().contains("hidden"), "{shown}");
    for (change, cause) in [
        (json!({ "events": ["user.*"] }), "type"),
        (json!({ "channels": ["eu"] }), "channel"),
        (json!({ "filter": { "state": ["live"] } }), "filter"),
    ] {
        let mut asked = change.clone();
        asked["event"] = json!("e-1");
        let shown = world.post(&path, asked).await.expect(200).json();
        assert_eq!((&shown["wanted"], &shown["cause"]), (&json!(false), &json!(cause)), "{change}");
        assert_eq!(shown["unmet"].as_array().unwrap().len(), usize::from(cause == "filter"), "{change}");
    }
    assert_eq!(world.get(&hook.path()).await.expect(200).json(), before);
    assert_eq!(world.endpoint.sent().len(), sent);
}

#[tokio::test]
async fn no_receiver_takes_a_preview_for_a_request_of_ours() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.publish(json!({ "id": "e-1", "type": "a", "data": 1 })).await;
    world.settle().await;
    let shown = world.post(&format!("{}/preview", hook.path()), json!({ "event": "e-1" })).await.expect(200).json();
    let header = |name: &str| {
        let headers = shown["request"]["headers"].as_array().unwrap();
        headers.iter().find(|header| header["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
    };
    let receiver = standardwebhooks::Webhook::new(&hook.secret).unwrap();
    let signed = |id: &str, timestamp: &str, body: &[u8]| receiver.sign(id, timestamp.parse().unwrap(), body).unwrap();
    let sent = &world.endpoint.sent()[0];
    let [id, timestamp, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| sent.values(name)[0]);
    assert_eq!(signed(id, timestamp, &sent.body), signature);
    let body = shown["request"]["body"].as_str().unwrap().as_bytes();
    assert_ne!(signed(&header("webhook-id"), &header("webhook-timestamp"), body), header("webhook-signature"));
}

#[tokio::test]
async fn a_preview_is_refused_as_the_change_itself_would_be() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.publish(json!({ "id": "e-1", "type": "a", "data": 1 })).await;
    world.settle().await;
    let path = format!("{}/preview", hook.path());
    let refused =
        world.post(&path, json!({ "event": "e-1", "url": "ftp://a", "rate_limit": "x", "nonsense": 1 })).await;
    let errors = refused.expect(422).json()["errors"].to_string();
    for field in ["url", "rate_limit", "nonsense"] {
        assert!(errors.contains(&format!("\"{field}\"")), "{field}: {errors}");
    }
    for event in [json!({}), json!({ "event": 7 }), json!({ "event": "" })] {
        assert_eq!(world.post(&path, event).await.expect(422).json()["errors"][0]["field"], "event");
    }
    world.post(&path, json!({ "event": "nothing" })).await.expect(404);
    world.delete("/v1/tenants/acme/events/e-1/data").await.expect(204);
    world.post(&path, json!({ "event": "e-1" })).await.expect(409);
}
