//! Making hooks and changing them.

use serde_json::{Value, json};
use tests::browser::Browser;
use tests::world::{Answer, TENANT, World};

/// What the form of a page would send if nothing in it were touched.
pub(super) fn fields_of(page: &str) -> Vec<(String, String)> {
    let text = |raw: &str| raw.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let attribute = |tag: &str, name: &str| Some(text(tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0));
    let main = page.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
    let mut fields = Vec::new();
    for rest in main.split('<').skip(1) {
        let (tag, after) = rest.split_once('>').unwrap();
        let Some(name) = attribute(tag, "name") else { continue };
        let is_off = tag.contains("type=\"checkbox\"") && !tag.ends_with(" checked") && !tag.contains(" checked ");
        if tag.starts_with("input ") && !is_off {
            fields.push((name, attribute(tag, "value").unwrap_or_default()));
        } else if tag.starts_with("textarea ") {
            fields.push((name, text(after.trim_start_matches('\n'))));
        } else if tag.starts_with("select ") {
            let options = main.split_once(&format!("<{tag}>")).unwrap().1.split_once("</select>").unwrap().0;
            let chosen =
                options.split("<option ").skip(1).find(|option| option.contains(" selected>")).unwrap_or(options);
            let value = chosen.split_once("value=\"").unwrap().1.split_once('"').unwrap().0;
            fields.push((name, text(value)));
        }
    }
    fields
}

pub(super) async fn send(customer: &Browser<'_>, path: &str, changes: &[(&str, &str)]) -> tests::world::Reply {
    let page = customer.get(path).await.expect(200).text();
    let mut fields = fields_of(&page);
    for (name, value) in changes {
        match fields.iter_mut().find(|(found, _)| found == name) {
            Some((_, there)) => (*value).clone_into(there),
            None => fields.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    customer.post_exactly(path, &fields).await
}

pub(super) async fn read(world: &World, id: &str) -> Value {
    world.get(&format!("/v1/tenants/acme/hooks/{id}")).await.expect(200).json()
}

fn id_in(location: &str) -> String {
    location.split('/').nth(3).unwrap().split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_hook_is_made_with_all_that_the_form_asks() {
    let world = World::new().await;
    for name in ["post.published", "post.failed", "user.created", "newLead"] {
        world.post("/v1/tenants/acme/event-types", json!({ "name": name })).await.expect(201);
    }
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get("/portal/hooks/new").await.expect(200).text();
    for pattern in ["post.*", "post.published", "newLead", "*"] {
        assert!(page.contains(&format!("name=\"events\" value=\"{pattern}\"")), "{pattern}: {page}");
    }
    let fields = [
        ("name", "Billing"),
        ("url", "https://billing.example.com/in"),
        ("events", "post.*"),
        ("patterns", "order.created\r\norder.paid"),
        ("channels", "eu, us"),
        ("method", "PUT"),
        ("auth.type", "basic"),
        ("auth.username", "jane"),
        ("auth.password", "secret-password"),
        ("headers[0].name", "x-team"),
        ("headers[0].value", "billing"),
        ("headers[1].name", "x-token"),
        ("headers[1].value", "hidden"),
        ("headers[1].secret", "true"),
        ("rate_limit", "7"),
        ("filter", "{\"state\": [\"live\"]}"),
        ("payload_kind", "fields"),
        ("payload.mappings[0].field", "mail"),
        ("payload.mappings[0].from", "data.email"),
        ("payload.mappings[1].field", "source"),
        ("payload.mappings[1].value", "webhook"),
    ];
    let made = send(&customer, "/portal/hooks/new", &fields).await.expect(303);
    let location = made.headers["location"].to_str().unwrap();
    assert!(location.ends_with("/test?done=created"), "{location}");
    let hook = read(&world, &id_in(location)).await;
    assert_eq!(hook["events"], json!(["order.created", "order.paid", "post.*"]));
    assert_eq!(hook["channels"], json!(["eu", "us"]));
    assert_eq!(hook["method"], "PUT");
    assert_eq!(hook["auth"]["username"], "jane");
    assert_eq!(hook["headers"][0], json!({ "name": "x-team", "value": "billing" }));
    assert_eq!(hook["headers"][1]["secret"], true);
    assert_eq!(hook["rate_limit"], 7);
    assert_eq!(hook["filter"], json!({ "state": ["live"] }));
    assert_eq!(hook["payload"]["mappings"][1], json!({ "field": "source", "value": "webhook" }));
}

#[tokio::test]
async fn a_mistake_stands_at_its_field_and_what_was_typed_is_kept() {
    let world = World::new().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let fields = [
        ("name", "Kept <name>"),
        ("url", "ftp://a.example.com"),
        ("patterns", "post.*"),
        ("rate_limit", "many"),
        ("filter", "{\"a\": [1]}"),
    ];
    let page = send(&customer, "/portal/hooks/new", &fields).await.expect(422).text();
    assert!(page.contains("id=\"url-mistake\"") && page.contains("id=\"rate_limit-mistake\""), "{page}");
    assert!(page.contains("value=\"Kept &lt;name&gt;\"") && page.contains("value=\"ftp://a.example.com\""), "{page}");
    let page = send(&customer, "/portal/hooks/new", &[("filter", "{\"a\": "), ("url", "https://a.example.com")]).await;
    assert!(page.expect(422).text().contains("id=\"filter-mistake\""));
    let nothing = send(&customer, "/portal/hooks/new", &[("url", "https://a.example.com/")]).await.expect(422).text();
    assert!(nothing.contains("class=\"wrong\""), "{nothing}");
}

#[tokio::test]
async fn saving_an_untouched_form_changes_nothing() {
    let world = World::new().await;
    world
        .patch("/v1/tenants/acme", json!({ "rate_limit": 5, "headers": [{ "name": "x-all", "value": "1" }] }))
        .await
        .expect(200);
    let hook = world
        .hook(json!({ "auth": { "type": "bearer", "token": "t" }, "filter": { "a": [1] },
            "headers": [{ "name": "x-secret", "value": "s", "secret": true }, { "name": "x-type", "from": "event.type" }],
            "payload": { "mappings": [{ "field": "a", "from": "data.a", "default": null }, { "field": "b", "value": "12" }], "json": "ecmascript" } }))
        .await;
    let before = read(&world, &hook.id).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/settings", hook.id);
    send(&customer, &path, &[]).await.expect(303);
    let mut after = read(&world, &hook.id).await;
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
    // And one change is one change.
    send(&customer, &path, &[("name", "Renamed")]).await.expect(303);
    let after = read(&world, &hook.id).await;
    assert_eq!(after["name"], "Renamed");
    assert_eq!(after["own_settings"], before["own_settings"]);
    // What the form does not show of a payload stays when the rest is changed.
    send(&customer, &path, &[("payload.mappings[0].field", "c")]).await.expect(303);
    let payload = read(&world, &hook.id).await["payload"].clone();
    assert_eq!((&payload["json"], &payload["mappings"][0]["field"]), (&json!("ecmascript"), &json!("c")));
    assert_eq!(payload["mappings"][1], json!({ "field": "b", "value": "12" }));
    world.publish(json!({ "type": "a", "data": { "a": 1 } })).await;
    world.settle().await;
    let sent = world.endpoint.sent();
    let header = |name: &str| sent[0].headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    assert_eq!(header("authorization").as_deref(), Some("Bearer t"));
    assert_eq!(header("x-secret").as_deref(), Some("s"));
}

#[tokio::test]
async fn two_who_edit_the_same_hook_are_told() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "Before" })).await;
    let path = format!("/portal/hooks/{}/settings", hook.id);
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get(&path).await.expect(200).text();
    let mut fields = fields_of(&page);
    world.patch(&hook.path(), json!({ "name": "Theirs", "description": "new" })).await.expect(200);
    fields.iter_mut().find(|(name, _)| name == "name").unwrap().1 = "Mine".to_owned();
    // Trying it out, or a mistake, lets nobody forget what was seen.
    for (field, value) in [("try", "true"), ("filter", "no JSON")] {
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != field)
            .collect();
        let pairs: Vec<_> = pairs.into_iter().chain([(field, value), ("event", "none")]).collect();
        fields = fields_of(&customer.post_exactly(&path, &pairs).await.expect(422).text());
        fields.iter_mut().find(|(name, _)| name == "filter").unwrap().1.clear();
    }
    let pairs: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let told = customer.post_exactly(&path, &pairs).await.expect(409).text();
    assert!(told.contains("Somebody else changed this hook") && told.contains("Now: Theirs"), "{told}");
    assert!(told.contains(">description</code>") && told.contains(">name</code>"), "what was changed: {told}");
    assert!(told.contains("value=\"Mine\""), "{told}");
    assert_eq!(read(&world, &hook.id).await["name"], "Theirs");
    let again = fields_of(&told);
    let pairs: Vec<_> = again.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    customer.post_exactly(&path, &pairs).await.expect(303);
    assert_eq!(read(&world, &hook.id).await["name"], "Mine");
}

#[tokio::test]
async fn a_hook_is_disabled_enabled_and_deleted() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}", hook.id);
    customer.get(&path).await.expect(200);
    for (part, enabled) in [("disable", false), ("enable", true)] {
        customer.post(&format!("{path}/{part}"), &[]).await.expect(303);
        assert_eq!(read(&world, &hook.id).await["enabled"], enabled);
    }
    customer.post(&format!("{path}/delete"), &[]).await.expect(303);
    world.get(&hook.path()).await.expect(404);
    customer.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_session_that_may_only_look_is_offered_nothing_else() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    let reader = Browser::in_portal(&world, TENANT, json!({ "read_only": true })).await;
    let paths = [
        "/portal/hooks".to_owned(),
        format!("/portal/hooks/{}", hook.id),
        format!("/portal/hooks/{}/secret", hook.id),
        "/portal/executions".to_owned(),
        format!("/portal/executions/{}", delivery["id"].as_str().unwrap()),
    ];
    for path in paths {
        let page = reader.get(&path).await.expect(200).text();
        let main = page.split_once("<main").unwrap().1;
        assert!(!main.contains("method=\"post\"") && !main.contains("/portal/hooks/new"), "{path}: {main}");
    }
    let refused = reader.post(&format!("/portal/hooks/{}/delete", hook.id), &[]).await.expect(403).text();
    assert!(refused.contains("You may not do this") && refused.contains("`manage`"), "{refused}");
}

#[tokio::test]
async fn a_change_is_tried_on_a_past_event_before_it_is_saved() {
    let world = World::new().await;
    let hook = world.hook(json!({ "auth": { "type": "bearer", "token": "hidden-token" } })).await;
    let event = world.publish(json!({ "id": "e-1", "type": "post.published", "data": { "state": "draft" } })).await;
    world.settle().await;
    let before = read(&world, &hook.id).await;
    let sent = world.endpoint.sent().len();
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/settings", hook.id);
    assert!(customer.get(&path).await.expect(200).text().contains("<option value=\"e-1\">"));
    let with_filter = [("filter", "{\"state\": [\"live\"]}"), ("try", "true"), ("event", event.as_str())];
    let page = send(&customer, &path, &with_filter).await.expect(200).text();
    assert!(page.contains("its data does not meet the filter") && page.contains("data.state is"), "{page}");
    let mapped = [
        ("payload_kind", "fields"),
        ("payload.mappings[0].field", "renamed"),
        ("payload.mappings[0].from", "data.state"),
        ("try", "true"),
        ("event", event.as_str()),
    ];
    let page = send(&customer, &path, &mapped).await.expect(200).text();
    assert!(
        page.contains("The hook would get it.") && page.contains("&quot;renamed&quot;: &quot;draft&quot;"),
        "{page}"
    );
    assert!(!page.contains("hidden-token"), "{page}");
    let nothing = send(&customer, &path, &[("try", "true"), ("event", "nothing")]).await.expect(422).text();
    assert!(nothing.contains("id=\"event-mistake\""), "{nothing}");
    assert_eq!(read(&world, &hook.id).await, before);
    assert_eq!(world.endpoint.sent().len(), sent);
}

#[tokio::test]
async fn every_kind_of_payload_is_edited_previewed_and_kept_byte_for_byte() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "id": "e-1", "type": "post.published", "data": { "b": 1, "a": 2 } })).await;
    world.settle().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/settings", hook.id);
    let payload = async || read(&world, &hook.id).await["payload"].clone();
    let text = r#"{"mappings":[{"field":"n","value":1.50}],"variants":[{"events":["post.*"],"payload":{"mappings":[{"field":"z","template":"Post {{ data.a }}"},{"field":"a","from":"data.b"}]}}]}"#;
    let typed = [("payload_kind", "json"), ("payload_text", text)];
    let tried =
        send(&customer, &path, &[typed[0], typed[1], ("try", "true"), ("event", &event)]).await.expect(200).text();
    assert!(tried.contains("&quot;z&quot;: &quot;Post 2&quot;") && !tried.contains("&quot;n&quot;: 1.50\n"), "{tried}");
    send(&customer, &path, &typed).await.expect(303);
    let written = world.get(&hook.path()).await.expect(200).text();
    assert!(written.contains(text), "with its numbers and its order: {written}");
    // Untouched it stays, and what is wrong stands beside it with its place.
    send(&customer, &path, &[]).await.expect(303);
    assert!(world.get(&hook.path()).await.expect(200).text().contains(text));
    for (wrong, told) in [
        ("{", "expected JSON"),
        (r#"{"variants":[{"events":[],"payload":{"raw":true}}],"raw":true}"#, "payload.variants[0].events"),
    ] {
        let page =
            send(&customer, &path, &[("payload_kind", "json"), ("payload_text", wrong)]).await.expect(422).text();
        assert!(page.contains(told), "{told}: {page}");
    }
    send(&customer, &path, &[("payload_kind", "raw"), ("payload.json", "ecmascript")]).await.expect(303);
    assert_eq!(payload().await, json!({ "raw": true, "json": "ecmascript" }));
    let template = "{% if data.a %}\nYes{% endif %}";
    let fields = [
        ("payload_kind", "fields"),
        ("payload.mappings[0].field", "text"),
        ("payload.mappings[0].template", template),
        ("payload.json", "as_published"),
    ];
    send(&customer, &path, &fields).await.expect(303);
    assert_eq!(payload().await, json!({ "mappings": [{ "field": "text", "template": template }] }));
    send(&customer, &path, &[("payload_kind", "usual")]).await.expect(303);
    assert!(!read(&world, &hook.id).await["own_settings"].as_array().unwrap().contains(&json!("payload")));
}
