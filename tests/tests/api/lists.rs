//! Lists: complete, in order, and steady while rows are added.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn hooks_are_listed_completely_in_every_order_and_page_size() {
    let world = World::new().await;
    let mut made = Vec::new();
    for (number, name) in ["delta", "Alpha", "charlie", "bravo", "alpha", "echo", ""].into_iter().enumerate() {
        made.push(world.hook(json!({ "name": name, "description": name, "enabled": number % 2 == 0 })).await.id);
        world.clock.advance(Duration::from_secs(1));
    }
    for order in ["created", "modified", "name", "description", "enabled"] {
        let all = texts(&world.pages(&format!("/v1/tenants/{TENANT}/hooks?limit=100&order={order}")).await, "id");
        assert_eq!(all.iter().collect::<BTreeSet<_>>(), made.iter().collect(), "{order}");
        for limit in [1, 2, 3, 7] {
            let paged = world.pages(&format!("/v1/tenants/{TENANT}/hooks?limit={limit}&order={order}")).await;
            assert_eq!(texts(&paged, "id"), all, "{order}, {limit} at a time");
            let mut reversed =
                texts(&world.pages(&format!("/v1/tenants/{TENANT}/hooks?limit={limit}&order=-{order}")).await, "id");
            reversed.reverse();
            assert_eq!(reversed, all, "-{order}, {limit} at a time");
        }
    }
    assert_eq!(texts(&world.pages(&format!("/v1/tenants/{TENANT}/hooks?order=created")).await, "id"), made);
}

#[tokio::test]
async fn hooks_are_filtered_by_event_name_and_state() {
    let world = World::new().await;
    world.hook(json!({ "name": "Search index", "events": ["post.*"] })).await;
    world.hook(json!({ "name": "search logs", "events": ["user.created"], "enabled": false })).await;
    world.hook(json!({ "name": "Mail", "events": ["*"] })).await;
    for (query, names) in [
        ("event=post.created", vec!["Search index", "Mail"]),
        ("event=user.created", vec!["search logs", "Mail"]),
        ("name=SEARCH", vec!["Search index", "search logs"]),
        ("enabled=false", vec!["search logs"]),
        ("enabled=true&name=search", vec!["Search index"]),
        ("name=nothing", vec![]),
    ] {
        let list = world.get(&format!("/v1/tenants/{TENANT}/hooks?{query}")).await.expect(200).json();
        let mut found = texts(list["items"].as_array().unwrap(), "name");
        let mut expected = names;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
    }
}

#[tokio::test]
async fn the_log_of_a_hook_reads_newest_first_and_stays_steady_while_it_grows() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let mut published = Vec::new();
    for number in 0..10 {
        published.push(world.publish(json!({ "type": "a", "data": number })).await);
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
    }
    published.reverse();
    let log = format!("{}/deliveries", hook.path());
    for limit in [1, 3, 10, 100] {
        let paged = world.pages(&format!("{log}?limit={limit}")).await;
        assert_eq!(texts(&paged, "event_id"), published, "{limit} at a time");
    }

    let first = world.get(&format!("{log}?limit=4")).await.expect(200).json();
    world.publish(json!({ "type": "a", "data": "late" })).await;
    world.settle().await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("{log}?limit=100&cursor={cursor}")).await.expect(200).json();
    assert_eq!(texts(rest["items"].as_array().unwrap(), "event_id"), published[4..]);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn the_log_of_a_hook_is_filtered_by_status_event_code_and_time() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    let fails =
        vec![Answer::Status(503), Answer::Status(503), Answer::Status(404), Answer::Status(404), Answer::Timeout];
    world.endpoint.answer(&hook.url, fails);
    for id in ["unavailable", "missing"] {
        world.publish(json!({ "id": id, "type": "a", "data": 1 })).await;
        world.settle().await;
        world.clock.advance(Duration::from_secs(3_600));
    }
    for id in ["slow", "fine"] {
        world.publish(json!({ "id": id, "type": "a", "data": 1 })).await;
        world.drain().await;
        world.clock.advance(Duration::from_secs(1));
    }
    for (query, events) in [
        ("status=failed", vec!["missing", "unavailable"]),
        ("status=retrying", vec!["slow"]),
        ("status=succeeded", vec!["fine"]),
        ("status=pending", vec![]),
        ("event=missing", vec!["missing"]),
        ("code=503", vec!["unavailable"]),
        ("code=4xx", vec!["missing"]),
        ("code=2xx", vec!["fine"]),
        ("since=2026-01-31T11:32:00Z", vec!["fine", "slow"]),
        ("until=2026-01-31T09:30:01Z", vec!["unavailable"]),
        ("since=2026-01-31T10:00:00Z&until=2026-01-31T11:00:00Z", vec!["missing"]),
        ("since=2026-01-31T11:00:00Z&until=2026-01-31T10:00:00Z", vec![]),
    ] {
        for limit in [1, 100] {
            let found = world.pages(&format!("{}/deliveries?limit={limit}&{query}", hook.path())).await;
            assert_eq!(texts(&found, "event_id"), events, "{query}");
        }
    }
}

#[tokio::test]
async fn the_deliveries_of_an_event_are_listed_completely_across_fan_out_pages() {
    let world = World::new().await;
    let mut hooks = BTreeSet::new();
    for number in 0..130 {
        let channels = if number % 3 == 0 { json!(["other"]) } else { json!([]) };
        let hook = world.hook(json!({ "channels": channels })).await;
        if number % 3 != 0 {
            hooks.insert(hook.id);
        }
    }
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    for limit in [1, 7, 50, 100] {
        let listed = world.pages(&format!("/v1/tenants/{TENANT}/events/{event}/deliveries?limit={limit}")).await;
        assert_eq!(listed.len(), hooks.len(), "{limit} at a time");
        assert_eq!(texts(&listed, "hook_id").into_iter().collect::<BTreeSet<_>>(), hooks);
    }
}

#[tokio::test]
async fn tenants_are_listed_in_order_of_id() {
    let world = World::new().await;
    for id in ["b", "a-b", "a", "Z", "a_b"] {
        world.post("/v1/tenants", json!({ "id": id })).await.expect(201);
    }
    for limit in [1, 2, 6, 100] {
        let listed = texts(&world.pages(&format!("/v1/tenants?limit={limit}")).await, "id");
        assert_eq!(listed, ["Z", "a", "a-b", "a_b", "acme", "b"], "{limit} at a time");
    }
}

#[tokio::test]
async fn hooks_are_paged_by_number_as_well() {
    let world = World::new().await;
    for name in ["delta", "alpha", "charlie", "bravo", "echo"] {
        world.hook(json!({ "name": name })).await;
    }
    let mut seen = Vec::new();
    for page in 0..4 {
        let path = format!("/v1/tenants/{TENANT}/hooks?order=name&limit=2&page={page}");
        let list = world.get(&path).await.expect(200).json();
        assert_eq!(list["total"], 5);
        seen.extend(texts(list["items"].as_array().unwrap(), "name"));
    }
    assert_eq!(seen, ["alpha", "bravo", "charlie", "delta", "echo"]);
    world.get(&format!("/v1/tenants/{TENANT}/hooks?page=0&cursor=x")).await.expect(400);
    world.get(&format!("/v1/tenants/{TENANT}/hooks?page=-1")).await.expect(400);
}

#[tokio::test]
async fn the_log_is_narrowed_by_type_and_answer_and_counted_on_request() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let answers = [200, 503, 404, 200, 500].map(Answer::Status);
    world.endpoint.answer(&hook.url, answers);
    for event_type in ["a", "a", "b", "b", "b"] {
        world.clock.advance(Duration::from_millis(1));
        world.publish(json!({ "type": event_type, "data": 1 })).await;
        world.drain().await;
    }
    let log = format!("{}/deliveries", hook.path());
    for (query, expected) in [
        ("", 5),
        ("&event_type=a", 2),
        ("&event_type=c", 0),
        ("&code=503", 1),
        ("&code=5xx", 2),
        ("&code=5xx&event_type=b", 1),
        ("&status=failed", 3),
        ("&status=pending", 0),
    ] {
        let list = world.get(&format!("{log}?limit=1&count=true{query}")).await.expect(200).json();
        assert_eq!((&list["total"], &list["total_is_exact"]), (&json!(expected), &json!(true)), "{query}");
        assert_eq!(list["items"].as_array().unwrap().len(), expected.min(1), "{query}");
        assert_eq!(world.pages(&format!("{log}?limit=2{query}")).await.len(), expected, "{query}");
    }
    let plain = world.get(&log).await.expect(200).json();
    assert!(plain.get("total").is_none());
    world.get(&format!("{log}?event_type=no%20type")).await.expect(400);
}

#[tokio::test]
async fn a_tenant_gets_no_more_hooks_than_max_hooks_allows() {
    let world = World::new().await;
    let tenant = format!("/v1/tenants/{TENANT}");
    world.patch(&tenant, json!({ "max_hooks": 2 })).await.expect(200);
    let first = world.hook(json!({})).await;
    world.hook(json!({ "profile": "github" })).await;
    let one_more = json!({ "url": "https://a.example.com/", "events": ["a"], "profile": "standard" });
    let refused = world.post(&format!("{tenant}/hooks"), one_more.clone()).await.expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("max_hooks of tenant acme"), "{refused}");
    world.delete(&first.path()).await.expect(204);
    world.post(&format!("{tenant}/hooks"), one_more.clone()).await.expect(201);
    world.post(&format!("{tenant}/hooks"), one_more).await.expect(409);

    world.post("/v1/tenants", json!({ "id": "small", "profile": "autosend" })).await.expect(201);
    for _ in 0..100 {
        world.hook_of("small", json!({})).await;
    }
    let beyond = json!({ "url": "https://a.example.com/", "events": ["a"] });
    world.post("/v1/tenants/small/hooks", beyond).await.expect(409);
}
