//! Hooks that have changed since, were deleted, or are many; events that are gone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::ports::{Outgoing, QueueError, QueueSender};
use serde_json::{Value, json};
use tests::world::{Answer, RETENTION, TENANT, World};

use super::{assert_verdict, explained, path};

#[tokio::test]
async fn a_hook_is_judged_as_it_was_when_the_event_was_accepted() {
    let world = World::new().await;
    let hook = world.hook(json!({ "events": ["other"] })).await;
    let mut events = Vec::new();
    for patterns in [json!(["a"]), json!(["b"]), json!(["a"]), json!(["c"])] {
        world.clock.advance(Duration::from_secs(1));
        events.push(world.publish(json!({ "type": "a", "data": 1 })).await);
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
        world.patch(&hook.path(), json!({ "events": patterns })).await.expect(200);
    }
    for (event, (verdict, version)) in events.iter().zip([("type", 1), ("chosen", 2), ("type", 3), ("chosen", 4)]) {
        let entry = explained(&world, event, &hook).await;
        assert_verdict(&entry, verdict, "");
        assert_eq!((&entry["judged_from"], &entry["hook_version"]), (&json!("version_then"), &json!(version)));
        assert_eq!(entry["remark"], "the hook has changed since: it is at version 5 now");
    }
}

#[tokio::test]
async fn where_the_version_of_then_is_not_kept_the_present_one_is_judged_and_that_is_said() {
    let world = World::new().await;
    let (asks, asks_not) = (world.hook(json!({ "events": ["b"] })).await, world.hook(json!({ "events": ["b"] })).await);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
    world.patch(&asks.path(), json!({ "events": ["a"] })).await.expect(200);
    for hook in [&asks, &asks_not] {
        for number in 0..101 {
            world.patch(&hook.path(), json!({ "name": format!("{number}") })).await.expect(200);
        }
    }
    let entry = explained(&world, &event, &asks).await;
    assert_verdict(&entry, "changed_since", "as it is now the hook asks for this event; it was last changed at");
    assert_eq!(entry["judged_from"], "version_now");
    let entry = explained(&world, &event, &asks_not).await;
    assert_verdict(&entry, "type", "");
    assert_eq!((&entry["judged_from"], &entry["hook_version"]), (&json!("version_now"), &json!(102)));
    assert!(entry["remark"].as_str().unwrap().contains("the version of then is not kept"), "{entry}");
}

#[tokio::test]
async fn what_the_fan_out_did_counts_and_not_what_the_hook_says() {
    let world = World::new().await;
    let (loses, gains) = (world.hook(json!({ "events": ["a"] })).await, world.hook(json!({ "events": ["b"] })).await);
    // Accepted with one version of each, and fanned out with another.
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.clock.advance(Duration::from_secs(1));
    world.patch(&loses.path(), json!({ "events": ["b"] })).await.expect(200);
    world.patch(&gains.path(), json!({ "events": ["a"] })).await.expect(200);
    let late = world.hook(json!({ "events": ["a"] })).await;
    world.settle().await;
    let entry = explained(&world, &event, &loses).await;
    assert_verdict(&entry, "changed_since", "was passed over all the same");
    let entry = explained(&world, &event, &gains).await;
    assert_verdict(&entry, "chosen", "it was delivered");
    assert!(entry["remark"].as_str().unwrap().contains("by version 1 of the hook, that of then"), "{entry}");
    let entry = explained(&world, &event, &late).await;
    assert_verdict(&entry, "chosen", "it was delivered");
    assert!(entry["remark"].as_str().unwrap().contains("before it was fanned out"), "{entry}");
}

#[tokio::test]
async fn a_hook_that_was_deleted_is_shown_if_the_event_went_to_it() {
    let world = World::new().await;
    let (got, passed) = (world.hook(json!({})).await, world.hook(json!({ "events": ["b"] })).await);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    for hook in [&got, &passed] {
        world.delete(&hook.path()).await.expect(204);
    }
    let entry = explained(&world, &event, &got).await;
    assert_verdict(&entry, "chosen", "a hook that was deleted since");
    assert_eq!((&entry["delivery"]["status"], &entry["hook_version"]), (&json!("deleted"), &Value::Null));
    world.get(&format!("{}?hook={}", path(&event), passed.id)).await.expect(404);
    let all = world.pages(&format!("{}?limit=1", path(&event))).await;
    assert_eq!(all, [entry]);
}

#[tokio::test]
async fn of_an_expunged_event_all_is_explained_but_the_values() {
    let world = World::new().await;
    let filtered = world.hook(json!({ "filter": { "secret": ["x"] } })).await;
    let typed = world.hook(json!({ "events": ["b"] })).await;
    let got = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": { "secret": "hidden" } })).await;
    world.settle().await;
    world.delete(&format!("/v1/tenants/{TENANT}/events/{event}/data")).await.expect(204);
    let answer = world.get(&path(&event)).await.expect(200);
    assert!(!answer.text().contains("hidden"));
    assert_eq!(answer.json()["event"]["expunged"], true);
    let entry = explained(&world, &event, &filtered).await;
    assert_verdict(&entry, "filter", "its payload was expunged");
    assert_eq!(entry["unmet"], Value::Null);
    assert_verdict(&explained(&world, &event, &typed).await, "type", "");
    assert_verdict(&explained(&world, &event, &got).await, "chosen", "it was delivered");
}

#[tokio::test]
async fn of_an_event_that_is_not_kept_it_says_since_when_events_are() {
    let world = World::new().await;
    world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    world.clock.advance(RETENTION);
    let detail = async |event: &str| world.get(&path(event)).await.expect(404).json()["detail"].take();
    let expected = "no such event: it expired at 2026-05-01T09:30:00.000Z; events are kept for 90 days";
    assert_eq!(detail(&event).await, expected);
    let unknown = detail("never-published").await;
    let expected = "no such event: events are kept for 90 days, so what was accepted before 2026-01-31T09:30:00.000Z";
    assert!(unknown.as_str().unwrap().starts_with(expected), "{unknown}");
    world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "retention_days": 7 })).await.expect(200);
    let detail = world.get(&path("never-published")).await.expect(404).text();
    assert!(detail.contains("kept for 7 days"), "{detail}");
}

#[tokio::test]
async fn every_hook_is_on_one_page_whatever_its_size_and_while_hooks_come_and_go() {
    let world = World::new().await;
    let mut hooks = Vec::new();
    for number in 0..9 {
        let events = if number % 3 == 0 { "b" } else { "a" };
        hooks.push(world.hook(json!({ "events": [events] })).await);
        world.clock.advance(Duration::from_secs(1));
    }
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    // Some that it went to, of which several lie beside each other, and one that it did not go to.
    for gone in [1, 2, 3, 4, 7] {
        world.delete(&hooks[gone].path()).await.expect(204);
    }
    let expected: Vec<&str> = [0, 1, 2, 4, 5, 6, 7, 8].map(|number| hooks[number].id.as_str()).to_vec();
    for limit in 1..=9 {
        let all = world.pages(&format!("{}?limit={limit}", path(&event))).await;
        let ids: Vec<&str> = all.iter().map(|entry| entry["hook_id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{limit}");
    }
    // With another limit on each page, and a hook that is made meanwhile.
    let first = world.get(&format!("{}?limit=3", path(&event))).await.expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let late = world.hook(json!({})).await;
    let mut ids: Vec<String> = Vec::new();
    let second = world.get(&format!("{}?limit=1&cursor={cursor}", path(&event))).await.expect(200).json();
    let rest = format!("{}?limit=100&cursor={}", path(&event), second["next_cursor"].as_str().unwrap());
    for page in [first.clone(), second, world.get(&rest).await.expect(200).json()] {
        ids.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["hook_id"].as_str().unwrap().to_owned()));
    }
    let expected: Vec<&str> = expected.into_iter().chain([late.id.as_str()]).collect();
    assert_eq!(ids, expected);
    // It is of this event, and of no other.
    let other = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    for wrong in [format!("{}?cursor={cursor}", path(&other)), format!("{}?cursor=x", path(&event))] {
        let problem = world.get(&wrong).await.expect(400).json();
        assert_eq!(problem["errors"][0]["field"], "cursor");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_named() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let with = |query: &str| format!("{}?{query}", path(&event));
    for (query, field) in [
        ("hooks=x".to_owned(), "hooks"),
        ("hook=x".to_owned(), "hook"),
        ("limit=101".to_owned(), "limit"),
        (format!("hook={}&cursor=x", hook.id), "cursor"),
    ] {
        let problem = world.get(&with(&query)).await.expect(400).json();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let theirs = world.hook_of("other", json!({})).await;
    for id in [theirs.id.as_str(), "hook_01M7YRY66B9CZNF4GV85GH11D0"] {
        world.get(&with(&format!("hook={id}"))).await.expect(404);
    }
    world.get(&path(&event).replace(TENANT, "other")).await.expect(404);
}

#[tokio::test]
async fn hooks_of_several_fan_out_pages_are_explained_page_by_page() {
    let world = World::new().await;
    for _ in 0..150 {
        world.hook(json!({ "events": ["a"] })).await;
    }
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let answer = world.get(&path(&event)).await.expect(200).json();
    assert_eq!((&answer["event"]["hooks_chosen"], &answer["event"]["fan_out_complete"]), (&json!(150), &json!(true)));
    let all = world.pages(&format!("{}?limit=100", path(&event))).await;
    assert_eq!(all.iter().filter(|entry| entry["verdict"] == "chosen").count(), 150);
}

/// A queue that loses all it takes, as one is seen by who looks before it is read.
struct Unread;

#[async_trait]
impl QueueSender for Unread {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        messages.iter().map(|_| Ok(())).collect()
    }
}

#[tokio::test]
async fn while_an_event_is_being_fanned_out_no_reason_is_made_up_for_who_comes_later() {
    let mut world = World::new().await;
    for _ in 0..101 {
        world.hook(json!({ "events": ["a"] })).await;
    }
    let typed = world.hook(json!({ "events": ["b"] })).await;
    world.rewire(|engine| engine.fanout.queue = Arc::new(Unread));
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let answer = world.get(&path(&event)).await.expect(200).json();
    assert_eq!((&answer["event"]["hooks_chosen"], &answer["event"]["fan_out_complete"]), (&json!(100), &json!(false)));
    let all = world.pages(&format!("{}?limit=100", path(&event))).await;
    let left: Vec<&Value> = all.iter().filter(|entry| entry["verdict"] == "not_reached").collect();
    assert_eq!((all.len(), left.len()), (102, 1));
    assert_verdict(left[0], "not_reached", "has not come to this hook yet");
    assert_verdict(&explained(&world, &event, &typed).await, "type", "");
    world.delete(&format!("/v1/tenants/{TENANT}/events/{event}/data")).await.expect(204);
    let all = world.pages(&format!("{}?limit=100", path(&event))).await;
    assert!(all.iter().any(|entry| entry["verdict"] == "not_reached"
        && entry["sentence"] == "the event was expunged before its fan-out came to this hook"));
}

#[tokio::test]
async fn conditions_that_fill_an_answer_end_its_page_early() {
    let world = World::new().await;
    let long = "x".repeat(300);
    let alternatives: Vec<Value> = (0..100).map(|number| json!({ "t": [number] })).collect();
    for _ in 0..100 {
        world.hook(json!({ "filter": { "$or": alternatives } })).await;
    }
    let event = world.publish(json!({ "type": "a", "data": { "t": long } })).await;
    world.settle().await;
    let first = world.get(&format!("{}?limit=100", path(&event))).await.expect(200);
    assert!(first.text().len() < 2 * 1024 * 1024, "{}", first.text().len());
    assert!(first.json()["items"].as_array().unwrap().len() < 100);
    let all = world.pages(&format!("{}?limit=100", path(&event))).await;
    assert_eq!(all.len(), 100);
}

#[tokio::test]
async fn a_customer_may_ask_for_the_own_hooks() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(404)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let key = world
        .post(&format!("/v1/tenants/{TENANT}/keys"), json!({ "scope": "portal", "expires_in": 60 }))
        .await
        .expect(201)
        .json();
    let key = key["key"].as_str();
    let answer = world.call("GET", &path(&event), key, "").await.expect(200).json();
    assert_verdict(&answer["items"][0], "chosen", "was answered with 404");
}
