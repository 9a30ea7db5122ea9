//! Publishing through the queue, and messages that nobody can process.

use serde_json::json;
use tests::world::World;

#[tokio::test]
async fn an_outside_publisher_needs_only_tenant_type_and_data() {
    let world = World::new().await;
    world.hook(json!({})).await;
    world.send_to_events(r#"{"tenant":"acme","type":"post.published","data":{"id":1}}"#).await;
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 1);
    let expected = r#"{"type":"post.published","timestamp":"2026-01-31T09:30:00.000Z","data":{"id":1}}"#;
    assert_eq!(String::from_utf8_lossy(&sent[0].body), expected);
}

#[tokio::test]
async fn an_id_published_by_queue_and_by_api_is_one_event() {
    let world = World::new().await;
    world.hook(json!({})).await;
    world.send_to_events(r#"{"tenant":"acme","id":"order-7","type":"a","data":1}"#).await;
    world.publish(json!({ "id": "order-7", "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn poison_is_set_aside_with_its_reason_while_the_others_pass() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let large = format!(r#"{{"tenant":"acme","type":"a","data":"{}"}}"#, "x".repeat(256 * 1024));
    let poison: [(&str, &str); 9] = [
        ("not JSON", "not a valid message: expected a value at line 1 column 2"),
        ("", "it ends where a value is expected"),
        ("\u{feff}{}", "not a valid message"),
        (r#"{"tenant":"acme","type":"a"}"#, "data: is required"),
        (r#"{"tenant":"acme","data":1}"#, "type: is required"),
        (r#"{"tenant":"acme","type":"a","data":1,"colour":"red"}"#, "colour: unknown field; expected one of"),
        (r#"{"version":2,"tenant":"acme","type":"a","data":1}"#, "version: expected 1, got 2"),
        (r#"{"tenant":"acme","type":"a b","data":1}"#, "type: expected an event type"),
        (&large, "data: expected at most 262144 bytes"),
    ];
    for (body, _) in poison {
        world.send_to_events(body).await;
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.send_to_events(b"\xff\xfe".to_vec()).await;
    world.settle().await;

    assert_eq!(world.endpoint.sent().len(), poison.len());
    assert_eq!(world.messages_left(), 0);
    let letters = world.dead_letters();
    assert_eq!(letters.len(), poison.len() + 1);
    for (body, reason) in poison {
        let letter = letters.iter().find(|letter| letter.body == body).expect("the body is kept");
        assert!(letter.reason.contains(reason), "{}", letter.reason);
        assert_eq!(letter.queue, "events");
    }
}

#[tokio::test]
async fn dead_letters_survive_a_restart() {
    let world = World::new().await;
    world.send_to_events("poison").await;
    world.settle().await;
    let world = world.restart().await;
    world.settle().await;
    assert_eq!(world.dead_letters().len(), 1);
}
