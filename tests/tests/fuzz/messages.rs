//! What arrives by queue: `events` takes messages from any publisher, and what
//! the stages write to each other outlives a deployment.

use bytes::Bytes;
use contract::jobs::{JobFound, JobMessage};
use contract::messages::{DeliveryMessage, EventMessage, EventRequest};
use contract::stage::{Message, Outcome};
use domain::unknown::Unknown;
use tests::world::World;
use tokio::runtime::Builder;

use crate::{corpus, fuzz};

const EVENTS: [&str; 4] = [
    include_str!("../../events/event-minimal.json"),
    include_str!("../../events/event-full.json"),
    r#"{"version":1,"tenant":"acme","id":"e","continuation":{"page":1,"cursor":"x"},"token":"01KG9P6JE46D1FBX5W3E9J2R4C"}"#,
    r#"{"tenant":"acme","type":"a","data":[1.50,"\ud83d\ude00"],"ttl":0.5,"deliver_at":"2026-02-01T00:00:00+01:00"}"#,
];
const DELIVERIES: [&str; 2] = [include_str!("../../events/delivery.json"), include_str!("../../events/retry.json")];
const JOBS: [&str; 6] = [
    r#"{"version":1,"tenant":"acme","job":{"expunge":{"event":"post-1","cursor":"1.2"}}}"#,
    r#"{"version":1,"tenant":"acme","job":{"purge_events":{"until":"2026-01-31T09:30:00.000Z"}}}"#,
    r#"{"version":1,"tenant":"acme","job":{"purge_hook":{"hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","with_events":true}}}"#,
    r#"{"version":1,"tenant":"acme","job":{"purge_events":{"until":"2026-01-31T09:30:00.000Z","cursor":"x"}}}"#,
    r#"{"version":1,"tenant":"acme","job":{"purge_hook":{"hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","with_events":true,"cursor":"x"}}}"#,
    r#"{"version":1,"tenant":"acme","job":{"replay":{"hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","replay":"rpl_01KG9P6JE46D1FBX5W3E9J2R4C","step":3,"token":"t"}}}"#,
];

#[test]
fn an_event_message_is_refused_with_a_reason_or_means_the_same_when_written_again() {
    fuzz("event messages", &corpus(&EVENTS), |input| match EventMessage::parse(input) {
        Ok(EventRequest::Publish(first)) => {
            let again = EventMessage {
                version: 1,
                tenant: first.tenant.clone(),
                id: first.id.clone(),
                event_type: Some(first.event_type.clone()),
                timestamp: first.timestamp,
                channels: first.channels.clone(),
                deliver_at: first.deliver_at,
                ttl: first.ttl,
                data: Some(first.data.clone()),
                token: first.token.clone(),
                traceparent: first.traceparent,
                continuation: None,
                internal: false,
                unknown: Unknown::NONE,
            };
            let Ok(EventRequest::Publish(second)) = EventMessage::parse(&again.to_outgoing().body) else {
                panic!("what was written cannot be read")
            };
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            assert!(memmem(input, first.data.get().as_bytes()), "data is passed on byte for byte");
        }
        Ok(EventRequest::Continue(_)) => {}
        Err(rejection) => assert!(!rejection.0.is_empty()),
    });
}

fn memmem(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_delivery_message_is_refused_with_a_reason_or_written_as_it_was_read() {
    fuzz("delivery messages", &corpus(&DELIVERIES), |input| match DeliveryMessage::parse(input) {
        Ok(message) => {
            let written = message.to_outgoing().body;
            let again = DeliveryMessage::parse(&written).expect("what was written can be read");
            assert_eq!(again.to_outgoing().body, written);
            assert_eq!(again.delivery_id(), message.delivery_id());
        }
        Err(rejection) => assert!(!rejection.0.is_empty()),
    });
}

#[test]
fn a_job_message_is_refused_with_a_reason_or_written_as_it_was_read() {
    fuzz("job messages", &corpus(&JOBS), |input| match JobMessage::parse(input) {
        JobFound::Job(message) => {
            assert_eq!(JobMessage::parse(&message.to_outgoing(None).body), JobFound::Job(message));
        }
        JobFound::Invalid(rejection) => assert!(!rejection.0.is_empty()),
        JobFound::Newer(_) | JobFound::None => {}
    });
}

/// A message that nobody can process must not come back endlessly, and one that
/// somebody sent is no fault of ours.
#[test]
fn no_stage_ever_takes_a_message_for_a_fault_of_its_own() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    runtime.block_on(world.hook(serde_json::json!({ "events": ["*"] })));
    let all: Vec<&str> = [&EVENTS[..], &DELIVERIES, &JOBS].concat();
    fuzz("stages", &corpus(&all), |input| {
        let message = |receive_count| Message {
            id: "m-1".to_owned(),
            body: Bytes::copy_from_slice(input),
            content: None,
            receive_count,
            is_due: false,
            sent_at: None,
        };
        runtime.block_on(async {
            for receive_count in [1, 2] {
                let outcomes = [
                    fanout::handle(&world.engine.fanout, message(receive_count)).await,
                    deliver::handle(&world.engine.deliver, message(receive_count)).await,
                    requeue::handle(&world.engine.requeue, message(receive_count)).await,
                ];
                for outcome in outcomes {
                    assert!(!matches!(outcome, Outcome::Fault(_)), "{outcome:?}");
                }
            }
        });
    });
}
