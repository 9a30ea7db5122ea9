//! What an explanation costs, as `docs/explain.md` has it.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::hook::Hook;
use domain::key::Scope;
use serde_json::Value;
use tower::ServiceExt as _;

use super::stages::{Stages, api};
use crate::suite::samples::{changed, hook};

async fn explain(router: &Router, token: &str, query: &str) -> Value {
    let request = Request::get(format!("/v1/tenants/acme/events/post-1/explain{query}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

fn verdicts(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["verdict"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_explanation_reads_what_its_page_shows_and_nothing_for_hooks_that_another_type_passes_over() {
    let stages = Stages::new().await;
    let (router, _, token) = api(&stages, Scope::Portal).await;
    let plain = |patterns: &[&str]| Hook { filter: None, channels: Default::default(), ..hook("acme", patterns) };
    for _ in 0..20 {
        stages.stores.hooks.create(&plain(&["user.*"])).await.unwrap();
    }
    stages.fan_out("post-1").await;
    stages.meter.reset();
    // The key, the tenant, the event and whether it is that tenant's, its fan-out, the hooks; and of the one it went to
    // its delivery, its health, and as nothing holds it whether its secrets can be read.
    let answer = explain(&router, &token, "?limit=100").await;
    assert_eq!(verdicts(&answer).iter().filter(|verdict| **verdict == "type").count(), 20, "{answer}");
    let cost = stages.meter.reset();
    assert_eq!((cost.read_calls, cost.write_calls), (6 + 3, 0));
    let one = explain(&router, &token, &format!("?hook={}", stages.hook.id)).await;
    assert_eq!(verdicts(&one), ["chosen"]);
    assert_eq!(stages.meter.reset().read_calls, 6 + 3);

    // Each former version that is looked at takes two reads.
    let changes = plain(&["user.*"]);
    stages.stores.hooks.create(&changes).await.unwrap();
    let mut present = changes;
    for (version, probes) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
        let next =
            changed(&present, |hook| hook.updated_at = present.updated_at.saturating_add(Duration::from_secs(1)));
        stages.stores.hooks.update(&present, &next).await.unwrap();
        present = next;
        stages.meter.reset();
        let one = explain(&router, &token, &format!("?hook={}", present.id)).await;
        assert_eq!((verdicts(&one), &one["items"][0]["hook_version"]), (vec!["type"], &Value::from(1)), "{version}");
        let reads = stages.meter.reset().read_calls;
        assert!(reads <= 6 + 2 * probes, "{reads} for version {version}");
    }
}
