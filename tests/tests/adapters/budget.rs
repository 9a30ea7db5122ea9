//! What things cost on DynamoDB, counted by the emulator in the units of the
//! bill.

mod activity;
mod advice;
mod batches;
mod explain;
mod stages;

use contract::ports::{Clock as _, Expected, OsRandom, SystemClock};
use domain::delivery::{AttemptOutcome, Delivery};
use domain::event::Event;
use domain::ids::{DeliveryId, EventSeq, new_ulid};
use futures::StreamExt as _;
use tests::dynamo::Dynamo;
use tests::metering::{Meter, Usage};

use crate::suite::dynamo::stores_on;
use crate::suite::samples::{RETENTION, attempted, changed, delivery, event, hook, hook_id, page, raw, tenant_id};
use crate::suite::{START, Stores};

async fn metered() -> (Stores, Meter) {
    let meter = Meter::default();
    let dynamo = Dynamo::start_metered(Some(meter.clone())).await;
    meter.reset();
    (stores_on(dynamo.client.clone(), Box::new(dynamo)), meter)
}

fn writes(calls: usize, units: f64) -> Usage {
    Usage { write_calls: calls, write_units: units, ..Usage::default() }
}

#[tokio::test]
async fn a_delivery_that_succeeds_at_once_is_one_write_unit_and_no_read() {
    let (stores, meter) = metered().await;
    let tried = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Success);
    stores.deliveries.record(&tried, Expected::Absent).await.unwrap();
    assert_eq!(meter.reset(), writes(1, 1.0));
}

#[tokio::test]
async fn a_successful_delivery_is_one_write_unit_also_with_the_longest_names_and_answer() {
    let (stores, meter) = metered().await;
    let id = DeliveryId { event: EventSeq(new_ulid(SystemClock.now(), &OsRandom)), hook: hook_id() };
    let longest = Delivery::new(
        tenant_id(&"t".repeat(64)),
        id,
        "e".repeat(128).parse().unwrap(),
        "y".repeat(128).parse().unwrap(),
        START,
        RETENTION,
    );
    let mut tried = attempted(&longest, AttemptOutcome::Success);
    let attempt = tried.last_attempt.as_mut().unwrap();
    attempt.response_body = Some("b".repeat(500));
    // An answer that broke off is rare, and shorter than it was meant to be.
    attempt.remark = None;
    // Noted of rotations and batches only.
    attempt.revision.as_mut().unwrap().form = 0;
    attempt.batch = Vec::new();
    stores.deliveries.record(&tried, Expected::Absent).await.unwrap();
    assert_eq!(meter.reset(), writes(1, 1.0));
}

#[tokio::test]
async fn a_failed_attempt_is_two_writes_and_no_read() {
    let (stores, meter) = metered().await;
    let failed = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Timeout);
    stores.deliveries.record(&failed, Expected::Absent).await.unwrap();
    assert_eq!(meter.reset(), writes(2, 2.0));
    stores.deliveries.record(&attempted(&failed, AttemptOutcome::Success), Expected::Attempts(1)).await.unwrap();
    assert_eq!(meter.reset(), writes(1, 1.0));
}

#[tokio::test]
async fn an_event_of_two_kibibytes_of_json_is_one_write_unit() {
    let (stores, meter) = metered().await;
    let rows: Vec<_> = (0..20)
        .map(|i| {
            format!(r#"{{"id":{i},"title":"Release {i} is out","url":"https://example.com/posts/{i}","draft":false}}"#)
        })
        .collect();
    let data = raw(&format!("[{}]", rows.join(",")));
    assert!(data.get().len() > 1_600);
    let published = Event { data: Some(data), ..event("acme", "evt-1", &stores.clock) };
    stores.events.record(&published, &page(0, "message-1")).await.unwrap();
    assert_eq!(meter.reset(), writes(1, 1.0));
}

#[tokio::test]
async fn a_change_that_does_not_concern_matching_is_two_plain_writes() {
    let (stores, meter) = metered().await;
    let old = hook("acme", &["post.*", "user.*"]);
    stores.hooks.create(&old).await.unwrap();
    assert_eq!(meter.reset(), writes(1, 8.0), "three rows and the count, twice the price in a transaction");
    stores.hooks.update(&old, &changed(&old, |h| h.name = "renamed".to_owned())).await.unwrap();
    assert_eq!(meter.reset(), writes(2, 2.0), "the former version is kept");
}

/// The number of other hooks of the tenant. They ask for types around the one
/// that is published, before and after it in every order.
const OTHERS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matching_reads_what_matches_however_many_hooks_there_are() {
    let (stores, meter) = metered().await;
    for i in 0..10 {
        let patterns: &[&str] = if i < 8 { &["post.published"] } else { &["post.*"] };
        stores.hooks.create(&hook("acme", patterns)).await.unwrap();
    }
    let alone = match_all(&stores, &meter).await;
    assert_eq!(alone.rows_read, 10);

    let others = ["post.draft", "post.published.twice", "posts.*", "post", "a.*", "zz"];
    let stores = &stores;
    futures::stream::iter(0..OTHERS)
        .for_each_concurrent(64, |i| async move {
            stores.hooks.create(&hook("acme", &[others[i % others.len()]])).await.unwrap();
        })
        .await;
    assert_eq!(match_all(stores, &meter).await, alone);
}

async fn match_all(stores: &Stores, meter: &Meter) -> Usage {
    meter.reset();
    let event_type = "post.published".parse().unwrap();
    let found = stores.subscriptions.matching(&tenant_id("acme"), &event_type, 100, None).await.unwrap();
    assert_eq!((found.items.len(), found.next), (10, None));
    meter.reset()
}
