//! What is counted, what is narrowed to a time, and who changed what.

use std::time::Duration;

use serde_json::json;
use tests::browser::Browser;
use tests::world::{Answer, OPERATOR, TENANT, World};

#[tokio::test]
async fn charts_say_in_words_and_as_a_table_what_they_draw() {
    let world = World::new().await;
    let settings = json!({ "name": "Billing", "events": ["post.*"], "retry": { "delays": [] } });
    let hook = world.hook(settings).await;
    let other = world.hook(json!({ "name": "Other", "events": ["user.*"] })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(200), Answer::Status(503), Answer::Timeout]);
    for kind in ["post.published", "post.published", "post.failed", "user.created"] {
        world.publish(json!({ "type": kind, "data": 1 })).await;
        world.settle().await;
    }
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    for (browser, root) in [(&customer, "/portal".to_owned()), (&operator, format!("/console/tenants/{TENANT}"))] {
        let page = browser.get(&format!("{root}/statistics")).await.expect(200).text();
        for told in [
            "Attempts: 4, not successful: 2",
            "<polyline",
            "<table",
            ">503</code>",
            ">no answer</code>",
            ">Other</code>",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
        let page = browser.get(&format!("{root}/hooks/{}/statistics?period=720", hook.id)).await.expect(200).text();
        for told in ["Attempts: 3, not successful: 2", ">post.failed</code>", "66.6 %"] {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert!(!page.contains("user.created"), "{page}");
    }
    world.clock.advance(Duration::from_secs(3 * 86_400));
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let nothing = customer.get(&format!("/portal/hooks/{}/statistics", other.id)).await.expect(200).text();
    assert!(nothing.contains("Nothing was attempted in this period."), "{nothing}");
}

#[tokio::test]
async fn lists_are_narrowed_to_exact_times_in_the_readers_zone() {
    let world = World::new().await;
    world.hook(json!({})).await;
    for event in ["early", "late"] {
        world.publish(json!({ "id": event, "type": "a", "data": 1 })).await;
        world.settle().await;
        world.clock.advance(Duration::from_secs(3_600));
    }
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    for browser in [&customer, &operator] {
        browser.set_cookie("hookline-zone", "Europe%2FVienna");
    }
    // They were published at 9:30 and 10:30 UTC, which is an hour later there.
    for (query, shown) in [
        ("since=2026-01-31T11:00", [false, true]),
        ("until=2026-01-31T11:00", [true, false]),
        ("since=2026-01-31T10:00&until=2026-01-31T12:00", [true, true]),
        ("since=2026-01-31T10:00:00Z", [false, true]),
        ("period=1&since=2026-01-31T10:00", [true, true]),
    ] {
        for (browser, list) in [
            (&customer, "/portal/executions?"),
            (&operator, "/console/deliveries?tenant=acme&"),
            (&operator, "/console/events?"),
        ] {
            let page = browser.get(&format!("{list}{query}")).await.expect(200).text();
            assert_eq!(
                ["early", "late"].map(|event| page.contains(&format!(">{event}<"))),
                shown,
                "{list}{query}: {page}"
            );
            assert!(page.contains("In Europe/Vienna"), "{page}");
        }
    }
    let wrong = customer.get("/portal/executions?since=yesterday").await.expect(200).text();
    assert!(wrong.contains("id=\"since-mistake\"") && wrong.contains(">early<"), "{wrong}");
}

#[tokio::test]
async fn a_customer_sees_who_changed_a_hook_and_no_secret_address_or_other_hook() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "Billing" })).await;
    let other = world.hook(json!({ "name": "Other hook" })).await;
    world
        .patch(&hook.path(), json!({ "name": "Invoices", "auth": { "type": "bearer", "token": "hush-hush" } }))
        .await
        .expect(200);
    world.patch(&other.path(), json!({ "description": "of the other" })).await.expect(200);
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    customer.get(&format!("/portal/hooks/{}", hook.id)).await.expect(200);
    customer.post(&format!("/portal/hooks/{}/disable", hook.id), &[]).await.expect(303);
    let path = format!("/portal/hooks/{}/changes", hook.id);
    let page = customer.get(&path).await.expect(200).text();
    for told in
        ["before: </span>Billing</del>", "after: </span>Invoices</ins>", "by the operator", "Jane", ">Disabled</h2>"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    for secret in ["hush-hush", "of the other", "Other hook", &hook.secret] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    let without = Browser::in_portal(&world, TENANT, json!({ "capabilities": ["test"] })).await;
    without.get(&path).await.expect(403);
}

#[tokio::test]
async fn what_tenants_cost_is_counted() {
    let world = World::new().await;
    let hook = world.hook(json!({ "retry": { "delays": [] } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    for _ in 0..3 {
        world.publish(json!({ "type": "a", "data": 1 })).await;
    }
    world.settle().await;
    world.post("/v1/tenants", json!({ "id": "idle", "name": "Idle Ltd" })).await.expect(201);
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/cost").await.expect(200).text();
    let rows: Vec<_> = page.split("<tr>").collect();
    let row = |tenant: &str| *rows.iter().find(|row| row.contains(tenant)).unwrap();
    assert!(row(">acme<").contains(">3</td><td class=\"number\">1</td><td class=\"number\">at most $0.01<"), "{page}");
    assert!(row("Idle Ltd").contains(">0</td><td class=\"number\">0</td><td class=\"number\">$0<"), "{page}");
    assert!(operator.get("/console/tenants/acme").await.expect(200).text().contains("at most $0.01 ("));
}
