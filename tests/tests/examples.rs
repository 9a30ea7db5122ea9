//! The examples of `tests/events/` are the wire contract of the queues as
//! others read it, so they must be what the code takes.

use std::path::Path;

use contract::messages::{DeliveryMessage, EventMessage, EventRequest, Publication};
use domain::delivery::Trigger;
use serde_json::Value;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The message bodies of a sample SQS event.
fn bodies(name: &str) -> Vec<String> {
    let event: Value = serde_json::from_str(&example(name)).expect("the sample is JSON");
    let records = event["Records"].as_array().expect("a sample of SQS has records");
    records.iter().map(|record| record["body"].as_str().expect("a body is text").to_owned()).collect()
}

fn publication(text: &str) -> Publication {
    match EventMessage::parse(text.as_bytes()) {
        Ok(EventRequest::Publish(publication)) => publication,
        other => panic!("{other:?}"),
    }
}

/// The same JSON, whatever its spacing.
fn assert_same(left: &[u8], right: &str) {
    let left: Value = serde_json::from_slice(left).expect("messages are JSON");
    let right: Value = serde_json::from_str(right).expect("the example is JSON");
    assert_eq!(left, right);
}

#[test]
fn an_event_needs_tenant_type_and_data_only() {
    let minimal = publication(&example("event-minimal.json"));
    assert_eq!((minimal.tenant.as_str(), minimal.event_type.as_str()), ("acme", "post.published"));
    assert!(minimal.id.is_none() && minimal.timestamp.is_none() && minimal.deliver_at.is_none());
}

#[test]
fn the_full_event_uses_every_field_a_publisher_has() {
    let text = example("event-full.json");
    let full = publication(&text);
    assert!(full.id.is_some() && full.timestamp.is_some() && full.deliver_at.is_some() && full.channels.len() == 2);
    let message: EventMessage = serde_json::from_str(&text).unwrap();
    assert_same(&message.to_outgoing().body, &text);
}

#[test]
fn deliveries_and_retries_are_written_as_shown() {
    for (name, trigger) in [("delivery.json", Trigger::First), ("retry.json", Trigger::Retry)] {
        let text = example(name);
        let message = DeliveryMessage::parse(text.as_bytes()).unwrap();
        assert_eq!(message.trigger, trigger, "{name}");
        assert_same(&message.to_outgoing().body, &text);
    }
}

#[test]
fn sample_invocations_carry_messages_that_can_be_read() {
    for body in bodies("fanout.json") {
        publication(&body);
    }
    for name in ["deliver.json", "requeue.json"] {
        for body in bodies(name) {
            DeliveryMessage::parse(body.as_bytes()).unwrap();
        }
    }
}

#[test]
fn the_sample_request_publishes_an_event() {
    let request: Value = serde_json::from_str(&example("api.json")).unwrap();
    assert_eq!(request["version"], "2.0");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert!(body["type"].is_string() && body.get("data").is_some());
}
