//! The public keys of a tenant's hooks, for whoever knows its address.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Reply, World};

const PATH: &str = "/v1/tenants/acme/.well-known/jwks.json";

async fn read(world: &World, tenant: &str) -> Reply {
    world.clock.advance(Duration::from_secs(5));
    world.call("GET", &PATH.replace("acme", tenant), None, "").await.expect(200)
}

fn ids(reply: &Reply) -> Vec<String> {
    let keys = reply.json()["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_tenants_keys_are_found_without_a_key_and_no_other_tenants_are_among_them() {
    let world = World::new().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let signatures = json!({ "signatures": [{ "scheme": "v1a" }] });
    let own = world.hook(signatures.clone()).await;
    world.hook(json!({})).await;
    world.hook_of("other", signatures).await;
    let (acme, other) = (read(&world, "acme").await, read(&world, "other").await);
    assert_eq!((ids(&acme).len(), ids(&other).len()), (1, 1), "a secret of v1 is no key");
    assert_ne!(ids(&acme), ids(&other));
    let secrets = world.get(&format!("{}/secret", own.path())).await.json();
    assert_eq!(secrets["key_id"], ids(&acme)[0]);
    assert_eq!(acme.content_type(), "application/jwk-set+json");
    assert_eq!(acme.headers["cache-control"], "public, max-age=300");
    for reply in [&acme, &other] {
        let key = &reply.json()["keys"][0];
        let names: Vec<&String> = key.as_object().unwrap().keys().collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
        let secret = own.secret.strip_prefix("whsk_").unwrap();
        assert!(!reply.text().contains(&secret[..20]) && !reply.text().contains(&own.id));
    }
}

#[tokio::test]
async fn a_tenant_that_there_is_not_is_answered_as_one_without_keys() {
    let world = World::new().await;
    let (empty, missing) = (read(&world, "acme").await, read(&world, "nobody").await);
    assert_eq!(empty.json(), json!({ "keys": [] }));
    assert_eq!(empty.text(), missing.text());
    assert_eq!(empty.headers, missing.headers);
    world.hook(json!({ "signatures": [{ "scheme": "v1a" }] })).await;
    assert_eq!(ids(&read(&world, "acme").await).len(), 1);
    world.delete("/v1/tenants/acme").await.expect(204);
    assert_eq!(read(&world, "acme").await.text(), missing.text());
    world.call("GET", &PATH.replace("acme", "a.b"), None, "").await.expect(404);
}

#[tokio::test]
async fn both_keys_are_listed_until_the_overlap_of_a_rotation_ends() {
    let world = World::new().await;
    let hook = world.hook(json!({ "signatures": [{ "scheme": "v1a" }] })).await;
    let before = ids(&read(&world, "acme").await);
    let rotated = world.post(&format!("{}/secret/rotate", hook.path()), json!({ "overlap": 600 })).await.expect(200);
    let new: Value = rotated.json()["key_id"].clone();
    let during = ids(&read(&world, "acme").await);
    assert!(during.len() == 2 && during.contains(&before[0]) && during.contains(&new.as_str().unwrap().to_owned()));
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(json!(ids(&read(&world, "acme").await)), json!([new]));
    world.patch(&hook.path(), json!({ "enabled": false })).await.expect(200);
    assert_eq!(ids(&read(&world, "acme").await).len(), 1, "what is retried later is still signed");
}

#[tokio::test]
async fn whoever_asks_often_looks_once() {
    let world = World::new().await;
    assert_eq!(ids(&read(&world, "acme").await).len(), 0);
    world.hook(json!({ "signatures": [{ "scheme": "v1a" }] })).await;
    let again = world.call("GET", PATH, None, "").await.expect(200);
    assert_eq!(ids(&again).len(), 0, "what was found holds for five seconds");
    assert_eq!(ids(&read(&world, "acme").await).len(), 1);
}

#[tokio::test]
async fn the_header_of_key_ids_is_for_v1a_and_has_a_name_of_its_own() {
    let world = World::new().await;
    let v1a = |name: &str| json!([{ "scheme": "v1" }, { "scheme": "v1a", "key_id_header": name }]);
    for (signatures, field) in [
        (json!([{ "scheme": "v1", "key_id_header": "webhook-key-id" }]), "signatures[0].key_id_header"),
        (json!([{ "scheme": "stripe", "key_id_header": "webhook-key-id" }]), "signatures[0].key_id_header"),
        (v1a("a b"), "signatures[1].key_id_header"),
        (v1a("host"), "signatures[1].key_id_header"),
        (v1a("Webhook-Id"), "signatures[1].key_id_header"),
        (v1a("webhook-signature"), "signatures[1].key_id_header"),
    ] {
        let body = json!({ "url": "https://a.example.com/", "events": ["*"], "signatures": signatures });
        let refused = world.post("/v1/tenants/acme/hooks", body).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let headers = json!([{ "name": "webhook-key-id", "value": "mine" }]);
    let body = json!({ "url": "https://a.example.com/", "events": ["*"], "headers": headers,
                       "signatures": v1a("webhook-key-id") });
    world.post("/v1/tenants/acme/hooks", body).await.expect(422);
}
