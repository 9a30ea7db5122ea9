//! The keys of the deployment, its directory, and what is signed with them.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{OPERATOR, Reply, Sent, World};

const DIRECTORY: &str = "/.well-known/http-message-signatures-directory";

async fn rotate(world: &World, body: Value) -> Value {
    world.post("/v1/identity/rotate", body).await.expect(200).json()
}

async fn directory(world: &World) -> Reply {
    world.call("GET", DIRECTORY, None, "").await.expect(200)
}

fn listed(reply: &Reply) -> Vec<Value> {
    reply.json()["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
}

async fn hook(world: &World, setting: Value) -> String {
    let mut signature = json!({ "scheme": "http_message" });
    signature.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
    world.hook(json!({ "signatures": [{ "scheme": "v1" }, signature] })).await.path()
}

async fn send(world: &World) -> Sent {
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    world.endpoint.seen().pop().unwrap()
}

#[tokio::test]
async fn without_keys_there_is_no_directory_and_nothing_goes_out_unsigned() {
    let world = World::new().await;
    world.call("GET", DIRECTORY, None, "").await.expect(404);
    assert_eq!(world.get("/v1/identity").await.expect(200).json()["keys"], json!([]));
    hook(&world, json!({})).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    assert_eq!(world.endpoint.seen().len(), 0);
    let attempt = world.delivery(&event).await["attempts"][0].clone();
    assert_eq!(attempt["outcome"], "invalid_request");
    assert!(attempt["error"].as_str().unwrap().contains("POST /v1/identity/rotate"), "{attempt}");
}

#[tokio::test]
async fn a_new_key_is_listed_before_it_signs_and_the_former_one_after() {
    let world = World::new().await;
    hook(&world, json!({})).await;
    let first = rotate(&world, json!({})).await;
    assert_eq!((&first["agent"], &first["keys"][0]["signs"]), (&json!("https://hooks.example.com"), &json!(true)));
    let signs = |sent: &Sent, key: &Value| {
        let input = sent.values("Signature-Input").concat();
        assert!(input.contains(&format!("keyid=\"{}\"", key.as_str().unwrap())), "{input}");
    };
    signs(&send(&world).await, &first["keys"][0]["key_id"]);
    let second = rotate(&world, json!({ "signs_after": 600, "overlap": 3_600 })).await;
    let ids = [0, 1].map(|n: usize| second["keys"][n]["key_id"].clone());
    assert_eq!(listed(&directory(&world).await), ids);
    signs(&send(&world).await, &ids[1]);
    world.clock.advance(Duration::from_secs(600));
    signs(&send(&world).await, &ids[0]);
    assert_eq!(listed(&directory(&world).await).len(), 2);
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(listed(&directory(&world).await), ids[..1]);
    let third = rotate(&world, json!({ "signs_after": 0, "overlap": 0 })).await;
    assert_eq!(listed(&directory(&world).await), [third["keys"][0]["key_id"].clone()], "after a leak");
    let audit = world.get("/v1/audit?kind=identity").await.expect(200).json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 3, "{audit}");
}

#[tokio::test]
async fn the_directory_is_signed_for_the_public_address_whatever_host_was_asked() {
    let world = World::new().await;
    rotate(&world, json!({})).await;
    rotate(&world, json!({})).await;
    let reply = directory(&world).await;
    assert_eq!(reply.content_type(), "application/http-message-signatures-directory+json");
    assert_eq!(reply.headers["cache-control"], "public, max-age=300");
    let input = reply.headers["signature-input"].to_str().unwrap();
    assert_eq!(input.matches("(\"@authority\";req \"content-digest\")").count(), 2, "{input}");
    assert_eq!(input.matches("tag=\"http-message-signatures-directory\"").count(), 2, "{input}");
    assert!(!reply.text().contains("\"d\"") && !reply.text().contains("whsk_"));
}

#[tokio::test]
async fn keys_are_stored_sealed_and_survive_a_restart() {
    let world = World::new().await;
    let made = rotate(&world, json!({})).await;
    let world = world.restart().await;
    assert_eq!(world.get("/v1/identity").await.expect(200).json(), made);
    let stored = world.engine.foundation.documents.get("identity", "deployment").await.unwrap().unwrap();
    assert!(stored.body.contains("sealed:v1:") && !stored.body.contains("whsk_"), "{}", stored.body);
}

#[tokio::test]
async fn only_an_operator_sees_or_rotates_the_keys() {
    let world = World::new().await;
    let key = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    let key = key["key"].as_str();
    world.call("GET", "/v1/identity", key, "").await.expect(403);
    world.call("POST", "/v1/identity/rotate", key, "").await.expect(403);
    world.call("POST", "/v1/identity/rotate", None, "").await.expect(401);
    world.call("POST", "/v1/identity/rotate", Some(OPERATOR), "").await.expect(200);
    for (body, field) in [
        (json!({ "overlap": 2_592_001 }), "overlap"),
        (json!({ "signs_after": -1 }), "signs_after"),
        (json!({ "secret": "mine" }), "secret"),
    ] {
        let refused = world.post("/v1/identity/rotate", body).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
}

#[tokio::test]
async fn what_would_prove_who_sent_it_is_shown_to_nobody() {
    let world = World::new().await;
    rotate(&world, json!({})).await;
    let path = hook(&world, json!({ "components": ["@authority", "content-digest"] })).await;
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let sent = world.endpoint.sent().pop().unwrap();
    let signature = sent.values("Signature").concat();
    let tested = world.post(&format!("{path}/test"), json!({})).await.expect(200).json();
    let previewed = world.post(&format!("{path}/preview"), json!({ "event": event })).await.expect(200).json();
    let logged = world.delivery(&event).await["attempts"][0]["request"].clone();
    for shown in [&tested["request"], &previewed["request"], &logged] {
        let headers = shown["headers"].as_array().unwrap();
        for name in ["Content-Digest", "Signature-Agent", "Signature-Input", "Signature"] {
            let header = headers.iter().find(|header| header["name"] == name).expect("it is told that it is there");
            assert_eq!(header["value"], "********", "{name}");
        }
        assert!(!shown.to_string().contains(&signature));
    }
    // Whose signature is beside it is shown as ever.
    assert!(logged["headers"].to_string().contains(&sent.values("webhook-signature").concat()));
}

#[tokio::test]
async fn no_nonce_is_used_twice() {
    let world = World::new().await;
    rotate(&world, json!({})).await;
    let path = hook(&world, json!({})).await;
    world.hook(json!({ "signatures": [{ "scheme": "v1" }, { "scheme": "http_message" }] })).await;
    for _ in 0..5 {
        send(&world).await;
        world.post(&format!("{path}/test"), json!({})).await.expect(200);
    }
    let inputs: Vec<String> =
        world.endpoint.seen().iter().map(|sent| sent.values("Signature-Input").concat()).collect();
    let mut nonces: Vec<&str> = inputs.iter().map(|input| input.split("nonce=\"").nth(1).unwrap()).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!((nonces.len(), inputs.len()), (15, 15));
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_refused_by_name() {
    let world = World::new().await;
    for (signature, field) in [
        (json!({ "scheme": "http_message", "header": "X-Signature" }), "header"),
        (json!({ "scheme": "http_message", "components": ["@method"] }), "components"),
        (json!({ "scheme": "http_message", "components": ["@authority", "@authority"] }), "components"),
        (json!({ "scheme": "http_message", "components": ["@authority", "cookie"] }), "components[1]"),
        (json!({ "scheme": "http_message", "expires_in": 0 }), "expires_in"),
        (json!({ "scheme": "http_message", "expires_in": 86_401 }), "expires_in"),
        (json!({ "scheme": "http_message", "agent_form": "list" }), "agent_form"),
        (json!({ "scheme": "http_message", "key": "text" }), "key"),
        (json!({ "scheme": "v1", "components": ["@authority"] }), "components"),
        (json!({ "scheme": "v1a", "expires_in": 5 }), "expires_in"),
    ] {
        let body = json!({ "url": "https://a.example.com/", "events": ["*"], "signatures": [signature] });
        let refused = world.post("/v1/tenants/acme/hooks", body.clone()).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], format!("signatures[0].{field}"), "{refused}");
    }
    let twice = json!([{ "scheme": "http_message" }, { "scheme": "http_message" }]);
    let headers = json!([{ "name": "signature-agent", "value": "mine" }]);
    for settings in [
        json!({ "signatures": twice }),
        json!({ "signatures": [{ "scheme": "http_message" }], "headers": headers }),
        json!({ "signatures": [{ "scheme": "http_message" }, { "scheme": "hmac_sha256", "header": "Signature" }] }),
    ] {
        let mut body = json!({ "url": "https://a.example.com/", "events": ["*"] });
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        world.post("/v1/tenants/acme/hooks", body).await.expect(422);
    }
}

#[tokio::test]
async fn no_rotation_ends_the_key_that_signs_before_another_may() {
    let world = World::new().await;
    hook(&world, json!({})).await;
    let first = rotate(&world, json!({})).await["keys"][0]["key_id"].clone();
    for _ in 0..4 {
        rotate(&world, json!({})).await;
    }
    let refused = world.post("/v1/identity/rotate", json!({})).await.expect(409).json();
    assert_eq!(refused["code"], "limit_reached", "{refused}");
    let sent = send(&world).await;
    assert!(sent.values("Signature-Input").concat().contains(first.as_str().unwrap()));
    let after_a_leak = rotate(&world, json!({ "signs_after": 0, "overlap": 0 })).await;
    assert_eq!(after_a_leak["keys"].as_array().unwrap().len(), 1, "{after_a_leak}");
}
