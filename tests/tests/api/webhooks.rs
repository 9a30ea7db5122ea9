//! A tenant's OpenAPI document, against what its endpoints get.

use serde_json::{Value, json};
use tests::world::{TENANT, World};

fn document_of(tenant: &str) -> String {
    format!("/v1/tenants/{tenant}/openapi.json")
}

/// The schema of the body of one type, with all that it refers to.
fn schema(document: &Value, event_type: &str) -> Value {
    let operations = document["webhooks"][event_type].as_object().unwrap();
    let (_, operation) = operations.iter().next().unwrap();
    let (_, content) = operation["requestBody"]["content"].as_object().unwrap().iter().next().unwrap();
    let mut schema = content["schema"].clone();
    schema["components"] = document["components"].clone();
    schema
}

async fn add_type(world: &World, tenant: &str, entry: Value) {
    world.post(&format!("/v1/tenants/{tenant}/event-types"), entry).await.expect(201);
}

fn order() -> Value {
    let line = json!({ "type": "object", "properties": { "sku": { "type": "string" } }, "required": ["sku"] });
    json!({
        "name": "order.paid", "description": "An order was paid",
        "schema": {
            "type": "object", "required": ["id", "lines"], "$defs": { "line": line },
            "properties": {
                "id": { "type": "integer" },
                "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
            },
        },
        "example": { "id": 1, "lines": [{ "sku": "a" }] },
    })
}

#[tokio::test]
async fn what_each_profile_sends_is_as_the_tenants_document_says() {
    let world = World::new().await;
    for profile in [
        "standard",
        "oktopost",
        "automrktr",
        "campaign",
        "sendpulse",
        "stripe",
        "github",
        "svix",
        "cloudevents",
        "slack",
    ] {
        let tenant = format!("of-{profile}");
        world.post("/v1/tenants", json!({ "id": tenant, "profile": profile })).await.expect(201);
        add_type(&world, &tenant, order()).await;
        let hook = world.hook_of(&tenant, json!({ "events": ["order.paid"], "name": "a" })).await;
        let event = json!({ "type": "order.paid", "data": { "id": 1, "lines": [{ "sku": "a" }] } });
        world.post(&format!("/v1/tenants/{tenant}/events"), event).await.expect(202);
        world.settle().await;
        let sent = world.endpoint.seen().into_iter().find(|sent| sent.url.starts_with(&hook.url)).unwrap();
        let document = world.get(&document_of(&tenant)).await.expect(200).json();
        let operation = &document["webhooks"]["order.paid"][sent.method.to_ascii_lowercase()];
        for header in operation["parameters"].as_array().unwrap() {
            let (name, required) = (header["name"].as_str().unwrap(), header["required"] == true);
            let is_sent = sent.headers.iter().any(|(sent, _)| sent.eq_ignore_ascii_case(name));
            assert!(!required || is_sent, "{profile}: {name} is not sent");
        }
        let described = |name: &str| operation["parameters"].as_array().unwrap().iter().any(|one| one["name"] == name);
        for (name, _) in &sent.headers {
            let own = ["content-type", "content-length", "host", "user-agent", "accept", "authorization"];
            assert!(
                own.contains(&&**name) || described(&name.to_ascii_lowercase()),
                "{profile}: {name} is not described"
            );
        }
        let media = sent.header("content-type").unwrap();
        let schema = schema(&document, "order.paid");
        assert!(operation["requestBody"]["content"].get(media).is_some(), "{profile}: {media}");
        if media.contains("json") {
            let body: Value = serde_json::from_slice(&sent.body).unwrap();
            let checked = jsonschema::validate(&schema, &body);
            assert!(checked.is_ok(), "{profile}: {body} is not {schema}: {}", checked.unwrap_err());
            let empty = json!(if body.is_array() { json!([{}]) } else { json!({}) });
            assert!(
                profile == "cloudevents-binary" || jsonschema::validate(&schema, &empty).is_err(),
                "{profile} takes anything"
            );
        }
    }
}

#[tokio::test]
async fn it_has_the_types_that_the_tenant_knows_and_no_others() {
    let world = World::new().await;
    add_type(&world, TENANT, order()).await;
    add_type(&world, TENANT, json!({ "name": "order_paid", "deprecated": true, "schema": true })).await;
    add_type(&world, TENANT, json!({ "name": "old", "archived": true })).await;
    world.post("/v1/event-types", json!({ "name": "of.all" })).await.expect(201);
    let document = world.get(&document_of(TENANT)).await.expect(200).json();
    let names: Vec<&String> = document["webhooks"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["of.all", "order.paid", "order_paid"]);
    let order = &document["webhooks"]["order.paid"]["post"];
    assert_eq!((&order["operationId"], &order["description"]), (&json!("on.order.paid"), &json!("An order was paid")));
    assert_eq!(document["webhooks"]["order_paid"]["post"]["deprecated"], true);
    let example = &order["requestBody"]["content"]["application/json"]["example"];
    assert_eq!((&example["type"], &example["data"]["id"]), (&json!("order.paid"), &json!(1)));
    let components: Vec<&String> = document["components"]["schemas"].as_object().unwrap().keys().collect();
    let expected =
        ["OfAll", "OfAllData", "OrderPaid", "OrderPaid2", "OrderPaid2Data", "OrderPaidData", "OrderPaidDataLine"];
    assert_eq!(components, expected);
    assert_eq!(order["responses"]["2XX"]["description"], "Taken");
    let signature =
        order["parameters"].as_array().unwrap().iter().find(|one| one["name"] == "webhook-signature").unwrap();
    assert!(signature["required"] == true && signature["description"].as_str().unwrap().contains("HMAC-SHA256"));
    assert_eq!(document, world.get(&document_of(TENANT)).await.json(), "it is the same when nothing has changed");
}

#[tokio::test]
async fn forms_and_queries_are_described_where_the_tenant_sends_them() {
    let world = World::new().await;
    add_type(&world, TENANT, order()).await;
    let settings = format!("/v1/tenants/{TENANT}");
    world.patch(&settings, json!({ "content_type": "form" })).await.expect(200);
    let document = world.get(&document_of(TENANT)).await.expect(200).json();
    let content = &document["webhooks"]["order.paid"]["post"]["requestBody"]["content"];
    assert_eq!(content["application/x-www-form-urlencoded"]["schema"]["$ref"], "#/components/schemas/OrderPaid");
    world.patch(&settings, json!({ "content_type": "json", "method": "GET" })).await.expect(200);
    let document = world.get(&document_of(TENANT)).await.expect(200).json();
    let operation = &document["webhooks"]["order.paid"]["get"];
    let query = operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "query");
    let names: Vec<&str> = query.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((names, operation.get("requestBody")), (vec!["data", "timestamp", "type"], None));
}
