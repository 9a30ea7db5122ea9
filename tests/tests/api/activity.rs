//! The events and deliveries of a tenant, of all tenants, and counts of them.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

fn path(rest: &str) -> String {
    format!("/v1/tenants/{TENANT}{rest}")
}

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

async fn publish(world: &World, id: &str, event_type: &str, channels: &[&str]) {
    world.publish(json!({ "id": id, "type": event_type, "data": 1, "channels": channels })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(1));
}

/// Two hooks, of which one fails once, and four events, of which no hook wants one.
async fn busy() -> (World, [String; 2]) {
    let world = World::new().await;
    let posts = world.hook(json!({ "events": ["post.*"], "retry": { "delays": [60], "jitter": 0 } })).await;
    let users = world.hook(json!({ "events": ["user.*"], "channels": ["blog:7"], "retry": { "delays": [] } })).await;
    world.endpoint.answer(&posts.url, [Answer::Status(200), Answer::Status(503)]);
    world.endpoint.answer(&users.url, [Answer::Timeout]);
    publish(&world, "one", "post.created", &[]).await;
    publish(&world, "two", "post.updated", &["blog:7"]).await;
    publish(&world, "three", "user.created", &["blog:7", "blog:8"]).await;
    publish(&world, "four", "mail.sent", &[]).await;
    (world, [posts.id, users.id])
}

#[tokio::test]
async fn the_events_of_a_tenant_are_listed_newest_first_those_included_that_no_hook_wanted() {
    let (world, _) = busy().await;
    let list = world.get(&path("/events")).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(texts(items, "id"), ["four", "three", "two", "one"]);
    assert_eq!(list["next_cursor"], Value::Null);
    assert_eq!((&items[0]["matched"], &items[1]["matched"]), (&json!(false), &json!(true)));
    assert_eq!((&items[1]["type"], &items[1]["channels"]), (&json!("user.created"), &json!(["blog:7", "blog:8"])));
    assert_eq!(items[0].get("tenant"), None);
    for (query, ids) in [
        ("type=post.*", vec!["two", "one"]),
        ("type=user.created", vec!["three"]),
        ("channel=blog:7", vec!["three", "two"]),
        ("id_prefix=t", vec!["three", "two"]),
        ("matched=false", vec!["four"]),
        ("matched=true&type=post.created", vec!["one"]),
        ("type=nothing", vec![]),
    ] {
        let found = world.pages(&path(&format!("/events?{query}"))).await;
        assert_eq!(texts(&found, "id"), ids, "{query}");
    }
    let accepted = |item: &Value| item["listed_at"].as_str().unwrap().to_owned();
    let (since, until) = (accepted(&items[2]), accepted(&items[0]));
    let found = world.pages(&path(&format!("/events?since={since}&until={until}"))).await;
    assert_eq!(texts(&found, "id"), ["three", "two"]);
}

#[tokio::test]
async fn an_event_is_listed_once_however_many_hooks_and_attempts_it_has() {
    let world = World::new().await;
    for _ in 0..3 {
        let hook = world.hook(json!({ "retry": { "delays": [1, 1], "jitter": 0 } })).await;
        world.endpoint.answer(&hook.url, vec![Answer::Status(500); 2]);
    }
    world.hook(json!({ "enabled": false })).await;
    for number in 0..5 {
        world.publish(json!({ "id": format!("e{number}"), "type": "a", "data": 1 })).await;
    }
    world.settle().await;
    for limit in [1, 2, 100] {
        let mut found = texts(&world.pages(&path(&format!("/events?limit={limit}"))).await, "id");
        found.sort();
        assert_eq!(found, ["e0", "e1", "e2", "e3", "e4"], "{limit} at a time");
    }
    for limit in [1, 7, 100] {
        let deliveries = world.pages(&path(&format!("/deliveries?limit={limit}"))).await;
        assert_eq!(deliveries.len(), 20, "{limit} at a time");
        let waiting = deliveries.iter().filter(|delivery| delivery["status"] == "waiting").count();
        let attempts: u64 = deliveries.iter().filter_map(|delivery| delivery["attempt_count"].as_u64()).sum();
        assert_eq!((waiting, attempts), (5, 3 * (5 + 2)));
    }
}

#[tokio::test]
async fn the_deliveries_of_a_tenant_are_listed_as_they_are_the_last_change_first() {
    let (world, [posts, users]) = busy().await;
    let items = world.pages(&path("/deliveries")).await;
    assert_eq!(texts(&items, "event_id"), ["three", "two", "one"]);
    assert_eq!(texts(&items, "status"), ["failed", "retrying", "succeeded"]);
    assert_eq!(texts(&items, "hook_id"), [users.clone(), posts.clone(), posts.clone()]);
    for (query, ids) in [
        ("status=failed", vec!["three"]),
        ("status=retrying", vec!["two"]),
        ("outcome=timeout", vec!["three"]),
        ("code=503", vec!["two"]),
        ("code=2xx", vec!["one"]),
        ("event_type=post.*", vec!["two", "one"]),
        ("channel=blog:7", vec!["three", "two"]),
        ("event=two", vec!["two"]),
        ("event=tw", vec![]),
        ("event_prefix=tw", vec!["two"]),
        (&*format!("hook={users}"), vec!["three"]),
    ] {
        let found = world.pages(&path(&format!("/deliveries?{query}"))).await;
        assert_eq!(texts(&found, "event_id"), ids, "{query}");
    }
    // What changes moves to the front, once.
    world.settle().await;
    let items = world.pages(&path("/deliveries")).await;
    assert_eq!(texts(&items, "event_id"), ["two", "three", "one"]);
    assert_eq!(items[0]["status"], "succeeded");
    assert!(world.pages(&path("/deliveries?status=retrying")).await.is_empty());
    assert!(world.pages(&path("/deliveries?code=503")).await.is_empty(), "it has another answer by now");
}

#[tokio::test]
async fn a_delivery_that_was_not_tried_yet_is_listed_as_pending_and_goes_with_its_hook() {
    let world = World::new().await;
    let slow = world.hook(json!({ "rate_limit": 1 })).await;
    for number in 0..3 {
        world.publish(json!({ "id": format!("e{number}"), "type": "a", "data": 1 })).await;
    }
    world.drain().await;
    let pending = world.pages(&path("/deliveries?status=pending")).await;
    assert_eq!(pending.len(), 2);
    assert!(pending.iter().all(|delivery| delivery["attempt_count"] == 0));
    assert_eq!(world.pages(&path("/events")).await.len(), 3);
    world.delete(&slow.path()).await.expect(204);
    assert!(world.pages(&path("/deliveries?status=pending")).await.is_empty());
    world.settle().await;
    assert!(world.pages(&path("/deliveries")).await.is_empty());
    assert_eq!(world.pages(&path("/events")).await.len(), 3, "the events are still there");
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended_while_events_are_added() {
    let world = World::new().await;
    world.hook(json!({})).await;
    for number in 0..6 {
        publish(&world, &format!("old{number}"), "a", &[]).await;
    }
    let first = world.get(&path("/events?limit=2")).await.expect(200).json();
    for number in 0..4 {
        publish(&world, &format!("new{number}"), "a", &[]).await;
    }
    let mut seen = texts(first["items"].as_array().unwrap(), "id");
    let mut cursor = first["next_cursor"].as_str().map(str::to_owned);
    while let Some(at) = cursor {
        let page = world.get(&path(&format!("/events?limit=2&cursor={at}"))).await.expect(200).json();
        seen.extend(texts(page["items"].as_array().unwrap(), "id"));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, ["old5", "old4", "old3", "old2", "old1", "old0"]);
}

#[tokio::test]
async fn the_operator_lists_all_tenants_hour_by_hour() {
    let (world, _) = busy().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    world.hook_of("other", json!({})).await;
    world.clock.advance(Duration::from_secs(3 * 3_600));
    let event = json!({ "id": "theirs", "type": "post.created", "data": 1 });
    world.post("/v1/tenants/other/events", event).await.expect(202);
    world.settle().await;
    publish(&world, "late", "post.created", &[]).await;
    for limit in [1, 2, 100] {
        let items = world.pages(&format!("/v1/events?limit={limit}")).await;
        assert_eq!(texts(&items, "id"), ["late", "theirs", "four", "three", "two", "one"], "{limit} at a time");
        assert_eq!(items[1]["tenant"], "other");
        assert_eq!(items[0]["tenant"], TENANT);
    }
    let found = world.pages("/v1/deliveries?status=failed").await;
    assert_eq!((found.len(), &found[0]["tenant"], &found[0]["event_id"]), (1, &json!(TENANT), &json!("three")));
    assert_eq!(world.pages("/v1/events?type=post.created").await.len(), 3);
    let key = world.post(&path("/keys"), json!({ "scope": "tenant" })).await.expect(201).json();
    for list in ["/v1/events", "/v1/deliveries"] {
        world.call("GET", list, key["key"].as_str(), "").await.expect(403);
    }
}

#[tokio::test]
async fn more_tenants_than_are_read_together_are_listed_completely() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for number in 0..105 {
        let tenant = format!("t{number:03}");
        world.post("/v1/tenants", json!({ "id": tenant })).await.expect(201);
        world
            .post(&format!("/v1/tenants/{tenant}/events"), json!({ "id": tenant, "type": "a", "data": 1 }))
            .await
            .expect(202);
        expected.push(tenant);
    }
    world.settle().await;
    for limit in [10, 100] {
        let mut found = texts(&world.pages(&format!("/v1/events?limit={limit}")).await, "id");
        found.sort();
        assert_eq!(found, expected, "{limit} at a time");
    }
}

#[tokio::test]
async fn cursors_and_filters_that_are_wrong_are_refused_by_name() {
    let (world, _) = busy().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let page = world.get(&path("/events?limit=1")).await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    for list in [path("/deliveries"), "/v1/tenants/other/events".to_owned(), "/v1/events".to_owned()] {
        world.get(&format!("{list}?cursor={cursor}")).await.expect(400);
    }
    for (list, query, told) in [
        ("/events", "tpe=a", "tpe"),
        ("/events", "type=a%20b", "type"),
        ("/events", "matched=perhaps", "matched"),
        ("/deliveries", "status=lost", "status"),
        ("/deliveries", "outcome=lost", "outcome"),
        ("/deliveries", "code=9", "code"),
        ("/deliveries", "hook=mine", "hook"),
        ("/deliveries", "since=yesterday", "since"),
        ("/deliveries", "limit=0", "limit"),
        ("/counts", "interval=week", "interval"),
        ("/counts", "group_by=moon", "group_by"),
        ("/counts", "since=2020-01-01T00:00:00Z", "since"),
        ("/counts", "since=2026-03-01T00:00:00Z&until=2026-02-01T00:00:00Z", "since"),
    ] {
        let problem = world.get(&path(&format!("{list}?{query}"))).await.expect(400).json();
        assert_eq!(problem["errors"][0]["field"], told, "{list}?{query}: {problem}");
    }
    let problem = world.get(&path("/deliveries?colour=red")).await.expect(400).text();
    assert!(problem.contains("outcome") && problem.contains("event_prefix"), "{problem}");
}

#[tokio::test]
async fn what_a_tenant_did_is_gone_with_it_also_for_who_takes_its_name() {
    let (world, _) = busy().await;
    world.get(&path("/counts")).await.expect(200);
    world.delete(&format!("/v1/tenants/{TENANT}")).await.expect(204);
    world.settle().await;
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    for list in ["/events", "/deliveries", "/counts"] {
        let list = world.get(&path(list)).await.expect(200).json();
        assert_eq!(list["items"], json!([]));
    }
    assert_eq!(world.pages("/v1/events?limit=100").await, Vec::<Value>::new());
}

#[tokio::test]
async fn attempts_are_counted_by_hour_and_day_and_by_what_they_have_in_common() {
    let (world, [posts, users]) = busy().await;
    let counts = async |query: &str| world.get(&path(&format!("/counts?{query}"))).await.expect(200).json();
    let all = counts("").await;
    assert_eq!(all["counted_until"], Value::Null);
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{all}");
    let numbers =
        |item: &Value| ["attempts", "succeeded", "failed", "skipped"].map(|name| item[name].as_u64().unwrap());
    assert_eq!(numbers(&items[0]), [3, 1, 1, 0]);
    assert!(items[0]["duration_ms"]["p99"].is_u64());
    assert_eq!(items[0].get("hook_id"), None);
    world.settle().await;
    world.clock.advance(Duration::from_secs(2 * 3_600));
    publish(&world, "five", "post.created", &[]).await;
    // Once while it is new, and again when it was kept.
    for _ in 0..2 {
        let all = counts("").await;
        let items = all["items"].as_array().unwrap();
        assert_eq!(items.iter().map(|item| item["attempts"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 1], "{all}");
        let by_hook = counts("group_by=hook&interval=day").await;
        let mut of: Vec<_> = by_hook["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["hook_id"].as_str().unwrap().to_owned(), numbers(item)))
            .collect();
        of.sort();
        let mut expected = vec![(posts.clone(), [4, 3, 0, 0]), (users.clone(), [1, 0, 1, 0])];
        expected.sort();
        assert_eq!(of, expected);
        let by_outcome = counts("group_by=outcome&interval=day").await;
        let of: Vec<_> = by_outcome["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["outcome"].as_str().unwrap().to_owned(), numbers(item)[0]))
            .collect();
        assert_eq!(of, [("status".to_owned(), 1), ("success".to_owned(), 3), ("timeout".to_owned(), 1)]);
        let by_type = counts("group_by=type&interval=day&event_type=post.*").await;
        assert_eq!(texts(by_type["items"].as_array().unwrap(), "event_type"), ["post.created", "post.updated"]);
        let by_code = counts(&format!("group_by=code&interval=day&hook={posts}")).await;
        let codes: Vec<_> =
            by_code["items"].as_array().unwrap().iter().map(|item| item["status_code"].as_u64()).collect();
        assert_eq!(codes, [Some(200), Some(503)]);
        world.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_key_of_one_tenant_counts_and_lists_nothing_of_another() {
    let (world, _) = busy().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let key = world.post("/v1/tenants/other/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    for list in ["/events", "/deliveries", "/counts"] {
        world.call("GET", &path(list), key["key"].as_str(), "").await.expect(404);
        let own = world.call("GET", &format!("/v1/tenants/other{list}"), key["key"].as_str(), "").await.expect(200);
        assert_eq!(own.json()["items"], json!([]));
    }
}
