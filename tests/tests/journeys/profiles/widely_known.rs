//! Those whose requests are documented for everybody.

use serde_json::{Value, json};

use super::Case;
use crate::settings::hmac_hex;

#[tokio::test]
async fn github() {
    let case = Case::new("github", json!({ "secret": "It's a Secret to Everybody" })).await;
    let sent = case.request("push", json!("Hello, World!")).await;
    assert_eq!(sent.text(), r#""Hello, World!""#);
    assert_eq!(sent.values("X-GitHub-Event"), ["push"]);
    let expected = format!("sha256={}", hmac_hex("It's a Secret to Everybody", sent.text()));
    assert_eq!(sent.values("X-Hub-Signature-256"), [expected]);
}

#[tokio::test]
async fn stripe() {
    let case = Case::new("stripe", json!({})).await;
    let secret = case.hook["secret"].as_str().unwrap();
    let sent = case.request("invoice.paid", json!({ "id": "in_1" })).await;
    let read: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!((&read["object"], &read["data"]["object"]["id"]), (&json!("event"), &json!("in_1")));
    let mac = hmac_hex(secret, &format!("1769851800.{}", sent.text()));
    assert_eq!(sent.values("Stripe-Signature"), [format!("t=1769851800,v1={mac}")]);
}

#[tokio::test]
async fn svix() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let case = Case::new("svix", json!({ "secret": secret })).await;
    let event = json!({ "id": "msg_order-1", "type": "order.paid", "data": { "a": 1 } });
    case.world.publish(event).await;
    case.world.drain().await;
    let sent = case.world.endpoint.seen().pop().unwrap();
    assert_eq!(sent.text(), r#"{"a":1}"#);
    for scheme in ["svix", "webhook"] {
        let header = |name: &str| sent.values(&format!("{scheme}-{name}")).concat();
        assert_eq!((&*header("id"), &*header("timestamp")), ("msg_order-1", "1769851800"));
    }
    let webhook = standardwebhooks::Webhook::new(secret).unwrap();
    let signature = webhook.sign("msg_order-1", 1_769_851_800, &sent.body).unwrap();
    assert_eq!(sent.values("svix-signature"), [signature]);
    assert_eq!(sent.values("svix-signature"), sent.values("webhook-signature"));
    let ladder = [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 99_305];
    for status in [500, 302, 410] {
        assert_eq!(Case::new("svix", json!({})).await.ladder(status).await, ladder);
    }
}

#[tokio::test]
async fn cloudevents() {
    let case = Case::new("cloudevents", json!({})).await;
    let event =
        json!({ "id": "order:1", "type": "order.paid", "timestamp": "2026-01-31T09:15:30.250Z", "data": { "a": 1 } });
    case.world.publish(event.clone()).await;
    case.world.drain().await;
    let sent = case.world.endpoint.seen().pop().unwrap();
    let body = r#"{"specversion":"1.0","id":"order:1","source":"/tenants/acme","type":"order.paid","time":"2026-01-31T09:15:30.250Z","datacontenttype":"application/json","data":{"a":1}}"#;
    assert_eq!((sent.text(), sent.values("content-type")), (body, vec!["application/cloudevents+json"]));
    let shown = case.world.delivery("order:1").await["attempts"][0]["request"].clone();
    let is_shown = |header: &Value| header["value"] == "application/cloudevents+json";
    assert!(shown["headers"].as_array().unwrap().iter().any(is_shown), "{shown}");

    let batched = Case::new("cloudevents", json!({ "batch": { "max_events": 2 } })).await;
    batched.world.publish(event).await;
    batched.world.drain().await;
    let sent = batched.world.endpoint.seen().pop().unwrap();
    let media_type = vec!["application/cloudevents-batch+json"];
    assert_eq!((sent.text(), sent.values("content-type")), (&*format!("[{body}]"), media_type));
}

#[tokio::test]
async fn cloudevents_binary() {
    let case = Case::new("cloudevents-binary", json!({})).await;
    let sent = case.request("order.paid", json!({ "a": 1 })).await;
    assert_eq!((sent.text(), sent.values("content-type")), (r#"{"a":1}"#, vec!["application/json"]));
    let attributes: Vec<(&str, &str)> = sent
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("ce-") && name != "ce-id")
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let expected = [
        ("ce-specversion", "1.0"),
        ("ce-source", "/tenants/acme"),
        ("ce-type", "order.paid"),
        ("ce-time", "2026-01-31T09:15:30.250Z"),
    ];
    assert_eq!(attributes, expected);
    assert_eq!(sent.values("ce-id").len(), 1);
    let batched = json!({ "batch": { "max_events": 5 } });
    let refused = case.world.patch(&case.path, batched).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "batch", "{refused}");
}
