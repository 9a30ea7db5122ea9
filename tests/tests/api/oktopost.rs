//! `/v2/webhook` and `/v2/webhook-log`, called as their documents say.

use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::world::{Answer, Reply, TENANT, World};

const HOOK: &str = "event=newAssignment&name=Slack+Assignment&description=To+Slack&url=https://hooks.example.com/slack";

/// `curl -u account:key`, with `-d` where there is a body.
async fn curl(world: &World, method: &str, path: &str, (account, key): (&str, &str), form: &str) -> Reply {
    let credentials = STANDARD.encode(format!("{account}:{key}"));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Basic {credentials}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send(request.body(Body::from(form.to_owned())).unwrap()).await
}

async fn key(world: &World, tenant: &str, settings: Value) -> String {
    let created = world.post(&format!("/v1/tenants/{tenant}/keys"), settings).await.expect(201).json();
    created["key"].as_str().unwrap().to_owned()
}

/// A tenant with a key, and a webhook that was made with it.
async fn start(world: &World) -> (String, Value) {
    let key = key(world, TENANT, json!({ "scope": "tenant" })).await;
    let created = curl(world, "POST", "/v2/webhook", (TENANT, &key), HOOK).await.expect(200).json();
    (key, created["Webhook"].clone())
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_webhook_is_made_with_the_documented_fields_and_its_secret() {
    let world = World::new().await;
    let (key, webhook) = start(&world).await;
    let shown = json!({
        "Id": webhook["Id"], "Name": "Slack Assignment", "Description": "To Slack", "Event": "newAssignment",
        "Url": "https://hooks.example.com/slack", "LastExecutionDate": "-", "IsEnabled": 1,
        "Created": "2026-01-31 09:30:00", "Modified": "2026-01-31 09:30:00",
    });
    let mut created = webhook.clone();
    assert!(created.as_object_mut().unwrap().remove("Secret").unwrap().as_str().unwrap().len() > 16);
    assert_eq!(created, shown);
    let path = format!("/v2/webhook/{}", webhook["Id"].as_str().unwrap());
    let got = curl(&world, "GET", &path, (TENANT, &key), "").await.expect(200);
    assert_eq!(got.json(), json!({ "Result": true, "Webhook": shown }));
    let listed = curl(&world, "GET", "/v2/webhook", (TENANT, &key), "").await.expect(200);
    assert_eq!(listed.json(), json!({ "Result": true, "Items": [shown], "Total": 1 }));
    let ours = world.get(&format!("/v1/tenants/{TENANT}/hooks/{}", webhook["Id"].as_str().unwrap())).await.json();
    assert_eq!(ours["profile"], "oktopost");
}

#[tokio::test]
async fn any_field_is_changed_by_itself_and_a_deleted_webhook_is_gone() {
    let world = World::new().await;
    let (key, webhook) = start(&world).await;
    let path = format!("/v2/webhook/{}", webhook["Id"].as_str().unwrap());
    for (form, field, value) in [
        ("name=Other", "Name", json!("Other")),
        ("description=", "Description", json!("")),
        ("isEnabled=0", "IsEnabled", json!(0)),
        ("event=postSent", "Event", json!("postSent")),
        ("url=https://hooks.example.com/other", "Url", json!("https://hooks.example.com/other")),
    ] {
        let changed = curl(&world, "POST", &path, (TENANT, &key), form).await.expect(200).json();
        assert_eq!(changed["Webhook"][field], value, "{form}");
        assert!(changed["Webhook"].get("Secret").is_none());
    }
    let deleted = curl(&world, "DELETE", &path, (TENANT, &key), "").await.expect(200);
    assert_eq!(deleted.text(), r#"{"Result":true}"#);
    let gone = curl(&world, "GET", &path, (TENANT, &key), "").await.expect(404).json();
    assert_eq!(gone, json!({ "Result": false, "Error": "no such hook" }));
}

#[tokio::test]
async fn the_list_is_filtered_ordered_and_paged() {
    let world = World::new().await;
    let key = key(&world, TENANT, json!({ "scope": "tenant" })).await;
    for number in 0..30 {
        let event = if number % 3 == 0 { "postSent" } else { "newLead" };
        let form = format!("event={event}&name=hook+{number:02}&url=https://a.example.com/{}", 99 - number);
        curl(&world, "POST", "/v2/webhook", (TENANT, &key), &form).await.expect(200);
    }
    let list = async |query: &str| {
        let answer = curl(&world, "GET", &format!("/v2/webhook?{query}"), (TENANT, &key), "").await.expect(200).json();
        let names: Vec<String> =
            answer["Items"].as_array().unwrap().iter().map(|item| item["Name"].as_str().unwrap().to_owned()).collect();
        (names, answer["Total"].as_u64().unwrap())
    };
    let (first, total) = list("").await;
    assert_eq!((first.len(), &*first[0], total), (20, "hook 00", 30));
    let (second, _) = list("_page=1").await;
    assert_eq!((second.len(), &*second[0]), (10, "hook 20"));
    assert_eq!(list("_page=2").await, (Vec::new(), 30));
    assert_eq!(list("_count=25").await.0.len(), 25);
    let (found, total) = list("event=postSent").await;
    assert_eq!((found.len(), total), (10, 10));
    assert_eq!(list("name=HOOK+07").await.0, ["hook 07"]);
    for order in ["name", "description", "lastExecutionDate", "isEnabled", "created", "modified"] {
        assert_eq!(list(&format!("_order={order}")).await.1, 30, "{order}");
    }
}

#[tokio::test]
async fn the_log_has_an_item_for_each_request_with_all_that_was_sent() {
    let world = World::new().await;
    let (key, webhook) = start(&world).await;
    let id = webhook["Id"].as_str().unwrap();
    world.endpoint.answer("https://hooks.example.com/slack", [Answer::Status(500), Answer::Timeout]);
    let event = json!({ "type": "newAssignment", "data": { "conversationId": "123456", "score": 1.5 } });
    world.publish(event.clone()).await;
    world.settle().await;
    world.publish(event).await;
    world.settle().await;
    let path = format!("/v2/webhook-log/{id}");
    let answer = curl(&world, "GET", &path, (TENANT, &key), "").await.expect(200);
    let log = answer.json();
    assert_eq!(log["Total"], 4);
    let codes: Vec<&Value> = log["Items"].as_array().unwrap().iter().map(|item| &item["ResponseCode"]).collect();
    assert_eq!(codes, [200, 200, 0, 500]);
    let item = &log["Items"][3];
    assert_eq!(names(item), ["Created", "ExecutionTime", "Id", "Payload", "ResponseCode", "WebhookPayloadId"]);
    assert_eq!(item["Created"], "2026-01-31 09:30:00");
    assert!(answer.text().contains(r#""ExecutionTime":0.000000,"#), "{}", answer.text());
    let sent = world.endpoint.seen();
    assert_eq!(item["Payload"], serde_json::from_slice::<Value>(&sent[0].body).unwrap());
    assert_eq!(item["Payload"]["webhookId"], id);
    assert!(answer.text().contains(sent[0].text()), "as it was sent, byte for byte");
    let of_one = |index: usize| log["Items"][index]["WebhookPayloadId"].clone();
    assert!(of_one(1) == of_one(3) && of_one(0) != of_one(1), "retries are of one payload");
}

#[tokio::test]
async fn a_log_is_read_to_its_end_page_by_page() {
    let world = World::new().await;
    let (key, webhook) = start(&world).await;
    for _ in 0..25 {
        world.endpoint.answer("https://hooks.example.com/slack", [Answer::Status(500)]);
        world.publish(json!({ "type": "newAssignment", "data": {} })).await;
        world.settle().await;
    }
    let mut seen = Vec::new();
    for page in 0..3 {
        let path = format!("/v2/webhook-log/{}?_page={page}&_count=20", webhook["Id"].as_str().unwrap());
        let log = curl(&world, "GET", &path, (TENANT, &key), "").await.expect(200).json();
        assert_eq!(log["Total"], 50);
        seen.extend(log["Items"].as_array().unwrap().iter().map(|item| item["Id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 50);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 50);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_the_names_that_were_sent() {
    let world = World::new().await;
    let (key, webhook) = start(&world).await;
    let one = format!("/v2/webhook/{}", webhook["Id"].as_str().unwrap());
    let log = format!("/v2/webhook-log/{}?_count=7", webhook["Id"].as_str().unwrap());
    let deep = format!("/v2/webhook-log/{}?_page=1000", webhook["Id"].as_str().unwrap());
    for (method, path, form, status, fields) in [
        ("POST", "/v2/webhook", "", 400, &["event", "name", "url"][..]),
        ("POST", "/v2/webhook", "event=newAssignment&name=+&url=https://a.example.com", 400, &["name"]),
        ("POST", "/v2/webhook", "event=no.such&name=a&url=https://a.example.com", 400, &["event"]),
        ("POST", "/v2/webhook", "event=*&name=a&url=https://a.example.com", 400, &["event"]),
        ("POST", "/v2/webhook", "event=newLead&name=a&url=http://a.example.com", 422, &["url"]),
        (
            "POST",
            "/v2/webhook",
            "event=newLead&name=a&url=https://a.example.com&isEnabled=yes&b=1",
            400,
            &["b", "isEnabled"],
        ),
        ("POST", "/v2/webhook", "event=newLead&event=newLead&name=a&url=https://a.example.com", 400, &["event"]),
        ("POST", &one, "event=", 400, &["event"]),
        ("GET", "/v2/webhook?_order=url&_count=10&_page=-1&x=1", "", 400, &["_count", "_order", "_page", "x"]),
        ("GET", &log, "", 400, &["_count"]),
        ("GET", &deep, "", 400, &["_page"]),
    ] {
        let refused = curl(&world, method, path, (TENANT, &key), form).await.expect(status).json();
        assert_eq!((refused["Result"].clone(), names(&refused["Errors"])), (json!(false), fields.to_vec()), "{form}");
        assert!(refused["Error"].as_str().unwrap().contains(fields[0]), "{refused}");
    }
    let json = Request::post("/v2/webhook")
        .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{TENANT}:{key}"))))
        .header(header::CONTENT_TYPE, "application/json");
    let refused = world.send(json.body(Body::from("{}")).unwrap()).await.expect(415).json();
    assert_eq!(refused["Result"], false);
    assert_eq!(curl(&world, "PUT", &one, (TENANT, &key), "").await.expect(405).json()["Result"], false);
}

#[tokio::test]
async fn a_key_can_do_here_what_it_can_do_elsewhere_and_nothing_of_another_tenant() {
    let world = World::new().await;
    let (key_of_acme, webhook) = start(&world).await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let key_of_other = key(&world, "other", json!({ "scope": "tenant" })).await;
    let id = webhook["Id"].as_str().unwrap();
    let calls = [
        ("GET", "/v2/webhook".to_owned(), ""),
        ("POST", "/v2/webhook".to_owned(), HOOK),
        ("GET", format!("/v2/webhook/{id}"), ""),
        ("POST", format!("/v2/webhook/{id}"), "name=taken"),
        ("GET", format!("/v2/webhook-log/{id}"), ""),
        ("DELETE", format!("/v2/webhook/{id}"), ""),
    ];
    for (method, path, form) in &calls {
        for (account, key, status) in [
            (TENANT, &*key_of_other, 401),
            (TENANT, "no such key", 401),
            ("", &*key_of_acme, 401),
            ("other", &*key_of_acme, 401),
        ] {
            let refused = curl(&world, method, path, (account, key), form).await.expect(status);
            assert!(refused.headers.contains_key(header::WWW_AUTHENTICATE), "{method} {path}");
            assert_eq!(refused.json()["Result"], false);
        }
        if path.contains(id) {
            curl(&world, method, path, ("other", &key_of_other), form).await.expect(404);
        }
    }
    let looking = key(&world, TENANT, json!({ "scope": "portal", "capabilities": ["view"], "expires_in": 3600 })).await;
    let publishing = key(&world, TENANT, json!({ "scope": "publish" })).await;
    for (method, path, form) in &calls {
        let status = if *method == "GET" { 200 } else { 403 };
        curl(&world, method, path, (TENANT, &looking), form).await.expect(status);
        curl(&world, method, path, (TENANT, &publishing), form).await.expect(403);
    }
    curl(&world, "GET", "/v2/webhook", ("../acme", &key_of_other), "").await.expect(404);
    let climbing = curl(&world, "GET", "/v2/webhook/..%2F..%2Fother%2Fhooks", (TENANT, &key_of_acme), "").await;
    climbing.expect(404);
    curl(&world, "DELETE", "/v2/webhook/..%2F..%2Facme", (TENANT, &key_of_acme), "").await.expect(404);
    assert_eq!(curl(&world, "GET", "/v2/webhook", (TENANT, &key_of_acme), "").await.json()["Total"], 1);
}
