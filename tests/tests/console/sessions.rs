//! Who gets in, how a visit ends, and what a change needs.

use std::time::Duration;

use axum::http::header;
use serde_json::json;
use tests::browser::{Browser, form_token};
use tests::world::{OPERATOR, TENANT, World};

const PORTAL: &str = "__Host-hookline-portal";
const CONSOLE: &str = "__Host-hookline-console";

#[tokio::test]
async fn a_customer_gets_in_by_a_link_once() {
    let world = World::new().await;
    let link =
        world.post("/v1/tenants/acme/portal-links", json!({ "landing": "/executions" })).await.expect(201).json();
    let code = link["code"].as_str().unwrap();
    let customer = Browser::new(&world);
    let page = customer.get("/portal/enter").await.expect(200);
    assert!(page.text().contains("data-enter"));
    let entered = customer.post("/portal/enter", &[("code", code)]).await.expect(303);
    assert_eq!(entered.headers[header::LOCATION], "/portal/executions");
    customer.get("/portal/hooks").await.expect(200);
    let late = Browser::new(&world).post("/portal/enter", &[("code", code)]).await.expect(403);
    assert!(late.text().contains("This link cannot be used"), "{}", late.text());
}

#[tokio::test]
async fn no_secret_stands_in_a_page_an_address_or_a_redirect() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let tokens =
        [customer.cookie(PORTAL).unwrap(), operator.cookie(CONSOLE).unwrap(), OPERATOR.to_owned(), hook.secret];
    for route in console::routes().iter().filter(|route| route.method() == "GET" && !route.path.contains('{')) {
        for browser in [&customer, &operator] {
            let reply = browser.get(route.path).await;
            let said = format!("{:?} {}", reply.headers.get(header::LOCATION), reply.text());
            for token in &tokens {
                assert!(!said.contains(token), "{}", reply.what);
            }
        }
    }
}

#[tokio::test]
async fn an_operators_key_is_typed_once_and_the_browser_keeps_another_that_ends() {
    let world = World::new().await;
    let operator = Browser::new(&world);
    let sent_away = operator.get("/console/tenants?search=a").await.expect(303);
    assert_eq!(sent_away.headers[header::LOCATION], "/console/login?back=%2Fconsole%2Ftenants%3Fsearch%3Da");
    let wrong = operator.post("/console/login", &[("key", "not-the-key")]).await.expect(422);
    assert!(wrong.text().contains("this key is not known"), "{}", wrong.text());
    let fields = [("key", OPERATOR), ("back", "/console/tenants?search=a")];
    let entered = operator.post("/console/login", &fields).await.expect(303);
    assert_eq!(entered.headers[header::LOCATION], "/console/tenants?search=a");
    let kept = operator.cookie(CONSOLE).unwrap();
    assert_ne!(kept, OPERATOR);
    operator.get("/console/tenants").await.expect(200);
    world.clock.advance(Duration::from_secs(12 * 3_600));
    operator.get("/console/tenants").await.expect(303);
    assert_eq!(operator.cookie(CONSOLE), None);
}

#[tokio::test]
async fn a_tenants_key_does_not_open_the_console() {
    let world = World::new().await;
    let key = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    let reply = Browser::new(&world).post("/console/login", &[("key", key["key"].as_str().unwrap())]).await.expect(422);
    assert!(reply.text().contains("this key is a tenant&#39;s") || reply.text().contains("this key is a tenant's"));
}

#[tokio::test]
async fn a_link_to_the_console_opens_it_once() {
    let world = World::new().await;
    let asked = json!({ "name": console::LINK_NAME, "expires_in": 600 });
    let link = world.post("/v1/keys", asked).await.expect(201).json();
    let code = link["key"].as_str().unwrap();
    let (first, second) = (Browser::new(&world), Browser::new(&world));
    let fields = [("code", code)];
    let (one, other) = tokio::join!(first.post("/console/enter", &fields), second.post("/console/enter", &fields));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422]);
    let keys = world.get("/v1/keys").await.expect(200).json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 1, "{keys}");
    Browser::new(&world).post("/console/enter", &[("code", code)]).await.expect(422);
}

#[tokio::test]
async fn a_key_that_is_no_link_is_neither_used_nor_revoked_as_one() {
    let world = World::new().await;
    let key = world.post("/v1/keys", json!({ "name": "deploy" })).await.expect(201).json();
    let code = key["key"].as_str().unwrap();
    Browser::new(&world).post("/console/enter", &[("code", code)]).await.expect(422);
    world.call("GET", "/v1/tenants", Some(code), "").await.expect(200);
}

#[tokio::test]
async fn after_a_session_has_ended_the_next_link_leads_back_to_the_page() {
    let world = World::new().await;
    let customer = Browser::in_portal(&world, TENANT, json!({ "session_expires_in": 60 })).await;
    customer.get("/portal/executions?status=failed").await.expect(200);
    world.clock.advance(Duration::from_secs(61));
    let ended = customer.open("/portal/executions?status=failed").await.expect(200);
    assert!(ended.text().contains("Your session has ended"), "{}", ended.text());
    let link = world.post("/v1/tenants/acme/portal-links", json!({})).await.expect(201).json();
    let entered = customer.post("/portal/enter", &[("code", link["code"].as_str().unwrap())]).await.expect(303);
    assert_eq!(entered.headers[header::LOCATION], "/portal/executions?status=failed");
}

#[tokio::test]
async fn nobody_is_led_elsewhere_by_an_address() {
    let world = World::new().await;
    for back in [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "/console/../..//evil",
        "/v1/keys",
        "/consolex",
    ] {
        let entered =
            Browser::new(&world).post("/console/login", &[("key", OPERATOR), ("back", back)]).await.expect(303);
        assert_eq!(entered.headers[header::LOCATION], "/console", "{back}");
        let set =
            Browser::new(&world).post("/portal/preferences", &[("back", back), ("theme", "dark")]).await.expect(303);
        assert_eq!(set.headers[header::LOCATION], "/", "{back}");
    }
}

#[tokio::test]
async fn log_out_ends_the_session_and_not_only_its_cookie() {
    let world = World::new().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let tokens = [customer.cookie(PORTAL).unwrap(), operator.cookie(CONSOLE).unwrap()];
    customer.get("/portal/hooks").await.expect(200);
    operator.get("/console/tenants").await.expect(200);
    customer.post("/portal/logout", &[]).await.expect(303);
    operator.post("/console/logout", &[]).await.expect(303);
    for (path, token) in ["/v1/portal/session", "/v1/tenants"].into_iter().zip(tokens) {
        world.call("GET", path, Some(&token), "").await.expect(401);
    }
}

#[tokio::test]
async fn everything_that_can_be_sent_needs_our_own_origin_and_with_a_session_the_forms_token() {
    let world = World::new().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let other = Browser::in_portal_with_all(&world, TENANT).await;
    let foreign = form_token(&other.get("/portal/hooks").await.expect(200).text()).unwrap();
    for route in console::routes().iter().filter(|route| route.method() == "POST") {
        let browser = if route.path.starts_with("/console") { &operator } else { &customer };
        let path = route.path.replace(['{', '}'], "");
        for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
            let reply = browser.send_from(site, &path, &[("code", "x"), ("key", OPERATOR)]).await.expect(403);
            assert!(reply.text().contains("This was sent from another site"), "{}", reply.what);
            assert!(!reply.headers.contains_key(header::SET_COOKIE), "{}", reply.what);
        }
        if route.kind == console::Kind::Form {
            for token in ["", "x", foreign.as_str()] {
                let reply = browser.post_exactly(&path, &[("form_token", token)]).await.expect(403);
                assert!(reply.text().contains("This form is of an earlier session"), "{}", reply.what);
            }
        }
    }
    customer.get("/portal/hooks").await.expect(200);
    operator.get("/console/tenants").await.expect(200);
}

#[tokio::test]
async fn a_portal_is_framed_by_the_origins_of_its_tenant_and_by_no_others() {
    let world = World::new().await;
    let framed_by = |reply: &tests::world::Reply| {
        let policy = reply.headers["content-security-policy"].to_str().unwrap().to_owned();
        policy.split("frame-ancestors ").nth(1).unwrap().to_owned()
    };
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    assert_eq!(framed_by(&customer.get("/portal/hooks").await), "'none'");
    let portal = json!({ "portal": { "embed_origins": ["https://app.acme.example"] } });
    world.patch("/v1/tenants/acme", portal).await.expect(200);
    assert_eq!(framed_by(&customer.get("/portal/hooks").await), "https://app.acme.example");
    let link = world.post("/v1/tenants/acme/portal-links", json!({})).await.expect(201).json();
    let entered = Browser::new(&world).post("/portal/enter", &[("code", link["code"].as_str().unwrap())]).await;
    let cookie = entered.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.ends_with("HttpOnly; Secure; SameSite=None; Partitioned"), "{cookie}");
}

#[tokio::test]
async fn browsers_are_led_to_the_pages_and_programs_get_the_api() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    assert_eq!(browser.get("/").await.expect(303).headers[header::LOCATION], "/console");
    assert_eq!(world.get("/").await.expect(404).content_type(), "application/problem+json");
    assert_eq!(world.get("/nothing").await.expect(404).content_type(), "application/problem+json");
    let missing = browser.get("/portal/nothing").await.expect(404);
    assert!(missing.text().contains("There is no such page"), "{}", missing.text());
}
