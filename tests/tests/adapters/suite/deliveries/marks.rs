//! Of deliveries that wait, and of those that have failed.

use std::time::Duration;

use contract::ports::{Clock as _, Expected, TimeRange};
use domain::delivery::{AttemptOutcome, Delivery, Status, Trigger};
use domain::ids::{EventSeq, HookId};
use services::delivery::paused;

use super::record;
use crate::suite::samples::{RETENTION, all_pages, attempted, delivery, hook_id, tenant_id};
use crate::suite::{START, Stores};

pub(crate) async fn what_waits_is_marked_as_long_as_it_does_and_listed_oldest_first(stores: &Stores) {
    let hook = hook_id();
    let (tenant, until) = ("acme".parse().unwrap(), START.saturating_add(Duration::from_secs(60)));
    let waiting = async |limit: usize, cursor: Option<String>| {
        stores.deliveries.waiting(&tenant, hook, limit, cursor.as_deref()).await.unwrap()
    };
    let mut rows = Vec::new();
    for second in 0..5 {
        let mut row = delivery("acme", hook, START.saturating_add(Duration::from_secs(second)));
        record(stores, &row, Expected::Absent).await;
        row.keep_waiting(until, START);
        record(stores, &row, Expected::Attempts(0)).await;
        rows.push(row);
    }
    let mut other = delivery("acme", hook_id(), START);
    other.keep_waiting(until, START);
    record(stores, &other, Expected::Absent).await;

    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = waiting(2, cursor).await;
        assert!(page.items.len() <= 2);
        seen.extend(page.items);
        cursor = page.next;
        // What is sent while the list is read makes nobody miss another.
        if seen.len() == 2 {
            record(stores, &attempted(&rows[0], AttemptOutcome::Success), Expected::Waiting(0)).await;
        }
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, rows.iter().map(|row| row.id.event).collect::<Vec<_>>());

    let mut skipped = rows[1].clone();
    skipped.skip("the event has expired", START);
    record(stores, &skipped, Expected::Waiting(0)).await;
    stores.deliveries.delete(&rows[2..3]).await.unwrap();
    stores.deliveries.delete_unreadable(&tenant, rows[3].id).await.unwrap();
    assert_eq!(waiting(10, None).await.items, [rows[4].id.event]);
}

pub(crate) async fn marks_of_what_has_expired_hide_none_that_waits(stores: &Stores) {
    let (tenant, hook) = ("acme".parse().unwrap(), hook_id());
    let mut waiting = Vec::new();
    for age in [1, 2, 60] {
        let now = stores.clock.now();
        let mut row = delivery("acme", hook, now);
        row.keep_waiting(now.saturating_add(RETENTION), now);
        record(stores, &row, Expected::Absent).await;
        waiting.push(row.id.event);
        stores.clock.advance(Duration::from_secs(age));
    }
    stores.clock.advance(RETENTION - Duration::from_secs(61));
    let log = stores.deliveries.as_ref();
    assert_eq!(paused::first(log, &tenant, hook).await.unwrap(), Some(waiting[2]));
    stores.clock.advance(Duration::from_secs(1));
    assert_eq!(paused::first(log, &tenant, hook).await.unwrap(), None);
}

pub(super) async fn marks(stores: &Stores, hook: HookId, times: TimeRange, limit: usize) -> Vec<EventSeq> {
    let tenant = &tenant_id("acme");
    let read = |cursor: Option<String>| async move {
        stores.deliveries.failed(tenant, hook, times, limit, cursor.as_deref()).await
    };
    all_pages(read).await
}

pub(super) fn exhausted(delivery: &Delivery) -> Delivery {
    let tried = attempted(delivery, AttemptOutcome::Status);
    Delivery { status: Status::Failed, due_step: 0, next_attempt_at: None, ..tried }
}

fn by_hand(mut delivery: Delivery) -> Delivery {
    delivery.last_attempt.as_mut().unwrap().trigger = Trigger::Manual;
    delivery
}

pub(crate) async fn an_exhausted_delivery_is_marked_until_it_ends_otherwise(stores: &Stores) {
    let hook = hook_id();
    let all = async || marks(stores, hook, TimeRange::default(), 10).await;
    let tried = attempted(&delivery("acme", hook, START), AttemptOutcome::Status);
    record(stores, &tried, Expected::Absent).await;
    assert_eq!(all().await, []);
    let failed = exhausted(&tried);
    record(stores, &failed, Expected::Attempts(1)).await;
    assert_eq!(all().await, [failed.id.event]);
    let again = by_hand(exhausted(&failed));
    record(stores, &again, Expected::Attempts(2)).await;
    assert_eq!(all().await, [failed.id.event]);
    record(stores, &by_hand(attempted(&again, AttemptOutcome::Success)), Expected::Attempts(3)).await;
    assert_eq!(all().await, []);
}

pub(crate) async fn marks_are_listed_newest_first_and_narrowed_by_time(stores: &Stores) {
    let hook = hook_id();
    let mut made = Vec::new();
    for i in 0..7 {
        let failed = exhausted(&delivery("acme", hook, START.saturating_add(Duration::from_secs(i))));
        record(stores, &failed, Expected::Absent).await;
        made.insert(0, failed.id.event);
    }
    let at = |secs: u64| Some(START.saturating_add(Duration::from_secs(secs)));
    let times = [
        (TimeRange::default(), &made[..]),
        (TimeRange { since: at(2), until: at(5) }, &made[2..5]),
        (TimeRange { since: at(9), until: None }, &[]),
    ];
    for (times, expected) in times {
        for limit in [1, 3, 50] {
            assert_eq!(marks(stores, hook, times, limit).await, expected, "{times:?}, limit {limit}");
        }
    }
    assert_eq!(marks(stores, hook_id(), TimeRange::default(), 10).await, []);
    stores.clock.advance(RETENTION + Duration::from_secs(10));
    assert_eq!(marks(stores, hook, TimeRange::default(), 10).await, []);
}
