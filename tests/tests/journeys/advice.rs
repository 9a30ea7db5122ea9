//! The advisor over real traffic: what it proposes, once, and what it leaves alone.

mod slow_store;

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, World};

const PLANS: &str = "/v1/tenants/acme/plans";

async fn publish(world: &World, count: usize) {
    for n in 0..count {
        world.publish(json!({ "type": "a", "data": n })).await;
        world.clock.advance(Duration::from_secs(20));
    }
    world.settle().await;
    // What is too new is not counted yet.
    world.clock.advance(Duration::from_secs(600));
}

/// A hook whose endpoint often answers too late, and is slow where it does not.
async fn slow_hook(world: &World) -> Hook {
    let hook = world.hook(json!({ "name": "slow", "timeout": { "total": 2 } })).await;
    let slow = || Answer::After(1_800, Box::new(Answer::Status(200)));
    let answers = (0..60).map(|n| if n % 3 == 0 { Answer::Timeout } else { slow() });
    world.endpoint.answer(&hook.url, answers);
    hook
}

async fn advise(world: &World) -> Vec<Value> {
    let advised = world.post("/v1/tenants/acme/advice", json!({})).await.expect(200).json();
    advised["plans"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_time_out_that_is_too_short_is_found_proposed_once_and_applied() {
    let world = World::new().await;
    let hook = slow_hook(&world).await;
    publish(&world, 60).await;
    let [plan] = &advise(&world).await[..] else { panic!("one plan") };
    assert_eq!((&plan["proposed_by"], &plan["state"]), (&json!("hookline"), &json!("pending")));
    assert_eq!(plan["cause"], json!(format!("timeout:{}", hook.id)));
    assert_eq!(plan["change"]["before"]["timeout"]["total"], 2);
    assert_eq!(plan["evidence"][0]["value"], 20);
    // The link shows the number.
    let source = plan["evidence"][0]["source"].as_str().unwrap();
    let counts = world.get(source).await.expect(200).json();
    let late: u64 = counts["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["outcome"] == "timeout")
        .map(|item| item["attempts"].as_u64().unwrap())
        .sum();
    assert_eq!(late, 20);
    assert!(advise(&world).await.is_empty(), "one plan for one cause");

    let path = format!("{PLANS}/{}", plan["id"].as_str().unwrap());
    world.post(&format!("{path}/approve"), json!({})).await.expect(200);
    assert_eq!(world.get(&hook.path()).await.json()["timeout"]["total"], 3);
    assert!(advise(&world).await.is_empty(), "the numbers are of the time before");
}

#[tokio::test]
async fn what_was_rejected_is_not_proposed_again_before_its_numbers_have_changed() {
    let world = World::new().await;
    let hook = slow_hook(&world).await;
    publish(&world, 60).await;
    let [plan] = &advise(&world).await[..] else { panic!("one plan") };
    world.post(&format!("{PLANS}/{}/reject", plan["id"].as_str().unwrap()), json!({})).await.expect(200);
    assert!(advise(&world).await.is_empty());
    // Half as many again.
    let slow = || Answer::After(1_800, Box::new(Answer::Status(200)));
    world.endpoint.answer(&hook.url, (0..30).map(|n| if n % 3 == 0 { Answer::Timeout } else { slow() }));
    publish(&world, 30).await;
    assert_eq!(advise(&world).await.len(), 1);
}

#[tokio::test]
async fn a_tenant_that_wants_no_advice_of_a_kind_gets_none() {
    let world = World::new().await;
    slow_hook(&world).await;
    publish(&world, 60).await;
    world.patch("/v1/tenants/acme/advisor", json!({ "off": ["timeout"] })).await.expect(200);
    assert!(advise(&world).await.is_empty());
    world.patch("/v1/tenants/acme/advisor", json!({ "off": [] })).await.expect(200);
    assert_eq!(advise(&world).await.len(), 1);
}

#[tokio::test]
async fn all_tenants_are_looked_at_every_day_without_being_asked() {
    let world = World::new().await;
    slow_hook(&world).await;
    publish(&world, 60).await;
    for n in 0..250 {
        world.post("/v1/tenants", json!({ "id": format!("t{n}") })).await.expect(201);
    }
    world.engine.ask_for_advice().await.unwrap();
    world.settle().await;
    let plans = world.pages(&format!("{PLANS}?limit=100")).await;
    assert_eq!(plans.len(), 1);
    world.engine.ask_for_advice().await.unwrap();
    world.settle().await;
    assert_eq!(world.pages(&format!("{PLANS}?limit=100")).await.len(), 1);
    assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn a_tenant_whose_hooks_all_succeed_gets_no_advice() {
    let world = World::new().await;
    for n in 0..3 {
        world.hook(json!({ "name": format!("well {n}") })).await;
    }
    publish(&world, 100).await;
    assert!(advise(&world).await.is_empty());
}

#[tokio::test]
async fn a_rate_is_proposed_as_the_endpoint_itself_has_named_it() {
    let world = World::new().await;
    let hook = world.hook(json!({ "circuit_breaker": { "failures": 0 } })).await;
    let refusal = || {
        let policy = ("ratelimit-policy".to_owned(), r#""burst";q=120;w=60"#.to_owned());
        Answer::Headers(429, vec![policy])
    };
    world.endpoint.answer(&hook.url, (0..120).map(|n| if n % 2 == 0 { refusal() } else { Answer::Status(200) }));
    publish(&world, 120).await;
    let [plan] = &advise(&world).await[..] else { panic!("one plan") };
    assert_eq!(plan["change"]["patch"], json!({ "rate_limit": 2 }));
    assert!(plan["evidence"].to_string().contains("RateLimit-Policy"), "{plan}");
}

#[tokio::test]
async fn two_hooks_for_one_address_and_an_old_secret_are_found() {
    let world = World::new().await;
    let first = world.hook(json!({ "name": "first" })).await;
    world.clock.advance(Duration::from_millis(5));
    let second = world.hook(json!({ "name": "second", "url": first.url, "events": ["a", "b.*"] })).await;
    let [plan] = &advise(&world).await[..] else { panic!("one plan") };
    assert_eq!(plan["cause"], json!(format!("duplicate:{}", second.id)));
    world.clock.advance(Duration::from_secs(366 * 24 * 3_600));
    let causes: Vec<Value> = advise(&world).await.iter().map(|plan| plan["cause"].clone()).collect();
    for hook in [&first, &second] {
        assert!(causes.contains(&json!(format!("old_secret:{}", hook.id))), "{causes:?}");
    }
    // A rotation makes it young.
    world.post(&format!("{}/secret/rotate", first.path()), json!({ "overlap": 0 })).await.expect(200);
    world.clock.advance(Duration::from_secs(40 * 24 * 3_600));
    let again: Vec<Value> = advise(&world).await.iter().map(|plan| plan["cause"].clone()).collect();
    assert!(!again.contains(&json!(format!("old_secret:{}", first.id))), "{again:?}");
}

#[tokio::test]
async fn two_looks_at_the_same_time_propose_it_once() {
    let world = World::new().await;
    slow_hook(&world).await;
    publish(&world, 60).await;
    let (one, other) = tokio::join!(advise(&world), advise(&world));
    assert_eq!(one.len() + other.len(), 1);
    assert_eq!(world.pages(&format!("{PLANS}?limit=100")).await.len(), 1);
}
