//! Sending many again: a count first, then progress.

use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, TENANT, World};

#[tokio::test]
async fn what_failed_is_counted_before_anything_is_sent() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500), Answer::Status(500), Answer::Status(500)]);
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.settle().await;
    world.clock.advance(std::time::Duration::from_secs(1));
    let requests = world.endpoint.sent().len();
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/send-again", hook.id);
    customer.get(&path).await.expect(200);
    let counted = customer.post(&path, &[("kind", "failed"), ("since", "24")]).await.expect(303);
    let counted = counted.headers["location"].to_str().unwrap().to_owned();
    let running = customer.get(&counted).await.expect(200);
    assert!(running.text().contains("Counting") && running.headers.contains_key("refresh"), "{}", running.text());
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), requests, "nothing is sent by counting");
    let page = customer.get(&counted).await.expect(200);
    assert!(page.text().contains("3 would be sent again.") && !page.headers.contains_key("refresh"), "{}", page.text());
    let sending = customer.post(&format!("{counted}/send"), &[]).await.expect(303);
    let sending = sending.headers["location"].to_str().unwrap().to_owned();
    assert_ne!(sending, counted);
    world.settle().await;
    let page = customer.get(&sending).await.expect(200).text();
    assert!(page.contains("Done: 3 sent again"), "{page}");
    assert_eq!(world.endpoint.sent().len(), requests + 3);
    let page = customer.get(&path).await.expect(200).text();
    assert!(page.contains(&sending) && !page.contains(&counted), "{page}");
}

#[tokio::test]
async fn sending_again_is_cancelled_and_an_empty_count_says_so() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let path = format!("/portal/hooks/{}/send-again", hook.id);
    customer.get(&path).await.expect(200);
    let first = customer.post(&path, &[("kind", "missing"), ("since", "24")]).await.expect(303);
    let first = first.headers["location"].to_str().unwrap().to_owned();
    customer.post(&format!("{first}/cancel"), &[]).await.expect(303);
    assert!(customer.get(&first).await.expect(200).text().contains("Cancelled after 0"));
    let second = customer.post(&path, &[("kind", "skipped"), ("since", "24")]).await.expect(303);
    world.settle().await;
    let page = customer.get(second.headers["location"].to_str().unwrap()).await.expect(200).text();
    assert!(page.contains("There is nothing to send again."), "{page}");
}
