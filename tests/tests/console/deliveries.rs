//! What was sent and answered, and why.

use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, TENANT, World};

fn path_of(delivery: &serde_json::Value) -> String {
    format!("/portal/executions/{}", delivery["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_execution_shows_its_attempts_with_request_answer_and_what_comes_next() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "Billing", "retry": { "delays": [60, 60], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Body(503, "come back later".to_owned()), Answer::Timeout]);
    let event = r#"{"type":"post.published","data":{"zeta":1.50,"title":"Hello"}}"#;
    let event = world.publish_raw(event.to_owned()).await;
    world.drain().await;
    let delivery = world.delivery(&event).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get(&path_of(&delivery)).await.expect(200).text();
    for told in [
        "Attempt 1: answered with 503",
        "come back later",
        "&quot;zeta&quot;: 1.50,\n    &quot;title&quot;: &quot;Hello&quot;",
        "webhook-signature: v1,",
        "curl -X 'POST' 'https://hook-0.example.com/in'",
        "Next attempt <time",
        "in 1 minute",
        "first attempt",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    world.settle().await;
    let page = customer.get(&path_of(&delivery)).await.expect(200).text();
    assert!(page.contains("Attempt 2: no answer") && page.contains("Attempt 3: answered with 200"), "{page}");
    assert!(!page.contains("Next attempt"), "{page}");
}

#[tokio::test]
async fn an_execution_is_sent_again_alone_or_with_others() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500), Answer::Status(500)]);
    let mut deliveries = Vec::new();
    for id in ["event-1", "event-2"] {
        let event = world.publish(json!({ "id": id, "type": "a", "data": 1 })).await;
        world.settle().await;
        deliveries.push(world.delivery(&event).await);
    }
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = path_of(&deliveries[0]);
    customer.get(&page).await.expect(200);
    let sent = customer.post(&format!("{page}/retry"), &[]).await.expect(303);
    assert!(sent.headers["location"].to_str().unwrap().ends_with("?done=retry"));
    world.settle().await;
    assert_eq!(world.delivery("event-1").await["status"], "succeeded");
    let chosen: Vec<_> = deliveries.iter().map(|delivery| ("delivery", delivery["id"].as_str().unwrap())).collect();
    let back = ("back", "/portal/executions?status=failed");
    let sent = customer.post("/portal/executions/send-again", &[chosen.as_slice(), &[back]].concat()).await.expect(303);
    assert_eq!(sent.headers["location"], "/portal/executions?status=failed&done=again");
    world.settle().await;
    assert_eq!(world.delivery("event-1").await["attempt_count"], 3);
    assert_eq!(world.delivery("event-2").await["attempt_count"], 2);
}

#[tokio::test]
async fn an_event_says_why_it_did_not_go_to_a_hook() {
    let world = World::new().await;
    let filter = json!({ "name": "Filtered", "filter": { "state": ["live"] } });
    world.hook(filter).await;
    world.hook(json!({ "name": "Typed", "events": ["user.*"] })).await;
    let event = world.publish(json!({ "id": "e-1", "type": "post.published", "data": { "state": "draft" } })).await;
    world.settle().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get(&format!("/portal/events/{event}")).await.expect(200).text();
    assert!(page.contains("data.state is &quot;draft&quot;, expected [&quot;live&quot;]"), "{page}");
    assert!(page.contains("matches none of the hook") && page.contains("user.*"), "{page}");
}

#[tokio::test]
async fn a_test_request_shows_the_whole_exchange() {
    let world = World::new().await;
    let hook = world.hook(json!({ "log_response_body": true })).await;
    let kind = json!({ "name": "post.published", "example": { "title": "An example" } });
    world.post("/v1/tenants/acme/event-types", kind).await.expect(201);
    world.endpoint.answer(&hook.url, [Answer::Body(200, "thank you".to_owned()), Answer::Status(500)]);
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/test", hook.id);
    assert!(customer.get(&path).await.expect(200).text().contains("<option value=\"post.published\">"));
    let page = customer.post(&path, &[("event_type", "post.published"), ("data", "")]).await.expect(200).text();
    assert!(
        page.contains("The endpoint took it.") && page.contains("An example") && page.contains("thank you"),
        "{page}"
    );
    let own = [("event_type", "post.published"), ("data", "{\"title\": \"Mine\"}")];
    let page = customer.post(&path, &own).await.expect(200).text();
    assert!(page.contains("The endpoint did not take it.") && page.contains("Mine"), "{page}");
    let broken = [("event_type", "post.published"), ("data", "{\"title\": ")];
    let page = customer.post(&path, &broken).await.expect(422).text();
    assert!(page.contains("expected JSON") && page.contains("{&quot;title&quot;:"), "{page}");
}

#[tokio::test]
async fn an_endpoint_that_has_not_verified_itself_is_verified_from_its_page() {
    let world = World::new().await;
    let hook = world.hook(json!({ "verification": { "required": true } })).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}", hook.id);
    assert!(customer.get(&format!("{path}/test")).await.expect(200).text().contains("Verify the endpoint now"));
    let refused = customer.post(&format!("{path}/verify"), &[]).await.expect(200).text();
    assert!(refused.contains("not_verified"), "{refused}");
    world.endpoint.answer(&hook.url, [Answer::Echo("webhook-verification")]);
    world.clock.advance(std::time::Duration::from_secs(3_600));
    let verified = customer.post(&format!("{path}/verify"), &[]).await.expect(200).text();
    assert!(verified.contains("The endpoint took it."), "{verified}");
    assert!(!customer.get(&path).await.expect(200).text().contains("Not verified"));
}

#[tokio::test]
async fn the_catalogue_shows_schema_and_example() {
    let world = World::new().await;
    let kind = json!({ "name": "post.published", "description": "A post went out", "example": { "title": "x" },
        "schema": { "type": "object" } });
    world.post("/v1/tenants/acme/event-types", kind).await.expect(201);
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get("/portal/event-types").await.expect(200).text();
    assert!(page.contains("post.published") && page.contains("A post went out"), "{page}");
    let page = customer.get("/portal/event-types/post.published").await.expect(200).text();
    assert!(
        page.contains("&quot;type&quot;: &quot;object&quot;")
            && page.contains("/portal/hooks/new?event=post.published")
    );
}
