//! What an agent that subscribes by the Model Context Protocol gets.

use contract::ports::HttpRequest;
use serde_json::{Value, json};
use tests::world::{Answer, Sent};

use super::Case;

/// Returns challenges, and answers everything else with one status.
fn agent<const STATUS: u16>(request: &HttpRequest) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    match body["challenge"].as_str() {
        Some(challenge) => Answer::Body(200, json!({ "challenge": challenge }).to_string()),
        None => Answer::Status(STATUS),
    }
}

#[tokio::test]
async fn mcp() {
    let url = "https://customer.example.com/in";
    for (agent, status, attempts) in [
        (agent::<204> as fn(&HttpRequest) -> Answer, 204, 1),
        (agent::<500>, 500, 5),
        (agent::<410>, 410, 1),
        (agent::<413>, 413, 1),
    ] {
        let case = Case::new("mcp", json!({ "uid": "sub_1" })).await;
        case.world.endpoint.receive(url, agent);
        let event = json!({ "id": "order:1", "type": "order.paid", "timestamp": "2026-01-31T09:15:30.250Z",
                            "data": { "a": 1 } });
        case.world.publish(event).await;
        case.world.settle().await;
        let mut sent = case.world.endpoint.seen();
        let challenge = sent.remove(0);
        assert!(challenge.id.starts_with("msg_verification_") && challenge.text().contains("verification"));
        assert_eq!((sent.len(), challenge.values("x-mcp-subscription-id")), (attempts, vec!["sub_1"]), "{status}");
        let body = r#"{"eventId":"order:1","name":"order.paid","timestamp":"2026-01-31T09:15:30.250Z","data":{"a":1},"cursor":null}"#;
        assert_eq!((sent[0].text(), &*sent[0].id), (body, "order:1"));
        assert_eq!(sent[0].values("x-mcp-subscription-id"), ["sub_1"]);
        let shown = case.world.get(&case.path).await.json();
        assert_eq!((&shown["enabled"], shown["health"]["verified_at"].is_null()), (&json!(true), false), "{status}");
    }
}

#[tokio::test]
async fn a_challenge_that_is_not_returned_is_all_that_an_endpoint_gets() {
    let case = Case::new("mcp", json!({})).await;
    for answer in [r#"{"challenge":"********"}"#, r#"["challenge"]"#, "{}"] {
        case.world.endpoint.answer("https://customer.example.com/in", [Answer::Body(200, answer.to_owned())]);
        case.request("order.paid", json!({})).await;
    }
    let sent = case.world.endpoint.seen();
    assert!(!sent.is_empty() && sent.iter().all(|sent| sent.text().contains("verification")), "{sent:?}");
    let texts: std::collections::BTreeSet<&str> = sent.iter().map(Sent::text).collect();
    assert_eq!(texts.len(), sent.len(), "each challenge is another text");
}
