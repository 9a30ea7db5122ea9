use std::time::Duration;

use contract::ports::{ActivityRange, ActivityRows, Clock as _, Order, OsRandom, StoreError, TimeRange};
use domain::activity::{Activity, ActivityAttempt};
use domain::counts::Counting;
use domain::delivery::{AttemptOutcome, Status};
use domain::ids::{ActivityId, EventSeq, new_ulid};
use domain::time::Hour;
use domain::unknown::Unknown;

use super::samples::{RETENTION, hook_id, tenant_id};
use super::{START, Stores};

pub(crate) fn entry(number: usize) -> Activity {
    Activity {
        event: EventSeq(new_ulid(START, &OsRandom)),
        event_id: format!("evt_{}", new_ulid(START, &OsRandom)).parse().unwrap(),
        event_type: "post.published".parse().unwrap(),
        channels: ["room:1".parse().unwrap()].into(),
        hook: number.is_multiple_of(2).then(hook_id),
        lists_event: number.is_multiple_of(3),
        status: Status::Succeeded,
        attempt_count: u32::try_from(number).unwrap(),
        attempt: Some(ActivityAttempt {
            outcome: AttemptOutcome::Success,
            status_code: Some(204),
            duration_ms: 37,
            unknown: Unknown::NONE,
        }),
        unknown: Unknown::NONE,
    }
}

async fn note(stores: &Stores, tenant: &str, entry: &Activity) {
    let expires_at = stores.clock.now().saturating_add(RETENTION);
    stores.activity.note(&tenant_id(tenant), vec![entry.clone()], expires_at).await.unwrap();
    stores.clock.advance(Duration::from_millis(10));
}

async fn rows(stores: &Stores, range: ActivityRange, order: Order, limit: usize) -> ActivityRows {
    stores.activity.list(&tenant_id("acme"), range, order, limit).await.unwrap()
}

async fn list(stores: &Stores) -> Vec<Activity> {
    entries(rows(stores, ActivityRange::default(), Order::NewestFirst, 1_000).await)
}

fn entries(found: ActivityRows) -> Vec<Activity> {
    found.rows.into_iter().flat_map(|(_, entries)| entries.unwrap()).collect()
}

async fn noted(stores: &Stores, count: usize) -> Vec<Activity> {
    let all: Vec<Activity> = (0..count).map(entry).collect();
    for one in &all {
        note(stores, "acme", one).await;
    }
    all.into_iter().rev().collect()
}

pub(crate) async fn what_was_noted_is_listed_newest_first_with_every_field(stores: &Stores) {
    let mut all = noted(stores, 9).await;
    assert_eq!(list(stores).await, all);
    let plain = Activity { channels: Default::default(), attempt: None, ..entry(4) };
    note(stores, "acme", &plain).await;
    all.insert(0, plain);
    assert_eq!(list(stores).await, all);
}

pub(crate) async fn a_list_reads_each_row_once_however_it_is_cut_in_pages(stores: &Stores) {
    let newest_first = noted(stores, 23).await;
    let oldest_first: Vec<_> = newest_first.iter().rev().cloned().collect();
    for (order, all) in [(Order::NewestFirst, &newest_first), (Order::OldestFirst, &oldest_first)] {
        for limit in [1, 2, 7, 23, 100] {
            let (mut range, mut read) = (ActivityRange::default(), Vec::new());
            loop {
                let page = rows(stores, range, order, limit).await;
                assert!(page.rows.len() <= limit);
                let next = page.next;
                read.extend(entries(page));
                match order {
                    _ if next.is_none() => break,
                    Order::NewestFirst => range.before = next,
                    Order::OldestFirst => range.after = next,
                }
            }
            assert_eq!(read, *all, "in pages of {limit}, {order:?}");
        }
    }
}

pub(crate) async fn reading_goes_on_where_it_ended_while_more_is_noted(stores: &Stores) {
    let all = noted(stores, 6).await;
    let first = rows(stores, ActivityRange::default(), Order::NewestFirst, 2).await;
    let rest = ActivityRange { before: first.next, after: None };
    assert_eq!(entries(first), all[..2]);
    noted(stores, 5).await;
    let rest = rows(stores, rest, Order::NewestFirst, 100).await;
    assert_eq!((rest.next, entries(rest)), (None, all[2..].to_vec()));
}

pub(crate) async fn times_narrow_by_when_a_row_was_written(stores: &Stores) {
    noted(stores, 8).await;
    let everything = rows(stores, ActivityRange::default(), Order::NewestFirst, 100).await;
    let ids: Vec<ActivityId> = everything.rows.iter().map(|(id, _)| *id).collect();
    let (since, until) = (ids[5].at(), ids[2].at());
    assert!(since < until);
    let within = async |since, until| {
        let range = ActivityRange::within(TimeRange { since: Some(since), until: Some(until) });
        let found = rows(stores, range, Order::NewestFirst, 100).await;
        found.rows.iter().map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let expected: Vec<_> = ids.iter().copied().filter(|id| (since..until).contains(&id.at())).collect();
    assert!(!expected.is_empty());
    assert_eq!(within(since, until).await, expected);
    assert_eq!(within(until, since).await, []);
}

pub(crate) async fn the_tenants_of_an_hour_are_listed_in_order_each_once(stores: &Stores) {
    let hour = Hour::of(stores.clock.now());
    for tenant in ["b", "a", "c", "b", "a-long-one"] {
        note(stores, tenant, &entry(1)).await;
    }
    let page = async |hour, limit, after: Option<&str>| {
        let after = after.map(tenant_id);
        let found = stores.activity.active_tenants(hour, limit, after.as_ref()).await.unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(page(hour, 100, None).await, ["a", "a-long-one", "b", "c"]);
    assert_eq!(page(hour, 2, None).await, ["a", "a-long-one"]);
    assert_eq!(page(hour, 2, Some("a-long-one")).await, ["b", "c"]);
    assert!(page(hour.next(), 100, None).await.is_empty());
    stores.clock.set(hour.next().start());
    note(stores, "c", &entry(1)).await;
    assert_eq!(page(hour.next(), 100, None).await, ["c"]);
}

pub(crate) async fn what_was_deleted_is_gone_and_nothing_that_was_noted_since(stores: &Stores) {
    noted(stores, 9).await;
    let until = stores.clock.now();
    let kept = noted(stores, 2).await;
    note(stores, "other", &entry(1)).await;
    let mut steps = 0;
    while stores.activity.delete(&tenant_id("acme"), until, 4).await.unwrap() {
        steps += 1;
        assert!(steps < 20, "it ends");
    }
    assert_eq!(list(stores).await, kept);
    let other = stores.activity.list(&tenant_id("other"), ActivityRange::default(), Order::NewestFirst, 10).await;
    assert_eq!(other.unwrap().rows.len(), 1);
}

pub(crate) async fn counts_are_read_back_and_written_only_over_those_that_were_read(stores: &Stores) {
    let (tenant, other, hour) = (tenant_id("acme"), tenant_id("b"), Hour::of(stores.clock.now()));
    let expires_at = stores.clock.now().saturating_add(RETENTION);
    let counted = |numbers: std::ops::Range<usize>| {
        let mut counting = Counting::default();
        let entries: Vec<_> = numbers.map(entry).collect();
        counting.add(ActivityId::new(START, &OsRandom), &entries);
        counting.finish()
    };
    let (first, second) = (counted(0..10), counted(0..30));
    let put = async |tenant, hour, counts, expected| {
        stores.activity.put_counts(tenant, hour, counts, expected, expires_at).await
    };
    put(&tenant, hour, &first, None).await.unwrap();
    put(&tenant, hour.next(), &first, None).await.unwrap();
    put(&other, hour, &first, None).await.unwrap();
    for expected in [None, second.counted_to] {
        assert!(matches!(put(&tenant, hour, &second, expected).await, Err(StoreError::Conflict)), "{expected:?}");
    }
    put(&tenant, hour, &second, first.counted_to).await.unwrap();
    let read = async |since, until| stores.activity.counts(&tenant, since, until).await.unwrap();
    assert_eq!(read(Hour(0), hour.next()).await, [(hour, second.clone()), (hour.next(), first.clone())]);
    assert_eq!(read(hour, hour).await, [(hour, second)]);
    assert_eq!(read(hour.next().next(), Hour(i64::from(i32::MAX))).await, []);
    stores.activity.delete(&tenant, stores.clock.now(), 10).await.unwrap();
    assert_eq!(read(Hour(0), hour.next()).await, []);
}

pub(crate) async fn what_was_noted_in_one_tenant_is_not_listed_in_another(stores: &Stores) {
    let mine = entry(1);
    note(stores, "acme", &mine).await;
    for other in ["acm", "acme2", "acme-0", "other"] {
        note(stores, other, &entry(2)).await;
    }
    assert_eq!(list(stores).await, [mine]);
}

pub(crate) async fn a_row_past_its_expiry_is_not_listed(stores: &Stores) {
    let all = noted(stores, 3).await;
    stores.clock.advance(RETENTION);
    let newest = entry(7);
    note(stores, "acme", &newest).await;
    assert_ne!(list(stores).await, all);
    assert_eq!(list(stores).await, [newest]);
}

pub(crate) async fn of_writers_at_once_every_entry_is_listed(stores: &Stores) {
    let all: Vec<Activity> = (0..40).map(entry).collect();
    let expires_at = stores.clock.now().saturating_add(RETENTION);
    let tenant = tenant_id("acme");
    let notes = all.iter().map(|one| stores.activity.note(&tenant, vec![one.clone()], expires_at));
    futures::future::try_join_all(notes).await.unwrap();
    let found = list(stores).await;
    assert_eq!(found.len(), all.len());
    assert!(all.iter().all(|one| found.contains(one)));
}
