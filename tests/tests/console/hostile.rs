//! What customers, publishers and endpoints say is shown as text, whatever it holds.

use axum::http::header;
use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, OPERATOR, TENANT, World};

pub(crate) const HOSTILE: &str = r#"'"></title></textarea><script>alert(1)</script><img src=x onerror=alert(2)>"#;

/// Pages with a parameter are shown for what [`hostile_world`] made.
fn path(template: &str, ids: &[(&str, &str)]) -> String {
    ids.iter().fold(template.to_owned(), |path, (name, id)| path.replace(name, id))
}

#[tokio::test]
async fn nothing_that_others_say_becomes_markup_on_any_page() {
    let world = World::new().await;
    let portal = json!({ "name": HOSTILE, "texts": { "title": HOSTILE, "welcome": HOSTILE, "no_hooks": HOSTILE,
        "help": HOSTILE, "footer": HOSTILE } });
    world.patch("/v1/tenants/acme", json!({ "name": HOSTILE, "portal": portal })).await.expect(200);
    let hook = world
        .hook(json!({ "name": HOSTILE, "description": HOSTILE, "url": "https://a.example.com/'\"><script>alert(1)</script>?q=<script>",
            "headers": [{ "name": "x-hostile", "value": HOSTILE }], "log_response_body": true, "response_body_limit": 5000,
            "retry": { "delays": [60], "jitter": 0 } }))
        .await;
    world.endpoint.answer(&hook.url, [Answer::Body(500, HOSTILE.to_owned())]);
    let event = world.publish(json!({ "id": "event-1", "type": "post.published", "data": { HOSTILE: HOSTILE } })).await;
    let kind = json!({ "name": "post.published", "description": HOSTILE, "example": { HOSTILE: HOSTILE } });
    world.post("/v1/tenants/acme/event-types", kind.clone()).await.expect(201);
    world.post("/v1/event-types", kind).await.expect(201);
    world.drain().await;
    let replay = world
        .post(&format!("{}/replays", hook.path()), json!({ "kind": "failed", "dry_run": true }))
        .await
        .expect(202)
        .json();
    let delivery = world.delivery(&event).await;
    let change = json!({ "kind": "external", "target": HOSTILE, "before": { HOSTILE: HOSTILE }, "after": { HOSTILE: [HOSTILE] } });
    let number = json!({ "name": HOSTILE, "value": 1, "unit": HOSTILE, "source": HOSTILE });
    let impact = json!({ "text": HOSTILE, "numbers": [{ "name": HOSTILE, "unit": HOSTILE }] });
    let plan =
        json!({ "title": HOSTILE, "change": change, "evidence": [number], "impact": impact, "proposed_by": HOSTILE });
    for how in [&["approve", "applied"][..], &["reject"], &[]] {
        let made = world.post("/v1/tenants/acme/plans", plan.clone()).await.expect(201).json();
        for how in how {
            let path = format!("/v1/tenants/acme/plans/{}/{how}", made["id"].as_str().unwrap());
            world.post(&path, json!({})).await.expect(200);
        }
    }
    let ids = [
        ("{tenant}", TENANT),
        ("{hook}", hook.id.as_str()),
        ("{event}", event.as_str()),
        ("{delivery}", delivery["id"].as_str().unwrap()),
        ("{replay}", replay["id"].as_str().unwrap()),
        ("{type}", "post.published"),
        ("{profile}", "standard"),
        ("{name}", "x"),
    ];
    let customer = Browser::in_portal(
        &world,
        TENANT,
        json!({ "user": HOSTILE, "capabilities":
        ["view", "manage", "reveal_secret", "rotate", "test", "send_again", "approve"] }),
    )
    .await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let query: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for route in console::routes().iter().filter(|route| route.method() == "GET") {
        let browser = if route.path.starts_with("/console") { &operator } else { &customer };
        let plain = path(route.path, &ids);
        for address in [
            plain.clone(),
            format!(
                "{plain}?name={query}&search={query}&back={query}&hook={query}&event_type={query}&tab={query}&cursor={query}"
            ),
        ] {
            let reply = browser.get(&address).await;
            if reply.content_type().starts_with("text/html") {
                assert_harmless(&reply.what, &reply.text());
                let policy = reply.headers["content-security-policy"].to_str().unwrap();
                assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
                assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
            }
            if plain == address {
                assert!(
                    reply.status < 400
                        || reply.status == 404 && (route.path.contains("{name}") || route.path.contains("{letter}")),
                    "{}: {}",
                    reply.what,
                    reply.text()
                );
            }
        }
    }
}

#[track_caller]
pub(crate) fn assert_harmless(what: &str, page: &str) {
    for made_of_text in ["<script>", "<img src=x", "\"></title>", "'\">"] {
        assert!(!page.contains(made_of_text), "{what} has {made_of_text} in it: {page}");
    }
    for (at, _) in page.match_indices("<script") {
        assert!(page[at..].starts_with("<script type=\"module\" src=\"/assets/"), "{what} has a script in it: {page}");
    }
    // Tags alone are looked at: what stands between them is text.
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let attributes = without_values(tag);
        assert!(!attributes.contains(" style=") && !attributes.contains(" on"), "{what} has {tag} in it");
    }
    assert!(!page.contains("href=\"javascript:"), "{what}");
}

fn without_values(tag: &str) -> String {
    tag.split('"').step_by(2).collect()
}
