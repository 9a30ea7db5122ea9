//! Adjustments that are taken back by a plan, to the digit.

use super::*;

#[tokio::test]
async fn an_adjustment_is_taken_back_by_a_plan_of_its_own() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "old" })).await;
    let plan = propose(&world, json!({
        "title": "Filter", "change": { "kind": "hook", "hook": hook.id, "patch": { "filter": { "total": [{ "numeric": [">", 5] }] }, "rate_limit": 7 } },
    })).await;
    let adjustment = decide(&world, &plan, "approve").await.expect(200).json()["adjustment_id"].clone();
    let revert = format!("/v1/tenants/acme/adjustments/{}/revert", adjustment.as_str().unwrap());
    let back = world.post(&revert, json!({})).await.expect(201).json();
    assert_eq!((&back["state"], &back["reverts"]), (&json!("pending"), &adjustment));
    assert_eq!(back["change"]["patch"], json!({ "filter": null, "rate_limit": null }));
    assert_eq!(world.get(&hook.path()).await.json()["rate_limit"], 7, "asking for it changes nothing");
    world.post(&revert, json!({})).await.expect(409);
    decide(&world, &back, "approve").await.expect(200);
    let restored = world.get(&hook.path()).await.json();
    assert_eq!(restored["filter"], Value::Null);
    assert_eq!(adjustments(&world).await.len(), 2);
    // A secret that is gone does not come back.
    let rotation = propose(&world, json!({ "title": "r", "change": { "kind": "hook_secret", "hook": hook.id } })).await;
    let adjustment = decide(&world, &rotation, "approve").await.expect(200).json()["adjustment_id"].clone();
    let revert = format!("/v1/tenants/acme/adjustments/{}/revert", adjustment.as_str().unwrap());
    let refused = world.post(&revert, json!({})).await.expect(409);
    assert!(refused.text().contains("a secret that is gone"), "{}", refused.text());
}

#[tokio::test]
async fn what_a_plan_changes_comes_back_digit_by_digit() {
    let world = World::new().await;
    let large = r#"{"payload":{"mappings":[{"field":"a","value":12345678901234567890123}]}}"#;
    let hook = world.hook(json!({})).await;
    world.call("PATCH", &hook.path(), Some(OPERATOR), large).await.expect(200);
    let of_hook = |patch: Value| json!({ "title": "t", "change": { "kind": "hook", "hook": hook.id, "patch": patch } });
    let plan = propose(&world, of_hook(json!({ "payload": null }))).await;
    let applied = decide(&world, &plan, "approve").await.expect(200).json();
    let revert = format!("/v1/tenants/acme/adjustments/{}/revert", applied["adjustment_id"].as_str().unwrap());
    let back = world.post(&revert, json!({})).await.expect(201);
    decide(&world, &back.json(), "approve").await.expect(200);
    assert!(world.get(&hook.path()).await.text().contains("12345678901234567890123"));
    // Nor does what no double holds keep the log from telling.
    let beyond = r#"{"payload":{"mappings":[{"field":"a","value":1e999}]}}"#;
    world.call("PATCH", &hook.path(), Some(OPERATOR), beyond).await.expect(200);
    let plan = propose(&world, renamed(&hook, "new")).await;
    decide(&world, &plan, "approve").await.expect(200);
    let log = world.get("/v1/tenants/acme/adjustments").await.text();
    assert!(log.contains("1e999"), "{log}");
}

#[tokio::test]
async fn large_values_are_taken_back_whole() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let mapping = |letter: &str| {
        let values: Vec<Value> =
            (0..15).map(|n| json!({ "field": format!("f{n}"), "value": letter.repeat(4_000) })).collect();
        json!({ "payload": { "mappings": values } })
    };
    world.patch(&hook.path(), mapping("a")).await.expect(200);
    let plan = json!({ "title": "t", "change": { "kind": "hook", "hook": hook.id, "patch": mapping("b") } });
    let plan = propose(&world, plan).await;
    let applied = decide(&world, &plan, "approve").await.expect(200).json();
    let adjustment = format!("/v1/tenants/acme/adjustments/{}", applied["adjustment_id"].as_str().unwrap());
    let shown = world.get(&adjustment).await.json();
    assert_eq!(shown["before"]["payload"], mapping("a")["payload"]);
    let back = world.post(&format!("{adjustment}/revert"), json!({})).await.expect(201).json();
    decide(&world, &back, "approve").await.expect(200);
    assert_eq!(world.get(&hook.path()).await.json()["payload"], mapping("a")["payload"]);
}
