use std::time::Duration;

use contract::ports::{Clock as _, Expected, LogFilter, StoreError, TimeRange};
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::ids::HookId;
use domain::time::Timestamp;

use super::samples::{RETENTION, all_pages, attempted, delivery, hook_id, readable, tenant_id};
use super::{START, Stores};

mod marks;

pub(crate) use marks::*;
use marks::{exhausted, marks};

async fn record(stores: &Stores, delivery: &Delivery, expected: Expected) {
    stores.deliveries.record(delivery, expected).await.unwrap();
}

async fn get(stores: &Stores, delivery: &Delivery) -> Option<Delivery> {
    stores.deliveries.get(&delivery.tenant, delivery.id).await.unwrap()
}

async fn list(stores: &Stores, hook: HookId, filter: &LogFilter, limit: usize) -> Vec<Delivery> {
    let tenant = &tenant_id("acme");
    let read = |cursor: Option<String>| async move {
        let page = stores.deliveries.list(tenant, hook, filter, limit, cursor.as_deref()).await?;
        assert!(page.items.len() <= limit);
        Ok(page)
    };
    readable(all_pages(read).await)
}

/// `count` deliveries of one hook, a second apart, oldest first; every third
/// one failed, the others succeeded.
async fn fill(stores: &Stores, hook: HookId, count: u64) -> Vec<Delivery> {
    let mut made = Vec::new();
    for i in 0..count {
        let new = delivery("acme", hook, START.saturating_add(Duration::from_secs(i)));
        let tried = attempted(&new, if i % 3 == 0 { AttemptOutcome::Status } else { AttemptOutcome::Success });
        record(stores, &tried, Expected::Absent).await;
        made.push(tried);
    }
    made
}

fn newest_first(deliveries: &[Delivery]) -> Vec<Delivery> {
    let mut sorted = deliveries.to_vec();
    sorted.sort_by_key(|d| std::cmp::Reverse(d.id.event));
    sorted
}

pub(crate) async fn a_row_is_written_only_over_what_was_expected(stores: &Stores) {
    let pending = delivery("acme", hook_id(), START);
    let first = attempted(&pending, AttemptOutcome::Success);
    let second = attempted(&first, AttemptOutcome::Success);
    let conflicts = async |delivery: &Delivery, expected| {
        let answer = stores.deliveries.record(delivery, expected).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
    };

    conflicts(&second, Expected::Attempts(1)).await;
    assert_eq!(get(stores, &first).await, None);
    record(stores, &first, Expected::Absent).await;
    conflicts(&first, Expected::Absent).await;
    conflicts(&second, Expected::Attempts(0)).await;
    conflicts(&second, Expected::Attempts(2)).await;
    assert_eq!(get(stores, &first).await, Some(first));
    record(stores, &second, Expected::Attempts(1)).await;
    assert_eq!(get(stores, &second).await, Some(second));

    let other = delivery("acme", hook_id(), START);
    record(stores, &other, Expected::Absent).await;
    record(stores, &attempted(&other, AttemptOutcome::Success), Expected::Attempts(0)).await;
}

pub(crate) async fn a_row_that_was_skipped_is_not_what_was_read_before(stores: &Stores) {
    let tried = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Timeout);
    record(stores, &tried, Expected::Absent).await;
    let mut skipped = tried.clone();
    skipped.skip("the hook is disabled", tried.updated_at);
    record(stores, &skipped, Expected::Attempts(1)).await;

    let again = attempted(&tried, AttemptOutcome::Timeout);
    let answer = stores.deliveries.record(&again, Expected::Attempts(1)).await;
    assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
    assert_eq!(get(stores, &tried).await, Some(skipped));
    record(stores, &again, Expected::Skipped(1)).await;
    assert_eq!(get(stores, &tried).await, Some(again));
}

pub(crate) async fn a_row_that_began_to_wait_is_not_what_was_read_before(stores: &Stores) {
    let tried = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Timeout);
    record(stores, &tried, Expected::Absent).await;
    let mut waits = tried.clone();
    waits.keep_waiting(START.saturating_add(Duration::from_secs(60)), tried.updated_at);
    record(stores, &waits, Expected::Attempts(1)).await;

    let again = attempted(&tried, AttemptOutcome::Timeout);
    for expected in [Expected::Attempts(1), Expected::Skipped(1), Expected::Waiting(0), Expected::Absent] {
        let answer = stores.deliveries.record(&again, expected).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{expected:?}: {answer:?}");
    }
    assert_eq!(get(stores, &tried).await, Some(waits));
    record(stores, &again, Expected::Waiting(1)).await;
    assert_eq!(get(stores, &tried).await, Some(again));
}

pub(crate) async fn of_concurrent_writers_one_wins(stores: &Stores) {
    let pending = delivery("acme", hook_id(), START);
    let writers = (0..8).map(|i| {
        let mut tried = attempted(&pending, AttemptOutcome::Success);
        tried.requests = vec![format!("writer-{i}")];
        async move { (stores.deliveries.record(&tried, Expected::Absent).await, tried) }
    });
    let written = futures::future::join_all(writers).await;
    let winners: Vec<_> = written.iter().filter(|(answer, _)| answer.is_ok()).map(|(_, tried)| tried).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(get(stores, &pending).await.as_ref(), Some(winners[0]));
}

pub(crate) async fn every_field_is_read_back(stores: &Stores) {
    let pending = delivery("acme", hook_id(), START);
    let mut skipped = delivery("acme", hook_id(), START);
    skipped.skip("the hook is off", START);
    let mut waiting = delivery("acme", hook_id(), START);
    waiting.keep_waiting(START.saturating_add(Duration::from_secs(60)), START);
    let manual = Delivery {
        requests: vec!["r-1".to_owned(), "r-2".to_owned()],
        restarted_at: Some(START),
        ..attempted(&pending, AttemptOutcome::Status)
    };
    for (one, expected) in [
        (&pending, Expected::Absent),
        (&attempted(&pending, AttemptOutcome::Timeout), Expected::Attempts(0)),
        (&attempted(&manual, AttemptOutcome::Success), Expected::Attempts(1)),
        (&skipped, Expected::Absent),
        (&waiting, Expected::Absent),
    ] {
        record(stores, one, expected).await;
        assert_eq!(get(stores, one).await.as_ref(), Some(one));
    }
    for status in Status::ALL.iter().copied() {
        let one = Delivery { status, ..delivery("acme", hook_id(), START) };
        record(stores, &one, Expected::Absent).await;
        assert_eq!(get(stores, &one).await, Some(one));
    }
}

pub(crate) async fn failed_attempts_are_kept_and_all_are_listed_in_order(stores: &Stores) {
    let mut now = delivery("acme", hook_id(), START);
    assert_eq!(readable(stores.deliveries.attempts(&now).await.unwrap()), []);
    let mut made: Vec<Attempt> = Vec::new();
    let outcomes = [AttemptOutcome::Timeout; 10].into_iter().chain([AttemptOutcome::Status, AttemptOutcome::Success]);
    for (outcome, number) in outcomes.zip(0..) {
        now = attempted(&now, outcome);
        record(stores, &now, if number == 0 { Expected::Absent } else { Expected::Attempts(number) }).await;
        made.extend(now.last_attempt.clone());
        assert_eq!(readable(stores.deliveries.attempts(&now).await.unwrap()), made);
    }
    assert_eq!(made.len(), 12);
}

/// Whoever read a row asks for its attempts a little later, when there may be more.
pub(crate) async fn the_attempts_of_a_row_that_was_read_are_those_up_to_its_last(stores: &Stores) {
    let mut rows = vec![delivery("acme", hook_id(), START)];
    record(stores, &rows[0], Expected::Absent).await;
    for (outcome, count) in
        [AttemptOutcome::Status, AttemptOutcome::Success, AttemptOutcome::Timeout, AttemptOutcome::Success]
            .into_iter()
            .zip(0..)
    {
        let next = attempted(rows.last().unwrap(), outcome);
        record(stores, &next, Expected::Attempts(count)).await;
        rows.push(next);
    }
    for (count, row) in rows.iter().enumerate() {
        let made: Vec<Attempt> = rows[..=count].iter().filter_map(|row| row.last_attempt.clone()).collect();
        assert_eq!(readable(stores.deliveries.attempts(row).await.unwrap()), made, "after {count}");
    }
}

pub(crate) async fn a_success_is_kept_when_an_attempt_by_hand_follows(stores: &Stores) {
    let mut now = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Success);
    record(stores, &now, Expected::Absent).await;
    let mut made: Vec<Attempt> = now.last_attempt.clone().into_iter().collect();
    for (outcome, number) in
        [AttemptOutcome::Success, AttemptOutcome::Status, AttemptOutcome::Success].into_iter().zip(1..)
    {
        now = attempted(&now, outcome);
        now.last_attempt.as_mut().unwrap().trigger = Trigger::Manual;
        record(stores, &now, Expected::Attempts(number)).await;
        made.extend(now.last_attempt.clone());
        assert_eq!(readable(stores.deliveries.attempts(&now).await.unwrap()), made);
    }
}

pub(crate) async fn a_success_is_kept_when_that_of_an_overtaken_copy_follows(stores: &Stores) {
    let first = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Success);
    record(stores, &first, Expected::Absent).await;
    let copy = attempted(&first, AttemptOutcome::Success);
    record(stores, &copy, Expected::Attempts(1)).await;
    let made: Vec<Attempt> = first.last_attempt.into_iter().chain(copy.last_attempt.clone()).collect();
    assert_eq!(readable(stores.deliveries.attempts(&copy).await.unwrap()), made);
}

pub(crate) async fn the_attempts_of_a_conflicting_writer_are_not_kept(stores: &Stores) {
    let pending = delivery("acme", hook_id(), START);
    let first = attempted(&pending, AttemptOutcome::Timeout);
    record(stores, &first, Expected::Absent).await;
    let late = attempted(&pending, AttemptOutcome::Dns);
    assert!(matches!(stores.deliveries.record(&late, Expected::Absent).await, Err(StoreError::Conflict)));
    let second = attempted(&first, AttemptOutcome::Success);
    record(stores, &second, Expected::Attempts(1)).await;
    let made: Vec<Attempt> = first.last_attempt.into_iter().chain(second.last_attempt.clone()).collect();
    assert_eq!(readable(stores.deliveries.attempts(&second).await.unwrap()), made);
}

pub(crate) async fn the_log_of_a_hook_is_complete_and_newest_first(stores: &Stores) {
    let hook = hook_id();
    let made = fill(stores, hook, 13).await;
    fill(stores, hook_id(), 2).await;
    for limit in [1, 5, 13, 100] {
        assert_eq!(list(stores, hook, &LogFilter::default(), limit).await, newest_first(&made), "limit {limit}");
    }
}

pub(crate) async fn a_cursor_stays_valid_while_rows_are_added(stores: &Stores) {
    let hook = hook_id();
    let tenant = tenant_id("acme");
    let made = fill(stores, hook, 6).await;
    let first = stores.deliveries.list(&tenant, hook, &LogFilter::default(), 3, None).await.unwrap();
    let newer = delivery("acme", hook, START.saturating_add(Duration::from_secs(60)));
    record(stores, &newer, Expected::Absent).await;
    let rest = stores.deliveries.list(&tenant, hook, &LogFilter::default(), 10, first.next.as_deref()).await.unwrap();
    let seen: Vec<_> = first.items.into_iter().chain(rest.items).collect();
    assert_eq!(readable(seen), newest_first(&made));
}

pub(crate) async fn a_cursor_of_another_hook_is_refused(stores: &Stores) {
    let (one, other) = (hook_id(), hook_id());
    fill(stores, one, 3).await;
    fill(stores, other, 3).await;
    let tenant = tenant_id("acme");
    let all = LogFilter::default();
    let next = stores.deliveries.list(&tenant, one, &all, 1, None).await.unwrap().next.unwrap();
    for cursor in ["", "x", "ö", next.as_str()] {
        let answer = stores.deliveries.list(&tenant, other, &all, 1, Some(cursor)).await;
        assert!(matches!(answer, Err(StoreError::BadCursor)), "{cursor}: {answer:?}");
    }
}

pub(crate) async fn filters_apply_across_pages(stores: &Stores) {
    let hook = hook_id();
    let made = newest_first(&fill(stores, hook, 20).await);
    let filters = [
        LogFilter { status: Some(Status::Retrying), ..LogFilter::default() },
        LogFilter { status: Some(Status::Succeeded), ..LogFilter::default() },
        LogFilter { status: Some(Status::Skipped), ..LogFilter::default() },
        LogFilter { event_type: Some("post.published".parse().unwrap()), ..LogFilter::default() },
        LogFilter { event_type: Some("other".parse().unwrap()), ..LogFilter::default() },
        LogFilter { event: Some(made[7].event_id.clone()), ..LogFilter::default() },
        LogFilter { codes: Some((500, 599)), ..LogFilter::default() },
    ];
    for filter in &filters {
        let expected: Vec<_> = made.iter().filter(|d| filter.admits(d)).cloned().collect();
        for limit in [1, 3, 50] {
            assert_eq!(list(stores, hook, filter, limit).await, expected, "{filter:?}, limit {limit}");
        }
    }
}

pub(crate) async fn times_narrow_the_log(stores: &Stores) {
    let hook = hook_id();
    let made = newest_first(&fill(stores, hook, 10).await);
    let at = |secs: u64| Some(START.saturating_add(Duration::from_secs(secs)));
    let bounds: [(Option<Timestamp>, Option<Timestamp>); 6] =
        [(at(3), None), (None, at(3)), (at(2), at(7)), (at(7), at(2)), (at(4), at(4)), (at(100), None)];
    for (since, until) in bounds {
        let filter = LogFilter { since, until, ..LogFilter::default() };
        let expected: Vec<_> = made.iter().filter(|d| filter.admits(d)).cloned().collect();
        for limit in [2, 50] {
            assert_eq!(list(stores, hook, &filter, limit).await, expected, "{filter:?}, limit {limit}");
        }
    }
}

pub(crate) async fn a_delivery_is_found_under_its_own_tenant_only(stores: &Stores) {
    let mine = attempted(&delivery("acme", hook_id(), START), AttemptOutcome::Timeout);
    record(stores, &mine, Expected::Absent).await;
    let other = tenant_id("other");
    assert_eq!(stores.deliveries.get(&other, mine.id).await.unwrap(), None);
    let page = stores.deliveries.list(&other, mine.hook(), &LogFilter::default(), 10, None).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

pub(crate) async fn a_row_past_its_expiry_is_not_found(stores: &Stores) {
    let old = attempted(&delivery("acme", hook_id(), stores.clock.now()), AttemptOutcome::Timeout);
    record(stores, &old, Expected::Absent).await;
    stores.clock.advance(RETENTION - Duration::from_millis(1));
    assert!(get(stores, &old).await.is_some());
    stores.clock.advance(Duration::from_millis(1));
    assert_eq!(get(stores, &old).await, None);
    assert_eq!(list(stores, old.hook(), &LogFilter::default(), 10).await, []);
}

pub(crate) async fn what_was_deleted_is_gone_with_all_that_belongs_to_it(stores: &Stores) {
    let hook = hook_id();
    let gone = exhausted(&attempted(&delivery("acme", hook, START), AttemptOutcome::Timeout));
    record(stores, &attempted(&delivery("acme", hook, START), AttemptOutcome::Timeout), Expected::Absent).await;
    let first = attempted(&Delivery { attempt_count: 0, ..gone.clone() }, AttemptOutcome::Timeout);
    record(stores, &first, Expected::Absent).await;
    record(stores, &gone, Expected::Attempts(1)).await;
    let kept = attempted(&delivery("acme", hook, START), AttemptOutcome::Success);
    record(stores, &kept, Expected::Absent).await;
    for _ in 0..2 {
        stores.deliveries.delete(std::slice::from_ref(&gone)).await.unwrap();
    }
    assert_eq!((get(stores, &gone).await, get(stores, &kept).await), (None, Some(kept.clone())));
    assert_eq!(marks(stores, hook, TimeRange::default(), 10).await, []);
    let nothing = Delivery { last_attempt: None, ..gone.clone() };
    assert_eq!(readable(stores.deliveries.attempts(&nothing).await.unwrap()), []);
    stores.deliveries.delete(&list(stores, hook, &LogFilter::default(), 10).await).await.unwrap();
    assert_eq!(list(stores, hook, &LogFilter::default(), 10).await, []);
}
