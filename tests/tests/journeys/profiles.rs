//! The profiles of five systems and two that everybody knows: requests are
//! checked as each system tells its customers to check them, and each ladder
//! of retries is climbed to its end.

use serde_json::{Value, json};
use tests::world::{Answer, START, Sent, TENANT, World};

use super::settings::hmac_hex;

mod mcp;
mod widely_known;

const SECRET: &str = "a secret that somebody typed";

struct Case {
    world: World,
    hook: Value,
    path: String,
}

impl Case {
    async fn new(profile: &str, settings: Value) -> Self {
        let world = World::new().await;
        let mut body = json!({ "profile": profile, "name": "Hook1", "url": "https://customer.example.com/in",
                               "events": ["*"] });
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let hooks = format!("/v1/tenants/{TENANT}/hooks");
        let hook = world.post(&hooks, body).await.expect(201).json();
        let path = format!("{hooks}/{}", hook["id"].as_str().unwrap());
        Self { world, hook, path }
    }

    async fn publish(&self, kind: &str, data: Value) -> String {
        let time = "2026-01-31T09:15:30.250Z";
        self.world.publish(json!({ "type": kind, "timestamp": time, "data": data })).await
    }

    async fn request(&self, kind: &str, data: Value) -> Sent {
        self.publish(kind, data).await;
        self.world.drain().await;
        self.world.endpoint.seen().pop().expect("a request")
    }

    /// Seconds from the first to each attempt at a receiver that always fails.
    async fn ladder(&self, status: u16) -> Vec<u64> {
        self.climb(Answer::Status(status)).await
    }

    async fn climb(&self, answer: Answer) -> Vec<u64> {
        self.world.endpoint.answer("https://customer.example.com/in", vec![answer; 20]);
        let event = self.publish("post.published", json!({})).await;
        self.world.settle().await;
        assert_eq!(self.world.delivery(&event).await["status"], "failed");
        self.world.endpoint.seen().iter().map(|sent| sent.at.since(START).as_secs()).collect()
    }
}

#[tokio::test]
async fn automrktr() {
    let case = Case::new("automrktr", json!({ "secret": SECRET })).await;
    let sent = case.request("post.published", json!({ "post_id": "p1" })).await;
    let body =
        r#"{"event":"post.published","timestamp":"2026-01-31T09:15:30Z","org_id":"acme","data":{"post_id":"p1"}}"#;
    assert_eq!((sent.method, sent.text()), ("POST", body));
    assert_eq!(sent.values("X-Automrktr-Signature"), [format!("sha256={}", hmac_hex(SECRET, body))]);
    assert!(sent.headers.iter().any(|(name, _)| name == "X-Automrktr-Signature"), "as it is documented");

    let unsigned = Case::new("automrktr", json!({})).await;
    assert_eq!(unsigned.hook["secret"], Value::Null);
    assert!(unsigned.request("post.published", json!({})).await.values("X-Automrktr-Signature").is_empty());
    for status in [500, 302, 410] {
        assert_eq!(Case::new("automrktr", json!({})).await.ladder(status).await, [0, 60, 360, 2_160, 9_360]);
    }
}

#[tokio::test]
async fn automrktr_keeps_the_first_500_characters_of_an_answer() {
    let case = Case::new("automrktr", json!({})).await;
    case.world.endpoint.answer("https://customer.example.com/in", [Answer::Body(200, "x".repeat(900))]);
    let event = case.publish("post.published", json!({})).await;
    case.world.drain().await;
    let kept = &case.world.delivery(&event).await["attempts"][0]["response_body"];
    assert_eq!(kept.as_str().unwrap().len(), 500);
}

#[tokio::test]
async fn campaign() {
    let mappings = json!([
        { "field": "email", "from": "data.contact.email" },
        { "field": "campaign_name", "from": "data.campaign.name" },
        { "field": "source", "value": "webhook" },
    ]);
    let settings = json!({ "payload": { "mappings": mappings },
                           "auth": { "type": "basic", "username": "user", "password": "pass" } });
    let data = json!({ "contact": { "email": "user@example.com" }, "campaign": { "name": "Summer Promotion" } });
    let case = Case::new("campaign", settings).await;
    let sent = case.request("campaign.sent", data.clone()).await;
    let body = r#"{"email":"user@example.com","campaign_name":"Summer Promotion","source":"webhook"}"#;
    assert_eq!((sent.method, sent.text()), ("POST", body));
    assert_eq!(sent.values("authorization"), ["Basic dXNlcjpwYXNz"]);

    let form = json!({ "content_type": "form", "auth": { "type": "none" } });
    case.world.patch(&case.path, form).await.expect(200);
    let body = "email=user%40example.com&campaign_name=Summer+Promotion&source=webhook";
    assert_eq!(case.request("campaign.sent", data.clone()).await.text(), body);
    case.world.patch(&case.path, json!({ "method": "GET" })).await.expect(200);
    let sent = case.request("campaign.sent", data).await;
    assert_eq!((sent.method, sent.url), ("GET", format!("https://customer.example.com/in?{body}")));

    // Leaving the secret blank in an edit keeps the present one.
    let secret = case.world.get(&format!("{}/secret", case.path)).await.json();
    case.world.patch(&case.path, json!({ "secret": "" })).await.expect(200);
    assert_eq!(case.world.get(&format!("{}/secret", case.path)).await.json(), secret);
}

#[tokio::test]
async fn oktopost() {
    let case = Case::new("oktopost", json!({})).await;
    let secret = case.hook["secret"].as_str().expect("a secret is made and shown");
    let sent = case.request("postSent", json!({ "id": 1 })).await;
    let body =
        format!(r#"{{"event":"postSent","timestamp":1769850930,"webhookId":{},"data":{{"id":1}}}}"#, case.hook["id"]);
    assert_eq!(sent.text(), body);
    assert_eq!(sent.values("X-Oktopost-Signature"), [hmac_hex(secret, &body)]);
    assert_eq!(case.hook["timeout"]["total"], 5);
    assert_eq!(Case::new("oktopost", json!({})).await.ladder(500).await, [0, 5, 30, 155]);
}

/// As both documents say: hash what `JSON.stringify` makes of the parsed body.
#[tokio::test]
async fn bodies_of_oktopost_and_autosend_are_what_javascript_writes_of_them() {
    for (profile, header) in [("oktopost", "X-Oktopost-Signature"), ("autosend", "X-Webhook-Signature")] {
        let case = Case::new(profile, json!({ "secret": SECRET, "retry": { "delays": [] } })).await;
        let data = r#"{ "price": 1.50, "big": 12345678901234567890, "10": -0, "url": "https:\/\/a.example\/\u00e9", "10": 1e3 }"#;
        case.world.publish_raw(format!(r#"{{"id":"e-1","type":"newLead","data":{data}}}"#)).await;
        case.world.drain().await;
        let sent = case.world.endpoint.seen().pop().unwrap();
        let written = r#""data":{"10":1000,"price":1.5,"big":12345678901234567000,"url":"https://a.example/é"}"#;
        assert!(sent.text().contains(written), "{}", sent.text());
        assert_eq!(sent.values(header), [hmac_hex(SECRET, sent.text())]);
        let shown = case.world.delivery("e-1").await["attempts"][0]["request"].clone();
        assert_eq!(shown["body"], sent.text(), "the log shows the same bytes");
    }
}

#[tokio::test]
async fn autosend() {
    let case = Case::new("autosend", json!({})).await;
    let secret = case.hook["secret"].as_str().expect("a secret is made and shown");
    let sent = case.request("email.opened", json!({ "id": 1 })).await;
    let read: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!((&read["event"], &read["data"]), (&json!("email.opened"), &json!({ "id": 1 })));
    assert_eq!(sent.values("X-Webhook-Signature"), [hmac_hex(secret, sent.text())]);
    let [delivery] = sent.values("X-Webhook-Delivery-Id")[..] else { panic!("one delivery id") };
    assert!(delivery.starts_with("dlv_"));
    case.world.patch(&case.path, json!({ "url": "https://other.example.com/" })).await.expect(422);
    assert_eq!((&case.hook["timeout"]["total"], &case.hook["max_hooks"]), (&json!(10), &json!(100)));
    assert_eq!(Case::new("autosend", json!({})).await.ladder(500).await, [0, 60, 360, 1_260]);
}

#[tokio::test]
async fn sendpulse() {
    let case = Case::new("sendpulse", json!({ "batch": { "max_events": 1 } })).await;
    let key = case.hook["verification_key"].as_str().expect("a key is made and shown");
    // The key as plain text verifies, and real answers need not be JSON.
    case.world.endpoint.answer("https://customer.example.com/in", [Answer::Body(200, key.to_owned())]);
    let data = json!({ "automation_id": "7", "title": "no title of a hook", "email": "a@b.c", "phone": "+1",
                       "variables": [{ "name1": "value1" }, { "name2": "value2" }] });
    let event = case.publish("automation", data).await;
    case.world.drain().await;
    let sent = case.world.endpoint.seen().pop().unwrap();
    let body = r#"[{"automation_id":"7","title":"Hook1","execution_date":"2026-01-31 09:15:30","email":"a@b.c","phone":"+1","variables":[{"name1":"value1"},{"name2":"value2"}]}]"#;
    assert_eq!((sent.text(), &case.world.delivery(&event).await["status"]), (body, &json!("succeeded")));

    let data = json!({ "task_id": 3_668_141, "from_all": 1, "email": "a@b.c", "reason": null, "book_id": 9,
                       "categories": "", "source": "form", "automation_id": "7" });
    let spam = r#"[{"timestamp":1769850930,"event":"spam","task_id":3668141,"email":"a@b.c","source":"form","automation_id":"7"}]"#;
    assert_eq!(case.request("spam", data.clone()).await.text(), spam);
    let unsubscribe = r#"[{"task_id":3668141,"timestamp":"1769850930","from_all":1,"email":"a@b.c","reason":null,"book_id":9,"event":"unsubscribe","categories":"","source":"form","automation_id":"7"}]"#;
    assert_eq!(case.request("unsubscribe", data).await.text(), unsubscribe);
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let badly_named =
        json!({ "profile": "sendpulse", "name": "no spaces", "url": "https://a.example.com/", "events": ["*"] });
    case.world.post(&hooks, badly_named).await.expect(422);
}

#[tokio::test]
async fn the_event_type_of_a_flow_is_known_where_the_catalogue_is_strict() {
    let world = World::new().await;
    let strict = json!({ "profile": "sendpulse", "strict_event_types": true });
    world.patch(&format!("/v1/tenants/{TENANT}"), strict).await.expect(200);
    let events = format!("/v1/tenants/{TENANT}/events");
    world.post(&events, json!({ "type": "automation", "data": {} })).await.expect(202);
    world.post(&events, json!({ "type": "other", "data": {} })).await.expect(422);
}

#[tokio::test]
async fn a_test_of_sendpulse_answers_with_the_codes_of_its_document() {
    let url = "https://customer.example.com/in";
    for (answer, (status, code, message)) in [
        (None, (true, 1, "")),
        (Some(Answer::Status(500)), (false, 11_110_111, "The request failed")),
        (Some(Answer::Timeout), (false, 11_110_111, "The request failed")),
        (Some(Answer::Body(200, "ok".to_owned())), (false, 11_110_112, "Invalid response format. Expects json!")),
        (Some(Answer::Body(200, "{}".to_owned())), (false, 11_110_113, "The request did not pass code verification")),
    ] {
        let case = Case::new("sendpulse", json!({})).await;
        let key = case.hook["verification_key"].as_str().unwrap().to_owned();
        let (answer, message) = match answer {
            Some(answer) => (answer, message.to_owned()),
            None => (Answer::Body(200, format!(r#"{{"key":"{key}"}}"#)), format!(r#"{{"key":"{key}"}}"#)),
        };
        case.world.endpoint.answer(url, [answer.clone()]);
        let told = case.world.post(&format!("{}/test", case.path), json!({})).await.expect(200).json();
        let expected = (&json!(status), &json!(code), &json!(message));
        assert_eq!((&told["status"], &told["code"], &told["message"]), expected, "{answer:?}");
    }
    let plain = World::new().await;
    let hook = plain.hook(json!({})).await;
    let told = plain.post(&format!("{}/test", hook.path()), json!({})).await.expect(200).json();
    assert_eq!((&told["status"], &told["code"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn campaign_signs_with_any_text_and_only_where_there_is_a_secret() {
    let case = Case::new("campaign", json!({})).await;
    assert_eq!(case.hook["secret"], Value::Null);
    assert!(case.request("campaign.sent", json!({})).await.values("X-Webhook-Signature").is_empty());
    let settings = json!({ "secret": SECRET, "method": "GET", "url": "https://customer.example.com/in?list=7",
                           "payload": { "mappings": [{ "field": "a", "from": "data.a" }] } });
    let case = Case::new("campaign", settings).await;
    let sent = case.request("campaign.sent", json!({ "a": "b c" })).await;
    assert_eq!(sent.url, "https://customer.example.com/in?list=7&a=b+c");
    assert_eq!(sent.values("X-Webhook-Signature"), [hmac_hex(SECRET, "list=7&a=b+c")], "the whole query");
    let basic = json!({ "auth": { "type": "basic", "username": "user", "password": "pass" } });
    let refused = case.world.patch(&case.path, basic.clone()).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "auth", "{refused}");
    case.world.patch(&case.path, json!({ "method": "POST" })).await.expect(200);
    case.world.patch(&case.path, basic).await.expect(200);
    let refused = case.world.patch(&case.path, json!({ "method": "GET" })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "method", "{refused}");
}

#[tokio::test]
async fn a_tenant_whose_profile_is_strict_publishes_what_its_catalogue_knows() {
    let world = World::new().await;
    let (tenant, events) = (format!("/v1/tenants/{TENANT}"), format!("/v1/tenants/{TENANT}/events"));
    let event = |kind: &str| json!({ "type": kind, "data": {} });
    world.post("/v1/profiles", json!({ "name": "house", "strict_event_types": true })).await.expect(201);
    for (profile, known) in [("oktopost", "newLead"), ("house", "own.type")] {
        world.patch(&tenant, json!({ "profile": profile })).await.expect(200);
        world.post(&events, event("own.other")).await.expect(422);
        world.post(&format!("{tenant}/event-types"), json!({ "name": "own.type" })).await;
        world.post(&events, event(known)).await.expect(202);
    }
    world.patch("/v1/profiles/house", json!({ "strict_event_types": false })).await.expect(200);
    world.post(&events, event("own.other")).await.expect(202);
}

#[tokio::test]
async fn a_hook_of_oktopost_has_a_name() {
    let world = World::new().await;
    let hooks = format!("/v1/tenants/{TENANT}/hooks");
    let body = json!({ "profile": "oktopost", "url": "https://a.example.com/", "events": ["newLead"] });
    let refused = world.post(&hooks, body).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "name", "{refused}");
    let case = Case::new("oktopost", json!({})).await;
    case.world.patch(&case.path, json!({ "name": "" })).await.expect(422);
}

#[tokio::test]
async fn the_url_of_autosend_cannot_be_unlocked_first() {
    let case = Case::new("autosend", json!({})).await;
    for (change, field) in [
        (json!({ "profile": "standard" }), "profile"),
        (json!({ "profile": null }), "profile"),
        (json!({ "profile": "standard", "url": "https://other.example.com/" }), "url"),
        (json!({ "url_locked": false }), "url_locked"),
    ] {
        let refused = case.world.patch(&case.path, change.clone()).await.expect(422).json();
        let fields: Vec<&Value> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert!(fields.contains(&&json!(field)), "{change}: {refused}");
    }
    let own = Case::new("standard", json!({ "url_locked": true })).await;
    own.world.patch(&own.path, json!({ "url_locked": false })).await.expect(422);
    own.world.patch(&own.path, json!({ "profile": "autosend" })).await.expect(200);
}

#[tokio::test]
async fn no_answer_changes_the_times_that_a_document_gives() {
    for (profile, times) in [
        ("automrktr", vec![0, 60, 360, 2_160, 9_360]),
        ("oktopost", vec![0, 5, 30, 155]),
        ("autosend", vec![0, 60, 360, 1_260]),
    ] {
        for answer in [Answer::Later(429, "9000".to_owned()), Answer::Status(410)] {
            let case = Case::new(profile, json!({})).await;
            assert_eq!(case.climb(answer.clone()).await, times, "{profile} {answer:?}");
            assert_eq!(case.world.get(&case.path).await.expect(200).json()["enabled"], true);
        }
    }
}

#[tokio::test]
async fn a_system_whose_document_does_not_disable_hooks_disables_none() {
    for profile in ["automrktr", "campaign", "oktopost", "autosend", "sendpulse"] {
        let case = Case::new(profile, json!({})).await;
        assert_eq!((&case.hook["disable_after"], &case.hook["success"]["final"]), (&json!(0), &json!([])), "{profile}");
        case.world.endpoint.answer("https://customer.example.com/in", [Answer::Status(410)]);
        case.request("a", json!({})).await;
        assert_eq!(case.world.get(&case.path).await.expect(200).json()["enabled"], true, "{profile}");
    }
}

#[tokio::test]

async fn every_hook_gets_an_event_under_its_own_id_where_that_names_the_request() {
    let world = World::new().await;
    let named = json!({ "message_id": "event", "retry": { "delays": [1] } });
    let (first, second, other) =
        (world.hook(named.clone()).await, world.hook(named).await, world.hook(json!({})).await);
    world.endpoint.answer(&first.url, [Answer::Status(500)]);
    world.publish(json!({ "id": "order-1", "type": "a", "data": 1 })).await;
    world.settle().await;
    let ids = |url: &str| -> Vec<String> {
        world.endpoint.sent_to(url).iter().map(|sent| sent.values("webhook-id").concat()).collect()
    };
    assert_eq!((ids(&first.url), ids(&second.url)), (vec!["order-1".to_owned(); 2], vec!["order-1".to_owned()]));
    assert!(ids(&other.url)[0].starts_with("dlv_"));
    // The log makes the same request again.
    let deliveries = world.deliveries("order-1").await;
    let delivery = deliveries.iter().find(|delivery| delivery["hook_id"] == *first.id).unwrap();
    let shown =
        world.get(&format!("/v1/tenants/{TENANT}/deliveries/{}", delivery["id"].as_str().unwrap())).await.json();
    let headers = shown["attempts"][0]["request"]["headers"].as_array().unwrap();
    assert!(headers.iter().any(|header| header["name"] == "webhook-id" && header["value"] == "order-1"), "{shown}");
}

#[tokio::test]
async fn every_profile_is_listed_with_its_event_types() {
    let world = World::new().await;
    let list = world.get("/v1/profiles").await.expect(200).json();
    let named =
        |name: &str| list["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone();
    let types = |name: &str| named(name)["event_types"].as_array().unwrap().len();
    assert_eq!((types("automrktr"), types("oktopost"), types("autosend")), (13, 19, 8));
    world.patch("/v1/profiles/standard", json!({ "method": "PUT" })).await.expect(409);
    world.delete("/v1/profiles/standard").await.expect(409);
    world.post("/v1/profiles", json!({ "name": "github" })).await.expect(409);
}
