//! Every change is told with who made it, from where, and both values.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, TENANT, World};

fn path(rest: &str) -> String {
    format!("/v1/tenants/{TENANT}{rest}")
}

async fn audit(world: &World, path: &str) -> Vec<Value> {
    world.get(path).await.expect(200).json()["items"].as_array().unwrap().clone()
}

fn change<'a>(entry: &'a Value, field: &str) -> Option<(&'a Value, &'a Value)> {
    let change = entry["changes"].as_array()?.iter().find(|change| change["field"] == field)?;
    Some((&change["before"], &change["after"]))
}

#[tokio::test]
async fn a_change_of_a_hook_is_told_with_both_values_and_no_secret() {
    let world = World::new().await;
    let hook = world
        .hook(json!({ "name": "old", "auth": { "type": "bearer", "token": "hush-hush" }, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }))
        .await;
    for change in [
        json!({ "name": "new", "timeout": { "total": 7 } }),
        json!({ "auth": { "type": "bearer", "token": "tell-no-one" } }),
        json!({ "enabled": false }),
    ] {
        world.clock.advance(Duration::from_secs(1));
        world.patch(&hook.path(), change).await.expect(200);
    }
    world.clock.advance(Duration::from_secs(1));
    world.post(&format!("{}/secret/rotate", hook.path()), json!({})).await.expect(200);
    for list in [path("/audit?kind=hook"), format!("{}/audit", hook.path())] {
        let entries = audit(&world, &list).await;
        let told: Vec<_> = entries.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
        assert_eq!(told, ["secret rotated", "disabled", "changed", "changed", "created"], "{list}");
        assert!(entries.iter().all(|entry| entry["by"] == "operator"), "{entries:?}");
        let (before, after) = change(&entries[3], "name").unwrap();
        assert_eq!((before, after), (&json!("old"), &json!("new")));
        assert_eq!(change(&entries[3], "timeout").unwrap().1["total"], 7);
        assert_eq!(entries[3]["detail"], "name, timeout");
        let (before, after) = change(&entries[2], "auth").unwrap();
        assert_eq!((&before["token"], &after["token"]), (&json!("********"), &json!("********")));
        assert_eq!(change(&entries[1], "enabled"), Some((&json!(true), &json!(false))));
        assert!(change(&entries[0], "secrets").is_some());
        assert_eq!(change(&entries[4], "name").unwrap().1, "old");
        let text = Value::from(entries).to_string();
        for secret in ["hush", "no-one", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(!text.contains(secret), "{list} tells {secret}");
        }
    }
    world.delete(&hook.path()).await.expect(204);
    let entries = audit(&world, &path("/audit?kind=hook")).await;
    assert_eq!((&entries[0]["what"], &entries[0]["target"]["id"]), (&json!("deleted"), &json!(hook.id)));
    assert_eq!(change(&entries[0], "name").unwrap().0, "new");
}

#[tokio::test]
async fn what_happens_by_itself_is_told_as_well() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let entries = audit(&world, &path("/audit?by=hookline")).await;
    assert_eq!((&entries[0]["what"], entries.len()), (&json!("disabled"), 1));
    assert_eq!(change(&entries[0], "enabled"), Some((&json!(true), &json!(false))));
    assert_eq!(entries[0]["target"], json!({ "kind": "hook", "id": hook.id }));
    assert!(entries[0]["detail"].as_str().unwrap().contains("410"));
}

#[tokio::test]
async fn changes_of_tenants_profiles_keys_and_event_types_are_told_where_they_belong() {
    let world = World::new().await;
    world.patch(&path(""), json!({ "name": "The blog", "rate_limit": 5 })).await.expect(200);
    let key = world.post(&path("/keys"), json!({ "scope": "publish", "name": "ci" })).await.expect(201).json();
    world.delete(&path(&format!("/keys/{}", key["id"].as_str().unwrap()))).await.expect(204);
    world.post(&path("/event-types"), json!({ "name": "post.created", "description": "a" })).await.expect(201);
    world.patch(&path("/event-types/post.created"), json!({ "description": "b" })).await.expect(200);
    let document = json!({ "event_types": [{ "name": "post.updated" }] });
    world.call("PUT", &path("/catalogue"), Some(OPERATOR), document.to_string()).await.expect(200);
    let told = audit(&world, &path("/audit")).await;
    let told: Vec<_> = told
        .iter()
        .map(|entry| {
            format!("{} {} {}", entry["target"]["kind"], entry["target"]["id"], entry["what"]).replace('"', "")
        })
        .collect();
    let id = key["id"].as_str().unwrap();
    assert_eq!(
        told,
        [
            "event_type post.created deleted".to_owned(),
            "event_type post.updated created".to_owned(),
            "event_type post.created changed".to_owned(),
            "event_type post.created created".to_owned(),
            format!("key {id} deleted"),
            format!("key {id} created"),
            format!("tenant {TENANT} changed"),
            format!("tenant {TENANT} created"),
        ]
    );
    let text = world.get(&path("/audit")).await.text();
    assert!(!text.contains(key["key"].as_str().unwrap()) && !text.contains("hash"), "{text}");

    world.post("/v1/profiles", json!({ "name": "house", "description": "a" })).await.expect(201);
    world.patch("/v1/profiles/house", json!({ "description": "b" })).await.expect(200);
    world.delete("/v1/profiles/house").await.expect(204);
    world.post("/v1/keys", json!({ "name": "second" })).await.expect(201);
    world.post("/v1/event-types", json!({ "name": "shared" })).await.expect(201);
    let told: Vec<_> = audit(&world, "/v1/audit").await;
    let kinds: Vec<_> = told.iter().map(|entry| entry["target"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["event_type", "key", "profile", "profile", "profile", "tenant", "tenant"]);
    assert_eq!(change(&told[3], "description"), Some((&json!("a"), &json!("b"))));
    assert_eq!(audit(&world, "/v1/audit?kind=profile&target=house&limit=2").await.len(), 2);
}

#[tokio::test]
async fn it_is_told_which_key_asked_and_from_where() {
    let world = World::new().await;
    let key = world.post(&path("/keys"), json!({ "scope": "tenant" })).await.expect(201).json();
    let mut request = Request::post(path("/hooks"))
        .header("authorization", format!("Bearer {}", key["key"].as_str().unwrap()))
        .body(Body::from(json!({ "url": "https://a.example.com/", "events": ["*"] }).to_string()))
        .unwrap();
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    request.extensions_mut().insert(api::ClientAddress(address));
    world.send(request).await.expect(201);
    let entries = audit(&world, &path("/audit?kind=hook")).await;
    assert_eq!((&entries[0]["by"], &entries[0]["from"]), (&key["id"], &json!("192.0.2.7")));
}

#[tokio::test]
async fn the_audit_is_read_in_pages_and_narrowed_by_time_and_is_a_tenants_own() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "0" })).await;
    for number in 1..8 {
        world.clock.advance(Duration::from_secs(60));
        world.patch(&hook.path(), json!({ "name": number.to_string() })).await.expect(200);
    }
    let all = world.pages(&path("/audit?kind=hook")).await;
    assert_eq!(all.len(), 8);
    for limit in [1, 3, 7, 100] {
        assert_eq!(world.pages(&path(&format!("/audit?kind=hook&limit={limit}"))).await, all, "{limit} at a time");
    }
    let at = |n: usize| all[n]["at"].as_str().unwrap();
    let narrowed = world.pages(&path(&format!("/audit?kind=hook&since={}&until={}", at(5), at(2)))).await;
    assert_eq!(narrowed, all[3..=5]);
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let key = world.post("/v1/tenants/other/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    world.call("GET", &path("/audit"), key["key"].as_str(), "").await.expect(404);
    world.call("GET", "/v1/audit", key["key"].as_str(), "").await.expect(403);
    let page = world.get(&path("/audit?limit=1")).await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    world.get(&format!("/v1/tenants/other/audit?cursor={cursor}")).await.expect(400);
    let problem = world.get(&path("/audit?kind=house")).await.expect(400).json();
    assert_eq!(problem["errors"][0]["field"], "kind");
}

#[tokio::test]
async fn a_tenants_audit_goes_with_it_and_the_operators_tells_of_its_end() {
    let world = World::new().await;
    world.hook(json!({})).await;
    world.post(&path("/keys"), json!({ "scope": "tenant" })).await.expect(201);
    world.clock.advance(Duration::from_secs(1));
    world.delete(&path("")).await.expect(204);
    world.settle().await;
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    let told = audit(&world, &path("/audit")).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let told = audit(&world, "/v1/audit").await;
    let whats: Vec<_> = told.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["created", "deleted", "created"]);
}
