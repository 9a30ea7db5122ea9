//! What a form does not show stays as it is, and what was typed is there when something was wrong with it.

use serde_json::json;
use tests::browser::Browser;
use tests::world::{OPERATOR, TENANT, World};

use super::editing::{fields_of, read, send};

#[tokio::test]
async fn what_is_chosen_with_the_api_stays_when_a_header_or_the_login_is_changed() {
    let world = World::new().await;
    let login = json!({ "type": "oauth2", "token_url": "https://id.example.com/token", "client_id": "me",
        "client_secret": "hush", "parameters": { "audience": "https://api.example.com" } });
    let template = "{{ event.type }}: {{ data.title }} ";
    let headers = json!([
        { "name": "x-title", "template": template, "encoding": "percent" },
        { "name": "x-type", "from": "event.type", "encoding": "percent" },
        { "name": "x-team", "value": "a" },
    ]);
    let hook = world.hook(json!({ "auth": login, "headers": headers })).await;
    let before = read(&world, &hook.id).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/settings", hook.id);
    send(&customer, &path, &[]).await.expect(303);
    let after = read(&world, &hook.id).await;
    assert_eq!((&after["auth"], &after["headers"]), (&before["auth"], &before["headers"]));
    send(&customer, &path, &[("headers[2].value", "b"), ("auth.client_id", "you")]).await.expect(303);
    let after = read(&world, &hook.id).await;
    assert_eq!(after["headers"].as_array().unwrap()[..2], before["headers"].as_array().unwrap()[..2]);
    assert_eq!(after["headers"][2]["value"], "b");
    assert_eq!((&after["auth"]["client_id"], &after["auth"]["parameters"]), (&json!("you"), &login_parameters()));
    // What is shown of them can be changed.
    send(&customer, &path, &[("headers[0].template", "{{ event.id }}")]).await.expect(303);
    let header = read(&world, &hook.id).await["headers"][0].clone();
    assert_eq!(header, json!({ "name": "x-title", "template": "{{ event.id }}", "encoding": "percent" }));
}

fn login_parameters() -> serde_json::Value {
    json!({ "audience": "https://api.example.com" })
}

#[tokio::test]
async fn a_mistake_is_to_be_seen_wherever_it_is() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/settings", hook.id);
    let name = |number: usize| format!("headers[{number}].name");
    let many: Vec<(String, &str)> = (0..40).map(|number| (name(number), "x-same")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    for changes in [
        vec![("headers[0].name", "host"), ("headers[0].value", "a")],
        many,
        vec![("rate_limit", "many")],
        vec![("auth.type", "basic")],
        vec![("payload_kind", "fields"), ("payload.mappings[0].from", "data.a")],
    ] {
        let page = send(&customer, &path, &changes).await.expect(422).text();
        let mistakes: Vec<_> = page.match_indices("class=\"mistake\"").map(|(at, _)| at).collect();
        assert!(!mistakes.is_empty(), "{changes:?}: {page}");
        for at in mistakes {
            // Every part around it that can be closed is open.
            let mut closed = Vec::new();
            for (begin, _) in page[..at].match_indices("<details").chain(page[..at].match_indices("</details")) {
                closed.push(begin);
            }
            closed.sort_unstable();
            let mut around: Vec<&str> = Vec::new();
            for begin in closed {
                match page[begin..].starts_with("</") {
                    true => drop(around.pop()),
                    false => around.push(page[begin..].split_once('>').unwrap().0),
                }
            }
            assert!(around.iter().all(|tag| tag.ends_with(" open")), "{changes:?} in {around:?}");
        }
    }
}

#[tokio::test]
async fn what_was_typed_stays_where_it_was_refused() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let value_of = |page: &str, name: &str| {
        let mut fields = fields_of(page).into_iter();
        fields.find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name} in {page}")).1
    };
    let refused = [("secret", "short"), ("url", "https://a.example.com/")];
    let page = send(&customer, "/portal/hooks/new", &refused).await.expect(422).text();
    assert_eq!(value_of(&page, "secret"), "short");
    let rotate = format!("/portal/hooks/{}/secret/rotate", hook.id);
    customer.get(&format!("/portal/hooks/{}/secret", hook.id)).await.expect(200);
    let page = customer.post(&rotate, &[("secret", "short"), ("overlap", "never")]).await.expect(422).text();
    assert_eq!([value_of(&page, "secret"), value_of(&page, "overlap")], ["short", "never"]);
    let operator = Browser::in_console(&world, OPERATOR).await;
    operator.get("/console/profiles/new").await.expect(200);
    let page = operator.post("/console/profiles/new", &[("name", "mine"), ("settings", "{")]).await.text();
    assert_eq!(value_of(&page, "name"), "mine");
}

#[tokio::test]
async fn an_import_that_deletes_types_names_them_and_asks() {
    let world = World::new().await;
    for name in ["order.paid", "order.sent", "user.made"] {
        world.post("/v1/event-types", json!({ "name": name })).await.expect(201);
    }
    let operator = Browser::in_console(&world, OPERATOR).await;
    let path = "/console/event-types/import";
    operator.get(path).await.expect(200);
    let kept = json!({ "event_types": [{ "name": "user.made" }] }).to_string();
    let asked = operator.post(path, &[("catalogue", &kept)]).await.expect(200).text();
    assert!(asked.contains("order.paid") && asked.contains("Replace it and delete 2 event types"), "{asked}");
    let names = async || {
        let types = world.get("/v1/event-types").await.expect(200).json();
        types["items"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["order.paid", "order.sent", "user.made"]);
    // Another one came meanwhile: what was said is not about that.
    world.post("/v1/event-types", json!({ "name": "order.lost" })).await.expect(201);
    let answer = [("catalogue", kept.as_str()), ("deleting", "order.paid order.sent")];
    let asked = operator.post(path, &answer).await.expect(200).text();
    assert!(asked.contains("order.lost") && asked.contains("3 event types"), "{asked}");
    assert_eq!(names().await.len(), 4);
    let answer = [("catalogue", kept.as_str()), ("deleting", "order.lost order.paid order.sent")];
    let done = operator.post(path, &answer).await.expect(200).text();
    assert!(done.contains("0 created, 0 changed, 1 unchanged, 3 deleted."), "{done}");
    assert_eq!(names().await, ["user.made"]);
}
