//! The log shows what was sent, byte for byte, long after it was sent.

use contract::ports::Expected;
use serde_json::{Value, json};
use tests::world::{Answer, TENANT, World};

fn header<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|header| header["name"] == name).map(|header| header["value"].as_str().unwrap())
}

#[tokio::test]
async fn every_attempt_shows_the_request_as_it_left_whatever_changed_since() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish_raw(r#"{"type":"a","data":{"b":1.10,  "a":"é"}}"#.to_owned()).await;
    world.drain().await;
    let moved = "https://moved.example.com/in?key=1";
    world.endpoint.trust(moved, &hook.secret);
    world
        .patch(&hook.path(), json!({ "url": moved, "headers": [{ "name": "X-Later", "value": "1" }] }))
        .await
        .expect(200);
    world.settle().await;
    world.patch(&hook.path(), json!({ "url": "https://elsewhere.example.com", "headers": [] })).await.expect(200);
    world.patch(&format!("/v1/tenants/{TENANT}"), json!({ "name": "renamed" })).await.expect(200);

    let delivery = world.delivery(&event).await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 2);
    for (attempt, sent) in delivery["attempts"].as_array().unwrap().iter().zip(&sent) {
        let request = &attempt["request"];
        assert_eq!(request["method"], "POST");
        assert_eq!(request["url"], *sent.url);
        assert_eq!(request["body"].as_str().unwrap().as_bytes(), sent.body);
        assert_eq!(header(request, "webhook-id"), Some(sent.id.as_str()));
        let webhook = standardwebhooks::Webhook::new(&hook.secret).unwrap();
        let signature = webhook.sign(&sent.id, sent.at.as_secs(), &sent.body).unwrap();
        assert_eq!(header(request, "webhook-signature"), Some(signature.as_str()));
    }
    let [first, second] = [&delivery["attempts"][0], &delivery["attempts"][1]];
    assert_eq!((header(&first["request"], "X-Later"), header(&second["request"], "X-Later")), (None, Some("1")));
    assert_eq!((&first["response"]["status_code"], &second["response"]["status_code"]), (&json!(500), &json!(200)));
}

#[tokio::test]
async fn secrets_of_a_request_are_masked_and_signatures_are_not() {
    let world = World::new().await;
    for auth in [
        json!({ "type": "basic", "username": "u", "password": "hush" }),
        json!({ "type": "bearer", "token": "hush" }),
        json!({ "type": "api_key", "header": "X-Api-Key", "value": "hush" }),
    ] {
        let settings = json!({ "auth": auth, "headers": [{ "name": "X-Key", "value": "hush", "secret": true }] });
        let hook = world.hook(settings).await;
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.settle().await;
        let list = world.deliveries(&event).await;
        let one = list.iter().find(|delivery| delivery["hook_id"] == *hook.id).unwrap();
        let shown = world.attempts_of(one).await;
        let request = &shown["attempts"][0]["request"];
        let text = shown.to_string();
        assert!(!text.contains("hush") && !text.contains("aHVzaA"), "{text}");
        assert_eq!(header(request, "X-Key"), Some("********"));
        assert!(header(request, "webhook-signature").unwrap().starts_with("v1,"));
        world.delete(&hook.path()).await.expect(204);
    }
}

#[tokio::test]
async fn an_attempt_without_an_answer_shows_the_request_and_the_error() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Timeout]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let attempt = &world.delivery(&event).await["attempts"][0];
    assert_eq!((&attempt["response"], &attempt["outcome"]), (&json!(null), &json!("timeout")));
    assert_eq!(attempt["request"]["url"], *hook.url);
    assert_eq!(attempt["error"], "no answer within 15 s");
}

#[tokio::test]
async fn what_can_no_longer_be_shown_says_why() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    for _ in 0..=100 {
        world.patch(&hook.path(), json!({ "description": "again" })).await.expect(200);
    }
    let attempt = world.delivery(&event).await["attempts"][0].clone();
    assert_eq!(
        (&attempt["request"], &attempt["request_missing"]),
        (&json!(null), &json!("the hook has changed too often since"))
    );
    world.delete(&format!("/v1/tenants/{TENANT}/events/{event}/data")).await.expect(204);
    let attempt = world.delivery(&event).await["attempts"][0].clone();
    assert_eq!(attempt["request_missing"], "the event's payload was expunged");
}

#[tokio::test]
async fn all_headers_are_shown_as_they_left_in_their_case_and_order() {
    let world = World::new().await;
    let hook = world.hook(json!({ "headers": [{ "name": "X-GitHub-Event", "value": "push" }] })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let sent = &world.endpoint.sent_to(&hook.url)[0];
    let shown = world.delivery(&event).await["attempts"][0]["request"]["headers"].clone();
    let shown: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (header["name"].as_str().unwrap().to_owned(), header["value"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(shown, sent.headers);
    let names: Vec<_> = shown.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"X-GitHub-Event"), "{names:?}");
    assert_eq!(names[names.len() - 3..], ["accept", "host", "content-length"]);
}

#[tokio::test]
async fn a_status_counts_although_the_body_broke_off_and_the_log_remarks_it() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Cut(200, "{\"par".to_owned())]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let delivery = world.delivery(&event).await;
    let attempt = &delivery["attempts"][0];
    assert_eq!((&delivery["status"], &attempt["outcome"]), (&json!("succeeded"), &json!("success")));
    assert_eq!(attempt["remark"], "the connection broke off within the body");
    assert_eq!(attempt["response"]["body"], "{\"par");
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 1);

    // Where a setting looks at the body, what was read is judged.
    let strict = world.hook(json!({ "success": { "json_body": true }, "retry": { "delays": [] } })).await;
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    world.endpoint.answer(&strict.url, [Answer::Cut(200, "{\"par".to_owned())]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let list = world.deliveries(&event).await;
    let delivery = list.iter().find(|delivery| delivery["hook_id"] == *strict.id).unwrap();
    assert_eq!((&delivery["status"], &delivery["last_attempt"]["outcome"]), (&json!("failed"), &json!("not_json")));
}

#[tokio::test]
async fn what_of_ours_runs_out_uses_up_no_attempt_of_an_endpoint() {
    for batch in [json!({}), json!({ "batch": { "max_events": 5, "max_wait": 0 } })] {
        let world = World::new().await;
        let mut settings = json!({ "retry": { "delays": [] } });
        settings.as_object_mut().unwrap().extend(batch.as_object().unwrap().clone());
        let hook = world.hook(settings).await;
        world.endpoint.answer(&hook.url, [Answer::OurFault, Answer::OurFault]);
        let event = world.publish(json!({ "type": "a", "data": 1 })).await;
        world.settle().await;
        let delivery = world.delivery(&event).await;
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(1)), "{delivery}");
        assert_eq!(world.get(&hook.path()).await.json()["health"]["failure_count"], 0);
    }
}

/// As release 0.1 noted its attempts, and as it made their requests.
#[tokio::test]
async fn requests_of_earlier_releases_are_shown_as_those_made_them() {
    let world = World::new().await;
    let settings = json!({ "profile": "oktopost", "name": "Hook", "secret": "old", "batch": { "max_events": 1 } });
    let hook = world.hook(settings).await;
    world.post(&format!("{}/secret/rotate", hook.path()), json!({ "secret": "new" })).await.expect(200);
    let event = world.publish_raw(r#"{"type":"a","data":{ "n": 1.50 }}"#.to_owned()).await;
    world.drain().await;
    let shown = async || world.delivery(&event).await["attempts"][0]["request"].clone();
    let values = |request: &Value, name: &str| {
        let headers = request["headers"].as_array().unwrap().clone();
        headers.into_iter().filter(|header| header["name"] == name).collect::<Vec<_>>().len()
    };
    let now = shown().await;
    assert!(now["body"].as_str().unwrap().contains(r#""data":{"n":1.5}"#), "{now}");
    assert_eq!((values(&now, "X-Oktopost-Signature"), values(&now, "webhook-delivery-ids")), (1, 1));

    let id = world.delivery(&event).await["id"].as_str().unwrap().parse().unwrap();
    let (log, tenant) = (&world.engine.deliver.log, TENANT.parse().unwrap());
    let row = log.get(&tenant, id).await.unwrap().unwrap();
    let mut former = row.clone();
    let revision = former.last_attempt.as_mut().unwrap().revision.as_mut().unwrap();
    assert_eq!((revision.profile, revision.form), (1, 1));
    (revision.profile, revision.form) = (0, 0);
    log.record(&former, Expected::of(Some(&row))).await.unwrap();
    let then = shown().await;
    assert!(then["body"].as_str().unwrap().contains(r#""data":{ "n": 1.50 }"#), "{then}");
    assert_eq!((values(&then, "X-Oktopost-Signature"), values(&then, "webhook-delivery-ids")), (2, 0));
}
