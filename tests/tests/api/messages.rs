//! The wire format of the queues: what others send, and what waits in a queue
//! while a new version is rolled out, must stay readable.

use std::fs;
use std::path::Path;

use contract::messages::{DeliveryMessage, EventMessage, EventRequest};
use contract::ports::{Content, Outgoing};
use contract::stage::Message;
use serde_json::Value;

/// Every kind of message as it was first written, and as it is written still.
const EVENTS: [&str; 3] = [
    r#"{"version":1,"tenant":"acme","type":"post.published","data":{"id":42}}"#,
    r#"{"version":1,"tenant":"acme","id":"post-42","type":"post.published","timestamp":"2026-01-31T09:30:00.000Z","channels":["blog:7","public"],"deliver_at":"2026-01-31T10:00:00.000Z","data":{"b":1.0,"a":"\u00e9"}}"#,
    r#"{"version":1,"tenant":"acme","id":"post-42","deliver_at":"2026-01-31T10:00:00.000Z","continuation":{"page":1,"cursor":"0.hook_01KDYVGY008YH3QK2V7M4N9P0T"}}"#,
];
const DELIVERIES: [&str; 4] = [
    r#"{"version":1,"tenant":"acme","hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","event_id":"post-42","event_seq":"seq_01KG9P6JE46D1FBX5W3E9J2R4C","event_type":"post.published","event_timestamp":"2026-01-31T09:30:00.000Z","data":{"b":1.0,"a":2},"trigger":"first","step":0}"#,
    r#"{"version":1,"tenant":"acme","hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","event_id":"post-42","event_seq":"seq_01KG9P6JE46D1FBX5W3E9J2R4C","event_type":"post.published","event_timestamp":"2026-01-31T09:30:00.000Z","trigger":"retry","step":2,"due_at":"2026-01-31T09:35:05.000Z"}"#,
    r#"{"version":1,"tenant":"acme","hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","event_id":"post-42","event_seq":"seq_01KG9P6JE46D1FBX5W3E9J2R4C","event_type":"post.published","event_timestamp":"2026-01-31T09:30:00.000Z","data":null,"trigger":"manual","step":0,"check_log":true,"request":"01KG9P6JE46D1FBX5W3E9J2R4C"}"#,
    r#"{"version":1,"tenant":"acme","hook":"hook_01KDYVGY008YH3QK2V7M4N9P0T","event_id":"post-42","event_seq":"seq_01KG9P6JE46D1FBX5W3E9J2R4C","event_type":"post.published","event_timestamp":"2026-01-31T09:30:00.000Z","data":1,"trigger":"first","step":0,"due_at":"2026-01-31T09:30:01.000Z","check_log":true,"in_turn":true}"#,
];

#[test]
fn events_are_read_and_written_as_ever() {
    for golden in EVENTS {
        EventMessage::parse(golden.as_bytes()).unwrap();
        let message: EventMessage = serde_json::from_str(golden).unwrap();
        assert_eq!(message.to_outgoing().body, golden.as_bytes());
    }
}

#[test]
fn deliveries_are_read_and_written_as_ever() {
    for golden in DELIVERIES {
        let message = DeliveryMessage::parse(golden.as_bytes()).unwrap();
        assert_eq!(message.to_outgoing().body, golden.as_bytes());
    }
}

#[test]
fn what_a_message_carries_is_what_its_body_says() {
    fn check<T: std::fmt::Debug>(outgoing: Outgoing, take: fn(&mut Message) -> T) {
        let body = outgoing.body;
        let read = |content| format!("{:?}", take(&mut message(body.clone(), content)));
        let said = read(None);
        assert!(outgoing.content.is_some() && said.starts_with("Ok("), "{said}");
        assert_eq!(read(outgoing.content), said);
        assert_eq!(read(Some(Content::new("something else"))), said);
    }
    for golden in EVENTS {
        check(serde_json::from_str::<EventMessage>(golden).unwrap().into_outgoing(), EventMessage::take);
    }
    for golden in DELIVERIES {
        check(DeliveryMessage::parse(golden.as_bytes()).unwrap().into_outgoing(), DeliveryMessage::take);
    }
}

#[test]
fn a_stage_goes_by_what_a_message_carries_and_checks_it() {
    let nothing = EventMessage { data: None, ..serde_json::from_str(EVENTS[0]).unwrap() };
    let outgoing = nothing.into_outgoing();
    let rejection = EventMessage::take(&mut message(EVENTS[0].into(), outgoing.content)).unwrap_err();
    assert_eq!(rejection.0, "data: is required");
}

fn message(body: bytes::Bytes, content: Option<Content>) -> Message {
    Message {
        id: "01KG9P6JE46D1FBX5W3E9J2R4C".to_owned(),
        body,
        content,
        receive_count: 1,
        is_due: false,
        sent_at: None,
    }
}

#[test]
fn a_message_without_a_version_is_of_the_first() {
    let request = EventMessage::parse(br#"{"tenant":"acme","type":"a","data":1}"#).unwrap();
    assert!(matches!(request, EventRequest::Publish(publication) if publication.event_type.as_str() == "a"));
}

#[test]
fn data_that_is_null_is_data() {
    let request = EventMessage::parse(br#"{"tenant":"acme","type":"a","data":null}"#).unwrap();
    assert!(matches!(request, EventRequest::Publish(publication) if publication.data.get() == "null"));
}

#[test]
fn ids_of_hooklines_own_events_are_taken_from_its_own_stages_only() {
    let id = "hookline:hook.disabled:hook_1:1769851800000";
    let event = |more: &str| format!(r#"{{"tenant":"acme","id":"{id}","type":"hook.disabled","data":{{}}{more}}}"#);
    let refusal = "id: begins with hookline:, which is for Hookline's own events; take another id";
    assert_eq!(EventMessage::parse(event("").as_bytes()).unwrap_err().0, refusal);
    let all = EventMessage::parse(event(r#","ttl":0,"newer":1"#).as_bytes()).unwrap_err().0;
    assert!(all.contains(refusal) && all.contains("ttl: ") && all.contains("newer: "), "{all}");
    // In memory as well.
    let known: EventMessage = serde_json::from_str(&event("")).unwrap();
    let outgoing = known.into_outgoing();
    assert_eq!(EventMessage::take(&mut message(outgoing.body, outgoing.content)).unwrap_err().0, refusal);

    EventMessage::parse(event(r#","internal":true"#).as_bytes()).unwrap();
    let next = format!(r#"{{"tenant":"acme","id":"{id}","continuation":{{"page":1,"cursor":"x"}}}}"#);
    EventMessage::parse(next.as_bytes()).unwrap();
    for other in ["hookline", "hookline.a", "Hookline:a", "a:hookline:b"] {
        EventMessage::parse(event("").replace(id, other).as_bytes()).unwrap();
    }
}

#[test]
fn fields_go_by_their_names_and_not_by_their_order() {
    for (body, reason) in [
        (r#"[1,"acme","e-1","a",null,[],null,null,1,null,null]"#, "body: expected an object"),
        (r#"{"tenant":"acme","id":"e","continuation":[1,"x"]}"#, "continuation: expected an object"),
    ] {
        assert_eq!(EventMessage::parse(body.as_bytes()).unwrap_err().0, reason, "{body}");
    }
}

#[test]
fn all_that_is_wrong_with_a_message_is_told_at_once_and_in_words_of_json() {
    for (body, reason) in [
        ("{}", "tenant: is required; type: is required; data: is required"),
        (
            r#"{"tenant":"a b","type":7,"id":"x y","channels":["c",1],"ttl":"1","token":""}"#,
            "tenant: expected a tenant id of 1 to 64 characters from a-z A-Z 0-9 _ -; type: expected text; \
             id: expected an event id of 1 to 128 characters from a-z A-Z 0-9 _ - . :; channels[1]: expected text; \
             ttl: expected a number; data: is required; token: expected 1 to 128 bytes",
        ),
        (
            r#"{"version":1,"tenant":"acme","internal":true,"newer":1,"type":"a","data":1,"ttl":0.5}"#,
            "ttl: expected a number of seconds from 1 to 2592000",
        ),
        (
            r#"{"tenant":"acme","internal":true,"newer":1,"type":"a b","data":1}"#,
            "type: expected an event type of 1 to 128 characters from a-z A-Z 0-9 _ - .",
        ),
    ] {
        assert_eq!(EventMessage::parse(body.as_bytes()).unwrap_err().0, reason, "{body}");
    }
    let reason = DeliveryMessage::parse(br#"{"tenant":"acme","hook":1,"trigger":5}"#).unwrap_err().0;
    assert!(reason.starts_with("hook: expected text; trigger: expected"), "{reason}");
    assert!(reason.contains("event_id: is required"), "{reason}");
    assert_eq!(
        DeliveryMessage::parse(b"{").unwrap_err().0,
        "not a valid message: it ends within an object at line 1 column 1"
    );
}

#[test]
fn the_sample_messages_can_be_sent_as_they_are() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    for entry in fs::read_dir(samples).into_iter().flatten() {
        let path = entry.unwrap().path();
        let text = fs::read(&path).unwrap();
        let Ok(sample) = serde_json::from_slice::<Value>(&text) else { panic!("{} is not JSON", path.display()) };
        // Samples of whole Lambda events wrap their messages in records or a request.
        if sample["tenant"].is_null() {
            continue;
        }
        let parsed = match sample["hook"].is_null() {
            true => EventMessage::parse(&text).map(drop),
            false => DeliveryMessage::parse(&text).map(drop),
        };
        parsed.unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
    }
}
