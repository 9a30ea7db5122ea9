use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::ids::{Channel, DeliveryId, EventId, EventSeq, HookId, TenantId};

pub(super) struct Fixture {
    event_id: EventId,
    event_type: EventType,
    channels: BTreeSet<Channel>,
    tenant_id: TenantId,
    attributes: BTreeMap<String, String>,
    hook: HookId,
    data: Box<RawValue>,
}

impl Fixture {
    pub(super) fn new(data: &str) -> Self {
        Self {
            event_id: "evt_1".parse().unwrap(),
            event_type: "post.published".parse().unwrap(),
            channels: ["de", "at"].map(|c| c.parse().unwrap()).into(),
            tenant_id: "acme".parse().unwrap(),
            attributes: [("plan".to_owned(), "Gold \"2\"".to_owned())].into(),
            hook: HookId(ulid::Ulid::from_parts(1, 2)),
            data: RawValue::from_string(data.to_owned()).unwrap(),
        }
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source {
            event_id: &self.event_id,
            event_type: &self.event_type,
            event_timestamp: Timestamp::from_millis(1_769_851_800_123),
            channels: &self.channels,
            tenant_id: &self.tenant_id,
            tenant_name: "Acme \"GmbH\"",
            tenant_attributes: &self.attributes,
            hook_id: self.hook,
            hook_name: "",
            delivery_id: DeliveryId { event: EventSeq(ulid::Ulid::from_parts(1, 1)), hook: self.hook },
            data: &self.data,
        }
    }
}

fn payload(mappings: &str) -> Payload {
    let payload: Payload = serde_json::from_str(&format!(r#"{{"mappings":{mappings}}}"#)).unwrap();
    assert_eq!(wrong(&payload), []);
    payload
}

fn wrong(payload: &Payload) -> Vec<(String, String)> {
    let mut errors = Vec::new();
    payload.check("payload", &mut errors);
    errors.into_iter().map(|e| (e.field, e.message)).collect()
}

fn wrong_fields(json: &str) -> Vec<String> {
    wrong(&serde_json::from_str(json).unwrap()).into_iter().map(|(field, _)| field).collect()
}

fn rendered(mappings: &str, data: &str) -> String {
    String::from_utf8(payload(mappings).render(&Fixture::new(data).source()).unwrap()).unwrap()
}

#[test]
fn data_keeps_its_bytes() {
    let data = r#"{"b":1.10, "a":1e3,"é":"\u00e9"}"#;
    let fixture = Fixture::new(data);
    let expected = format!(r#"{{"type":"post.published","timestamp":"2026-01-31T09:30:00.123Z","data":{data}}}"#);
    let envelope = r#"[{"field":"type","from":"event.type"},{"field":"timestamp","from":"event.timestamp"},{"field":"data","from":"data"}]"#;
    assert_eq!(rendered(envelope, data), expected);
    assert_eq!(standard(&fixture.event_type, fixture.source().event_timestamp, data), expected.as_bytes());
    let raw: Payload = serde_json::from_str(r#"{"raw":true}"#).unwrap();
    assert!(raw.is_raw());
    assert_eq!(raw.render(&fixture.source()).unwrap(), data.as_bytes());
}

#[test]
fn parts_of_data_keep_their_bytes_wherever_they_go() {
    let data = r#"{"n": 1.10 ,"list":[ {"x":"\u00e9"}, { "y" : 1e400 } ],"a.b":null}"#;
    let mappings = r#"[{"field":"out.n","from":"data.n"},{"field":"out.l[0]","from":"data.list[1]"},
        {"field":"out.l[1].deep","from":"data.list[0].x"},{"field":"[\"a.b\"]","from":"data[\"a.b\"]","default":1}]"#;
    let expected = r#"{"out":{"n":1.10,"l":[{ "y" : 1e400 },{"deep":"\u00e9"}]},"a.b":null}"#;
    assert_eq!(rendered(mappings, data), expected);
}

#[test]
fn everything_about_a_delivery_can_be_told() {
    let names = [
        "event.id",
        "event.type",
        "event.timestamp_unix",
        "event.timestamp_unix_string",
        "event.timestamp_datetime",
        "event.timestamp_seconds",
        "event.timestamp_offset",
        "event.timestamp_millis",
        "event.timestamp_date",
        "event.channels",
        "tenant.id",
        "tenant.name",
        "tenant.attributes",
        "tenant.attributes.plan",
        "hook.name",
    ];
    let mappings = names.map(|name| format!(r#"{{"field":"{}","from":"{name}"}}"#, name.replace('.', "_")));
    let expected = concat!(
        r#"{"event_id":"evt_1","event_type":"post.published","event_timestamp_unix":1769851800,"#,
        r#""event_timestamp_unix_string":"1769851800","event_timestamp_datetime":"2026-01-31 09:30:00","#,
        r#""event_timestamp_seconds":"2026-01-31T09:30:00Z","event_timestamp_offset":"2026-01-31T09:30:00+00:00","#,
        r#""event_timestamp_millis":1769851800123,"event_timestamp_date":"2026-01-31","#,
        r#""event_channels":["at","de"],"tenant_id":"acme","tenant_name":"Acme \"GmbH\"","tenant_attributes":{"plan":"Gold \"2\""},"tenant_attributes_plan":"Gold \"2\"","hook_name":""}"#,
    );
    assert_eq!(rendered(&format!("[{}]", mappings.join(",")), "1"), expected);
    let ids = rendered(r#"[{"field":"h","from":"hook.id"},{"field":"d","from":"delivery.id"}]"#, "1");
    let source = Fixture::new("1");
    assert_eq!(ids, format!(r#"{{"h":"{}","d":"{}"}}"#, source.hook, source.source().delivery_id));
}

#[test]
fn a_missing_path_takes_its_default_or_leaves_the_field_out() {
    let mappings = r#"[{"field":"a","from":"data.x"},{"field":"b","from":"data.x.y","default":null},
        {"field":"c.d","from":"data.list[5]"},{"field":"e[0]","from":"data.x"},{"field":"e[1]","value":"fixed"},
        {"field":"f","value":null}]"#;
    for data in [r#"{"list":[1]}"#, "[]", "7", r#""text""#, "null"] {
        assert_eq!(rendered(mappings, data), r#"{"b":null,"c":{},"e":["fixed"],"f":null}"#, "{data}");
    }
}

#[test]
fn the_last_of_repeated_keys_counts_as_a_whole() {
    let mappings = r#"[{"field":"b","from":"data.a.b","default":0}]"#;
    assert_eq!(rendered(mappings, r#"{"a":{"b":1},"a":{}}"#), r#"{"b":0}"#);
}

#[test]
fn every_mistake_is_told_with_its_path() {
    let json = r#"{"mappings":[
        {"field":"a.b","from":"event.id"},
        {"field":"a","value":1},
        {"field":"c","from":"attempt.number"},
        {"field":"d[1]","value":1},
        {"field":"e"},
        {"field":"f..g","from":"nothing"},
        {"field":"a.b.c","value":1},
        {"field":"h","value":1,"from":"data"},
        {"field":"i","value":1,"default":2},
        {"field":"[0]","value":1}
    ]}"#;
    let expected = [
        "[1].field",
        "[2].from",
        "[3].field",
        "[4]",
        "[5].from",
        "[5].field",
        "[6].field",
        "[7]",
        "[8].default",
        "[9].field",
    ];
    assert_eq!(wrong_fields(json), expected.map(|end| format!("payload.mappings{end}")));
}

#[test]
fn exactly_one_of_mappings_and_raw_is_asked_for() {
    for json in ["{}", r#"{"raw":false}"#, r#"{"raw":true,"mappings":[]}"#] {
        assert_eq!(wrong_fields(json), ["payload"], "{json}");
    }
    assert!(crate::strict::from_slice::<Payload>(br#"{"raw":true,"more":1}"#).is_err());
}

#[test]
fn mappings_and_fixed_values_are_bounded() {
    let many: Vec<String> = (0..101).map(|n| format!(r#"{{"field":"f{n}","value":1}}"#)).collect();
    assert_eq!(wrong_fields(&format!(r#"{{"mappings":[{}]}}"#, many.join(","))), ["payload.mappings"]);
    let long = format!(r#"{{"mappings":[{{"field":"f","value":"{}"}}]}}"#, "x".repeat(4096));
    assert_eq!(wrong_fields(&long), ["payload.mappings[0].value"]);
}

#[test]
fn a_payload_is_stored_as_it_was_given() {
    let json =
        r#"{"mappings":[{"field":"a","from":"data.x","default":{"b":1.10,"a":null}},{"field":"c","value":null}]}"#;
    let payload: Payload = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&payload).unwrap(), json);
    let raw: Payload = serde_json::from_str(r#"{"raw":true}"#).unwrap();
    assert_eq!(serde_json::to_string(&raw).unwrap(), r#"{"raw":true}"#);
}

#[test]
fn a_payload_can_be_read_from_a_parsed_document() {
    let json = r#"{"mappings":[{"field":"a","from":"data.x","default":[1,null]},{"field":"c","value":null}]}"#;
    let document: serde_json::Value = serde_json::from_str(json).unwrap();
    let payload: Payload = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(payload, serde_json::from_str(json).unwrap());
    assert_eq!(serde_json::to_value(&payload).unwrap(), document);
}

#[test]
fn several_bodies_become_one_array() {
    assert_eq!(array(&[]), b"[]");
    assert_eq!(array(&[b"{}".to_vec(), b"1".to_vec()]), b"[{},1]");
}

proptest! {
    #[test]
    fn any_mappings_render_valid_json(
        fields in proptest::collection::vec("[ab](\\.[ab]|\\[[01]\\]){0,3}", 0..8),
        from in "data(\\.[ab]|\\[[01]\\]){0,3}|event\\.id|attempt",
        data in r#"\{"a":(1|\[1,\{"b":2\}\]),"b":\{"a":"x","b":\[\]\}\}"#,
    ) {
        let mappings: Vec<_> = fields.iter().map(|field| serde_json::json!({ "field": field, "from": from })).collect();
        let payload: Payload = serde_json::from_value(serde_json::json!({ "mappings": mappings })).unwrap();
        let body = payload.render(&Fixture::new(&data).source()).unwrap();
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok_and(|body| body.is_object()));
    }
}
