//! Links and their codes.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tests::world::World;

use super::{LINKS, OWN, exchange, link, session, token};

#[tokio::test]
async fn a_link_holds_its_code_behind_the_hash_and_says_when_it_ends() {
    let world = World::new().await;
    let now = world.now();
    let made = link(&world, json!({})).await;
    let code = made["code"].as_str().unwrap();
    assert_eq!(made["link"], format!("https://hooks.example.com/portal/enter#{code}"));
    assert_eq!(made["expires_at"], now.saturating_add(Duration::from_secs(600)).to_string());
    assert_eq!(made["capabilities"], json!(["view", "manage", "test", "send_again"]));
    assert_eq!((&made["landing"], &made["return_url"]), (&json!("/hooks"), &Value::Null));
    assert_eq!(made["session_expires_in"], 28_800);
}

#[tokio::test]
async fn a_code_is_exchanged_once_for_a_session_that_says_what_it_is() {
    let world = World::new().await;
    let asked = json!({
        "capabilities": ["send_again", "view", "view"], "session_expires_in": 60, "landing": "/hooks/a",
        "return_url": "https://app.example.com/settings?tab=hooks", "user": "Jane (jane@example.com)",
    });
    let made = link(&world, asked).await;
    let code = made["code"].as_str().unwrap();
    let entered = exchange(&world, code).await.expect(201).json();
    assert_eq!(entered["tenant"], "acme");
    assert_eq!(entered["capabilities"], json!(["view", "send_again"]));
    assert_eq!(entered["landing"], "/hooks/a");
    assert_eq!(entered["return_url"], "https://app.example.com/settings?tab=hooks");
    assert_eq!(entered["user"], "Jane (jane@example.com)");
    assert_eq!(entered["expires_at"], world.now().saturating_add(Duration::from_secs(60)).to_string());
    let mut described = entered.clone();
    described.as_object_mut().unwrap().remove("token");
    assert_eq!(world.call("GET", OWN, token(&entered), "").await.expect(200).json(), described);
    exchange(&world, code).await.expect(401);
    world.call("GET", OWN, token(&entered), "").await.expect(200);
}

#[tokio::test]
async fn of_two_exchanges_at_once_one_wins() {
    let world = World::new().await;
    for _ in 0..20 {
        let made = link(&world, json!({})).await;
        let code = made["code"].as_str().unwrap();
        world.clock.advance(Duration::from_secs(60));
        let (one, other) = tokio::join!(exchange(&world, code), exchange(&world, code));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401]);
    }
}

#[tokio::test]
async fn a_code_that_was_used_has_ended_or_never_was_gets_the_same_answer() {
    let world = World::new().await;
    let used = link(&world, json!({})).await["code"].as_str().unwrap().to_owned();
    exchange(&world, &used).await.expect(201);
    let ended = link(&world, json!({ "link_expires_in": 1 })).await["code"].as_str().unwrap().to_owned();
    let open = link(&world, json!({})).await["code"].as_str().unwrap().to_owned();
    let withdrawn = link(&world, json!({})).await["code"].as_str().unwrap().to_owned();
    world.clock.advance(Duration::from_secs(1));
    let told = exchange(&world, &used).await.expect(401);
    let session = session(&world, json!({})).await;
    for code in [
        ended.as_str(),
        &format!("{open}x"),
        &open.replace("hl_acme", "hl_other"),
        &open.replace("hl_acme", "hl_"),
        "",
        "nonsense",
        token(&session).unwrap(),
        tests::world::OPERATOR,
    ] {
        let reply = exchange(&world, code).await.expect(401);
        assert_eq!(reply.text(), told.text(), "{code}");
    }
    exchange(&world, &open).await.expect(201);
    world.delete(super::SESSIONS).await.expect(204);
    assert_eq!(exchange(&world, &withdrawn).await.expect(401).text(), told.text());
}

#[tokio::test]
async fn looking_at_the_link_does_not_use_it_up() {
    let world = World::new().await;
    let made = link(&world, json!({})).await;
    let code = made["code"].as_str().unwrap();
    // What a scanner asks for carries no fragment; nor does anything but the exchange count.
    for path in ["/portal/enter", "/v1/portal/sessions", &format!("/v1/portal/sessions?code={code}")] {
        for method in ["GET", "HEAD"] {
            assert_ne!(world.call(method, path, None, "").await.status, 201, "{method} {path}");
        }
    }
    world.call("GET", "/v1/tenants/acme/hooks", Some(code), "").await.expect(401);
    exchange(&world, code).await.expect(201);
}

#[tokio::test]
async fn who_guesses_at_codes_has_to_wait_and_who_has_one_does_not() {
    let world = World::new().await;
    let from = |address: &str, code: &str| {
        let mut request = Request::post("/v1/portal/sessions");
        let address = api::ClientAddress(address.parse().unwrap());
        request.extensions_mut().unwrap().insert(address);
        request.body(Body::from(json!({ "code": code }).to_string())).unwrap()
    };
    for n in 0..20 {
        world.send(from("192.0.2.1", &format!("guess-{n}"))).await.expect(401);
    }
    let refused = world.send(from("192.0.2.1", "guess")).await.expect(429);
    assert_eq!(refused.headers["retry-after"], "60");
    world.send(from("192.0.2.2", "guess")).await.expect(401);
    let made = link(&world, json!({})).await;
    world.send(from("192.0.2.1", made["code"].as_str().unwrap())).await.expect(201);
    // At one code, from wherever.
    let aim = link(&world, json!({})).await["code"].as_str().unwrap().to_owned();
    for n in 10..30 {
        world.send(from(&format!("192.0.2.{n}"), &format!("{aim}x"))).await.expect(401);
    }
    world.send(from("192.0.2.99", &format!("{aim}x"))).await.expect(429);
    world.send(from("192.0.2.99", &aim)).await.expect(201);
}

#[tokio::test]
async fn what_a_link_may_not_say_is_told_all_at_once() {
    let world = World::new().await;
    let wrong = json!({
        "capabilities": ["view"], "read_only": true, "link_expires_in": 86_401, "session_expires_in": 0,
        "landing": "//evil.example", "return_url": "javascript:alert(1)", "user": "a\nb",
    });
    let refused = world.post(LINKS, wrong).await.expect(422).json();
    let fields: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["read_only", "link_expires_in", "session_expires_in", "landing", "return_url", "user"]);
    for (body, field) in [
        (json!({ "capabilities": [] }), "capabilities"),
        (json!({ "capabilities": ["fly"] }), "capabilities[0]"),
        (json!({ "link_expires_in": 0 }), "link_expires_in"),
        (json!({ "session_expires_in": 604_801 }), "session_expires_in"),
        (json!({ "landing": "/hooks/../../v1" }), "landing"),
        (json!({ "return_url": "http://app.example.com" }), "return_url"),
        (json!({ "user": "x".repeat(201) }), "user"),
        (json!({ "lifetime": 1 }), "lifetime"),
    ] {
        let refused = world.post(LINKS, body.clone()).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], field, "{body}");
    }
    for body in [json!({ "link_expires_in": 86_400, "session_expires_in": 604_800 }), json!({ "link_expires_in": 1 })] {
        link(&world, body).await;
    }
    assert_eq!(link(&world, json!({ "read_only": true })).await["capabilities"], json!(["view"]));
}

#[tokio::test]
async fn where_the_public_address_is_not_known_no_link_is_made() {
    let mut world = World::new().await;
    world.rewire(|engine| engine.api.public_url = None);
    let refused = world.post(LINKS, json!({})).await.expect(409);
    for words in ["PublicUrl", "HOOKLINE_PUBLIC_URL"] {
        assert!(refused.text().contains(words), "{}", refused.text());
    }
}

#[tokio::test]
async fn a_tenant_has_a_thousand_links_that_are_open_and_others_make_room() {
    let world = World::new().await;
    let first = link(&world, json!({})).await;
    for _ in 1..1_000 {
        link(&world, json!({})).await;
    }
    let refused = world.post(LINKS, json!({})).await.expect(409);
    assert!(refused.text().contains("1000"), "{}", refused.text());
    exchange(&world, first["code"].as_str().unwrap()).await.expect(201);
    link(&world, json!({})).await;
    world.post(LINKS, json!({})).await.expect(409);
    world.clock.advance(Duration::from_secs(600));
    link(&world, json!({})).await;
}

#[tokio::test]
async fn neither_code_nor_token_is_stored_or_listed() {
    let world = World::new().await;
    let open = link(&world, json!({})).await;
    let entered = session(&world, json!({})).await;
    let listed = world.get(super::SESSIONS).await.expect(200).text();
    let world = world.stop_and_start().await;
    for secret in [open["code"].as_str().unwrap(), token(&entered).unwrap()] {
        let random = secret.rsplit('.').next().unwrap();
        assert!(!listed.contains(random));
        for (file, bytes) in world.files() {
            let found = bytes.windows(random.len()).any(|window| window == random.as_bytes());
            assert!(!found, "{}", file.display());
        }
    }
}
