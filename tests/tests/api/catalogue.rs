//! Which event types there are, and what is refused because of them.

use serde_json::{Value, json};
use tests::world::{OPERATOR, Reply, START, TENANT, World};

const TYPES: &str = "/v1/tenants/acme/event-types";
const EVENTS: &str = "/v1/tenants/acme/events";
const CATALOGUE: &str = "/v1/tenants/acme/catalogue";

fn entry(name: &str) -> Value {
    json!({
        "name": name,
        "description": "A post went live",
        "schema": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } },
        "example": { "id": 1 },
    })
}

async fn publish(world: &World, name: &str, data: Value) -> Reply {
    world.post(EVENTS, json!({ "type": name, "data": data })).await
}

#[track_caller]
fn assert_refused(reply: &Reply, field: &str, word: &str) {
    assert_eq!(reply.status, 422, "{}: {}", reply.what, reply.text());
    let error = reply.json()["errors"][0].clone();
    assert_eq!(error["field"], field, "{error}");
    assert!(error["message"].as_str().unwrap().contains(word), "{error}");
}

/// Name and source of every item.
fn sources(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(|item| (text(&item["name"]), text(&item["source"]))).collect()
}

#[tokio::test]
async fn event_types_are_created_read_changed_and_deleted() {
    let world = World::new().await;
    for (list, source) in [(TYPES, "tenant"), ("/v1/event-types", "operator")] {
        let created = world.post(list, entry("post.published")).await.expect(201).json();
        let mut expected = entry("post.published");
        expected["deprecated"] = json!(false);
        expected["archived"] = json!(false);
        expected["source"] = json!(source);
        expected["validate"] = json!(true);
        for time in ["created_at", "updated_at"] {
            expected[time] = json!(START.to_string());
        }
        assert_eq!(created, expected);
        world.post(list, entry("post.published")).await.expect(409);
        let path = format!("{list}/post.published");
        let mut got = world.get(&path).await.expect(200).json();
        if source == "tenant" {
            // As it applies, from whichever catalogue.
            got["created_at"] = expected["created_at"].clone();
            got["updated_at"] = expected["updated_at"].clone();
        }
        assert_eq!(got, expected);
        let changes =
            json!({ "description": "x", "deprecated": true, "archived": true, "schema": null, "example": null });
        let changed = world.patch(&path, changes.clone()).await.expect(200).json();
        for (field, value) in changes.as_object().unwrap() {
            assert_eq!(&changed[field], value, "{field}");
        }
        assert_eq!(world.get(&path).await.expect(200).json()["description"], changed["description"]);
        world.delete(&path).await.expect(204);
        world.delete(&path).await.expect(404);
        world.patch(&path, json!({})).await.expect(404);
        world.get(&path).await.expect(404);
    }
}

#[tokio::test]
async fn schema_and_example_are_kept_as_they_were_written() {
    let world = World::new().await;
    let body = r#"{"name":"a","schema":{"type":"object","properties":{"z":{},"a":{"multipleOf":0.10}}},"example":{"z":1.50,"a":0.10}}"#;
    let created = world.call("POST", TYPES, Some(OPERATOR), body).await.expect(201).text();
    assert!(created.contains(r#""example":{"z":1.50,"a":0.10}"#), "{created}");
    let exported = world.get(CATALOGUE).await.expect(200).text();
    assert!(exported.contains(r#""properties":{"z":{},"a":{"multipleOf":0.10}}"#), "{exported}");
}

#[tokio::test]
async fn a_tenants_entry_stands_before_the_operators_and_that_before_the_profiles() {
    let world = World::new().await;
    world.patch("/v1/tenants/acme", json!({ "profile": "automrktr" })).await.expect(200);
    world.post("/v1/event-types", entry("post.published")).await.expect(201);
    world.post("/v1/event-types", entry("post.failed")).await.expect(201);
    world.post(TYPES, entry("post.failed")).await.expect(201);
    world.post(TYPES, entry("only.ours")).await.expect(201);
    let known = sources(&world.get(&format!("{TYPES}?limit=100")).await.expect(200).json());
    let source = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, source)| source.as_str());
    assert_eq!(source("post.published"), Some("operator"));
    assert_eq!(source("post.failed"), Some("tenant"));
    assert_eq!(source("only.ours"), Some("tenant"));
    assert_eq!(source("post.scheduled"), Some("profile"));
    assert!(known.is_sorted());
    // What a tenant adds is its own.
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let others = sources(&world.get("/v1/tenants/other/event-types").await.expect(200).json());
    assert_eq!(others.len(), 2, "{others:?}");
    // What is deleted above shows what lies below.
    world.delete(&format!("{TYPES}/post.failed")).await.expect(204);
    assert_eq!(world.get(&format!("{TYPES}/post.failed")).await.expect(200).json()["source"], "operator");
    world.patch(&format!("{TYPES}/post.failed"), json!({ "archived": true })).await.expect(404);
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let world = World::new().await;
    for n in 0..7 {
        let entry = json!({ "name": format!("type.{n}"), "deprecated": n % 2 == 0, "archived": n == 3 });
        world.post(if n < 4 { TYPES } else { "/v1/event-types" }, entry).await.expect(201);
    }
    let all = world.pages(&format!("{TYPES}?limit=2")).await;
    let names: Vec<_> = all.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["type.0", "type.1", "type.2", "type.3", "type.4", "type.5", "type.6"]);
    for (filter, count) in [
        ("deprecated=true", 4),
        ("archived=true", 1),
        ("archived=false", 6),
        ("source=operator", 3),
        ("source=profile", 0),
    ] {
        assert_eq!(world.pages(&format!("{TYPES}?{filter}&limit=3")).await.len(), count, "{filter}");
    }
    assert_eq!(world.pages("/v1/event-types?archived=true&limit=2").await.len(), 0);
    for wrong in ["cursor=!", "limit=0", "source=moon", "archived=perhaps", "nonsense=1"] {
        world.get(&format!("{TYPES}?{wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn data_that_violates_its_schema_is_refused_with_the_place_and_not_repeated() {
    let world = World::new().await;
    world.post(TYPES, entry("post.published")).await.expect(201);
    publish(&world, "post.published", json!({ "id": 7 })).await.expect(202);
    let reply = publish(&world, "post.published", json!({ "id": "a secret" })).await;
    assert_refused(&reply, "data.id", "integer");
    assert!(!reply.text().contains("a secret"), "{}", reply.text());
    assert_refused(&publish(&world, "post.published", json!({})).await, "data.id", "is required");
    assert_refused(&publish(&world, "post.published", json!("text")).await, "data", "object");
    publish(&world, "something.else", json!("text")).await.expect(202);
    assert_eq!(world.messages_left(), 2);
}

#[tokio::test]
async fn of_a_batch_the_events_that_violate_their_schema_are_refused() {
    let world = World::new().await;
    world.post("/v1/event-types", entry("post.published")).await.expect(201);
    let event = |id: Value| json!({ "type": "post.published", "data": { "id": id } });
    let batch = json!({ "events": [event(json!(1)), event(json!("x")), event(json!(3))] });
    let results = world.post(&format!("{EVENTS}/batch"), batch).await.expect(202).json()["results"].clone();
    assert!(results[0]["id"].is_string() && results[2]["id"].is_string(), "{results}");
    assert_eq!(results[1]["error"]["errors"][0]["field"], "data.id");
    let batch = json!({ "events": [event(json!("x"))] });
    let reply = world.post(&format!("{EVENTS}/batch"), batch).await;
    assert_refused(&reply, "events[0].data.id", "integer");
    assert_eq!(world.messages_left(), 2);
}

#[tokio::test]
async fn a_batch_may_take_no_more_work_to_check_than_one_event_and_the_rest_is_taken_in_another() {
    let world = World::new().await;
    let schema = json!({ "anyOf": [true, { "pattern": "^(ab){500}$" }, { "pattern": "^(cd){500}$" }] });
    world.post(TYPES, json!({ "name": "heavy", "schema": schema })).await.expect(201);
    let event = json!({ "type": "heavy", "data": "x".repeat(60_000) });
    let batch = json!({ "events": vec![&event; 10] });
    let mut taken = Vec::new();
    for _ in 0..2 {
        let results = world.post(&format!("{EVENTS}/batch"), batch.clone()).await.expect(202).json()["results"].clone();
        let (fine, refused): (Vec<_>, Vec<_>) =
            results.as_array().unwrap().iter().partition(|result| result["id"].is_string());
        assert!(fine.len() > 1 && refused.len() > 1, "{results}");
        for result in refused {
            assert_eq!(
                (&result["error"]["status"], &result["error"]["errors"][0]["field"]),
                (&json!(413), &json!("data"))
            );
        }
        taken.push(fine.len());
    }
    assert_eq!(taken[0], taken[1], "each request has its own");
    world.post(EVENTS, event).await.expect(202);
    assert_eq!(world.messages_left(), 2 * taken[0] + 1);
}

#[tokio::test]
async fn archived_types_are_refused_and_deprecated_ones_are_not() {
    let world = World::new().await;
    world.post("/v1/event-types", json!({ "name": "old", "deprecated": true })).await.expect(201);
    publish(&world, "old", json!(1)).await.expect(202);
    world.patch("/v1/event-types/old", json!({ "archived": true })).await.expect(200);
    assert_refused(&publish(&world, "old", json!(1)).await, "type", "archived");
    // The tenant may see it otherwise.
    world.post(TYPES, json!({ "name": "old" })).await.expect(201);
    publish(&world, "old", json!(1)).await.expect(202);
}

#[tokio::test]
async fn a_strict_tenant_publishes_only_what_it_knows() {
    let world = World::new().await;
    publish(&world, "unknown", json!(1)).await.expect(202);
    let strict = world.patch("/v1/tenants/acme", json!({ "strict_event_types": true })).await.expect(200).json();
    assert_eq!(strict["strict_event_types"], true);
    assert_refused(&publish(&world, "unknown", json!(1)).await, "type", "not in the catalogue");
    world.post(TYPES, json!({ "name": "unknown" })).await.expect(201);
    publish(&world, "unknown", json!(1)).await.expect(202);
    assert_refused(&publish(&world, "post.published", json!(1)).await, "type", "not in the catalogue");
    world.patch("/v1/tenants/acme", json!({ "profile": "automrktr" })).await.expect(200);
    publish(&world, "post.published", json!(1)).await.expect(202);
    world.patch("/v1/tenants/acme", json!({ "strict_event_types": false })).await.expect(200);
    publish(&world, "anything", json!(1)).await.expect(202);
}

#[tokio::test]
async fn what_is_wrong_with_an_event_type_is_said_by_name() {
    let world = World::new().await;
    for (wrong, field) in [
        (json!({ "schema": { "properties": { "a": { "type": "nonsense" } } } }), "schema.properties.a.type"),
        (json!({ "schema": { "$ref": "https://example.com/s.json" } }), "schema.$ref"),
        (json!({ "schema": { "$ref": "#" } }), "schema"),
        (json!({ "schema": { "description": "x".repeat(33_000) } }), "schema"),
        (json!({ "schema": [] }), "schema"),
        (json!({ "schema": { "type": "integer" }, "example": "x" }), "example"),
        (json!({ "schema": { "items": { "type": "integer" } }, "example": [1, "x"] }), "example[1]"),
        (json!({ "example": "x".repeat(17_000) }), "example"),
        (json!({ "description": "x".repeat(2_001) }), "description"),
    ] {
        let mut body = json!({ "name": "a" });
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_refused(&world.post(TYPES, body.clone()).await, field, "");
        let document = json!({ "event_types": [{ "name": "b" }, body.clone()] });
        assert_refused(
            &world.call("PUT", CATALOGUE, Some(OPERATOR), document.to_string()).await,
            &format!("event_types[1].{field}"),
            "",
        );
        let profile = json!({ "name": "own", "event_types": [body] });
        assert_refused(&world.post("/v1/profiles", profile).await, &format!("event_types[0].{field}"), "");
    }
    for body in [json!({}), json!({ "name": "a b" }), json!({ "name": "a", "nonsense": 1 })] {
        world.post(TYPES, body).await.expect(422);
    }
    let twice = json!({ "event_types": [{ "name": "a" }, { "name": "a" }] });
    assert_refused(&world.call("PUT", CATALOGUE, Some(OPERATOR), twice.to_string()).await, "event_types[1].name", "");
    assert_eq!(world.get(TYPES).await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn an_import_makes_the_catalogue_the_document_and_can_be_repeated() {
    let world = World::new().await;
    for (catalogue, list) in [(CATALOGUE, TYPES), ("/v1/catalogue", "/v1/event-types")] {
        for name in ["stays", "changes", "goes"] {
            world.post(list, entry(name)).await.expect(201);
        }
        let document =
            json!({ "event_types": [{ "name": "changes", "description": "" }, entry("comes"), entry("stays")] });
        let import = || world.call("PUT", catalogue, Some(OPERATOR), document.to_string());
        let done = import().await.expect(200).json();
        assert_eq!(done, json!({ "created": 1, "changed": 1, "unchanged": 1, "deleted": 1 }));
        assert_eq!(world.get(catalogue).await.expect(200).json(), document);
        let again = import().await.expect(200).json();
        assert_eq!(again, json!({ "created": 0, "changed": 0, "unchanged": 3, "deleted": 0 }));
        world.call("PUT", catalogue, Some(OPERATOR), r#"{"event_types":[]}"#).await.expect(200);
        assert_eq!(world.get(list).await.expect(200).json()["items"], json!([]));
    }
}

#[tokio::test]
async fn a_catalogue_is_bounded_and_a_full_one_is_exported_whole() {
    let world = World::new().await;
    let types = |count: usize| -> Vec<_> {
        (0..count).map(|n| json!({ "name": format!("t{n:03}"), "description": "" })).collect()
    };
    let import = |count: usize| json!({ "event_types": types(count) }).to_string();
    assert_refused(&world.call("PUT", CATALOGUE, Some(OPERATOR), import(501)).await, "event_types", "500");
    world.call("PUT", CATALOGUE, Some(OPERATOR), import(500)).await.expect(200);
    world.post(TYPES, entry("one.more")).await.expect(409);
    assert_eq!(world.get(CATALOGUE).await.expect(200).json(), json!({ "event_types": types(500) }));
}

#[tokio::test]
async fn a_tenants_catalogue_is_deleted_with_it_and_outlives_a_restart_otherwise() {
    let world = World::new().await;
    world.post(TYPES, entry("post.published")).await.expect(201);
    let world = world.restart().await;
    assert_refused(&publish(&world, "post.published", json!({})).await, "data.id", "is required");
    world.delete(&format!("/v1/tenants/{TENANT}")).await.expect(204);
    world.clock.advance(domain::tenant::ID_RESTS_FOR);
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    assert_eq!(world.get(TYPES).await.expect(200).json()["items"], json!([]));
    publish(&world, "post.published", json!({})).await.expect(202);
}

fn hook(events: &[&str]) -> Value {
    json!({ "url": "https://hooks.example.com/in", "events": events })
}

#[tokio::test]
async fn a_hook_for_events_that_there_are_not_gets_a_warning_where_a_catalogue_is_kept() {
    let world = World::new().await;
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let unknown = world.post(&hooks, hook(&["post.publishd"])).await.expect(201).json();
    assert_eq!(unknown.get("warnings"), None, "where no catalogue is kept, anything may come");

    world.post(TYPES, entry("post.published")).await.expect(201);
    world.post(TYPES, entry("post.gone")).await.expect(201);
    world.patch(&format!("{TYPES}/post.gone"), json!({ "archived": true })).await.expect(200);
    let warned = world.post(&hooks, hook(&["post.*", "post.publishd", "post.gone", "*"])).await.expect(201).json();
    let expected = json!([
        { "field": "events[1]", "message": "post.publishd matches no event type of the catalogue; did you mean post.published?" },
        { "field": "events[2]", "message": "post.gone matches only event types that are archived and not published any more" },
    ]);
    assert_eq!(warned["warnings"], expected);
    let path = format!("{hooks}/{}", warned["id"].as_str().unwrap());
    assert_eq!(world.patch(&path, json!({ "name": "x" })).await.expect(200).json().get("warnings"), None);
    let changed = world.patch(&path, json!({ "events": ["post.gone", "user.*", "hook.disabled"] })).await;
    let warnings = changed.expect(200).json()["warnings"].clone();
    assert_eq!(warnings[0]["field"], "events[1]", "only what is new is looked at: {warnings}");
    assert_eq!(warnings.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hook_for_events_that_there_are_not_is_refused_where_the_catalogue_is_strict() {
    let world = World::new().await;
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let before = world.post(&hooks, hook(&["user.created"])).await.expect(201).json()["id"].clone();
    world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "strict_event_types": true })).await.expect(200);
    world.post(TYPES, entry("post.published")).await.expect(201);
    assert_refused(&world.post(&hooks, hook(&["post.published", "usr.*"])).await, "events[1]", "usr.*");
    world.post(&hooks, hook(&["post.*", "hook.disabled"])).await.expect(201);
    // What a hook asked for before stays.
    let path = format!("{hooks}/{}", before.as_str().unwrap());
    world.patch(&path, json!({ "events": ["user.created", "post.published"] })).await.expect(200);
    assert_refused(&world.patch(&path, json!({ "events": ["user.deleted"] })).await, "events[0]", "user.deleted");
}
