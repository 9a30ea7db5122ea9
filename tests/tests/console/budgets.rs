//! How large pages are, and how long the server takes for them.

use std::time::{Duration, Instant};

use console::Kind;
use serde_json::{Value, json};
use tests::browser::Browser;
use tests::world::{Answer, OPERATOR, TENANT, World};

/// Of a page as it is sent, without what browsers keep (styles and scripts, 20 KB at most).
const MOST_BYTES: usize = 60_000;
/// What is built without optimisation is given three times as long.
const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 150 } else { 50 });
const DELIVERIES: usize = 100_000;
const HOOKS: usize = 5;
/// The most that one request publishes.
const BATCH: usize = 100;
/// Of each page the fastest of so many is taken: others use this machine as well.
const TRIES: usize = 7;

/// Where each page is for what there is in a world.
async fn pages(world: &World, hook: &str, event: &str, delivery: &str) -> Vec<String> {
    let own = format!("/v1/tenants/{TENANT}/hooks/{hook}/replays");
    let replay = world.post(&own, json!({ "kind": "failed", "dry_run": true })).await.expect(202).json();
    world.settle().await;
    let ids = [
        ("{tenant}", TENANT),
        ("{hook}", hook),
        ("{event}", event),
        ("{delivery}", delivery),
        ("{replay}", replay["id"].as_str().unwrap()),
        ("{type}", "group-1.type-1"),
        ("{profile}", "standard"),
    ];
    let path = |template: &str| ids.iter().fold(template.to_owned(), |path, (name, id)| path.replace(name, id));
    let routes = console::routes().into_iter().filter(|route| route.kind == Kind::Page);
    routes.map(|route| path(route.path)).filter(|path| !path.contains('{')).collect()
}

#[tokio::test]
async fn no_page_of_a_busy_tenant_is_larger_than_60_kb() {
    let world = World::new().await;
    for number in 0..300 {
        let kind = json!({ "name": format!("group-{}.type-{number}", number % 12), "description": format!("What happened to thing {number}"),
            "schema": { "type": "object", "properties": { "thing": { "type": "integer" } } }, "example": { "thing": number } });
        for types in [format!("/v1/tenants/{TENANT}/event-types"), "/v1/event-types".to_owned()] {
            world.post(&types, kind.clone()).await.expect(201);
        }
    }
    let mut hooks = Vec::new();
    for number in 0..60 {
        let settings = json!({ "name": format!("Customer {number} of the north-eastern region"), "retry": { "delays": [] },
            "circuit_breaker": { "failures": 0 }, "log_response_body": true, "events": [format!("group-{}.*", number % 12)] });
        hooks.push(world.hook(settings).await);
        world
            .post("/v1/tenants", json!({ "id": format!("t-{number}"), "name": format!("Tenant {number}") }))
            .await
            .expect(201);
    }
    // Something in each hour of a week, and much of it fails.
    for hour in 0..168 {
        for hook in &hooks[1..3] {
            world.endpoint.answer(&hook.url, [Answer::Body(503, format!("<p>Not now: {hour}</p>"))]);
        }
        for group in 1..3 {
            let event = json!({ "id": format!("{group}-{hour}"), "type": format!("group-{group}.type-{group}"), "data": { "thing": hour, "text": "x".repeat(1_000) } });
            world.publish(event).await;
        }
        world.settle().await;
        world.clock.advance(Duration::from_secs(3_600));
    }
    let delivery =
        world.get(&format!("{}/deliveries", hooks[1].path())).await.expect(200).json()["items"][0]["id"].take();
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let mut paths = pages(&world, &hooks[1].id, "1-100", delivery.as_str().unwrap()).await;
    paths.push(format!("/portal/hooks/{}/statistics?period=168", hooks[1].id));
    paths.push("/portal/statistics?period=168".to_owned());
    for path in paths {
        let browser = if path.starts_with("/console") { &operator } else { &customer };
        let size = browser.size(&path).await;
        assert!(size <= MOST_BYTES, "{path} is {size} bytes, compressed");
    }
}

/// 100,000 deliveries over a day, of which the oldest alone was answered with 404.
async fn full() -> (World, String, String) {
    let world = World::new().await;
    let mut hooks = Vec::new();
    for number in 0..HOOKS {
        hooks.push(world.hook(json!({ "name": format!("Hook {number}"), "retry": { "delays": [] } })).await);
    }
    world.endpoint.answer(&hooks[0].url, [Answer::Status(404)]);
    let batches = DELIVERIES / HOOKS / BATCH;
    for batch in 0..batches {
        let event = |number| json!({ "id": format!("event-{batch}-{number}"), "type": format!("group-1.type-{}", number % 7), "data": { "number": number } });
        let events: Vec<Value> = (0..BATCH).map(event).collect();
        world.post(&format!("/v1/tenants/{TENANT}/events/batch"), json!({ "events": events })).await.expect(202);
        world.drain().await;
        world.clock.advance(Duration::from_secs(24 * 3_600 / batches as u64));
    }
    world.post(&format!("/v1/tenants/{TENANT}/event-types"), json!({ "name": "group-1.type-1" })).await.expect(201);
    world.post("/v1/event-types", json!({ "name": "group-1.type-1" })).await.expect(201);
    // The server counts by itself; a world does when it is asked.
    while !world.get(&format!("/v1/tenants/{TENANT}/counts")).await.expect(200).json()["counted_until"].is_null() {}
    let log = world.get(&format!("{}/deliveries?limit=1", hooks[1].path())).await.expect(200).json();
    let delivery = log["items"][0]["id"].as_str().unwrap().to_owned();
    (world, hooks[1].id.clone(), delivery)
}

#[tokio::test]
#[ignore = "it makes 100,000 deliveries first: docs/testing.md has the command"]
async fn every_page_is_made_within_50_ms_with_100_000_deliveries_in_the_store() {
    let (world, hook, delivery) = full().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let mut paths = pages(&world, &hook, "event-7-7", &delivery).await;
    for list in ["/portal/executions?", "/console/deliveries?", "/console/deliveries?tenant=acme&"] {
        for rare in
            ["code=404", "status=failed", "event_type=nothing.*", "event_prefix=nobody", "since=2026-01-31T09:00"]
        {
            paths.push(format!("{list}{rare}"));
        }
    }
    paths.push("/console/events?id_prefix=nobody".to_owned());
    paths.push(format!("/portal/hooks/{hook}/executions?code=404"));
    paths.push("/portal/statistics?period=168".to_owned());
    let mut slow = Vec::new();
    for path in paths {
        let browser = if path.starts_with("/console") { &operator } else { &customer };
        let mut fastest = Duration::MAX;
        for _ in 0..TRIES {
            let began = Instant::now();
            browser.size(&path).await;
            fastest = fastest.min(began.elapsed());
        }
        println!("{:>7.1} ms  {path}", fastest.as_secs_f64() * 1_000.0);
        if fastest > LONGEST {
            slow.push(format!("{path}: {fastest:?}"));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
