//! All that is wrong with a body is told in one answer, each field once, in
//! words of JSON.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use tests::property_runner;
use tests::world::{OPERATOR, Reply, World};
use tokio::runtime::Builder;

use super::{EVENTS, HOOKS, KEYS, assert_nothing_stored};

/// What only somebody who knows the code would understand.
const WORDS: [&str; 28] = [
    "struct",
    "sequence",
    "map",
    "tuple",
    "newtype",
    "variant",
    "enum",
    "unit",
    "ident",
    "identifier",
    "deserialize",
    "serde",
    "Option",
    "Some",
    "None",
    "str",
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "usize",
    "i32",
    "i64",
    "f32",
    "f64",
    "Vec",
    "untagged",
];
const PHRASES: [&str; 5] = ["missing field", "invalid type", "invalid value", "invalid digit", "unknown field `"];

/// Nothing in an answer shows what it was made with, and each field is told once.
#[track_caller]
pub(super) fn assert_plain(reply: &Reply) {
    if reply.status < 400 {
        return;
    }
    let problem = reply.json();
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let said = errors.iter().map(|error| &error["message"]).chain([&problem["detail"]]);
    for text in said.map(|text| text.as_str().unwrap()) {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        let shown =
            words.find(|word| WORDS.contains(word)).or(PHRASES.into_iter().find(|phrase| text.contains(phrase)));
        assert_eq!(shown, None, "{}: {}", reply.what, reply.text());
        // A pattern that a tenant imposes is no secret, and may have been set by a case before.
        let is_repeated = text.contains("hush") && !text.contains("expected a name that matches");
        assert!(reply.status != 422 || !is_repeated, "a value may be a secret: {}: {}", reply.what, reply.text());
    }
    let fields: HashSet<&Value> = errors.iter().map(|error| &error["field"]).collect();
    assert_eq!(fields.len(), errors.len(), "{}: {}", reply.what, reply.text());
}

fn fields(reply: &Reply) -> Vec<String> {
    let problem = reply.json();
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{}: {}", reply.what, reply.text())).clone();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

/// Method, path, a body with several fields wrong in all ways, and their names.
fn all_wrong(hook: &str) -> Vec<(&'static str, String, Value, Vec<&'static str>)> {
    let hooks = json!({
        "name": "x".repeat(201), "url": "ftp://a.example.com/", "events": ["a", 7, "b c"], "enabled": "yes",
        "colour": 1, "method": "post", "rate_limit": 10_001, "retry": { "delays": [1, "hush", -1], "delay": 1 },
        "auth": { "type": "basic", "password": 5, "user": "u" }, "timeout": [1], "secret": 7,
    });
    let told = vec![
        "colour",
        "enabled",
        "events[1]",
        "secret",
        "auth.password",
        "auth.user",
        "auth.username",
        "method",
        "retry.delay",
        "retry.delays[1]",
        "timeout",
        "name",
        "url",
        "events[2]",
        "retry.delays[2]",
        "rate_limit",
    ];
    let event = json!({ "id": "x y", "data": 1, "channels": ["c", 1], "ttl": 0.5, "timestamp": 5, "colour": 1 });
    let of_event = vec!["channels[1]", "colour", "id", "timestamp", "type", "ttl"];
    let entry = json!({ "name": "a b", "description": 7, "schema": { "type": "x" }, "kind": 1, "archived": "no" });
    let of_entry = vec!["archived", "description", "kind", "name", "schema.type"];
    vec![
        ("POST", HOOKS.to_owned(), hooks.clone(), told.clone()),
        ("PATCH", hook.to_owned(), hooks, told),
        ("POST", HOOKS.to_owned(), json!({ "enabled": 1, "filter": [] }), vec!["enabled", "url", "events", "filter"]),
        (
            "POST",
            format!("{hook}/secret/rotate"),
            json!({ "overlap": 604_801, "secret": "x", "old": 1 }),
            vec!["old", "overlap", "secret"],
        ),
        (
            "POST",
            format!("{hook}/replays"),
            json!({ "status": "lost", "since": 1, "rate": 0, "dry_run": "no", "colour": 1 }),
            vec!["colour", "dry_run", "since", "status", "kind", "rate"],
        ),
        ("POST", format!("{hook}/test"), json!({ "event_type": "a b", "date": 1 }), vec!["date", "event_type"]),
        ("POST", EVENTS.to_owned(), event.clone(), of_event),
        (
            "POST",
            format!("{EVENTS}/batch"),
            json!({ "colour": 1, "events": [{ "type": "a" }, 5, event] }),
            vec![
                "colour",
                "events[0].data",
                "events[1]",
                "events[2].channels[1]",
                "events[2].colour",
                "events[2].id",
                "events[2].timestamp",
                "events[2].type",
                "events[2].ttl",
            ],
        ),
        (
            "POST",
            KEYS.to_owned(),
            json!({ "scope": "root", "name": "x".repeat(201), "expires_in": 0, "until": 1 }),
            vec!["scope", "until", "name", "expires_in"],
        ),
        ("POST", KEYS.to_owned(), json!({ "expires_in": -1 }), vec!["expires_in", "scope"]),
        (
            "POST",
            "/v1/keys".to_owned(),
            json!({ "scope": "x", "name": 1, "expires_in": 0 }),
            vec!["name", "scope", "expires_in"],
        ),
        (
            "POST",
            "/v1/tenants".to_owned(),
            json!({ "id": "a b", "name": 7, "profile": "nobody", "retention_days": 0, "plan": 1, "max_hooks": "1" }),
            vec!["id", "name", "plan", "max_hooks", "profile", "retention_days"],
        ),
        (
            "PATCH",
            "/v1/tenants/acme".to_owned(),
            json!({ "id": "b", "strict_event_types": 1, "disable_after": -1 }),
            vec!["id", "strict_event_types", "disable_after"],
        ),
        (
            "POST",
            "/v1/profiles".to_owned(),
            json!({
                "description": 1, "event_types": [{ "name": "a" }, 5, { "name": "a", "more": 1 }, { "archived": 1 }],
                "colour": 1, "batch": { "max_events": "2" }, "response_body_limit": 10_001,
            }),
            vec![
                "name",
                "colour",
                "description",
                "event_types[1]",
                "event_types[2].more",
                "event_types[3].archived",
                "event_types[3].name",
                "batch.max_events",
                "event_types[2].name",
                "response_body_limit",
            ],
        ),
        ("POST", "/v1/event-types".to_owned(), entry.clone(), of_entry.clone()),
        ("POST", "/v1/tenants/acme/event-types".to_owned(), entry.clone(), of_entry),
        (
            "PUT",
            "/v1/tenants/acme/catalogue".to_owned(),
            json!({ "event_types": [entry, { "name": "b", "example": "x".repeat(20_000) }], "version": 1 }),
            vec![
                "event_types[0].archived",
                "event_types[0].description",
                "event_types[0].kind",
                "event_types[0].name",
                "version",
                "event_types[0].schema.type",
                "event_types[1].example",
            ],
        ),
    ]
}

#[tokio::test]
async fn fields_that_are_wrong_in_all_ways_are_told_in_one_answer() {
    let world = World::new().await;
    for (method, path, body, wrong) in all_wrong(&format!("{HOOKS}/hook_01KG9P6JE46D1FBX5W3E9J2R4C")) {
        // Routes below a hook need one.
        if path.contains("hook_") {
            continue;
        }
        let reply = world.call(method, &path, Some(OPERATOR), body.to_string()).await.expect(422);
        assert_plain(&reply);
        assert_eq!(fields(&reply), wrong, "{method} {path}: {}", reply.text());
    }
    assert_nothing_stored(&world).await;
    let hook = world.hook(json!({})).await;
    for (method, path, body, wrong) in all_wrong(&hook.path()) {
        let reply = world.call(method, &path, Some(OPERATOR), body.to_string()).await.expect(422);
        assert_plain(&reply);
        assert_eq!(fields(&reply), wrong, "{method} {path}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_field_that_is_missing_is_told_by_its_own_name() {
    let world = World::new().await;
    for (path, missing) in [
        (HOOKS, &["url", "events"][..]),
        (EVENTS, &["type", "data"]),
        (KEYS, &["scope"]),
        ("/v1/tenants/acme/events/batch", &["events"]),
        ("/v1/profiles", &["name"]),
        ("/v1/event-types", &["name"]),
    ] {
        let reply = world.post(path, json!({})).await.expect(422);
        assert_eq!(fields(&reply), missing, "{path}");
        let errors = reply.json()["errors"].as_array().unwrap().clone();
        assert!(errors.iter().all(|error| error["message"] == "is required"), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn values_that_cannot_be_are_told_in_the_order_of_the_fields() {
    let world = World::new().await;
    let reply = world.post(HOOKS, json!({ "url": "x", "events": ["a b", "c d"], "secret": "y" })).await.expect(422);
    assert_eq!(fields(&reply), ["url", "events[0]", "events[1]", "secret"]);
}

/// Bodies of all routes that are right.
fn bodies(hook: &str) -> Vec<(&'static str, String, Value)> {
    let settings = json!({
        "name": "n", "description": "d", "url": "https://a.example.com/", "events": ["a", "post.*"], "channels": ["c"],
        "enabled": true, "filter": { "a": [{ "numeric": [">", 1] }] }, "profile": "github",
        "retry": { "exponential": { "initial": 5, "factor": 5, "retries": 3, "max": 125 }, "jitter": 0.1 },
        "auth": { "type": "oauth2", "token_url": "https://a.example.com/t", "client_id": "c", "client_secret": "s" },
        "payload": { "mappings": [{ "field": "a.b[0]", "from": "data.x", "default": null }], "variants": [] },
        "signatures": [{ "scheme": "v1" }, { "scheme": "hmac_sha256", "header": "X-S", "encoding": "hex" }],
        "headers": [{ "name": "X-A", "from": "event.id" }, { "name": "X-B", "value": "s", "secret": true }],
        "timeout": { "connect": 1, "total": 2 }, "batch": { "max_events": 2 }, "success": { "statuses": ["2xx"] },
        "circuit_breaker": { "failures": 5 }, "verification": { "required": false }, "method": "PUT",
        "rate_limit": 5, "disable_after": 60, "log_response_body": true,
    });
    let shared = json!({ "retry": { "delays": [1, 2.5] }, "name_pattern": "[a-z]+", "max_hooks": 7, "method": "GET" });
    let entry =
        json!({ "name": "t", "description": "d", "schema": { "type": "object" }, "example": {}, "archived": true });
    let event = json!({
        "id": "e-1", "type": "a", "data": { "n": 1 }, "timestamp": "2026-01-31T09:30:00Z", "channels": ["c"],
        "deliver_at": "2026-02-01T00:00:00Z", "ttl": 1.5,
    });
    let with = |mut body: Value, more: Value| {
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    vec![
        ("POST", HOOKS.to_owned(), settings.clone()),
        ("PATCH", hook.to_owned(), settings),
        ("POST", format!("{hook}/secret/rotate"), json!({ "secret": "s", "overlap": 1, "cutover": "at_end" })),
        ("POST", format!("{hook}/test"), json!({ "event_type": "a", "data": { "x": 1.5 } })),
        (
            "POST",
            format!("{hook}/replays"),
            json!({
                "kind": "range", "since": "2026-01-31T09:00:00Z", "until": "2026-01-31T10:00:00+01:00",
                "status": "failed", "dry_run": true, "rate": 5,
            }),
        ),
        ("POST", EVENTS.to_owned(), event.clone()),
        ("POST", format!("{EVENTS}/batch"), json!({ "events": [event.clone(), event] })),
        ("POST", KEYS.to_owned(), json!({ "name": "n", "scope": "portal", "expires_in": 60 })),
        ("POST", "/v1/keys".to_owned(), json!({ "name": "n", "expires_in": 60 })),
        (
            "POST",
            "/v1/tenants".to_owned(),
            with(shared.clone(), json!({ "id": "t", "name": "n", "profile": "github", "retention_days": 7 })),
        ),
        ("PATCH", "/v1/tenants/acme".to_owned(), with(shared.clone(), json!({ "strict_event_types": false }))),
        (
            "POST",
            "/v1/profiles".to_owned(),
            with(shared, json!({ "name": "house", "description": "d", "event_types": [entry.clone()] })),
        ),
        ("POST", "/v1/event-types".to_owned(), entry.clone()),
        ("PATCH", "/v1/event-types/t".to_owned(), json!({ "description": "d", "schema": null, "deprecated": true })),
        ("PUT", "/v1/tenants/acme/catalogue".to_owned(), json!({ "event_types": [entry] })),
    ]
}

#[derive(Clone, Debug)]
enum Change {
    Put(Value),
    Remove,
    Add(&'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let wrong = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("hush"),
        json!("hush, expected hush"),
        json!("2026-01-31T09:30:00Z"),
        json!([]),
        json!([1]),
        json!(["a"]),
        json!([{}]),
        json!({}),
        json!({ "a": 1 }),
        json!({ "type": "basic" }),
        json!({ "tenant": null }),
    ];
    prop_oneof![
        4 => select(wrong).prop_map(Change::Put),
        2 => Just(Change::Remove),
        1 => select(&["colour", "", "a.b", "`, expected `x", "[0]", "type"][..]).prop_map(Change::Add),
    ]
}

/// Every place of a value, as a JSON pointer.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, part)| {
            places(part, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, part)| places(part, &format!("{at}/{n}"), all)),
        _ => {}
    }
}

fn apply(body: &mut Value, place: Index, change: Change) {
    let mut all = Vec::new();
    places(body, "", &mut all);
    let place = place.get(&all);
    match change {
        Change::Put(value) => *body.pointer_mut(place).unwrap() = value,
        Change::Add(name) => {
            if let Some(Value::Object(fields)) = body.pointer_mut(place) {
                fields.insert(name.to_owned(), json!(1));
            }
        }
        Change::Remove => {
            let Some((parent, name)) = place.rsplit_once('/') else { return };
            match body.pointer_mut(parent) {
                Some(Value::Object(fields)) => drop(fields.remove(name)),
                Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
                _ => {}
            }
        }
    }
}

#[test]
fn no_refusal_of_any_route_shows_a_word_of_rust_or_tells_a_field_twice() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let hook = runtime.block_on(world.hook(json!({})));
    let routes = bodies(&hook.path());
    let strategy = (0..routes.len(), vec((any::<Index>(), change()), 1..6));
    let answer = property_runner(1_500, "HOOKLINE_REFUSAL_CASES").run(&strategy, |(route, changes)| {
        let (method, path, mut body) = routes[route].clone();
        for (place, change) in changes {
            apply(&mut body, place, change);
        }
        let reply = runtime.block_on(world.call(method, &path, Some(OPERATOR), body.to_string()));
        assert!(reply.status < 500, "{}: {}: {body}", reply.what, reply.text());
        assert_plain(&reply);
        Ok(())
    });
    answer.unwrap();
}
