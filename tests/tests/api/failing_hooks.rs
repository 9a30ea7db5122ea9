//! Hooks that fail, over all tenants.

use std::time::Duration;

use domain::health::Health;
use serde_json::{Value, json};
use services::health::failing_hooks::TroubleKind;
use tests::world::{Answer, Hook, World};

/// A hook of this tenant whose endpoint answers so, once for each of as many events.
async fn answered(world: &World, tenant: &str, settings: Value, statuses: &[u16]) -> Hook {
    if world.get(&format!("/v1/tenants/{tenant}")).await.status == 404 {
        world.post("/v1/tenants", json!({ "id": tenant })).await.expect(201);
    }
    let hook = world.hook_of(tenant, settings).await;
    world.endpoint.answer(&hook.url, statuses.iter().map(|status| Answer::Status(*status)));
    for _ in statuses {
        let event = json!({ "type": "post.published", "data": 1 });
        world.post(&format!("/v1/tenants/{tenant}/events"), event).await.expect(202);
        world.drain().await;
    }
    hook
}

fn at_once() -> Value {
    json!({ "retry": { "delays": [] }, "circuit_breaker": { "failures": 0 } })
}

async fn listed(world: &World, query: &str) -> Vec<(String, u64)> {
    let items = world.pages(&format!("/v1/hooks?{query}")).await;
    let row = |item: &Value| {
        (item["id"].as_str().unwrap().to_owned(), item["health"]["consecutive_failures"].as_u64().unwrap())
    };
    items.iter().map(row).collect()
}

#[tokio::test]
async fn hooks_that_fail_are_listed_over_all_tenants_the_most_failures_first() {
    let world = World::new().await;
    let one = answered(&world, "acme", at_once(), &[500]).await;
    let five = answered(&world, "globex", at_once(), &[503; 5]).await;
    let nine = answered(&world, "initech", at_once(), &[500; 9]).await;
    let four = answered(
        &world,
        "acme",
        json!({ "retry": { "delays": [] }, "circuit_breaker": { "failures": 0 }, "events": ["post.*"] }),
        &[500; 4],
    )
    .await;
    answered(&world, "well", json!({}), &[200; 3]).await;
    // Hooks of one tenant get each other's events.
    let failures = async |hook: &Hook| {
        world.get(&hook.path()).await.expect(200).json()["health"]["consecutive_failures"].as_u64().unwrap()
    };
    assert_eq!(failures(&one).await, 0, "it went well when the other one of its tenant failed");
    let expected = vec![(nine.id.clone(), 9), (five.id.clone(), 5), (four.id.clone(), 4)];
    assert_eq!(listed(&world, "limit=100").await, expected);
    for limit in [1, 2] {
        let listed = listed(&world, &format!("limit={limit}")).await;
        let powers: Vec<_> = listed.iter().map(|(_, failures)| failures.ilog2()).collect();
        assert_eq!(powers, [3, 2, 2], "across pages to the power of two");
    }
    let items = world.get("/v1/hooks").await.expect(200).json()["items"].take();
    assert_eq!(items[1]["tenant"], "globex");
    assert_eq!(items[1]["last_failed_attempt"]["status_code"], 503);
    assert_eq!(items[1]["url"], json!(five.url));
}

#[tokio::test]
async fn a_hook_leaves_the_list_when_it_goes_well_is_paused_or_deleted_or_its_tenant_is() {
    let world = World::new().await;
    let mut hooks = Vec::new();
    for tenant in ["well", "paused", "deleted", "gone", "failing"] {
        hooks.push(answered(&world, tenant, at_once(), &[500; 2]).await);
    }
    assert_eq!(listed(&world, "").await.len(), 5);
    answered(&world, "well", json!({}), &[200]).await;
    world.patch(&hooks[1].path(), json!({ "enabled": false })).await.expect(200);
    world.delete(&hooks[2].path()).await.expect(204);
    world.delete("/v1/tenants/gone").await.expect(204);
    assert_eq!(listed(&world, "state=failing").await, [(hooks[4].id.clone(), 2)]);
    world.patch(&hooks[1].path(), json!({ "enabled": true })).await.expect(200);
    assert_eq!(listed(&world, "").await, [(hooks[4].id.clone(), 2)], "an operator let it start anew");
}

#[tokio::test]
async fn hooks_that_rest_and_hooks_that_were_disabled_for_it_are_listed_by_themselves() {
    let world = World::new().await;
    let failing = answered(&world, "acme", at_once(), &[500; 3]).await;
    let breaker = json!({ "retry": { "delays": [] }, "circuit_breaker": { "failures": 2 } });
    let resting = answered(&world, "globex", breaker, &[500; 2]).await;
    let gone = answered(&world, "initech", json!({}), &[410]).await;
    world.clock.advance(Duration::from_secs(60));
    let later = answered(&world, "umbrella", json!({}), &[410]).await;
    let paused = answered(&world, "paused", json!({}), &[]).await;
    world.patch(&paused.path(), json!({ "enabled": false })).await.expect(200);

    let ids = async |query: &str| listed(&world, query).await.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids("").await, [failing.id.clone(), resting.id.clone()]);
    assert_eq!(ids("state=resting").await, std::slice::from_ref(&resting.id));
    assert_eq!(ids("state=disabled&limit=1").await, [later.id.clone(), gone.id.clone()], "the last one first");
    let item = world.get("/v1/hooks?state=disabled").await.expect(200).json()["items"][1].take();
    assert_eq!(
        (&item["disabled_reason"], &item["tenant"]),
        (&json!("the endpoint answered 410 Gone"), &json!("initech"))
    );

    world.patch(&later.path(), json!({ "enabled": true })).await.expect(200);
    assert_eq!(ids("state=disabled").await, std::slice::from_ref(&gone.id));
    world.patch(&later.path(), json!({ "enabled": false })).await.expect(200);
    assert_eq!(ids("state=disabled").await, [gone.id], "its owner paused it");
}

#[tokio::test]
async fn a_state_that_is_none_and_a_cursor_of_another_list_are_refused() {
    let world = World::new().await;
    for number in 0..2 {
        answered(&world, &format!("t-{number}"), at_once(), &[500; 2]).await;
    }
    let wrong = world.get("/v1/hooks?state=well").await.expect(400).text();
    assert!(wrong.contains("state") && wrong.contains("failing"), "{wrong}");
    let cursor = world.get("/v1/hooks?limit=1").await.expect(200).json()["next_cursor"].as_str().unwrap().to_owned();
    world.get(&format!("/v1/hooks?state=disabled&cursor={cursor}")).await.expect(400);
}

#[tokio::test]
async fn a_row_that_somebody_who_died_left_behind_misleads_nobody_and_goes() {
    let world = World::new().await;
    let hook = answered(&world, "acme", at_once(), &[500; 2]).await;
    let circuits = &world.engine.api.hook_health.circuits;
    let (tenant, id) = ("acme".parse().unwrap(), hook.id.parse().unwrap());
    // Its health is written, and nothing else any more.
    circuits.health.change(&tenant, id, |health| *health = Health::default()).await.unwrap();
    let rows = async || circuits.failing.list(TroubleKind::Failing, 10, None).await.unwrap().items.len();
    assert_eq!(rows().await, 1);
    assert_eq!(listed(&world, "").await, []);
    assert_eq!(rows().await, 0);
    // Nor does one that is missing: it comes back with the next doubling.
    answered(&world, "globex", at_once(), &[500; 3]).await;
    let page = circuits.failing.list(TroubleKind::Failing, 10, None).await.unwrap();
    circuits.failing.remove(&page.items[0]).await.unwrap();
    assert_eq!(listed(&world, "").await, []);
    let hook = world.get("/v1/tenants/globex/hooks").await.expect(200).json()["items"][0].take();
    world.endpoint.answer(hook["url"].as_str().unwrap(), [Answer::Status(500)]);
    world.post("/v1/tenants/globex/events", json!({ "type": "post.published", "data": 1 })).await.expect(202);
    world.drain().await;
    assert_eq!(listed(&world, "").await, [(hook["id"].as_str().unwrap().to_owned(), 4)]);
}
