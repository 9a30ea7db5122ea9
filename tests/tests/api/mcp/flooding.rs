//! However it is asked for, an endpoint that wants nothing gets few requests: they are counted by its host, and
//! counted on when hooks are deleted.

use std::time::Duration;

use serde_json::{Value, json};
use tests::mcp::{echo, request};
use tests::world::{Answer, OPERATOR, World};

use super::{SECRET, error, hooks, key, result, start, with};

const VICTIM: &str = "https://victim.example.com/in";
const HOUR: Duration = Duration::from_secs(3_600);
const MOST: usize = 10;

fn to(url: &str, priority: usize) -> Value {
    let delivery = json!({ "mode": "webhook", "url": url, "secret": SECRET });
    with(json!({ "arguments": { "priority": priority }, "delivery": delivery }))
}

fn dialled(world: &World) -> usize {
    world.endpoint.seen().iter().filter(|sent| sent.url.contains("victim.example.com")).count()
}

/// As many as are refused.
async fn flood(world: &World, key: &str, times: std::ops::Range<usize>) -> usize {
    let mut refused = 0;
    for priority in times {
        world.endpoint.answer(VICTIM, [Answer::Status(204)]);
        let (code, data) = error(world, key, "events/subscribe", to(VICTIM, priority)).await;
        match code {
            -32_025 => {
                assert_eq!(data["limit"], "requests", "{data}");
                refused += 1;
            }
            _ => assert_eq!((code, &data["reason"]), (-32_027, &json!("challenge_failed"))),
        }
    }
    refused
}

#[tokio::test]
async fn other_arguments_and_other_keys_ask_a_host_no_more_often_and_a_restart_forgets_nothing() {
    let (world, first) = start().await;
    world.endpoint.trust(VICTIM, SECRET);
    assert_eq!(flood(&world, &first, 0..MOST).await, 0);
    let refused = world.send(request("acme", &first, "events/subscribe", to(VICTIM, MOST))).await;
    assert_eq!(refused.headers["retry-after"], "3600");
    assert_eq!(refused.json()["error"]["code"], -32_025);
    let second = key(&world).await;
    assert_eq!(flood(&world, &second, 0..3).await, 3);
    for url in ["https://VICTIM.example.com:443/other", "https://victim.example.com./in"] {
        assert_eq!(error(&world, &first, "events/subscribe", to(url, 0)).await.0, -32_025, "{url}");
    }
    let world = Box::pin(world.restart()).await;
    assert_eq!(flood(&world, &first, 20..23).await, 3);
    assert_eq!((dialled(&world), hooks(&world).await.len()), (MOST, 0));
    // Endpoints that want them are asked all the same.
    result(&world, &first, "events/subscribe", with(json!({}))).await;
    world.clock.advance(HOUR);
    assert_eq!(flood(&world, &first, 30..31).await, 0);
    assert_eq!(dialled(&world), MOST + 1);
}

#[tokio::test]
async fn a_hook_that_is_deleted_and_made_anew_counts_on_whether_it_is_tested_or_gets_events() {
    let (world, _) = start().await;
    let verification = json!({ "required": true, "per_hour": 1 });
    for number in 0..3 * MOST {
        let hook = world.hook(json!({ "url": VICTIM, "verification": verification })).await;
        match number % 3 {
            0 => world.publish(json!({ "type": "ticket.updated", "data": {} })).await,
            1 => world.call("POST", &format!("{}/test", hook.path()), Some(OPERATOR), "").await.text(),
            _ => world.call("POST", &format!("{}/verify", hook.path()), Some(OPERATOR), "").await.text(),
        };
        world.drain().await;
        world.delete(&hook.path()).await.expect(204);
    }
    assert_eq!(dialled(&world), MOST);
    let hook = world.hook(json!({ "url": VICTIM, "verification": verification })).await;
    let refused = world.call("POST", &format!("{}/verify", hook.path()), Some(OPERATOR), "").await.expect(429);
    assert_eq!(refused.header("ratelimit-policy"), Some(r#""unverified-host";q=10;w=3600"#));
    assert!(refused.text().contains("those of deleted hooks included"), "{}", refused.text());
    // Why an event waits is told.
    let event = world.publish(json!({ "type": "ticket.updated", "data": {} })).await;
    world.drain().await;
    let explained = world.get(&format!("/v1/tenants/acme/events/{event}/explain")).await.expect(200).json();
    assert_eq!(explained["items"][0]["held_by"][0]["by"], "verification", "{explained}");
    world.clock.advance(HOUR);
    world.drain().await;
    assert_eq!(dialled(&world), MOST + 1);
}

#[tokio::test]
async fn one_tenant_uses_up_nothing_of_anothers() {
    let (world, first) = start().await;
    world.endpoint.trust(VICTIM, SECRET);
    assert_eq!(flood(&world, &first, 0..MOST + 1).await, 1);
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let settings = json!({ "url": VICTIM, "verification": { "required": true } });
    let hook = world.hook_of("other", settings).await;
    let asked = world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(200).json();
    assert_eq!((&asked["result"], dialled(&world)), (&json!("not_verified"), MOST + 1));
    // What is left of a deleted tenant counts for nobody.
    for _ in 1..MOST {
        let hook = world.hook_of("other", json!({ "url": VICTIM, "verification": { "required": true } })).await;
        world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(200);
    }
    world.delete("/v1/tenants/other").await.expect(204);
    world.clock.advance(Duration::from_secs(60));
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let hook = world.hook_of("other", json!({ "url": VICTIM, "verification": { "required": true } })).await;
    world.post(&format!("{}/verify", hook.path()), json!({})).await.expect(200);
}

#[tokio::test]
async fn asking_a_verified_endpoint_again_gives_no_requests_to_another_one() {
    let (world, _) = start().await;
    let own = "https://own.example.com/in";
    let challenged = json!({ "required": true, "per_hour": 2, "kind": "challenge" });
    let hook = world.hook(json!({ "url": own, "verification": challenged })).await;
    world.endpoint.trust(VICTIM, &hook.secret);
    world.endpoint.receive(own, echo);
    for _ in 0..4 {
        world.patch(&hook.path(), json!({ "url": own })).await.expect(200);
        for _ in 0..3 {
            world.call("POST", &format!("{}/verify", hook.path()), Some(OPERATOR), "").await;
        }
        world.patch(&hook.path(), json!({ "url": VICTIM })).await.expect(200);
        world.call("POST", &format!("{}/verify", hook.path()), Some(OPERATOR), "").await;
    }
    assert_eq!(dialled(&world), 2);
}
