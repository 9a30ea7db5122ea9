//! Sessions: listed, refreshed and ended.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::World;

use super::{LINKS, OWN, SESSIONS, exchange, link, session, token};

const HOOKS: &str = "/v1/tenants/acme/hooks";

fn in_seconds(world: &World, seconds: u64) -> String {
    world.now().saturating_add(Duration::from_secs(seconds)).to_string()
}

#[tokio::test]
async fn sessions_are_listed_without_their_tokens_and_end_by_themselves() {
    let world = World::new().await;
    let made_at = world.now().to_string();
    let short = session(&world, json!({ "session_expires_in": 60, "user": "Jane", "read_only": true })).await;
    let expected = json!({
        "id": short["id"], "user": "Jane", "capabilities": ["view"], "created_at": made_at,
        "expires_at": in_seconds(&world, 60), "last_used_at": null,
    });
    assert_eq!(world.get(SESSIONS).await.expect(200).json()["items"], json!([expected]));
    let long = session(&world, json!({})).await;
    world.clock.advance(Duration::from_millis(59_999));
    world.call("GET", HOOKS, token(&short), "").await.expect(200);
    world.clock.advance(Duration::from_millis(1));
    let refused = world.call("GET", HOOKS, token(&short), "").await.expect(401);
    assert!(refused.text().contains("expired"), "{}", refused.text());
    let left = world.get(SESSIONS).await.expect(200).json();
    assert_eq!((left["items"].as_array().unwrap().len(), &left["items"][0]["id"]), (1, &long["id"]));
}

#[tokio::test]
async fn a_session_ends_at_once_alone_or_with_all_others_and_by_its_own_wish() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(session(&world, json!({})).await);
    }
    let path = format!("{SESSIONS}/{}", sessions[0]["id"].as_str().unwrap());
    world.delete(&path).await.expect(204);
    world.delete(&path).await.expect(404);
    world.delete(&format!("{SESSIONS}/ses_x")).await.expect(404);
    world.call("GET", HOOKS, token(&sessions[0]), "").await.expect(401);
    world.call("DELETE", OWN, token(&sessions[1]), "").await.expect(204);
    world.call("GET", HOOKS, token(&sessions[1]), "").await.expect(401);
    world.call("GET", HOOKS, token(&sessions[2]), "").await.expect(200);
    world.delete(SESSIONS).await.expect(204);
    for ended in &sessions[2..] {
        world.call("GET", HOOKS, token(ended), "").await.expect(401);
    }
    assert_eq!(world.get(SESSIONS).await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn a_session_that_is_refreshed_goes_on_for_thirty_days_at_most() {
    let world = World::new().await;
    let begun = world.now();
    let week = 604_800;
    let kept = session(&world, json!({ "session_expires_in": week })).await;
    let refresh = format!("{OWN}/refresh");
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(week - 1));
        let refreshed = world.call("POST", &refresh, token(&kept), "").await.expect(200).json();
        let last = begun.saturating_add(Duration::from_secs(30 * 24 * 3_600));
        let usual = world.now().saturating_add(Duration::from_secs(week));
        assert_eq!(refreshed["expires_at"], usual.min(last).to_string());
        assert_eq!(refreshed["ends_by"], last.to_string());
        assert_eq!(world.call("GET", OWN, token(&kept), "").await.expect(200).json(), refreshed);
    }
    world.clock.advance(Duration::from_secs(3 * 24 * 3_600));
    world.call("POST", &refresh, token(&kept), "").await.expect(401);
    let session = session(&world, json!({})).await;
    world.delete(SESSIONS).await.expect(204);
    world.call("POST", &refresh, token(&session), "").await.expect(401);
}

#[tokio::test]
async fn only_a_session_has_a_session() {
    let world = World::new().await;
    let portal = json!({ "scope": "portal", "expires_in": 60 });
    let portal = world.post("/v1/tenants/acme/keys", portal).await.expect(201).json();
    let tenant = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    for key in [tests::world::OPERATOR, portal["key"].as_str().unwrap(), tenant["key"].as_str().unwrap()] {
        for (method, path) in [("GET", OWN.to_owned()), ("DELETE", OWN.to_owned()), ("POST", format!("{OWN}/refresh"))]
        {
            world.call(method, &path, Some(key), "").await.expect(403);
        }
    }
}

#[tokio::test]
async fn a_session_makes_no_link_and_no_key_and_ends_no_other() {
    let world = World::new().await;
    let all = json!({ "capabilities": ["view", "manage", "reveal_secret", "rotate", "test", "send_again"] });
    let session = session(&world, all).await;
    for (method, path, body) in [
        ("POST", LINKS, "{}"),
        ("GET", SESSIONS, ""),
        ("DELETE", SESSIONS, ""),
        ("POST", "/v1/tenants/acme/keys", r#"{"scope":"publish"}"#),
        ("POST", "/v1/tenants/acme/events", r#"{"type":"a","data":1}"#),
        ("GET", "/v1/tenants/acme", ""),
        ("PATCH", "/v1/tenants/acme", "{}"),
    ] {
        world.call(method, path, token(&session), body).await.expect(403);
    }
}

#[tokio::test]
async fn the_audit_names_the_session_and_whom_it_is_for() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    for user in [json!("Jane <jane@example.com>"), Value::Null] {
        // Entries of one moment have no order.
        world.clock.advance(Duration::from_secs(1));
        let session = session(&world, json!({ "user": user })).await;
        world.call("PATCH", &hook.path(), token(&session), r#"{"name":"x"}"#).await.expect(200);
        world.call("PATCH", &hook.path(), token(&session), r#"{"name":"y"}"#).await.expect(200);
        let by = format!("session:{}", session["id"].as_str().unwrap());
        let of_hook = world.get(&format!("{}/audit", hook.path())).await.expect(200).json();
        let of_tenant = world.get(&format!("/v1/tenants/acme/audit?by={by}&kind=hook")).await.expect(200).json();
        assert_eq!(of_tenant["items"].as_array().unwrap().len(), 2);
        for entry in [&of_hook["items"][0], &of_tenant["items"][0]] {
            assert_eq!((&entry["by"], &entry["user"], &entry["what"]), (&json!(by), &user, &json!("changed")));
        }
    }
}

#[tokio::test]
async fn links_and_sessions_are_in_the_audit_without_their_secrets() {
    let world = World::new().await;
    let made = link(&world, json!({ "user": "Jane" })).await;
    let kept = exchange(&world, made["code"].as_str().unwrap()).await.expect(201).json();
    let left = session(&world, json!({})).await;
    world.call("DELETE", OWN, token(&left), "").await.expect(204);
    world.delete(&format!("{SESSIONS}/{}", kept["id"].as_str().unwrap())).await.expect(204);
    session(&world, json!({})).await;
    link(&world, json!({})).await;
    world.delete(SESSIONS).await.expect(204);
    let entries = async |kind: &str| {
        let audit = world.get(&format!("/v1/tenants/acme/audit?kind={kind}&limit=100")).await.expect(200);
        assert!(!audit.text().contains("hash"), "{}", audit.text());
        audit.json()["items"].as_array().unwrap().clone()
    };
    let links = entries("portal_link").await;
    assert_eq!(links.len(), 4);
    assert!(links.iter().all(|entry| entry["by"] == "operator" && entry["what"] == "created"));
    let sessions = entries("portal_session").await;
    let by = |entry: &Value| {
        let [by, what, target] =
            [&entry["by"], &entry["what"], &entry["target"]["id"]].map(|text| text.as_str().unwrap());
        format!("{what} {target} by {by}")
    };
    let [kept_id, left_id] = [&kept, &left].map(|session| session["id"].as_str().unwrap());
    let told: Vec<_> = sessions.iter().map(by).collect();
    for expected in [
        format!("created {kept_id} by session:{kept_id}"),
        format!("deleted {left_id} by session:{left_id}"),
        format!("deleted {kept_id} by operator"),
        "deleted * by operator".to_owned(),
    ] {
        assert!(told.contains(&expected), "{expected}: {told:?}");
    }
    let all = sessions.iter().find(|entry| entry["target"]["id"] == "*").unwrap();
    assert_eq!(all["detail"], "1 sessions, 1 links");
}

#[tokio::test]
async fn a_tenant_has_a_thousand_sessions_and_expired_ones_make_room() {
    let world = World::new().await;
    let short = session(&world, json!({ "session_expires_in": 60 })).await;
    for _ in 1..1_000 {
        session(&world, json!({})).await;
    }
    let waiting = link(&world, json!({})).await;
    let code = waiting["code"].as_str().unwrap();
    let refused = exchange(&world, code).await.expect(409);
    assert!(refused.text().contains("1000"), "{}", refused.text());
    world.call("GET", HOOKS, token(&short), "").await.expect(200);
    world.clock.advance(Duration::from_secs(60));
    // It was not used up.
    exchange(&world, code).await.expect(201);
}

#[tokio::test]
async fn deleting_a_tenant_ends_its_sessions_and_links() {
    let world = World::new().await;
    world.post("/v1/tenants", json!({ "id": "gone" })).await.expect(201);
    let link = async || {
        let made = world.post("/v1/tenants/gone/portal-links", json!({})).await.expect(201).json();
        made["code"].as_str().unwrap().to_owned()
    };
    let session = exchange(&world, &link().await).await.expect(201).json();
    let open = link().await;
    world.delete("/v1/tenants/gone").await.expect(204);
    world.call("GET", "/v1/tenants/gone/hooks", token(&session), "").await.expect(401);
    world.clock.advance(Duration::from_secs(31));
    world.post("/v1/tenants", json!({ "id": "gone" })).await.expect(201);
    exchange(&world, &open).await.expect(401);
    world.call("GET", OWN, token(&session), "").await.expect(401);
    assert_eq!(world.get("/v1/tenants/gone/portal-sessions").await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn the_last_use_of_a_session_is_noted_to_the_minute() {
    let world = World::new().await;
    let session = session(&world, json!({})).await;
    world.clock.advance(Duration::from_secs(5));
    let used = world.now().to_string();
    world.call("GET", HOOKS, token(&session), "").await.expect(200);
    let mut seen = Value::Null;
    for _ in 0..10_000 {
        seen = world.get(SESSIONS).await.expect(200).json()["items"][0]["last_used_at"].clone();
        if seen == used {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen, used);
}
