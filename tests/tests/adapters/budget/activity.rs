//! What it costs that the events and deliveries of a tenant can be listed.

use std::sync::Arc;

use aws::lambda::Batches;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use contract::ports::{ActivityRange, Order, QueueError, Received};
use contract::runner::{Settlement, Waiting};
use contract::stage::{Outcome, Stage};
use domain::time::Timestamp;
use tower::ServiceExt as _;

use super::stages::{Stages, message, published, publisher};
use crate::suite::samples::tenant_id;

/// Settles nothing: what was done shows in the stores.
struct Settled;

impl Settlement for Settled {
    async fn done(&self, _: &Received) -> Result<(), QueueError> {
        Ok(())
    }

    async fn wait(&self, _: &Received, _: Timestamp) -> Result<Waiting, QueueError> {
        Ok(Waiting::InQueue)
    }

    async fn reject(&self, _: &Received, reason: &str) -> Result<(), QueueError> {
        panic!("rejected: {reason}")
    }

    async fn release(&self, _: &Received) -> Result<(), QueueError> {
        panic!("released")
    }
}

fn invocation<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> serde_json::Value {
    let records: Vec<_> = bodies
        .into_iter()
        .enumerate()
        .map(|(n, body)| {
            serde_json::json!({
                "messageId": format!("m{n}"), "receiptHandle": format!("r{n}"),
                "body": std::str::from_utf8(body).unwrap(),
                "attributes": {"ApproximateReceiveCount": "1"}, "eventSourceARN": "arn:aws:sqs:eu-west-1:1:deliveries",
            })
        })
        .collect();
    serde_json::json!({ "Records": records })
}

fn batches<T: Stage>(stage: T, stages: &Stages) -> Batches<T, Settled> {
    Batches { stage, settlement: Settled, clock: Arc::new(stages.stores.clock.clone()), concurrency: 10 }
}

#[tokio::test]
async fn events_of_one_invocation_ask_once_which_hooks_match() {
    let stages = Stages::new().await;
    let batches = batches(stages.fanout(), &stages);
    for (types, queries) in [(["post.published", "post.published"], 3), (["post.published", "post.deleted"], 4)] {
        let bodies: Vec<String> =
            (0..10).map(|number| published(&format!("evt-{queries}-{number}"), types[number % 2])).collect();
        stages.meter.reset();
        let event = invocation(bodies.iter().map(String::as_bytes));
        let response = batches.process(serde_json::from_value(event).unwrap()).await;
        assert!(response.batch_item_failures.is_empty());
        let cost = stages.meter.reset();
        assert_eq!((cost.read_calls, cost.read_units), (queries, queries as f64 / 2.0), "{types:?}");
        assert_eq!((cost.write_calls, cost.write_units), (10, 10.0), "{types:?}");
        assert_eq!(stages.deliveries.take().1.len(), 10, "{types:?}");
    }
    // The next one asks again: a hook that was made meanwhile is found.
    assert!(matches!(stages.fan_out("evt-alone").await, Outcome::Done));
    assert_eq!(stages.meter.reset().read_calls, 3);
}

#[tokio::test]
async fn what_lists_a_tenants_events_is_one_write_unit_for_ten_of_one_invocation() {
    let stages = Stages::new().await;
    let batches = batches(stages.deliver(200), &stages);
    // The first invocation reads the hook, and writes its health and that the tenant is active.
    for (round, beside) in [(0, 2), (1, 0), (2, 0)] {
        for number in 0..10 {
            stages.fan_out(&format!("evt_01KG9P6JEWZMQTYR05X7BS{round}{number:03}")).await;
        }
        let messages = stages.deliveries.take().1;
        stages.meter.reset();
        let event = invocation(messages.iter().map(|message| &*message.body));
        let response = batches.process(serde_json::from_value(event).unwrap()).await;
        assert!(response.batch_item_failures.is_empty());
        let cost = stages.meter.reset();
        assert_eq!((cost.write_calls, cost.write_units), (11 + beside, (11 + beside) as f64), "round {round}");
        if round > 0 {
            assert_eq!(cost.read_calls, 0);
        }
    }
    let range = ActivityRange::default();
    let found = stages.stores.activity.list(&tenant_id("acme"), range, Order::NewestFirst, 100).await.unwrap();
    let sizes: Vec<usize> = found.rows.iter().map(|(_, entries)| entries.as_ref().unwrap().len()).collect();
    assert_eq!(sizes, [10, 10, 10]);
}

#[tokio::test]
async fn a_list_of_events_reads_four_queries_a_page_and_one_of_deliveries_each_row_as_well() {
    let stages = Stages::new().await;
    let (router, _, _) = publisher(&stages).await;
    let deps = stages.deliver(200);
    for number in 0..10 {
        stages.fan_out(&format!("evt-{number}")).await;
        for outgoing in stages.deliveries.take().1 {
            deliver::handle(&deps, message("m", outgoing.body)).await;
        }
    }
    for (list, reads) in [("events", 6), ("deliveries", 17)] {
        stages.meter.reset();
        let request = Request::get(format!("/v1/tenants/acme/{list}?limit=10"))
            .header("authorization", "Bearer nobody uses this one")
            .body(Body::empty())
            .unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), StatusCode::OK);
        assert_eq!(stages.meter.reset().read_calls, reads, "the tenant twice, each hook once, and {list}");
    }
}

#[tokio::test]
async fn a_hook_that_fails_is_listed_by_a_write_each_time_its_failures_double_and_a_page_is_one_query() {
    let stages = Stages::with(r#"{"retry":{"delays":[1]},"circuit_breaker":{"failures":0}}"#).await;
    let (router, _, _) = publisher(&stages).await;
    let failing = stages.deliver(500);
    for number in 1..=9 {
        stages.fan_out(&format!("evt-{number}")).await;
        let messages = stages.deliveries.take().1;
        failing.hooks.get(&stages.hook.tenant, stages.hook.id).await.unwrap();
        stages.meter.reset();
        for outgoing in messages {
            deliver::handle(&failing, message("m", outgoing.body)).await;
        }
        // The row, the attempt, the health and that of the invocation; the first tells that the tenant is active.
        let usual = if number == 1 { 5 } else { 4 };
        let listing = match number {
            2 => 1,
            4 | 8 => 2,
            _ => 0,
        };
        assert_eq!(stages.meter.reset().write_calls, usual + listing, "failure {number}");
    }
    let request = Request::get("/v1/hooks").header("authorization", "Bearer nobody uses this one");
    let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains(&stages.hook.id.to_string()));
    assert_eq!(stages.meter.reset().read_calls, 5, "the list, its tenant, the hook, its health, its log");
}
