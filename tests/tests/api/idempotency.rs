//! Requests that are sent again, and what clients call their things.

mod askers;
mod every_post;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tests::world::{OPERATOR, Reply, TENANT, World};

async fn once(world: &World, path: &str, body: &Value, key: &str) -> Reply {
    once_as(world, OPERATOR, path, body, key).await
}

async fn once_as(world: &World, asker: &str, path: &str, body: &Value, key: &str) -> Reply {
    let request = Request::post(path).header(header::AUTHORIZATION, format!("Bearer {asker}"));
    world.send(request.header("idempotency-key", key).body(Body::from(body.to_string())).unwrap()).await
}

fn hooks() -> String {
    format!("/v1/tenants/{TENANT}/hooks")
}

fn new_hook(fields: &Value) -> Value {
    let mut hook = json!({ "url": "https://a.example.com/in", "events": ["*"] });
    hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    hook
}

#[tokio::test]
async fn a_request_with_its_key_makes_one_thing_however_often_it_is_sent() {
    let mut world = World::new().await;
    let hook = new_hook(&json!({ "uid": "mine" }));
    let tenant = json!({ "id": "blog" });
    for (path, body) in [("/v1/tenants", &tenant), ("/v1/tenants", &json!({})), (&*hooks(), &hook)] {
        let key = format!("{path}{body}");
        let first = once(&world, path, body, &key).await.expect(201).json();
        world = world.restart().await;
        assert_eq!(once(&world, path, body, &key).await.expect(201).json(), first, "{path}");
    }
    once(&world, "/v1/tenants", &tenant, "another").await.expect(409);
    once(&world, &hooks(), &hook, "another").await.expect(409);
    world.post(&hooks(), hook).await.expect(409);
    assert_eq!(world.get(&hooks()).await.json()["total"], 1);
    assert_eq!(world.get("/v1/tenants").await.json()["items"].as_array().unwrap().len(), 3);
    for key in ["", &"x".repeat(257)] {
        let refused = once(&world, &hooks(), &new_hook(&json!({})), key).await.expect(400).json();
        assert_eq!(refused["errors"][0]["field"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn a_request_of_another_version_is_another_request() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/secret/rotate", hook.path());
    let rotate = |if_match: Option<&str>| {
        let mut request = Request::post(&path).header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"));
        if let Some(tag) = if_match {
            request = request.header(header::IF_MATCH, tag);
        }
        world.send(request.header("idempotency-key", "one").body(Body::from("{}")).unwrap())
    };
    rotate(None).await.expect(200);
    rotate(None).await.expect(200);
    for other in ["", "\"1\"", "*"] {
        let refused = rotate(Some(other)).await;
        assert!([400, 412, 422].contains(&refused.status), "{other:?}: {} {}", refused.status, refused.text());
    }
}

#[tokio::test]
async fn a_key_that_somebody_else_used_shows_nobody_a_secret() {
    let world = World::new().await;
    let settings = json!({ "scope": "portal", "capabilities": ["view", "manage"], "expires_in": 3_600 });
    let keys = format!("/v1/tenants/{TENANT}/keys");
    let portal = world.post(&keys, settings).await.expect(201).json()["key"].as_str().unwrap().to_owned();
    let of_operator = once(&world, &hooks(), &new_hook(&json!({})), "ep-1").await.expect(201).json();
    let own = once_as(&world, &portal, &hooks(), &new_hook(&json!({})), "ep-1").await.expect(201).json();
    assert!(own["id"] != of_operator["id"] && own["secret"] != of_operator["secret"]);
    let again = once_as(&world, &portal, &hooks(), &new_hook(&json!({})), "ep-1").await.expect(201).json();
    assert_eq!((&again["id"], &again["secret"]), (&own["id"], &own["secret"]));
    // Who may not reveal it does not learn of another one that way.
    world.post(&format!("{}/{}/secret/rotate", hooks(), own["id"].as_str().unwrap()), json!({})).await.expect(200);
    let again = once_as(&world, &portal, &hooks(), &new_hook(&json!({})), "ep-1").await.expect(201).json();
    assert_eq!((&again["id"], &again["secret"]), (&own["id"], &Value::Null));
}

#[tokio::test]
async fn an_event_is_published_once_by_its_request_and_refused_from_another_where_it_has_to_be_unique() {
    let mut world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("/v1/tenants/{TENANT}/events?unique=true");
    let event = json!({ "id": "order-1", "type": "a", "data": 1 });
    let first = once(&world, &path, &event, "one").await.expect(202).json();
    for round in 0..2 {
        let again = once(&world, &path, &event, "one").await.expect(202).json();
        assert_eq!(
            (&again["id"], &again["timestamp"], &again["duplicate"]),
            (&first["id"], &first["timestamp"], &json!(true))
        );
        once(&world, &path, &event, "two").await.expect(409);
        world.post(&path, event.clone()).await.expect(409);
        world.settle().await;
        if round == 0 {
            assert_eq!(world.pages(&format!("/v1/tenants/{TENANT}/events?limit=10")).await.len(), 1);
        }
        world = world.restart().await;
    }
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 1);
    let nameless = json!({ "type": "a", "data": 2 });
    let first = once(&world, &path, &nameless, "three").await.expect(202).json();
    assert_eq!(once(&world, &path, &nameless, "three").await.expect(202).json()["id"], first["id"]);
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 2);
}

#[tokio::test]
async fn a_hook_is_found_by_its_uid_on_every_route() {
    let world = World::new().await;
    let metadata = json!({ "team": "a" });
    let made = world.post(&hooks(), new_hook(&json!({ "uid": "a.b", "metadata": metadata }))).await.expect(201).json();
    let (by_uid, by_id) = (format!("{}/uid:a.b", hooks()), format!("{}/{}", hooks(), made["id"].as_str().unwrap()));
    assert_eq!((&made["uid"], &made["metadata"]), (&json!("a.b"), &metadata));
    for rest in ["", "/secret", "/deliveries", "/stats", "/replays", "/audit"] {
        let shown = world.get(&format!("{by_uid}{rest}")).await.expect(200).text();
        assert_eq!(shown, world.get(&format!("{by_id}{rest}")).await.expect(200).text(), "{rest}");
    }
    world.patch(&by_uid, json!({ "uid": "c" })).await.expect(200);
    world.get(&by_uid).await.expect(404);
    world.patch(&by_id, json!({ "uid": null, "metadata": {} })).await.expect(200);
    world.get(&format!("{}/uid:c", hooks())).await.expect(404);
    world.patch(&by_id, json!({ "uid": "a.b" })).await.expect(200);
    world.get(&format!("/v1/tenants/{TENANT}/hooks/uid:..")).await.expect(404);
    world.delete(&by_uid).await.expect(204);
    world.post(&hooks(), new_hook(&json!({ "uid": "a.b" }))).await.expect(201);
    let large = json!({ "uid": "d", "metadata": { "a": "x".repeat(4_096) } });
    let refused = world.post(&hooks(), new_hook(&large)).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "metadata");
    world.post(&hooks(), new_hook(&json!({ "uid": "a b" }))).await.expect(422);
    world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "metadata": { "a": 1 } })).await.expect(422);
    let tenant =
        world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "metadata": { "a": "1" } })).await.expect(200).json();
    assert_eq!(tenant["metadata"], json!({ "a": "1" }));
}

#[tokio::test]
async fn of_many_who_take_a_uid_at_once_one_gets_it() {
    let world = World::new().await;
    let taken = futures::future::join_all(
        (0..8).map(|_| world.post("/v1/tenants/acme/hooks", new_hook(&json!({ "uid": "x" })))),
    );
    let statuses: Vec<u16> = taken.await.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(world.get(&hooks()).await.json()["total"], 1);
}

#[tokio::test]
async fn a_schema_that_only_describes_refuses_nothing() {
    let world = World::new().await;
    let entry = json!({ "name": "a.b", "schema": { "type": "string" }, "validate": false });
    assert_eq!(world.post("/v1/event-types", entry).await.expect(201).json()["validate"], false);
    let event = json!({ "type": "a.b", "data": 1 });
    let path = format!("/v1/tenants/{TENANT}/events");
    world.post(&path, event.clone()).await.expect(202);
    world.patch("/v1/event-types/a.b", json!({ "validate": true })).await.expect(200);
    world.post(&path, event).await.expect(422);
}
