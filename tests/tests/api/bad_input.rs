//! What is wrong with a request is said by name, with 4xx, and nothing is stored.

use serde_json::{Value, json};
use tests::world::{OPERATOR, Reply, TENANT, World};

const HOOKS: &str = "/v1/tenants/acme/hooks";
const EVENTS: &str = "/v1/tenants/acme/events";
const KEYS: &str = "/v1/tenants/acme/keys";

/// A problem document of this status that names the field.
#[track_caller]
fn assert_problem(reply: &Reply, status: u16, field: &str) {
    let what = format!("{}: {}", reply.what, reply.text());
    assert_eq!(reply.status, status, "{what}");
    assert_eq!(reply.content_type(), "application/problem+json", "{what}");
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{what}");
    assert_eq!(problem["type"], "about:blank", "{what}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}");
    let named = problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["field"] == field));
    assert!(
        named || problem["detail"].as_str().is_some_and(|detail| detail.contains(field)),
        "no word of {field}: {what}"
    );
}

async fn assert_nothing_stored(world: &World) {
    assert_eq!(world.get(HOOKS).await.expect(200).json()["total"], 0);
    assert_eq!(world.get(KEYS).await.expect(200).json()["items"], json!([]));
    assert_eq!(world.get("/v1/tenants").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.messages_left(), 0);
}

/// A hook's settings that are right, save for what `wrong` replaces.
fn hook_with(wrong: &Value) -> Value {
    let mut settings = json!({ "url": "https://a.example.com/", "events": ["a"] });
    settings.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
    settings
}

#[tokio::test]
async fn a_path_that_is_not_text_names_nothing() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.expect(200).json();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some((before, after)) = path.rsplit_once('{') else { continue };
        let (_, after) = after.split_once('}').unwrap();
        let path = format!("{}%da{after}", before.replace("{tenant}", TENANT).replace(['{', '}'], ""));
        for method in methods.as_object().unwrap().keys() {
            let reply = world.call(&method.to_uppercase(), &path, Some(OPERATOR), "{}").await;
            assert_problem(&reply, 404, "no such");
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}

#[tokio::test]
async fn a_name_that_is_misspelt_is_answered_with_all_there_are() {
    let world = World::new().await;
    for (path, known) in [(HOOKS, "`channels`"), ("/v1/profiles", "`event_types`"), ("/v1/tenants", "`profile`")] {
        let reply = world.post(path, json!({ "name": "mine", "retries": {} })).await;
        assert_problem(&reply, 422, "retries");
        for name in [known, "or a setting: `method`", "`retry`"] {
            assert!(reply.text().contains(name), "{}", reply.text());
        }
    }
    let reply = world.post(HOOKS, hook_with(&json!({ "retry": { "delay": 1 } }))).await;
    assert_problem(&reply, 422, "retry.delay");
    assert!(!reply.text().contains("or a setting"), "{}", reply.text());
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn what_is_not_json_is_refused_as_such() {
    let world = World::new().await;
    for path in [HOOKS, EVENTS, KEYS, "/v1/tenants", "/v1/tenants/acme/events/batch"] {
        for body in ["{", "nonsense", "\u{0}"] {
            let reply = world.call("POST", path, Some(OPERATOR), body).await;
            assert_problem(&reply, 400, "not JSON");
        }
        let reply = world.call("POST", path, Some(OPERATOR), b"\xff\xfe{}".to_vec()).await;
        assert_problem(&reply, 400, "not JSON");
        for body in ["[]", "1", "null", "\"text\""] {
            let reply = world.call("POST", path, Some(OPERATOR), body).await;
            assert_eq!(reply.status, 422, "{path} {body}: {}", reply.text());
        }
    }
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn a_wrong_setting_of_a_hook_is_refused_by_name() {
    let world = World::new().await;
    let long = |count: usize| "x".repeat(count);
    let many = |count: usize| (0..count).map(|n| format!("e{n}")).collect::<Vec<_>>();
    let retry = |retry: Value| json!({ "retry": retry });
    let table = [
        (json!({ "colour": "red" }), "colour"),
        (json!({ "url": null }), "url"),
        (json!({ "url": 7 }), "url"),
        (json!({ "url": "" }), "url"),
        (json!({ "url": "example.com" }), "url"),
        (json!({ "url": "http://a.example.com/" }), "url"),
        (json!({ "url": "ftp://a.example.com/" }), "url"),
        (json!({ "url": "https://a.example.com:8443/" }), "url"),
        (json!({ "url": "https://user:pass@a.example.com/" }), "url"),
        (json!({ "url": "https://a.example.com/#top" }), "url"),
        (json!({ "url": "https://127.0.0.1/" }), "url"),
        (json!({ "url": "https://[::ffff:169.254.169.254]/" }), "url"),
        (json!({ "url": "https://localhost/" }), "url"),
        (json!({ "url": format!("https://a.example.com/{}", long(2_048)) }), "url"),
        (json!({ "events": [] }), "events"),
        (json!({ "events": "a" }), "events"),
        (json!({ "events": ["a", "b c"] }), "events[1]"),
        (json!({ "events": ["*.created"] }), "events[0]"),
        (json!({ "events": [long(129)] }), "events[0]"),
        (json!({ "events": many(51) }), "events"),
        (json!({ "channels": ["a", ""] }), "channels[1]"),
        (json!({ "channels": many(51) }), "channels"),
        (json!({ "enabled": "yes" }), "enabled"),
        (json!({ "name": long(201) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "description": long(2_001) }), "description"),
        (json!({ "secret": "whsec_short" }), "secret"),
        (json!({ "secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }), "secret"),
        (json!({ "timeout": { "total": 31 } }), "timeout.total"),
        (json!({ "timeout": { "connect": 0 } }), "timeout.connect"),
        (json!({ "timeout": { "read": 1 } }), "read"),
        (json!({ "timeout": [1, 2] }), "timeout"),
        (json!({ "auth": ["none"] }), "auth"),
        (json!({ "auth": ["bearer", "t"] }), "auth"),
        (json!({ "headers": [["X-A", "v"]] }), "headers[0]"),
        (retry(json!({})), "retry"),
        (retry(json!([])), "retry"),
        (
            retry(json!({ "delays": [1], "exponential": { "initial": 1, "factor": 2, "retries": 3, "max": 4 } })),
            "retry",
        ),
        (retry(json!({ "delays": [1, -1] })), "retry.delays[1]"),
        (retry(json!({ "delays": [604_801] })), "retry.delays[0]"),
        (retry(json!({ "delays": vec![1; 51] })), "retry.delays"),
        (retry(json!({ "delays": ["1"] })), "retry.delays[0]"),
        (retry(json!({ "delays": [1], "jitter": 1.5 })), "retry.jitter"),
        (
            retry(json!({ "exponential": { "initial": 1, "factor": 0.5, "retries": 3, "max": 4 } })),
            "retry.exponential.factor",
        ),
        (
            retry(json!({ "exponential": { "initial": 1, "factor": 2, "retries": 51, "max": 4 } })),
            "retry.exponential.retries",
        ),
        (
            retry(json!({ "exponential": { "initial": 1, "factor": 2, "retries": -1, "max": 4 } })),
            "retry.exponential.retries",
        ),
        (retry(json!({ "exponential": { "initial": 1, "factor": 2, "max": 4 } })), "retries"),
    ];
    for (wrong, field) in &table {
        assert_problem(&world.post(HOOKS, hook_with(wrong)).await, 422, field);
    }
    assert_nothing_stored(&world).await;

    let hook = world.hook(json!({})).await;
    let before = world.get(&hook.path()).await.json();
    for (wrong, field) in table.iter().filter(|(wrong, _)| *wrong != json!({ "url": null })) {
        assert_problem(&world.patch(&hook.path(), wrong.clone()).await, 422, field);
    }
    assert_eq!(world.get(&hook.path()).await.json(), before);
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let world = World::new().await;
    let reply = world.post(HOOKS, json!({ "url": "x", "events": ["a b", "c d"], "secret": "y" })).await.expect(422);
    let errors = reply.json()["errors"].as_array().unwrap().clone();
    let fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["url", "events[0]", "events[1]", "secret"]);
    let missing = world.post(HOOKS, json!({})).await.expect(422).json();
    assert_eq!(missing["errors"].as_array().unwrap().len(), 2, "{missing}");
}

#[tokio::test]
async fn a_wrong_event_is_refused_by_name() {
    let world = World::new().await;
    let channels: Vec<String> = (0..17).map(|n| n.to_string()).collect();
    for (body, status, field) in [
        (json!({ "data": 1 }), 422, "type"),
        (json!({ "type": "a" }), 422, "data"),
        (json!({ "data": 1, "type": 7 }), 422, "type"),
        (json!({ "data": { "deep": [1] }, "type": "a b" }), 422, "type"),
        (json!({ "type": "x".repeat(129), "data": 1 }), 422, "type"),
        (json!({ "type": "a", "data": 1, "colour": 1 }), 422, "colour"),
        (json!({ "type": "a", "data": 1, "id": "" }), 422, "id"),
        (json!({ "type": "a", "data": 1, "id": "x y" }), 422, "id"),
        (json!({ "type": "a", "data": 1, "id": "x".repeat(129) }), 422, "id"),
        (json!({ "type": "a", "data": 1, "timestamp": "yesterday" }), 422, "timestamp"),
        (json!({ "type": "a", "data": 1, "timestamp": 1_769_851_800 }), 422, "timestamp"),
        (json!({ "type": "a", "data": 1, "deliver_at": "2026-13-01T00:00:00Z" }), 422, "deliver_at"),
        (json!({ "type": "a", "data": 1, "channels": ["ok", "not ok"] }), 422, "channels[1]"),
        (json!({ "type": "a", "data": 1, "channels": channels }), 422, "channels"),
        (json!({ "type": "a", "data": "x".repeat(256 * 1024) }), 413, "data"),
    ] {
        assert_problem(&world.post(EVENTS, body.clone()).await, status, field);
        let in_batch = world.post("/v1/tenants/acme/events/batch", json!({ "events": [body] })).await;
        assert_problem(&in_batch, status, field);
        assert!(in_batch.text().contains("events[0]"), "{}", in_batch.text());
    }
    for (events, field) in [(json!([]), "events"), (json!(vec![1; 101]), "events"), (json!({}), "events")] {
        assert_problem(&world.post("/v1/tenants/acme/events/batch", json!({ "events": events })).await, 422, field);
    }
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413() {
    let world = World::new().await;
    let body = format!(r#"{{"type":"a","data":"{}"}}"#, "x".repeat(4 * 1024 * 1024));
    assert_problem(&world.call("POST", EVENTS, Some(OPERATOR), body).await, 413, "4194304");
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn wrong_tenants_keys_and_rotations_are_refused_by_name() {
    let world = World::new().await;
    assert_problem(&world.post("/v1/tenants", json!({ "id": "a b" })).await, 422, "id");
    assert_problem(&world.post("/v1/tenants", json!({ "id": "x".repeat(65) })).await, 422, "id");
    assert_problem(&world.post("/v1/tenants", json!({ "name": "x".repeat(201) })).await, 422, "name");
    assert_problem(&world.post("/v1/tenants", json!({ "plan": "free" })).await, 422, "plan");
    assert_problem(&world.post("/v1/tenants", json!({ "id": TENANT })).await, 409, "acme");
    assert_problem(&world.patch("/v1/tenants/acme", json!({ "id": "b" })).await, 422, "id");
    assert_problem(&world.post(KEYS, json!({})).await, 422, "scope");
    assert_problem(&world.post(KEYS, json!({ "scope": "root" })).await, 422, "scope");
    assert_problem(&world.post(KEYS, json!({ "scope": "tenant", "name": "x".repeat(201) })).await, 422, "name");
    assert_nothing_stored(&world).await;

    let hook = world.hook(json!({})).await;
    let rotate = format!("{}/secret/rotate", hook.path());
    assert_problem(&world.post(&rotate, json!({ "overlap": 604_801 })).await, 422, "overlap");
    assert_problem(&world.post(&rotate, json!({ "overlap": -1 })).await, 422, "overlap");
    assert_problem(&world.post(&rotate, json!({ "secret": "whsec_" })).await, 422, "secret");
    assert_problem(&world.post(&rotate, json!([null, null])).await, 422, "body");
    let secret = world.get(&format!("{}/secret", hook.path())).await.expect(200).json();
    assert_eq!(secret, json!({ "secret": hook.secret, "others": [] }));
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_name() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let log = format!("{}/deliveries", hook.path());
    let of_event = format!("{EVENTS}/{event}/deliveries");
    for (path, query, field) in [
        (&log, "limit=0", "limit"),
        (&log, "limit=101", "limit"),
        (&log, "limit=ten", "limit"),
        (&log, "cursor=nonsense", "cursor"),
        (&log, "status=lost", "status"),
        (&log, "code=6xx", "code"),
        (&log, "code=99", "code"),
        (&log, "since=yesterday", "since"),
        (&log, "until=1", "until"),
        (&log, "event=a%20b", "event"),
        (&log, "colour=red", "colour"),
        (&log, "=red", "query"),
        (&of_event, "limit=0", "limit"),
        (&of_event, "cursor=nonsense", "cursor"),
        (&of_event, "cursor=0.x", "cursor"),
        (&of_event, "cursor=4294967295.0", "cursor"),
        (&of_event, "cursor=7.0", "cursor"),
        (&of_event, "status=failed", "status"),
        (&HOOKS.to_owned(), "limit=-1", "limit"),
        (&HOOKS.to_owned(), "cursor=nonsense", "cursor"),
        (&HOOKS.to_owned(), "order=size", "order"),
        (&HOOKS.to_owned(), "enabled=1", "enabled"),
        (&HOOKS.to_owned(), "event=a%20b", "event"),
        (&HOOKS.to_owned(), "colour=red", "colour"),
        (&"/v1/tenants".to_owned(), "cursor=a%20b", "cursor"),
        (&"/v1/tenants".to_owned(), "limit=1000", "limit"),
    ] {
        assert_problem(&world.get(&format!("{path}?{query}")).await, 400, field);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_404_whatever_its_id_looks_like() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let another = hook.id.replace("hook_", "");
    let unknown = "hook_01KG9P6JE46D1FBX5W3E9J2R4C";
    for path in [
        "/v1/tenants/nobody".to_owned(),
        "/v1/tenants/nobody/hooks".to_owned(),
        "/v1/tenants/a%20b/hooks".to_owned(),
        "/v1/tenants/%ff/hooks".to_owned(),
        format!("{HOOKS}/{unknown}"),
        format!("{HOOKS}/{unknown}/secret"),
        format!("{HOOKS}/{unknown}/deliveries"),
        format!("{HOOKS}/{another}"),
        format!("{HOOKS}/{}", hook.id.to_lowercase()),
        format!("{HOOKS}/%00"),
        format!("{HOOKS}/{}", "x".repeat(5_000)),
        format!("{EVENTS}/unknown"),
        format!("{EVENTS}/unknown/deliveries"),
        format!("{EVENTS}/a%20b"),
        "/v1/tenants/acme/deliveries/unknown".to_owned(),
        format!("/v1/tenants/acme/deliveries/dlv_01KG9P6JE46D1FBX5W3E9J2R4C{another}"),
    ] {
        assert_problem(&world.get(&path).await, 404, "no such");
    }
    assert_problem(&world.delete(&format!("{KEYS}/key_01KG9P6JE46D1FBX5W3E9J2R4C")).await, 404, "key");
    assert_problem(&world.delete(&format!("{HOOKS}/{unknown}")).await, 404, "hook");
    assert_problem(&world.post("/v1/tenants/nobody/events", json!({ "type": "a", "data": 1 })).await, 404, "tenant");
}

/// `value` with every part of it replaced by `wrong`, one at a time.
fn spoilt(value: &Value, wrong: &Value) -> Vec<Value> {
    let mut all = vec![wrong.clone()];
    match value {
        Value::Object(fields) => {
            for (name, part) in fields {
                all.extend(spoilt(part, wrong).into_iter().map(|part| {
                    let mut whole = fields.clone();
                    whole.insert(name.clone(), part);
                    Value::Object(whole)
                }));
            }
        }
        Value::Array(items) => {
            for (index, part) in items.iter().enumerate() {
                all.extend(spoilt(part, wrong).into_iter().map(|part| {
                    let mut whole = items.clone();
                    whole[index] = part;
                    Value::Array(whole)
                }));
            }
        }
        _ => {}
    }
    all
}

#[tokio::test]
async fn no_value_in_any_field_of_any_body_is_our_fault() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let settings = json!({
        "name": "n", "description": "d", "url": "https://a.example.com/", "events": ["a"], "channels": ["c"],
        "enabled": true, "retry": { "delays": [1.0], "jitter": 0.5 }, "timeout": { "connect": 1.0, "total": 2.0 },
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    });
    let exponential = json!({ "initial": 1.0, "factor": 2.0, "retries": 3, "max": 60.0 });
    let event = json!({
        "id": "e", "type": "a", "data": 1, "timestamp": "2026-01-31T09:30:00Z", "channels": ["c"],
        "deliver_at": "2026-01-31T09:30:00Z",
    });
    let bodies = [
        ("POST", HOOKS.to_owned(), settings.clone()),
        ("PATCH", hook.path(), settings),
        ("PATCH", hook.path(), json!({ "retry": { "exponential": exponential } })),
        ("POST", format!("{}/secret/rotate", hook.path()), json!({ "secret": "s", "overlap": 1 })),
        ("POST", EVENTS.to_owned(), event.clone()),
        ("POST", format!("{EVENTS}/batch"), json!({ "events": [event] })),
        ("POST", KEYS.to_owned(), json!({ "name": "n", "scope": "publish" })),
        ("POST", "/v1/tenants".to_owned(), json!({ "id": "t", "name": "n" })),
        ("PATCH", "/v1/tenants/acme".to_owned(), json!({ "name": "n" })),
    ];
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}"),
        json!("9999-12-31T23:59:59.999Z"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "a": 1 }),
    ];
    for (method, path, body) in bodies {
        for wrong in &strange {
            for body in spoilt(&body, wrong) {
                let reply = world.call(method, &path, Some(OPERATOR), body.to_string()).await;
                assert!(reply.status < 500, "{}: {}: {body}", reply.what, reply.text());
                let problem = reply.content_type() == "application/problem+json";
                assert_eq!(problem, reply.status >= 400, "{}: {}", reply.what, reply.text());
            }
        }
    }
    world.settle().await;
    assert!(world.dead_letters().is_empty(), "what was accepted can be processed: {:?}", world.dead_letters());
}

#[tokio::test]
async fn an_id_that_no_path_could_name_is_refused_where_it_is_chosen() {
    let world = World::new().await;
    for name in [".", ".."] {
        assert_problem(&world.post("/v1/tenants", json!({ "id": name })).await, 422, "id");
        assert_problem(&world.post("/v1/profiles", json!({ "name": name })).await, 422, "name");
        for types in ["/v1/event-types", "/v1/tenants/acme/event-types"] {
            assert_problem(&world.post(types, json!({ "name": name })).await, 422, "name");
        }
        let document = json!({ "event_types": [{ "name": "a" }, { "name": name }] }).to_string();
        let reply = world.call("PUT", "/v1/tenants/acme/catalogue", Some(OPERATOR), document).await;
        assert_problem(&reply, 422, "event_types[1].name");
        let typed = json!({ "type": name, "data": 1 });
        assert_problem(&world.post(EVENTS, typed.clone()).await, 422, "type");
        let batch = json!({ "events": [typed] });
        assert_problem(&world.post("/v1/tenants/acme/events/batch", batch).await, 422, "events[0].type");
        assert_problem(&world.post(HOOKS, hook_with(&json!({ "events": [name] }))).await, 422, "events[0]");
    }
    for id in [".", "..", "batch"] {
        let reply = world.post(EVENTS, json!({ "id": id, "type": "a", "data": 1 })).await;
        assert_problem(&reply, 422, "id");
        assert!(reply.text().contains("no path could name it"), "{}", reply.text());
        world.send_to_events(json!({ "tenant": TENANT, "id": id, "type": "a", "data": 1 }).to_string()).await;
        world.drain().await;
        let dead = world.dead_letters();
        assert!(dead[0].reason.contains("id"), "{}", dead[0].reason);
    }
    assert_eq!(world.dead_letters().len(), 3);
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn what_stands_in_a_path_where_an_id_could_stand_is_refused_as_that_id() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.expect(200).json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let mut beside = Vec::new();
    for (parent, _) in paths.iter().filter_map(|path| path.rsplit_once("/{")) {
        let children = paths.iter().filter_map(|path| path.strip_prefix(parent)?.strip_prefix('/'));
        let named = children.map(|rest| rest.split('/').next().unwrap()).filter(|name| !name.starts_with('{'));
        beside.extend(named.map(|name| format!("{parent}/{name}")));
    }
    beside.sort();
    beside.dedup();
    assert_eq!(beside, ["/v1/tenants/{tenant}/events/batch"], "an id of that name has to be refused as well");
}
