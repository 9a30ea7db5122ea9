//! The work is done and the answer is lost: the SDK asks again, and is refused
//! because of what it did itself.

use std::sync::Arc;
use std::time::Duration;

use aws::client::Aws;
use aws::{ScheduleTarget, Schedules};
use contract::ports::{Clock, Document, Expected, OsRandom, Recorded, StoreError, SystemClock};
use domain::delivery::AttemptOutcome;
use domain::health::{Admission, Failure};
use domain::ids::{DeliveryId, EventSeq, HookId, new_ulid};
use domain::replay::ReplayStatus;
use domain::seconds::Seconds;
use domain::settings::{CircuitBreaker, Complete};
use services::delivery::resolved_hook::ResolvedHook;
use services::health::circuit_breaker::CircuitBreakers;
use services::health::hook_health::AttemptSummary;
use tests::faults::{Fault, FaultyProxy};
use tests::ministack::Ministack;

use super::bounds::message;
use super::faulty_stores;
use crate::kept::Kept;
use crate::suite::replays::replay;
use crate::suite::samples::{attempted, changed, delivery, event, hook, hook_id, page, tenant, tenant_id};
use crate::suite::{Stores, resolved};

const BREAKER: CircuitBreaker =
    CircuitBreaker { failures: 2, probe_after: Seconds::new(60), unknown: domain::unknown::Unknown::NONE };

#[tokio::test]
async fn an_event_is_recorded_for_its_own_message_and_a_duplicate_for_others() {
    let (proxy, stores) = faulty_stores().await;
    let (event, own) = (event("acme", "evt-1", &stores.clock), page(0, "message-1"));
    proxy.fail("PutItem", [Fault::Lost]);
    match stores.events.record(&event, &own).await.unwrap() {
        Recorded::Resumed((stored, page)) => assert_eq!((stored.seq, page.hooks), (event.seq, own.hooks)),
        other => panic!("{other:?}"),
    }
    proxy.fail("PutItem", [Fault::Lost]);
    let other = stores.events.record(&event, &page(0, "message-2")).await.unwrap();
    assert!(matches!(other, Recorded::Duplicate), "{other:?}");
}

#[tokio::test]
async fn a_failed_attempt_is_kept_once() {
    let (proxy, stores) = faulty_stores().await;
    let failed = attempted(&delivery("acme", hook_id(), stores.clock.now()), AttemptOutcome::Status);
    // The attempt's own row; that of the delivery is the stage's to look at.
    proxy.fail("PutItem", [Fault::Lost]);
    stores.deliveries.record(&failed, Expected::Absent).await.unwrap();
    assert_eq!(stores.deliveries.get(&failed.tenant, failed.id).await.unwrap(), Some(failed.clone()));
    assert_eq!(stores.deliveries.attempts(&failed).await.unwrap(), [Ok(failed.last_attempt.clone().unwrap())]);
}

#[tokio::test]
async fn a_hook_is_created_changed_and_deleted_once_and_without_a_conflict() {
    let (proxy, stores) = faulty_stores().await;
    let (made, tenant) = (hook("acme", &["post.*"]), tenant_id("acme"));
    proxy.fail("TransactWriteItems", [Fault::Lost]);
    stores.hooks.create_within(&made, 1).await.unwrap();
    let full = stores.hooks.create_within(&hook("acme", &["*"]), 1).await;
    assert!(matches!(full, Err(StoreError::LimitReached)), "{full:?}");

    // One write where its subscription stays, after that of its former version.
    let renamed = changed(&made, |hook| hook.name = "another".to_owned());
    proxy.fail("PutItem", [None, Some(Fault::Lost)]);
    stores.hooks.update(&made, &renamed).await.unwrap();
    let moved = changed(&renamed, |hook| hook.events = ["a.b".parse().unwrap()].into());
    proxy.fail("TransactWriteItems", [Fault::Lost]);
    stores.hooks.update(&renamed, &moved).await.unwrap();
    assert_eq!(stores.hooks.get(&tenant, made.id).await.unwrap().as_deref(), Some(&moved));

    proxy.fail("TransactWriteItems", [Fault::Lost]);
    assert!(stores.hooks.delete(&moved.tenant, moved.id, None).await.unwrap());
    stores.hooks.create_within(&hook("acme", &["*"]), 1).await.unwrap();
}

#[tokio::test]
async fn tenants_and_replays_are_written_without_a_conflict() {
    let (proxy, stores) = faulty_stores().await;
    proxy.fail("PutItem", [Fault::Lost]);
    stores.tenants.create(&tenant("acme")).await.unwrap();
    let (replays, running) = (stores.replays(), replay(hook_id(), 0));
    proxy.fail("PutItem", [Fault::Lost]);
    replays.create(&running).await.unwrap();
    let ended = running.ended(ReplayStatus::Cancelled, None, stores.clock.now());
    proxy.fail("PutItem", [Fault::Lost]);
    replays.update(&ended).await.unwrap();
    let stored = replays.get(&ended.tenant, ended.hook, ended.id).await.unwrap();
    assert_eq!(stored.as_deref(), Some(&ended));
}

#[tokio::test]
async fn what_was_deleted_was_there() {
    let (proxy, stores) = faulty_stores().await;
    let document = Document { name: "one".to_owned(), version: 1, body: "{}".to_owned() };
    stores.documents.put("p", &document).await.unwrap();
    proxy.fail("DeleteItem", [Fault::Lost]);
    assert!(stores.documents.delete("p", "one").await.unwrap());
    assert_eq!(stores.documents.get("p", "one").await.unwrap(), None);
    assert!(!stores.documents.delete("p", "one").await.unwrap());
}

#[tokio::test]
async fn of_two_writers_of_the_same_one_is_refused_also_when_answers_are_lost() {
    let (proxy, stores) = faulty_stores().await;
    let same = Document { name: "one".to_owned(), version: 1, body: "{}".to_owned() };
    proxy.fail("PutItem", [Fault::Lost, Fault::Lost]);
    let (one, two) = tokio::join!(stores.documents.put("p", &same), stores.documents.put("p", &same));
    assert_eq!([one.is_ok(), two.is_ok()].into_iter().filter(|ok| *ok).count(), 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn a_failure_is_counted_once_and_the_probe_is_not_lost() {
    let (proxy, stores) = faulty_stores().await;
    let clock: Arc<dyn Clock> = Arc::new(stores.clock.clone());
    let circuits = CircuitBreakers::new(Arc::clone(&stores.documents), clock, Duration::from_secs(5));
    let (tenant, hook) = (tenant_id("acme"), hook_id());
    for counted in [1, 2] {
        let failure = failure(&stores, hook);
        proxy.fail("PutItem", [Fault::Lost]);
        let (_, health) = circuits.health.change(&tenant, hook, |health| health.fail(failure, &BREAKER)).await.unwrap();
        assert_eq!(health.consecutive_failures, counted);
    }
    stores.clock.advance(BREAKER.probe_after.duration());
    proxy.fail("PutItem", [Fault::Lost]);
    assert_eq!(circuits.admit(&tenant, hook, stores.clock.now()).await.unwrap(), Admission::Probe);
}

fn failure(stores: &Stores, hook: HookId) -> Failure {
    let event = EventSeq(new_ulid(stores.clock.now(), &OsRandom));
    let delivery = DeliveryId { event, hook };
    Failure { delivery, at: stores.clock.now(), is_break: true, exhausted: false, probe: false }
}

#[tokio::test]
async fn a_hook_that_was_disabled_is_announced() {
    let (proxy, stores) = faulty_stores().await;
    stores.tenants.create(&tenant("acme")).await.unwrap();
    let made = hook("acme", &["post.*"]);
    stores.hooks.create(&made).await.unwrap();
    let told = Arc::new(Kept::default());
    let foundation = stores.foundation();
    let hook_health = foundation.hook_health(told.clone());
    let found = resolved(&foundation).get(&made.tenant, made.id).await.unwrap().unwrap();
    let ResolvedHook { settings, .. } = &*found;
    let settings: &Complete = settings;
    let at = stores.clock.now();
    let ended = AttemptSummary {
        trace: failure(&stores, made.id).delivery.event.trace(),
        event_type: &"post.published".parse().unwrap(),
        at,
        is_usual: true,
        failure: Some(failure(&stores, made.id)),
        end: Some(domain::health::End::Gone),
        told_rate: None,
    };
    // Itself, in one transaction with the entry of the adjustment log.
    proxy.fail("TransactWriteItems", [Some(Fault::Lost)]);
    hook_health.record_attempt(&made, settings, ended).await.unwrap();
    let told: Vec<_> = told.take().iter().map(|sent| String::from_utf8_lossy(&sent.body).into_owned()).collect();
    assert!(told.iter().any(|event| event.contains("hook.disabled")), "{told:?}");
    let trail = hook_health.audit.list(&made.tenant, made.id, 10, None).await.unwrap();
    assert_eq!(trail.items.iter().flatten().map(|entry| entry.what.as_str()).collect::<Vec<_>>(), ["disabled"]);
}

#[tokio::test]
async fn a_wait_is_scheduled_once() {
    let Some(ministack) = Ministack::shared() else { return };
    let proxy = FaultyProxy::start(&ministack.endpoint).await;
    let aws = Aws::new(&Ministack::config_of(&proxy.endpoint), Arc::new(SystemClock));
    let group = new_ulid(SystemClock.now(), &OsRandom).to_string();
    aws.scheduler.create_schedule_group().name(&group).send().await.unwrap();
    let target = ScheduleTarget {
        queue_url: format!("{}/000000000000/redeliveries", ministack.endpoint),
        group: group.clone(),
        role_arn: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
        dead_letter_queue_arn: "arn:aws:sqs:us-east-1:000000000000:schedules-dlq".to_owned(),
    };
    let schedules: Schedules = aws.schedules(target);
    let at = SystemClock.now().saturating_add(Duration::from_secs(13 * 3_600));
    proxy.fail("POST /schedules", [Fault::Lost]);
    schedules.send_at(&message().to_outgoing().body, at).await.unwrap();
    assert_eq!(proxy.calls("POST /schedules"), 2);
    assert_eq!(aws.scheduler.list_schedules().group_name(group).send().await.unwrap().schedules().len(), 1);
}

#[tokio::test]
async fn a_transaction_that_met_another_one_or_was_throttled_is_made_again() {
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let (proxy, stores) = faulty_stores().await;
        let made = hook("acme", &["post.*"]);
        let canceled = || [Fault::Canceled(code), Fault::Canceled(code)];
        proxy.fail("TransactWriteItems", canceled());
        stores.hooks.create(&made).await.unwrap();
        let moved = changed(&made, |hook| hook.events = ["a.b".parse().unwrap()].into());
        proxy.fail("TransactWriteItems", canceled());
        stores.hooks.update(&made, &moved).await.unwrap();
        proxy.fail("TransactWriteItems", canceled());
        assert!(stores.hooks.delete(&moved.tenant, moved.id, None).await.unwrap());
    }
}

#[tokio::test]
async fn a_row_that_is_in_a_transaction_was_changed_by_somebody_else() {
    let (proxy, stores) = faulty_stores().await;
    proxy.fail("PutItem", [Fault::Refused(400, "TransactionConflictException")]);
    let document = Document { name: "one".to_owned(), version: 1, body: "{}".to_owned() };
    let answer = stores.documents.put("p", &document).await;
    assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
}
