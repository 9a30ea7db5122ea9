//! A row that cannot be read hides none of its neighbours, and can be deleted.

use axum::body::Body;
use axum::http::Request;
use contract::ports::{Document, Documents as _, Hooks as _};
use domain::unknown::Unknown;
use embedded::{EmbeddedDocuments, EmbeddedHooks};
use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, TENANT, World};

/// Writes over a document, past everything that checks it, and starts anew.
async fn damage(world: World, rows: &[(&str, &str)]) -> World {
    let documents = EmbeddedDocuments::new(world.engine.store.clone());
    for (partition, name) in rows {
        let version = documents.get(partition, name).await.unwrap().map_or(0, |document| document.version) + 1;
        let body = r#"{"not":"what it was"#.to_owned();
        documents.put(partition, &Document { name: (*name).to_owned(), version, body }).await.unwrap();
    }
    drop(documents);
    world.stop_and_start().await
}

/// The ids of a list, and of those the ones that cannot be read.
async fn listed(world: &World, path: &str) -> (Vec<String>, Vec<String>) {
    let items = world.pages(&format!("{path}?limit=100")).await;
    let id = |item: &Value| item["id"].as_str().or(item["name"].as_str()).unwrap().to_owned();
    let unreadable = items.iter().filter(|item| item["unreadable"].is_string());
    (items.iter().map(id).collect(), unreadable.map(id).collect())
}

#[tokio::test]
async fn a_tenant_that_cannot_be_read_is_listed_and_told_of_and_deleted() {
    let world = World::new().await;
    world.post("/v1/tenants", json!({ "id": "bad" })).await.expect(201);
    let world = damage(world, &[("tenants", "bad")]).await;
    assert_eq!(
        listed(&world, "/v1/tenants").await,
        (vec![TENANT.to_owned(), "bad".to_owned()], vec!["bad".to_owned()])
    );
    let problem = world.get("/v1/tenants/bad").await.expect(500).json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("bad cannot be read: it is damaged") && detail.contains("delete it"), "{detail}");
    world.get(&format!("/v1/tenants/{TENANT}")).await.expect(200);
    world.delete("/v1/tenants/bad").await.expect(204);
    assert_eq!(listed(&world, "/v1/tenants").await.0, [TENANT]);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_listed_opens_nothing_and_is_revoked() {
    let world = World::new().await;
    let keys = format!("/v1/tenants/{TENANT}/keys");
    let one = world.post(&keys, json!({ "scope": "tenant" })).await.expect(201).json();
    let two = world.post(&keys, json!({ "scope": "tenant" })).await.expect(201).json();
    let (id, key) = (one["id"].as_str().unwrap(), one["key"].as_str().unwrap());
    let world = damage(world, &[(&format!("keys#{TENANT}"), id)]).await;
    let list = world.get(&keys).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    let of = |id: &Value| items.iter().find(|item| item["id"] == *id).unwrap();
    assert!(of(&one["id"])["unreadable"].is_string() && of(&two["id"])["scope"] == "tenant", "{list}");
    world.call("GET", &keys, Some(key), "").await.expect(500);
    world.call("GET", &keys, two["key"].as_str(), "").await.expect(200);
    world.post(&keys, json!({ "scope": "publish" })).await.expect(201);
    world.delete(&format!("{keys}/{id}")).await.expect(204);
    assert_eq!(world.get(&keys).await.expect(200).json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn profiles_event_types_and_replays_that_cannot_be_read_are_listed_and_deleted() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let types = format!("/v1/tenants/{TENANT}/event-types");
    for name in ["one", "two"] {
        world.post("/v1/profiles", json!({ "name": name })).await.expect(201);
        world.post(&types, json!({ "name": name })).await.expect(201);
    }
    let replays = format!("{}/replays", hook.path());
    let replay = world.post(&replays, json!({ "kind": "range", "dry_run": true })).await.expect(202).json();
    world.post(&replays, json!({ "kind": "failed", "dry_run": true })).await.expect(202);
    let id = replay["id"].as_str().unwrap();
    let stored = id.trim_start_matches("rpl_");
    let partition = format!("replays#{TENANT}#{}", hook.id.trim_start_matches("hook_"));
    let of_types = format!("event-types#{TENANT}");
    let world = damage(world, &[("profiles", "one"), (&of_types, "one"), (&partition, stored)]).await;

    let profiles = world.get("/v1/profiles").await.expect(200).json();
    let profiles = profiles["items"].as_array().unwrap();
    assert!(profiles.iter().any(|profile| profile["id"] == "one" && profile["unreadable"].is_string()));
    assert!(profiles.iter().any(|profile| profile["name"] == "two"));
    assert_eq!(listed(&world, &types).await, (vec!["one".to_owned(), "two".to_owned()], vec!["one".to_owned()]));
    assert_eq!(listed(&world, &replays).await.1, [id]);
    for path in ["/v1/profiles/one", &format!("{types}/one"), &format!("{replays}/{id}")] {
        let detail = world.get(path).await.expect(500).json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("cannot be read"), "{path}: {detail}");
        world.delete(path).await.expect(204);
        world.get(path).await.expect(404);
    }
    assert_eq!(listed(&world, &types).await.0, ["two"]);
    // What the other hooks' health says is not needed to list or to send.
    let world = damage(world, &[(&format!("health#{TENANT}"), &hook.id)]).await;
    assert_eq!(listed(&world, &format!("/v1/tenants/{TENANT}/hooks")).await.0, std::slice::from_ref(&hook.id));
    world.publish(json!({ "type": "two", "data": 1 })).await;
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 1);
}

#[tokio::test]
async fn a_profile_or_tenant_that_cannot_be_read_hides_no_hook_of_another() {
    let world = World::new().await;
    for name in ["one", "two"] {
        world.post("/v1/profiles", json!({ "name": name })).await.expect(201);
        world.post("/v1/tenants", json!({ "id": name })).await.expect(201);
    }
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let (bad, fine) = (world.hook(json!({ "profile": "one" })).await, world.hook(json!({ "profile": "two" })).await);
    let of_other = json!({ "url": "https://other.example.com/in", "events": ["*"] });
    let of_other = world.post("/v1/tenants/one/hooks", of_other).await.expect(201).json()["id"].clone();
    for url in [&bad.url, &fine.url, "https://other.example.com/in"] {
        world.endpoint.answer(url, std::iter::repeat_n(Answer::Status(500), 20));
    }
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.post("/v1/tenants/one/events", json!({ "type": "a", "data": 1 })).await.expect(202);
    world.settle().await;
    let world = damage(world, &[("profiles", "one"), ("tenants", "one")]).await;
    let (mut ids, unreadable) = listed(&world, &hooks).await;
    ids.sort();
    let mut both = vec![bad.id.clone(), fine.id.clone()];
    both.sort();
    assert_eq!((ids, unreadable), (both, vec![bad.id.clone()]));
    let (failing, mut unreadable) = listed(&world, "/v1/hooks").await;
    unreadable.sort();
    let mut hidden = vec![bad.id.clone(), of_other.as_str().unwrap().to_owned()];
    hidden.sort();
    assert!(failing.contains(&fine.id) && unreadable == hidden, "{failing:?} {unreadable:?}");
}

#[tokio::test]
async fn a_hook_that_cannot_be_read_hides_no_other_and_goes_with_its_tenant() {
    let world = World::new().await;
    let (fine, bad) = (world.hook(json!({})).await, world.hook(json!({})).await);
    let world = unseal(world, &bad.id).await;
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let (ids, unreadable) = listed(&world, &hooks).await;
    assert!(ids.contains(&fine.id) && unreadable == [bad.id.clone()], "{ids:?}");
    let list = world.get(&hooks).await.expect(200).json();
    assert_eq!(list["total"], 2);
    let detail = world.get(&bad.path()).await.expect(500).json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with(&format!("{} cannot be read", bad.id)), "{detail}");

    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(world.endpoint.sent().len(), 1, "the other one gets it");
    assert_eq!(world.deliveries(&event).await.len(), 2);

    world.delete(&bad.path()).await.expect(204);
    assert_eq!(listed(&world, &hooks).await.0, std::slice::from_ref(&fine.id));
    let world = unseal(world, &fine.id).await;
    world.delete(&format!("/v1/tenants/{TENANT}")).await.expect(204);
    world.get(&format!("/v1/tenants/{TENANT}")).await.expect(404);
}

#[tokio::test]
async fn a_hook_that_cannot_be_read_has_no_version_that_could_be_asked_for_when_it_is_deleted() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let seen = world.get(&hook.path()).await.expect(200).header("etag").unwrap().to_owned();
    let world = unseal(world, &hook.id).await;
    let delete = async |tag: &str| {
        let request = Request::delete(hook.path()).header("authorization", format!("Bearer {OPERATOR}"));
        world.send(request.header("if-match", tag).body(Body::empty()).unwrap()).await
    };
    for tag in [&*seen, "\"2\""] {
        let problem = delete(tag).await.expect(412).json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("cannot be read") && detail.contains("leave `If-Match` out"), "{tag}: {detail}");
    }
    world.get(&hook.path()).await.expect(500);
    assert_eq!(listed(&world, &format!("/v1/tenants/{TENANT}/hooks")).await.1, std::slice::from_ref(&hook.id));
    delete("*").await.expect(204);
    world.get(&hook.path()).await.expect(404);
}

#[tokio::test]
async fn an_explanation_names_what_it_cannot_read_and_tells_the_rest() {
    let world = World::new().await;
    world.post("/v1/profiles", json!({ "name": "one" })).await.expect(201);
    let (fine, bad) = (world.hook(json!({})).await, world.hook(json!({ "profile": "one" })).await);
    let later = json!({ "type": "a", "data": 1, "deliver_at": "2026-01-31T10:00:00Z" });
    let event = world.publish(later).await;
    world.drain().await;
    let world = damage(world, &[("profiles", "one")]).await;
    // A secret that cannot be opened is not needed.
    let world = unseal(world, &fine.id).await;
    let items = world.pages(&format!("/v1/tenants/{TENANT}/events/{event}/explain?limit=1")).await;
    assert_eq!(items.len(), 2);
    let of = |field: &str, id: &str| items.iter().find(|item| item[field] == id).unwrap();
    assert_eq!(of("hook_id", &fine.id)["held_by"][0]["by"], "deliver_at");
    let why = of("id", &bad.id)["unreadable"].as_str().unwrap();
    assert!(why.contains("one cannot be read"), "{why}");
    // It is needed to send, though.
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let path = format!("/v1/tenants/{TENANT}/events/{event}/explain?hook={}", fine.id);
    let item = world.get(&path).await.expect(200).json()["items"][0].take();
    assert_eq!(item["held_by"][0]["by"], "unreadable", "{item}");
}

/// Gives a hook a secret that no key opens.
async fn unseal(world: World, id: &str) -> World {
    let hooks = EmbeddedHooks::new(world.engine.store.clone(), EmbeddedDocuments::new(world.engine.store.clone()));
    let old = hooks.get(&TENANT.parse().unwrap(), id.parse().unwrap()).await.unwrap().unwrap();
    let mut new = domain::hook::Hook { version: old.version + 1, unknown: Unknown::NONE, ..(*old).clone() };
    new.replace_secret(domain::secret::Secret::new("sealed:v1:nothing"));
    hooks.update_with(&old, &new, &[]).await.unwrap();
    drop(hooks);
    world.stop_and_start().await
}
