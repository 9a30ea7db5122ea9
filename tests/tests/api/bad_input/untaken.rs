//! What a route does not take is refused by name, on every route of the document.

use serde_json::{Value, json};
use tests::world::{Hook, OPERATOR, World};

use super::assert_problem;

/// The path of an operation with ids that exist where there are some.
fn filled(path: &str, hook: &Hook, event: &str, delivery: &str) -> String {
    let names = [
        ("{tenant}", "acme"),
        ("{hook}", &*hook.id),
        ("{event}", event),
        ("{delivery}", delivery),
        ("{key_id}", "key_01KG9P6JE46D1FBX5W3E9J2R4C"),
        ("{profile}", "standard"),
        ("{type}", "post.published"),
        ("{replay}", "rpl_01KG9P6JE46D1FBX5W3E9J2R4C"),
        ("{expungement}", "xpg_01KG9P6JE46D1FBX5W3E9J2R4C"),
        ("{plan}", "plan_01KG9P6JE46D1FBX5W3E9J2R4C"),
        ("{adjustment}", "adj_01KG9P6JE46D1FBX5W3E9J2R4C"),
        ("{session}", "psn_01KG9P6JE46D1FBX5W3E9J2R4C"),
    ];
    let path = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!path.contains('{'), "{path}");
    path
}

#[tokio::test]
async fn no_route_takes_a_parameter_or_a_body_that_it_has_no_use_for() {
    let world = World::new().await;
    let hook = world.hook(json!({ "verification": { "required": true, "per_hour": 100 } })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let delivery = world.deliveries(&event).await[0]["id"].as_str().unwrap().to_owned();
    let before = world.endpoint.seen().len();
    let (hook_before, document) = (world.get(&hook.path()).await.json(), world.get("/openapi.json").await.json());
    let (mut without_query, mut without_body) = (0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let (path, method) = (filled(path, &hook, &event, &delivery), method.to_uppercase());
            let parameters = operation["parameters"].as_array();
            let takes_query = parameters.into_iter().flatten().any(|parameter| parameter["in"] == "query");
            without_query += usize::from(!takes_query);
            let reply = world.call(&method, &format!("{path}?dry_run_of=true"), Some(OPERATOR), "").await;
            assert_problem(&reply, 400, "dry_run_of");
            if operation["requestBody"].is_null() {
                without_body += 1;
                for (body, status, told) in [
                    (r#"{"dry_run":true}"#, 422, "dry_run"),
                    (r#"{"dry_run":true,"at":"#, 400, "JSON"),
                    ("7", 422, "body"),
                ] {
                    assert_problem(&world.call(&method, &path, Some(OPERATOR), body).await, status, told);
                }
            }
        }
    }
    assert!(without_query > 30 && without_body > 30, "{without_query} {without_body}");
    assert_eq!(world.get("/openapi.json?x=1").await.status, 400);
    assert_eq!(world.endpoint.seen().len(), before);
    assert_eq!(world.get(&hook.path()).await.json(), hook_before);
    assert_eq!(world.messages_left(), 0);
    // An empty object says nothing.
    world.call("POST", &format!("{}/verify", hook.path()), Some(OPERATOR), "{}").await.expect(200);
    world.call("GET", &format!("{}?", hook.path()), Some(OPERATOR), "").await.expect(200);
    world.call("DELETE", &hook.path(), Some(OPERATOR), "{}").await.expect(204);
    assert_eq!(world.get("/v1/tenants/acme/hooks").await.json()["items"], Value::Array(Vec::new()));
}
