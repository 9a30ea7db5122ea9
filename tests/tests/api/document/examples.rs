//! Every request body has examples, and each does what it shows.

use serde_json::{Value, json};
use tests::world::{OPERATOR, TENANT, World};

/// An example of the body of one operation.
struct Example<'a> {
    method: String,
    path: &'a str,
    operation: &'a str,
    name: &'a str,
    schema: &'a Value,
    value: &'a Value,
}

/// All of them, by operation. None are of a body that has none.
fn examples(document: &Value) -> Vec<(&str, Vec<Example<'_>>)> {
    let mut bodies = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            for content in operation["requestBody"]["content"].as_object().into_iter().flat_map(|types| types.values())
            {
                let several = content["examples"].as_object().into_iter().flatten();
                let several = several.map(|(name, example)| (name.as_str(), &example["value"]));
                let all = content.get("example").map(|value| ("example", value)).into_iter().chain(several);
                let example = |(name, value)| Example {
                    method: method.to_uppercase(),
                    path,
                    operation: id,
                    name,
                    schema: &content["schema"],
                    value,
                };
                bodies.push((id, all.map(example).collect()));
            }
        }
    }
    bodies
}

#[tokio::test]
async fn every_request_body_has_examples_that_comply_with_its_schema() {
    let document: Value = serde_json::from_str(&super::document().await).unwrap();
    let bodies = examples(&document);
    assert!(bodies.len() >= 30, "{} were found", bodies.len());
    for (operation, examples) in bodies {
        assert!(!examples.is_empty(), "the body of {operation} has no example");
        let mut schema = examples[0].schema.clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        for example in examples {
            let wrong: Vec<String> = validator
                .iter_errors(example.value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{operation}, {}: {wrong:?}", example.name);
        }
    }
}

#[tokio::test]
async fn every_example_of_a_request_body_is_taken() {
    let document: Value = serde_json::from_str(&super::document().await).unwrap();
    for example in examples(&document).into_iter().flat_map(|(_, examples)| examples) {
        let world = World::new().await;
        let path = path(&world, &example).await;
        let body = body(&world, &example).await;
        let reply = world.call(&example.method, &path, Some(OPERATOR), body.to_string()).await;
        let Example { operation, name, .. } = example;
        assert!((200..300).contains(&reply.status), "{operation}, {name}: {} {}", reply.status, reply.text());
        // A batch is taken in parts, and a test is answered whatever comes of it.
        let answer = reply.json();
        let refused = answer["results"].as_array().into_iter().flatten().any(|result| !result["error"].is_null());
        assert!(
            !refused && [&Value::Null, &json!("success")].contains(&&answer["result"]),
            "{operation}, {name}: {answer}"
        );
    }
}

/// The example's path, once what it names is there.
async fn path(world: &World, example: &Example<'_>) -> String {
    let mut path = example.path.replace("{tenant}", TENANT);
    if path.contains("{hook}") {
        path = path.replace("{hook}", &world.hook(json!({})).await.id);
    }
    if path.contains("{profile}") {
        world.post("/v1/profiles", json!({ "name": "house" })).await.expect(201);
        path = path.replace("{profile}", "house");
    }
    if let Some(all) = path.strip_suffix("/{type}") {
        world.post(all, json!({ "name": "post.published" })).await.expect(201);
        path = path.replace("{type}", "post.published");
    }
    if let Some((all, step)) = path.split_once("/{plan}/") {
        let change = json!({ "kind": "external", "target": "brand 17", "before": 3, "after": 5 });
        let plan = world.post(all, json!({ "title": "Post more often", "change": change })).await.expect(201).json();
        let one = format!("{all}/{}", plan["id"].as_str().unwrap());
        if step != "reject" {
            world.post(&format!("{one}/approve"), json!({})).await.expect(200);
        }
        path = format!("{one}/{step}");
    }
    assert!(!path.contains('{'), "what {} names has to be made first", example.path);
    path
}

/// The example, once what it names is there. What is made by chance is put in its place.
async fn body(world: &World, example: &Example<'_>) -> Value {
    let mut body = example.value.clone();
    match example.operation {
        "hooks.preview" => {
            world.publish(json!({ "id": body["event"], "type": "post.published", "data": {} })).await;
            world.drain().await;
        }
        "plans.create" => {
            let change = &mut body["change"];
            if !change["hook"].is_null() {
                change["hook"] = world.hook(json!({})).await.id.into();
            }
            if let Some(name) = change["event_type"].as_str() {
                world.post("/v1/tenants/acme/event-types", json!({ "name": name })).await.expect(201);
            }
        }
        "portal_sessions.create" => {
            let link = world.post("/v1/tenants/acme/portal-links", json!({})).await.expect(201).json();
            body["code"] = link["code"].clone();
        }
        _ => {}
    }
    body
}
