use std::collections::BTreeSet;

use serde::Deserialize;

use super::*;
use crate::event_type::EventTypeEntry;
use crate::ids::{Channel, EventType};
use crate::settings::Settings;
use crate::time::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    kind: Kind2,
    name: EventType,
    at: Timestamp,
    inner: Inner,
    data: Box<RawValue>,
    #[serde(default)]
    channels: BTreeSet<Channel>,
    #[serde(default)]
    list: Vec<Inner>,
    count: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    n: u8,
    on: bool,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind2 {
    One,
    Two,
}

fn told(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

fn wrong<T: DeserializeOwned>(json: &str) -> Vec<String> {
    told(&read::<T>(json.as_bytes()).unwrap().wrong.and([]))
}

const RIGHT: &str =
    r#"{"kind":"two","name":"x","at":"2026-01-31T09:30:00Z","inner":{"n":1,"on":true},"data":[ 1.50 ]}"#;

#[test]
fn what_is_right_is_read_as_it_is() {
    let read = read::<Outer>(RIGHT.as_bytes()).unwrap();
    let value = read.value.unwrap();
    assert!(read.wrong.is_empty());
    assert_eq!((value.kind, value.data.get(), value.inner.on), (Kind2::Two, "[ 1.50 ]", true));
    assert_eq!((value.name.as_str(), value.at.to_string().len(), value.inner.n), ("x", 24, 1));
    assert!(value.channels.is_empty() && value.list.is_empty() && value.count.is_none());
}

#[test]
fn all_that_is_missing_is_told_by_its_own_name_and_a_value_is_there_nevertheless() {
    let read = read::<Outer>(b"{}").unwrap();
    assert!(read.value.is_some());
    let required = ["kind", "name", "at", "inner", "data"].map(|name| format!("{name}: is required"));
    assert_eq!(told(&read.wrong.and([])), required);
}

#[test]
fn unknown_ill_typed_repeated_and_missing_fields_are_told_together_and_each_once() {
    let json = r#"{"kind":"three","name":7,"at":"now","colour":1,"inner":{"n":300,"o":1},"count":1,"count":2,
        "channels":["a","b c",5],"list":[{"n":1,"on":true},1,{"n":"hush"},[],{"n":1,"on":0}],"data":"\ud800"}"#;
    assert_eq!(
        wrong::<Outer>(json),
        [
            "kind: expected one of `one`, `two`",
            "name: expected text",
            "at: expected an RFC 3339 time such as 2026-01-31T09:30:00Z, from 1970 to 9999",
            "colour: unknown field; expected one of `kind`, `name`, `at`, `inner`, `data`, `channels`, `list`, `count`",
            "inner.n: expected a whole number from 0 to 255",
            "inner.o: unknown field; expected one of `n`, `on`",
            "inner.on: is required",
            "count: is given more than once",
            "channels[1]: expected a channel of 1 to 128 characters from a-z A-Z 0-9 _ - . :",
            "channels[2]: expected text",
            "list[1]: expected an object",
            "list[2].n: expected a whole number of 0 or more",
            "list[2].on: is required",
            "list[3]: expected an object",
            "list[4].on: expected true or false",
        ]
    );
}

#[test]
fn a_whole_that_is_of_another_type_is_told_and_nothing_below_it() {
    for json in ["[]", "1", "null", r#""text""#] {
        let read = read::<Outer>(json.as_bytes()).unwrap();
        assert!(read.value.is_none());
        assert_eq!(told(&read.wrong.and([])), ["body: expected an object"], "{json}");
    }
    let json = RIGHT.replace(r#"{"n":1,"on":true}"#, "[]");
    assert_eq!(wrong::<Outer>(&json), ["inner: expected an object"]);
}

#[test]
fn what_is_wrong_with_values_joins_them_at_the_positions_that_were_given() {
    let list = r#""list":[0,{"n":1,"on":true},0,{"n":2,"on":true}]}"#;
    let json = format!("{},{list}", RIGHT.strip_suffix('}').unwrap());
    let read = read::<Outer>(json.as_bytes()).unwrap();
    assert_eq!(read.value.unwrap().list.len(), 2);
    let more = ["list[1].n", "list[0]", "list", "name", "name"].map(|field| FieldError::new(field, "x"));
    let fields: Vec<String> = read.wrong.and(more).into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["list[0]", "list[2]", "list[3].n", "list[1]", "name"]);
}

#[test]
fn settings_are_told_wrong_field_by_field() {
    let json = r#"{"auth":{"type":"basic","user":"u","password":5},"method":"post","retry":{"delays":["1",2],"exponential":{}},
        "signatures":[{"scheme":"v2"},{"header":1}],"success":{"statuses":["2xx","abc"]},"payload":{"mappings":[{"from":1}]},
        "rate_limit":-1,"headers":{},"timeout":{"connect":"1"},"name_pattern":"("}"#;
    let expected = [
        "auth.user: unknown field; expected one of `type`, `username`, `password`",
        "auth.password: expected text",
        "auth.username: is required",
        "method: expected one of `POST`, `PUT`, `PATCH`, `GET`",
    ];
    let all = wrong::<Settings>(json);
    for line in expected {
        assert!(all.iter().any(|told| told.starts_with(line)), "{line}: {all:#?}");
    }
    let fields: Vec<&str> = all.iter().map(|told| told.split(": ").next().unwrap()).collect();
    let once: BTreeSet<&&str> = fields.iter().collect();
    assert_eq!(once.len(), fields.len());
    for field in [
        "retry.delays[0]",
        "retry.exponential.initial",
        "signatures[0].scheme",
        "signatures[1].scheme",
        "signatures[1].header",
        "success.statuses[1]",
        "payload.mappings[0].field",
        "payload.mappings[0].from",
        "rate_limit",
        "headers",
        "timeout.connect",
        "name_pattern",
    ] {
        assert!(fields.contains(&field), "{field}: {all:#?}");
    }
}

#[test]
fn names_of_newer_versions_pass_the_tolerant_reader_alone() {
    let json = br#"{"name":"a b","shape":{}}"#;
    let fields = |reader: Reader| {
        let wrong = reader.read::<EventTypeEntry>(json).unwrap().wrong.and([]);
        wrong.into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(Reader::Strict), ["name", "shape"]);
    assert_eq!(fields(Reader::Tolerant), ["name"]);
}

#[test]
fn what_is_no_json_is_not_looked_into_and_much_that_is_wrong_is_told_in_part() {
    assert_eq!(read::<Outer>(b"{").unwrap_err().to_string(), "it ends within an object at line 1 column 1");
    assert_eq!(read::<Outer>(b"no").unwrap_err().to_string(), "expected a value at line 1 column 2");
    let many = format!("{{{}}}", (0..5_000).map(|n| format!(r#""x{n}":0"#)).collect::<Vec<_>>().join(","));
    let read = read::<Outer>(many.as_bytes()).unwrap();
    assert!(read.value.is_none());
    assert!((2..=MAX_FOUND).contains(&read.wrong.found.len()), "{}", read.wrong.found.len());
}
