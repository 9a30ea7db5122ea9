//! Paths and queries that are wrong.

use serde_json::json;
use tests::world::World;

use super::all_at_once::assert_plain;
use super::{EVENTS, HOOKS, KEYS, assert_problem};

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
        let reply = world.get(&format!("{path}?{query}")).await;
        assert_problem(&reply, 400, field);
        assert_plain(&reply);
    }
}

#[tokio::test]
async fn all_parameters_that_are_wrong_are_told_at_once() {
    let world = World::new().await;
    let query = "limit=ten&enabled=1&name=x&colour=red&order=size&page=-1";
    let reply = world.get(&format!("{HOOKS}?{query}")).await.expect(400).json();
    let told = reply["errors"].as_array().unwrap().iter().map(|error| (&error["field"], &error["message"]));
    let told: Vec<String> = told.map(|(field, message)| format!("{field}: {message}").replace('"', "")).collect();
    assert_eq!(told[..2], ["limit: expected a whole number from 1 to 100", "enabled: expected true or false"]);
    assert!(told[2].starts_with("colour: unknown field; expected one of `event`, `name`"), "{told:?}");
    assert!(told[3].starts_with("order: expected one of `created`, `-created`"), "{told:?}");
    assert_eq!(told[4..], ["page: expected a whole number of 0 or more"]);
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

#[tokio::test]
async fn a_plus_that_was_not_encoded_in_a_time_is_told_with_how_to_write_it() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let document = world.get("/openapi.json").await.expect(200).json();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let parameters = operations["get"]["parameters"].as_array().into_iter().flatten();
        let times = parameters.filter(|parameter| matches!(parameter["name"].as_str(), Some("since" | "until")));
        for name in times.map(|parameter| parameter["name"].as_str().unwrap()) {
            let path = path.replace("{tenant}", "acme").replace("{hook}", &hook.id);
            for written in ["2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00%2002:00", "2026-01-01T00:00:00.5+02:00"] {
                let reply = world.get(&format!("{path}?limit=1&{name}={written}")).await;
                let reply = if reply.text().contains("limit: unknown") {
                    world.get(&format!("{path}?{name}={written}")).await
                } else {
                    reply
                };
                assert_problem(&reply, 400, name);
                assert!(
                    reply.text().contains("a space where a plus was meant: write the plus as %2B"),
                    "{}",
                    reply.text()
                );
            }
            let other = world.get(&format!("{path}?{name}=next+week")).await;
            assert_problem(&other, 400, name);
            assert!(!other.text().contains("%2B"), "{}", other.text());
            world.get(&format!("{path}?{name}=2026-01-01T00:00:00%2B02:00")).await.expect(200);
            tried += 1;
        }
    }
    assert!(tried >= 14, "the lists, the log of a hook, counts, statistics and audits: {tried}");
}
