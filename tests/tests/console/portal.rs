//! What a customer sees.

use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, TENANT, World};

#[tokio::test]
async fn a_card_says_why_and_since_when_a_hook_fails() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "Billing" })).await;
    world.hook(json!({ "name": "Idle", "enabled": false })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(503)]);
    world.publish(json!({ "type": "post.published", "data": 1 })).await;
    world.settle().await;
    world.clock.advance(std::time::Duration::from_secs(7_200));
    let page = Browser::in_portal_with_all(&world, TENANT).await.get("/portal/hooks").await.expect(200).text();
    assert!(page.contains("Failing since 2 hours ago: 1 attempts failed"), "{page}");
    assert!(page.contains("1 attempts in 24 hours, 1 not successful"), "{page}");
    assert!(page.contains(">Disabled</span>"), "{page}");
}

#[tokio::test]
async fn a_portal_speaks_the_readers_language() {
    let world = World::new().await;
    let mut customer = Browser::in_portal_with_all(&world, TENANT).await;
    customer.language = "de-AT,de;q=0.9,en;q=0.5";
    let page = customer.get("/portal/hooks").await.expect(200).text();
    assert!(page.contains("<html lang=\"de\"") && page.contains("Noch keine Hooks"), "{page}");
    customer.post("/portal/preferences", &[("language", "en"), ("back", "/portal/hooks")]).await.expect(303);
    let page = customer.get("/portal/hooks").await.expect(200).text();
    assert!(page.contains("<html lang=\"en\"") && page.contains("No hooks yet"), "{page}");
}

#[tokio::test]
async fn executions_are_found_by_status_type_and_hook() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "Billing", "events": ["post.*"] })).await;
    world.hook(json!({ "name": "Other", "events": ["user.*"] })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(503)]);
    world.publish(json!({ "id": "event-1", "type": "post.published", "data": 1 })).await;
    world.publish(json!({ "id": "event-2", "type": "user.created", "data": 1 })).await;
    world.settle().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let shows = async |query: &str| {
        let page = customer.get(&format!("/portal/executions{query}")).await.expect(200).text();
        ["event-1", "event-2"].map(|event| page.contains(&format!(">{event}<")))
    };
    assert_eq!(shows("").await, [true, true]);
    assert_eq!(shows("?status=failed").await, [true, false]);
    assert_eq!(shows("?status=&event_type=user.*").await, [false, true]);
    assert_eq!(shows(&format!("?hook={}", hook.id)).await, [true, false]);
    let nothing = customer.get("/portal/executions?code=404").await.expect(200).text();
    assert!(nothing.contains("Nothing found"), "{nothing}");
}

#[tokio::test]
async fn a_pages_parts_are_small_and_kept_by_browsers() {
    let world = World::new().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get("/portal/hooks").await.expect(200).text();
    let mut bytes = 0;
    for address in page.split(['"']).filter(|part| part.starts_with("/assets/")) {
        let request = axum::http::Request::get(address).header("accept-encoding", "gzip");
        let reply = world.send(request.body(axum::body::Body::empty()).unwrap()).await.expect(200);
        assert_eq!(reply.headers["content-encoding"], "gzip");
        assert_eq!(reply.headers["cache-control"], "public, max-age=31536000, immutable");
        bytes += reply.body.len();
    }
    assert!(bytes > 0 && bytes < 20_000, "{bytes}");
}
