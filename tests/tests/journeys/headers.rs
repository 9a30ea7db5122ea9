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
