//! What a layer above changes later makes no request with the same header twice.

use serde_json::{Value, json};
use tests::world::{Answer, Hook, Sent, World};

async fn next(world: &World, hook: &Hook) -> Sent {
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let sent = world.endpoint.seen().into_iter().rfind(|request| request.url == hook.url);
    let sent = sent.expect("a request");
    let mut names: Vec<String> = sent.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names.windows(2).for_each(|pair| assert!(pair[0] != pair[1], "twice: {pair:?}"));
    sent
}

/// The tenant gets this, after the hook was written with that.
async fn sent_after(own: Value, above: Value) -> Sent {
    let world = World::new().await;
    let hook = world.hook(own).await;
    next(&world, &hook).await;
    world.patch("/v1/tenants/acme", above).await.expect(200);
    // Which gives it a key, should it need one.
    world.patch(&hook.path(), json!({ "name": "changed" })).await.expect(200);
    next(&world, &hook).await
}

#[tokio::test]
async fn of_two_settings_that_meet_later_the_first_in_order_is_sent() {
    let signed =
        json!({ "signatures": [{ "scheme": "v1" }, { "scheme": "hmac_sha256", "header": "X-Same", "key": "whsec" }] });
    let verified = json!({ "verification": { "required": true, "per_hour": 100, "header": "X-Same" } });
    let auth = json!({ "auth": { "type": "api_key", "header": "x-same", "value": "of auth" } });
    let fixed = json!({ "headers": [{ "name": "x-SAME", "value": "of headers" }] });
    let value = |sent: &Sent| sent.values("x-same")[0].to_owned();
    for own in [&auth, &fixed] {
        assert_eq!(value(&sent_after(own.clone(), signed.clone()).await).len(), 64, "the signature");
        assert_eq!(value(&sent_after(own.clone(), verified.clone()).await).len(), 32, "the key");
    }
    assert_eq!(value(&sent_after(signed.clone(), verified.clone()).await).len(), 64);
    assert_eq!(value(&sent_after(verified, signed.clone()).await).len(), 64);
    assert_eq!(value(&sent_after(auth, fixed.clone()).await), "of auth");
    assert_eq!(value(&sent_after(signed, fixed).await).len(), 64);
}

#[tokio::test]
async fn a_signature_that_takes_the_place_of_a_header_is_the_only_line_of_it() {
    let world = World::new().await;
    let hook = world.hook(json!({ "headers": [{ "name": "x-same", "value": "1" }], "secret": "one" , "signatures": [{ "scheme": "hmac_sha256", "header": "X-Other" }] })).await;
    world.post(&format!("{}/secret/rotate", hook.path()), json!({ "secret": "two" })).await.expect(200);
    world.patch(&hook.path(), json!({ "signatures": null })).await.expect(422);
    world
        .patch("/v1/tenants/acme", json!({ "signatures": [{ "scheme": "hmac_sha256", "header": "X-Other" }] }))
        .await
        .expect(200);
    world.patch(&hook.path(), json!({ "signatures": null })).await.expect(200);
    world
        .patch("/v1/tenants/acme", json!({ "signatures": [{ "scheme": "hmac_sha256", "header": "X-Same" }] }))
        .await
        .expect(200);
    world.endpoint.answer(&hook.url, [Answer::Status(200)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let sent = world.endpoint.seen().pop().unwrap();
    let values = sent.values("x-same");
    assert_eq!((values.len(), values.contains(&"1")), (1, false), "{values:?}");
}

#[tokio::test]
async fn hooklines_own_name_gives_way_to_any_other() {
    let sent = sent_after(json!({}), json!({ "headers": [{ "name": "User-Agent", "value": "ours" }] })).await;
    assert_eq!(sent.values("user-agent"), ["ours"]);
}

#[tokio::test]
async fn a_header_may_be_written_from_a_template_and_percent_encoded() {
    let world = World::new().await;
    let headers = json!([
        { "name": "X-Subject", "template": "{{ data.subject|default('') }}", "encoding": "percent" },
        { "name": "X-Fixed", "value": "50 % \u{20ac}", "encoding": "percent" },
        { "name": "X-Type", "template": "{{ event.type }} of {{ tenant.id }}" },
    ]);
    world.hook(json!({ "headers": headers })).await;
    let event =
        world.publish(json!({ "type": "a", "data": { "subject": "Euro \u{20ac} \u{1f600}\r\nX-Evil: 1" } })).await;
    world.publish(json!({ "type": "a", "data": {} })).await;
    world.drain().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent[0].values("X-Subject"), ["Euro%20%E2%82%AC%20%F0%9F%98%80%0D%0AX-Evil:%201"]);
    assert_eq!(sent[0].values("X-Fixed"), ["50%20%25%20%E2%82%AC"]);
    assert_eq!(sent[0].values("X-Type"), ["a of acme"]);
    assert!(sent[1].values("X-Subject").is_empty(), "what is empty is left out");
    let shown = world.delivery(&event).await["attempts"][0]["request"].to_string();
    assert!(shown.contains("Euro%20%E2%82%AC"), "{shown}");
}

#[tokio::test]
async fn a_text_that_no_header_can_hold_fails_its_attempt_and_nothing_is_sent() {
    for (template, data) in [
        ("{{ data.a }}", json!({ "a": "b\r\nX-Evil: 1" })),
        ("{{ data.a }}", json!({ "a": "\u{e9}" })),
        ("{{ data.a }}", json!({ "a": "x".repeat(5_000) })),
        ("{{ data.missing }}", json!({})),
    ] {
        let world = World::new().await;
        world.hook(json!({ "headers": [{ "name": "X-A", "template": template }] })).await;
        let event = world.publish(json!({ "type": "a", "data": data })).await;
        world.drain().await;
        assert_eq!(world.endpoint.seen().len(), 0);
        let attempt = world.delivery(&event).await["attempts"][0].clone();
        assert_eq!(attempt["outcome"], "template_failed", "{attempt}");
        assert!(attempt["error"].as_str().unwrap().contains("X-A"), "{attempt}");
    }
}

#[tokio::test]
async fn what_came_from_a_queue_with_a_traceparent_carries_it_on_over_retries_and_pages() {
    let world = World::new().await;
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let retried = world.hook(json!({ "retry": { "delays": [1] } })).await;
    world.endpoint.answer(&retried.url, [Answer::Status(500)]);
    let own = world.hook(json!({ "headers": [{ "name": "Traceparent", "value": "mine" }] })).await;
    let mut last = None;
    for _ in 0..100 {
        last = Some(world.hook(json!({})).await);
    }
    let message = json!({ "tenant": "acme", "type": "a", "data": 1, "traceparent": given });
    world.send_to_events(message.to_string()).await;
    world.settle().await;
    let told = |url: &str| -> Vec<Option<String>> {
        world.endpoint.sent_to(url).iter().map(|sent| sent.header("traceparent").map(str::to_owned)).collect()
    };
    assert_eq!(told(&retried.url), [Some(given.to_owned()), Some(given.to_owned())]);
    assert_eq!(told(&last.unwrap().url), [Some(given.to_owned())]);
    let own = world.endpoint.sent_to(&own.url).remove(0);
    let lines = own.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
    assert_eq!(lines.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["mine"]);

    let wrong = json!({ "tenant": "acme", "type": "a", "data": 1, "traceparent": "x" });
    world.send_to_events(wrong.to_string()).await;
    world.settle().await;
    assert!(world.dead_letters()[0].reason.contains("traceparent"), "{}", world.dead_letters()[0].reason);
}
