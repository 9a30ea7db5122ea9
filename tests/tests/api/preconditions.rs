//! Two who change the same hook: with `If-Match`, nobody overwrites what he has not seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use contract::ports::{Hooks, HooksLayer, PlacedDocument, StoreResult};
use domain::hook;
use domain::ids::{HookId, TenantId};
use domain::unknown::Unknown;
use serde_json::{Value, json};
use tests::world::{Hook, OPERATOR, Reply, World};

async fn ask(world: &World, method: &str, path: &str, if_match: &[&str], body: Value) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {OPERATOR}"));
    for line in if_match {
        request = request.header("if-match", *line);
    }
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn tag(reply: &Reply) -> String {
    reply.headers["etag"].to_str().unwrap().to_owned()
}

async fn hook(world: &World) -> (Hook, String) {
    let hook = world.hook(json!({ "name": "First" })).await;
    let tag = tag(&world.get(&hook.path()).await.expect(200));
    (hook, tag)
}

#[tokio::test]
async fn a_hook_comes_with_the_tag_of_its_version_which_changes_with_each_change() {
    let world = World::new().await;
    let asked = json!({ "url": "https://a.example.com/", "events": ["*"] });
    let made = world.post("/v1/tenants/acme/hooks", asked).await.expect(201);
    let path = format!("/v1/tenants/acme/hooks/{}", made.json()["id"].as_str().unwrap());
    let first = tag(&made);
    assert!(first.starts_with('"') && first.ends_with('"'), "a strong one: {first}");
    assert_eq!(tag(&world.get(&path).await.expect(200)), first);
    let second = tag(&ask(&world, "PATCH", &path, &[&first], json!({ "name": "Second" })).await.expect(200));
    assert_ne!(second, first);
    let rotated =
        ask(&world, "POST", &format!("{path}/secret/rotate"), &[&second], json!({ "overlap": 0 })).await.expect(200);
    assert_eq!(tag(&world.get(&path).await.expect(200)), tag(&rotated));
    // Health is none of it: whoever edits a busy hook is not refused.
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    assert_eq!(tag(&world.get(&path).await.expect(200)), tag(&rotated));
}

#[tokio::test]
async fn what_somebody_else_has_changed_since_is_not_changed_and_the_refusal_says_what_it_was() {
    let world = World::new().await;
    let (hook, seen) = hook(&world).await;
    let theirs = json!({ "name": "Theirs", "rate_limit": 5, "auth": { "type": "bearer", "token": "hush-hush" } });
    world.patch(&hook.path(), theirs).await.expect(200);
    let before = world.get(&hook.path()).await.expect(200);
    for (method, path, body) in [
        ("PATCH", hook.path(), json!({ "name": "Mine" })),
        ("DELETE", hook.path(), Value::Null),
        ("POST", format!("{}/secret/rotate", hook.path()), json!({})),
        ("POST", format!("{}/secret/cutover", hook.path()), json!({})),
    ] {
        let body = if body.is_null() { json!({}) } else { body };
        let refused = ask(&world, method, &path, &[&seen], body).await.expect(412);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        let problem = refused.json();
        let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["auth", "name", "rate_limit"], "{method} {path}");
        assert!(problem["detail"].as_str().unwrap().contains(&tag(&before)), "{problem}");
        assert!(!refused.text().contains("hush-hush"));
    }
    assert_eq!(world.get(&hook.path()).await.expect(200).json(), before.json());
    ask(&world, "PATCH", &hook.path(), &[&tag(&before)], json!({ "name": "Mine" })).await.expect(200);
}

#[tokio::test]
async fn a_star_and_one_of_several_tags_will_do_and_a_weak_one_never_does() {
    let world = World::new().await;
    let (hook, _) = hook(&world).await;
    let current = async || tag(&world.get(&hook.path()).await.expect(200));
    let change = async |lines: &[&str]| ask(&world, "PATCH", &hook.path(), lines, json!({ "name": "x" })).await.status;
    assert_eq!(change(&["*"]).await, 200);
    assert_eq!(change(&[&format!("\"other\", {}", current().await)]).await, 200);
    assert_eq!(change(&["\"other\"", &current().await]).await, 200);
    assert_eq!(change(&[&format!("W/{}", current().await)]).await, 412);
    assert_eq!(change(&["\"other\""]).await, 412);
    for wrong in ["7", "", "\"7", "*, \"7\""] {
        let refused = ask(&world, "PATCH", &hook.path(), &[wrong], json!({ "name": "y" })).await.expect(400);
        assert_eq!(refused.json()["errors"][0]["field"], "If-Match", "{wrong}");
    }
    // What is wrong is told first, and what is not there is not there.
    assert_eq!(ask(&world, "PATCH", &hook.path(), &["\"other\""], json!({ "url": 7 })).await.status, 422);
    let absent = format!("{}0", hook.path());
    assert_eq!(ask(&world, "PATCH", &absent, &["*"], json!({})).await.status, 404);
}

/// Somebody else changes the hook, once, when a request has checked it and is about to write.
struct Overtaken {
    hooks: Arc<dyn Hooks>,
    was_changed: AtomicBool,
}

impl Overtaken {
    async fn change(&self, tenant: &TenantId, id: HookId) -> StoreResult<()> {
        if self.was_changed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let old = self.hooks.get(tenant, id).await?.unwrap();
        let (name, version) = ("Theirs".to_owned(), old.version + 1);
        let new = hook::Hook { name, version, unknown: Unknown::NONE, ..(*old).clone() };
        self.hooks.update(&old, &new).await
    }
}

#[async_trait]
impl HooksLayer for Overtaken {
    fn below(&self) -> &dyn Hooks {
        self.hooks.as_ref()
    }

    async fn update_with(&self, old: &hook::Hook, new: &hook::Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        self.change(&old.tenant, old.id).await?;
        self.hooks.update_with(old, new, beside).await
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        self.change(tenant, id).await?;
        self.hooks.delete(tenant, id, version).await
    }
}

/// What a request is answered that somebody else overtakes, and what is there afterwards.
async fn overtaken(method: &str, below_hook: &str, if_match: Option<&str>, body: Value) -> (Reply, Reply) {
    let mut world = World::new().await;
    let (hook, seen) = hook(&world).await;
    world.rewire(|engine| {
        let hooks = Arc::clone(&engine.api.hooks);
        engine.api.hooks = Arc::new(Overtaken { hooks, was_changed: AtomicBool::new(false) });
    });
    let tags: Vec<&str> = if_match.map(|given| if given == "seen" { &*seen } else { given }).into_iter().collect();
    let answer = ask(&world, method, &format!("{}{below_hook}", hook.path()), &tags, body).await;
    let left = world.get(&hook.path()).await;
    (answer, left)
}

#[tokio::test]
async fn what_somebody_else_changes_between_check_and_write_is_neither_overwritten_nor_deleted() {
    for (method, below_hook, body) in
        [("PATCH", "", json!({ "name": "Mine" })), ("DELETE", "", json!({})), ("POST", "/secret/rotate", json!({}))]
    {
        let (answer, left) = overtaken(method, below_hook, Some("seen"), body).await;
        let problem = answer.expect(412).json();
        assert_eq!(problem["code"], "precondition_failed", "{method} {below_hook}");
        assert!(problem["detail"].as_str().unwrap().contains("has changed since"), "{problem}");
        let left = left.expect(200);
        assert_eq!((&left.json()["name"], tag(&left)), (&json!("Theirs"), "\"2\"".to_owned()), "{method} {below_hook}");
    }
}

#[tokio::test]
async fn who_asks_for_no_version_is_told_to_change_it_again_and_deletes_whichever_there_is() {
    for any in [None, Some("*")] {
        let (answer, left) = overtaken("PATCH", "", any, json!({ "name": "Mine" })).await;
        assert_eq!(answer.expect(409).json()["code"], "overtaken", "{any:?}");
        assert_eq!(left.expect(200).json()["name"], "Theirs", "{any:?}");
        let (answer, left) = overtaken("DELETE", "", any, json!({})).await;
        answer.expect(204);
        left.expect(404);
    }
}
