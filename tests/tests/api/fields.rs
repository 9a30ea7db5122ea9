//! What can be taken from events is listed.

use serde_json::{Value, json};
use tests::world::{TENANT, World};

fn tenant(rest: &str) -> String {
    format!("/v1/tenants/{TENANT}{rest}")
}

async fn with_types(world: &World) {
    let schema = json!({ "properties": { "number": { "type": "string", "description": "Its number" } } });
    let entry = json!({ "name": "invoice.paid", "schema": schema, "example": { "number": "A-1", "total": 7 } });
    world.post(&tenant("/event-types"), entry).await.expect(201);
    world
        .post(&tenant("/event-types"), json!({ "name": "user.created", "example": { "first name": "Ann" } }))
        .await
        .expect(201);
    world.post("/v1/event-types", json!({ "name": "invoice.sent", "example": { "to": null } })).await.expect(201);
    world
        .post("/v1/event-types", json!({ "name": "invoice.old", "archived": true, "example": { "x": 1 } }))
        .await
        .expect(201);
    world.patch(&tenant(""), json!({ "attributes": { "plan": "gold" } })).await.expect(200);
}

fn paths<'a>(items: &'a [Value], event_type: &Value) -> Vec<&'a str> {
    let of_type = items.iter().filter(|item| item["event_type"] == *event_type);
    of_type.map(|item| item["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_paths_of_every_event_type_are_listed_with_the_tenants_attributes() {
    let world = World::new().await;
    with_types(&world).await;
    let items = world.pages(&tenant("/fields?limit=7")).await;
    let always = paths(&items, &Value::Null);
    assert!(always.contains(&"event.timestamp_unix") && always.contains(&"tenant.attributes.plan"), "{always:?}");
    assert_eq!(paths(&items, &json!("invoice.paid")), ["data", "data.number", "data.total"]);
    assert_eq!(paths(&items, &json!("invoice.sent")), ["data", "data.to"]);
    assert_eq!(paths(&items, &json!("invoice.old")), Vec::<&str>::new(), "it is not published any more");
    let find = |path: &str| items.iter().find(|item| item["path"] == path).unwrap();
    let number = json!({ "event_type": "invoice.paid", "path": "data.number", "expression": "data.number", "types": ["string"],
                         "description": "Its number", "example": "A-1" });
    assert_eq!(*find("data.number"), number);
    assert_eq!(find("data.first name")["expression"], "data[\"first name\"]");
    assert_eq!(find("tenant.attributes.plan")["example"], "gold");

    let some = world.pages(&tenant("/fields?event_type=invoice.*&limit=100")).await;
    assert!(some.iter().all(|item| item["event_type"].as_str().is_none_or(|name| name.starts_with("invoice."))));
    let all: Vec<Value> = items.iter().filter(|item| item["event_type"] != "user.created").cloned().collect();
    assert_eq!(some, all, "whatever the size of a page");
    world.get(&tenant("/fields?event_type=a*b")).await.expect(400);
    world.get(&tenant("/fields?cursor=x")).await.expect(400);
}

#[tokio::test]
async fn what_is_listed_of_a_hook_can_be_taken_by_its_payload_and_its_filter() {
    let world = World::new().await;
    with_types(&world).await;
    let hook = world.hook(json!({ "events": ["invoice.paid", "user.*"] })).await;
    let items = world.pages(&format!("{}/fields?limit=50", hook.path())).await;
    assert_eq!(paths(&items, &json!("user.created")), ["data", "data.first name"]);
    assert!(paths(&items, &json!("invoice.sent")).is_empty());
    let mut mappings = Vec::new();
    for (n, item) in items.iter().enumerate() {
        mappings.push(json!({ "field": format!("m{n}"), "from": item["path"] }));
        let template = format!("{{{{ {}|default('') }}}}", item["expression"].as_str().unwrap());
        mappings.push(json!({ "field": format!("t{n}"), "template": template }));
    }
    world.patch(&hook.path(), json!({ "payload": { "mappings": mappings } })).await.expect(200);
    world.publish(json!({ "type": "user.created", "data": { "first name": "Ann" } })).await;
    world.drain().await;
    let body: Value = serde_json::from_str(world.endpoint.sent()[0].text()).unwrap();
    let at = items.iter().position(|item| item["path"] == "data.first name").unwrap();
    assert_eq!((&body[format!("m{at}")], &body[format!("t{at}")]), (&json!("Ann"), &json!("Ann")), "{body}");
}

#[tokio::test]
async fn types_of_the_hooks_own_profile_are_listed_as_well() {
    let world = World::new().await;
    let hook = world.hook(json!({ "profile": "automrktr", "signatures": [{ "scheme": "v1" }] })).await;
    let items = world.pages(&format!("{}/fields?limit=100", hook.path())).await;
    assert!(paths(&items, &json!("post.published")).contains(&"data.post_id"), "{items:?}");
    assert!(paths(&world.pages(&tenant("/fields?limit=50")).await, &json!("post.published")).is_empty());
}
