//! Credentials of a hook go to the origin they were set for and nowhere else,
//! whoever changes the hook.

use serde_json::{Value, json};
use tests::world::{Hook, OPERATOR, World};

const HERE: &str = "https://here.example.com/in";
const ELSEWHERE: &str = "https://elsewhere.example.com/in";

async fn portal_key(world: &World) -> String {
    let body = json!({ "scope": "portal", "expires_in": 3_600 });
    let made = world.post("/v1/tenants/acme/keys", body).await.expect(201).json();
    made["key"].as_str().unwrap().to_owned()
}

/// One for portals and the operator's.
async fn both_keys(world: &World) -> [String; 2] {
    [portal_key(world).await, OPERATOR.to_owned()]
}

async fn hook_with_secrets(world: &World) -> Hook {
    world
        .hook(json!({
            "url": HERE,
            "auth": { "type": "basic", "username": "u", "password": "hush" },
            "headers": [{ "name": "X-S", "value": "hush", "secret": true }, { "name": "X-Open", "value": "open" }],
        }))
        .await
}

fn wrong_fields(refused: &Value) -> Vec<&str> {
    refused["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_hook_that_moves_to_another_origin_has_to_be_given_its_credentials_again() {
    let world = World::new().await;
    let hook = hook_with_secrets(&world).await;
    let masked = world.get(&hook.path()).await.json();
    for key in both_keys(&world).await {
        for url in [ELSEWHERE, "https://here.example.com:80/in"] {
            for (rest, fields) in [
                (json!({}), ["auth.password", "headers"]),
                (
                    json!({ "auth": masked["auth"], "headers": masked["headers"] }),
                    ["auth.password", "headers[0].value"],
                ),
                (
                    json!({ "auth": { "type": "basic", "username": "u" }, "headers": [{ "name": "x-s", "secret": true }] }),
                    ["auth.password", "headers[0].value"],
                ),
            ] {
                let mut body = rest;
                body["url"] = json!(url);
                let refused = world.call("PATCH", &hook.path(), Some(&key), body.to_string()).await.expect(422).json();
                assert_eq!(wrong_fields(&refused), fields, "{refused}");
                assert!(refused.to_string().contains("has to be given again"), "{refused}");
            }
        }
        // Nor in two steps.
        let away = json!({ "auth": null, "headers": [], "url": ELSEWHERE });
        world.call("PATCH", &hook.path(), Some(&key), away.to_string()).await.expect(200);
        let masks = json!({ "auth": masked["auth"], "headers": masked["headers"] });
        let refused = world.call("PATCH", &hook.path(), Some(&key), masks.to_string()).await.expect(422).json();
        assert_eq!(wrong_fields(&refused), ["auth.password", "headers[0].value"], "{refused}");
        let back = json!({
            "url": HERE,
            "auth": { "type": "basic", "username": "u", "password": "hush" },
            "headers": [{ "name": "X-S", "value": "hush", "secret": true }],
        });
        world.call("PATCH", &hook.path(), Some(&key), back.to_string()).await.expect(200);
    }
    assert!(world.endpoint.seen().is_empty());
}

#[tokio::test]
async fn within_one_origin_they_are_kept() {
    let world = World::new().await;
    let hook = hook_with_secrets(&world).await;
    let masked = world.get(&hook.path()).await.json();
    for key in both_keys(&world).await {
        for body in [
            json!({ "url": "https://here.example.com/other?a=b" }),
            json!({ "auth": masked["auth"], "headers": masked["headers"], "url": HERE }),
        ] {
            world.call("PATCH", &hook.path(), Some(&key), body.to_string()).await.expect(200);
            world.call("POST", &format!("{}/test", hook.path()), Some(&key), "").await.expect(200);
            let sent = world.endpoint.seen().pop().unwrap();
            assert_eq!((sent.header("authorization"), sent.header("X-S")), (Some("Basic dTpodXNo"), Some("hush")));
        }
    }
}

#[tokio::test]
async fn a_clients_secret_goes_to_no_other_token_url() {
    let world = World::new().await;
    let oauth = |token_url: &str, secret: &str| json!({ "type": "oauth2", "token_url": token_url, "client_id": "c", "client_secret": secret });
    let hook = world.hook(json!({ "auth": oauth("https://login.example.com/token", "hush") })).await;
    for key in both_keys(&world).await {
        for secret in ["", "********"] {
            let body = json!({ "auth": oauth("https://attacker.example.com/token", secret) }).to_string();
            let refused = world.call("PATCH", &hook.path(), Some(&key), body).await.expect(422).json();
            assert_eq!(wrong_fields(&refused), ["auth.client_secret"], "{refused}");
            let body = json!({ "auth": oauth("https://login.example.com/other", secret) }).to_string();
            world.call("PATCH", &hook.path(), Some(&key), body).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_portal_key_brings_a_secret_for_a_new_hook_and_changes_none() {
    let world = World::new().await;
    let key = portal_key(&world).await;
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    let body = json!({ "url": HERE, "events": ["*"], "secret": secret, "secret_optional": true }).to_string();
    let made = world.call("POST", "/v1/tenants/acme/hooks", Some(&key), body).await.expect(201).json();
    assert_eq!(made["secret"], secret);
    let path = format!("/v1/tenants/acme/hooks/{}", made["id"].as_str().unwrap());
    for change in [json!("whsec_YWJjZGVmMDEyMzQ1Njc4OTAxMjM0NTY3"), Value::Null] {
        let body = json!({ "secret": change }).to_string();
        let refused = world.call("PATCH", &path, Some(&key), body).await.expect(422).json();
        assert_eq!(wrong_fields(&refused), ["secret"]);
        assert!(refused["detail"].as_str().unwrap().contains("portal key"), "{refused}");
    }
    // Blank is to keep it.
    world.call("PATCH", &path, Some(&key), r#"{"secret":"","name":"n"}"#).await.expect(200);
    assert_eq!(world.get(&format!("{path}/secret")).await.json()["secret"], secret);
    world.patch(&path, json!({ "secret": "whsec_YWJjZGVmMDEyMzQ1Njc4OTAxMjM0NTY3" })).await.expect(200);
}

#[tokio::test]
async fn a_mask_is_no_secret() {
    let world = World::new().await;
    let hook = world.hook(json!({ "signatures": [{ "scheme": "hmac_sha256", "header": "X-Sig" }] })).await;
    let mask = "********";
    for (body, field) in [
        (json!({ "auth": { "type": "bearer", "token": mask } }), "auth.token"),
        (json!({ "auth": { "type": "api_key", "header": "X-Key", "value": mask } }), "auth.value"),
        (json!({ "headers": [{ "name": "X-S", "value": mask, "secret": true }] }), "headers[0].value"),
        (json!({ "headers": [{ "name": "X-S", "value": mask }] }), "headers[0].value"),
        (json!({ "secret": mask }), "secret"),
    ] {
        let refused = world.patch(&hook.path(), body.clone()).await.expect(422).json();
        assert_eq!(wrong_fields(&refused), [field], "{refused}");
        let mut new = json!({ "url": HERE, "events": ["*"] });
        new.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let refused = world.post("/v1/tenants/acme/hooks", new).await.expect(422).json();
        assert_eq!(wrong_fields(&refused), [field], "{refused}");
    }
    let rotate = format!("{}/secret/rotate", hook.path());
    let refused = world.post(&rotate, json!({ "secret": mask })).await.expect(422).json();
    assert_eq!(wrong_fields(&refused), ["secret"]);
    let shown = world.get(&hook.path()).await.json();
    assert_eq!((&shown["auth"]["type"], &shown["headers"]), (&json!("none"), &json!([])));
}
