//! What the profiles for CloudEvents send, as the official SDKs read it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use tests::receivers;
use tests::world::{Sent, TENANT, World};

const EVENTS: u32 = 200;

/// JSON that every reader reads alike: doubles hold its numbers.
fn data() -> impl Strategy<Value = Value> {
    let text = || "\\PC{0,12}|[\u{0}-\u{1f}\"\\\\%]{0,4}|😀|\u{2028}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..(1_i64 << 53)).prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    let time = (0_i64..253_402_300_799_999).prop_map(|millis| domain::time::Timestamp::from_millis(millis).to_string());
    // No attribute may hold a control character (CloudEvents 1.0.2, section 3).
    let subject = "[^\\p{C}]{1,20}| a |\"quoted\"|100 %|%41|Euro € 😀";
    ("[A-Za-z0-9_.:-]{4,40}", "[A-Za-z0-9_-]{1,20}(\\.[A-Za-z0-9_-]{1,10}){0,3}", time, data(), subject).prop_map(
        |(id, kind, time, data, subject)| {
            json!({ "id": id, "type": kind, "timestamp": time, "data": { "subject": subject, "value": data } })
        },
    )
}

/// A message as the SDK takes it, and the events that are in it.
fn message(sent: &Sent) -> Value {
    let headers: serde_json::Map<String, Value> =
        sent.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), json!(value))).collect();
    json!({ "headers": headers, "body": sent.text() })
}

fn read(mut program: Command, messages: &[Value]) -> Vec<Vec<Value>> {
    let mut process = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let feeding = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = process.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn node() -> Option<Command> {
    receivers::node_script("cloudevents", &["cloudevents@10.0.0"], "read_cloudevents.mjs")
}

fn python() -> Option<Command> {
    let mut python = Command::new(receivers::python("cloudevents", &["cloudevents==2.2.0"])?);
    python.arg(receivers::script("read_cloudevents.py"));
    Some(python)
}

fn with_subject(profile: &str) -> Value {
    let mut settings = domain::profile::find_built_in(profile).unwrap().settings.clone();
    let subject = "{{ data.subject }}";
    let mut body = json!({ "profile": profile });
    if let Some(headers) = settings.headers.take() {
        let mut headers = serde_json::to_value(headers).unwrap();
        let own = json!({ "name": "ce-subject", "template": subject, "encoding": "percent" });
        headers.as_array_mut().unwrap().push(own);
        body["headers"] = headers;
        return body;
    }
    let mut payload = serde_json::to_value(settings.payload).unwrap();
    payload["mappings"].as_array_mut().unwrap().push(json!({ "field": "subject", "template": subject }));
    body["payload"] = payload;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdks_read_every_event_that_is_sent() {
    let (Some(_), Some(_)) = (node(), python()) else { return };
    let mut runner = tests::property_runner(EVENTS, "HOOKLINE_CLOUDEVENTS_CASES");
    let (cases, strategy) = (runner.config().cases, event());
    let world = World::new().await;
    let mut hooks = Vec::new();
    for (profile, batch) in [("cloudevents", 0), ("cloudevents", 3), ("cloudevents-binary", 0)] {
        let mut settings = with_subject(profile);
        if batch > 0 {
            settings["batch"] = json!({ "max_events": batch });
        }
        hooks.push(world.hook(settings).await);
    }
    let mut events = Vec::new();
    for number in 0..cases {
        let mut event = strategy.new_tree(&mut runner).unwrap().current();
        event["id"] = json!(format!("{number}:{}", event["id"].as_str().unwrap()));
        world.publish(event.clone()).await;
        events.push(event);
    }
    world.drain().await;
    for (name, read) in [("JavaScript", read(node().unwrap(), &[])), ("Python", read(python().unwrap(), &[]))] {
        assert!(read.is_empty(), "{name}");
    }
    for hook in &hooks {
        let messages: Vec<Value> = world.endpoint.sent_to(&hook.url).iter().map(message).collect();
        assert!(!messages.is_empty());
        for (name, program) in [("JavaScript", node().unwrap()), ("Python", python().unwrap())] {
            let read: Vec<Value> = read(program, &messages).into_iter().flatten().collect();
            assert_eq!(read.len(), events.len(), "{name}");
            for event in &events {
                let found = read.iter().find(|read| read["id"] == event["id"]).expect("each event is there");
                let at = domain::time::Timestamp::parse(event["timestamp"].as_str().unwrap()).unwrap();
                let time = domain::time::Timestamp::parse(found["time"].as_str().unwrap()).unwrap();
                assert_eq!(time, at, "{name}: {found}");
                let source = format!("/tenants/{TENANT}");
                assert_eq!((&found["type"], &found["source"]), (&event["type"], &json!(source)), "{name}: {found}");
                assert_eq!(found["specversion"], "1.0");
                assert_eq!(found["datacontenttype"], "application/json");
                assert_eq!(found["subject"], event["data"]["subject"], "{name}");
                assert_eq!(found["data"], event["data"], "{name}");
            }
        }
    }
}
