//! Rows that are damaged, among others that are not.

use std::sync::Arc;

use ulid::Ulid;

use super::codec::{after_prefix, key};
use super::row_kind::RowKind;
use super::store::{Store, StoreOptions, Table};
use super::{
    DeadLetters, EmbeddedDeliveryLog, EmbeddedDocuments, EmbeddedEvents, EmbeddedHooks, EmbeddedQueue, QueueOptions,
};
use contract::ports::{
    DeliveryLog as _, Events as _, Expected, Hooks, LogFilter, ManualClock, Outgoing, QueueReceiver as _,
    QueueSender as _, StoreError, Subscriptions as _,
};
use domain::delivery::Delivery;
use domain::event::{Event, FanoutPage};
use domain::hook::Hook;
use domain::ids::{EventType, HookId, TenantId};
use domain::time::Timestamp;

/// 2026-01-31T09:30:00Z
const START: Timestamp = Timestamp::from_millis(1_769_851_800_000);
const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

fn open() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreOptions::default(), Arc::new(ManualClock::at(START))).unwrap();
    (store, directory)
}

/// Cuts the first row whose key begins so in two, or the last.
async fn damage(store: &Store, table: Table, prefix: Vec<u8>, last: bool) {
    let mut rows = store.range(table, prefix.clone()..after_prefix(&prefix));
    let (row, value) = if last { rows.next_back() } else { rows.next() }.unwrap().unwrap();
    let (row, half) = (row.to_vec(), value[..value.len() / 2].to_vec());
    drop(rows);
    let write = move |tx: &mut super::store::Transaction<'_, '_>| {
        tx.put(table, row, half);
        Ok(())
    };
    store.write(write).await.unwrap();
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn hook(number: u128) -> Hook {
    let row = include_str!("../../../tests/upgrades/0.1/rows/hook.jsonl").lines().next().unwrap();
    Hook { id: HookId(Ulid(number)), ..serde_json::from_str(row).unwrap() }
}

#[tokio::test]
async fn a_hook_that_is_damaged_hides_no_other_and_is_deleted_with_its_subscriptions() {
    let (store, _directory) = open();
    let hooks = EmbeddedHooks::new(store.clone(), EmbeddedDocuments::new(store.clone()));
    let (bad, fine) = (hook(1), hook(2));
    for hook in [&bad, &fine] {
        hooks.create_within(hook, 2).await.unwrap();
    }
    damage(&store, Table::Hooks, key(RowKind::Hook, &["acme"]), false).await;
    // Nobody has read it before.
    let hooks = EmbeddedHooks::new(store.clone(), EmbeddedDocuments::new(store.clone()));
    for limit in [1, 10] {
        let page = hooks.list(&tenant(), limit, None).await.unwrap();
        assert_eq!(page.items[0].as_ref().unwrap_err().id, bad.id.to_string());
        let rest = match &page.next {
            Some(next) => hooks.list(&tenant(), limit, Some(next)).await.unwrap().items,
            None => page.items[1..].to_vec(),
        };
        assert_eq!(rest, [Ok(fine.clone())]);
    }
    let error = hooks.get(&tenant(), bad.id).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable(row) if row.id == bad.id.to_string()), "{error:?}");
    assert!((&hooks as &dyn Hooks).exists(&tenant(), bad.id).await.unwrap());
    assert!(
        hooks.delete(&tenant(), bad.id, None).await.unwrap() && !hooks.delete(&tenant(), bad.id, None).await.unwrap()
    );
    let event_type: EventType = "post.published".parse().unwrap();
    let found = hooks.matching(&tenant(), &event_type, 10, None).await.unwrap().items;
    assert_eq!(found, [Ok(fine.subscription())]);
    assert_eq!(hooks.list(&tenant(), 10, None).await.unwrap().items, [Ok(fine.clone())]);
    let room = hooks.create_within(&bad, 2).await;
    assert!(room.is_ok(), "its place is free again: {room:?}");
}

#[tokio::test]
async fn a_subscription_that_is_damaged_hides_no_other() {
    let (store, _directory) = open();
    let hooks = EmbeddedHooks::new(store.clone(), EmbeddedDocuments::new(store.clone()));
    let (bad, fine) = (hook(1), hook(2));
    for hook in [&bad, &fine] {
        hooks.create_within(hook, 2).await.unwrap();
    }
    damage(&store, Table::Hooks, key(RowKind::Subscription, &["acme", "post.*"]), false).await;
    let event_type: EventType = "post.published".parse().unwrap();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = hooks.matching(&tenant(), &event_type, 1, cursor.as_deref()).await.unwrap();
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found[0].as_ref().unwrap_err().id, bad.id.to_string());
    assert_eq!(found[1..], [Ok(fine.subscription())]);
}

#[tokio::test]
async fn a_count_of_hooks_that_is_damaged_is_made_anew() {
    let (store, _directory) = open();
    let hooks = EmbeddedHooks::new(store.clone(), EmbeddedDocuments::new(store.clone()));
    hooks.create_within(&hook(1), 1).await.unwrap();
    damage(&store, Table::Hooks, key(RowKind::HookCount, &["acme"]), false).await;
    assert!(matches!(hooks.create_within(&hook(2), 1).await, Err(StoreError::LimitReached)));
    hooks.create_within(&hook(2), 2).await.unwrap();
}

#[tokio::test]
async fn what_a_newer_version_wrote_into_subscriptions_survives_a_change_of_the_hook() {
    let (store, _directory) = open();
    let hooks = EmbeddedHooks::new(store.clone(), EmbeddedDocuments::new(store.clone()));
    let old = hook(1);
    hooks.create_within(&old, 1).await.unwrap();
    let row = [key(RowKind::Subscription, &["acme", "*"]), old.id.0.to_bytes().to_vec()].concat();
    let mut text: serde_json::Value = serde_json::to_value(old.subscription()).unwrap();
    text["priority"] = 7.into();
    let value = serde_json::to_vec(&text).unwrap();
    let write = move |tx: &mut super::store::Transaction<'_, '_>| {
        tx.put(Table::Hooks, row, value);
        Ok(())
    };
    store.write(write).await.unwrap();
    let new = Hook { version: old.version + 1, events: ["a.*".parse().unwrap()].into(), ..old.clone() };
    hooks.update_with(&old, &new, &[]).await.unwrap();
    let found = hooks.matching(&tenant(), &"a.b".parse().unwrap(), 10, None).await.unwrap().items.remove(0).unwrap();
    assert_eq!(serde_json::to_value(&found).unwrap()["priority"], 7);
}

#[tokio::test]
async fn a_delivery_and_an_attempt_that_are_damaged_hide_no_other() {
    let (store, _directory) = open();
    let log = EmbeddedDeliveryLog(store.clone());
    let row = include_str!("../../../tests/upgrades/0.1/rows/delivery.jsonl").trim();
    let read = |number: u128| {
        let mut delivery: Delivery = serde_json::from_str(row).unwrap();
        delivery.id.event.0.0 += number;
        delivery.expires_at = START.saturating_add(HOUR);
        delivery
    };
    let (fine, bad) = (read(0), read(1));
    for delivery in [&fine, &bad] {
        log.record(delivery, Expected::Absent).await.unwrap();
    }
    let of_log = [key(RowKind::Delivery, &["acme"]), fine.hook().0.to_bytes().to_vec()].concat();
    damage(&store, Table::Logs, of_log, true).await;
    let list = async |filter: LogFilter| log.list(&tenant(), fine.hook(), &filter, 10, None).await.unwrap().items;
    let all = list(LogFilter::default()).await;
    assert_eq!(all[0].as_ref().unwrap_err().id, bad.id.to_string());
    assert_eq!(all[1..], [Ok(fine.clone())]);
    // Whether it would pass cannot be told.
    assert_eq!(list(LogFilter { status: Some(fine.status), ..LogFilter::default() }).await, [Ok(fine.clone())]);
    assert!(matches!(log.get(&tenant(), bad.id).await, Err(StoreError::Unreadable(_))));
    log.delete_unreadable(&tenant(), bad.id).await.unwrap();
    assert_eq!(log.get(&tenant(), bad.id).await.unwrap(), None);

    let mut later = fine.clone();
    later.attempt_count += 1;
    later.last_attempt.as_mut().unwrap().number += 1;
    log.record(&later, Expected::of(Some(&fine))).await.unwrap();
    damage(&store, Table::Logs, vec![RowKind::Attempt.prefix()], false).await;
    let attempts = log.attempts(&later).await.unwrap();
    assert_eq!(attempts[0].as_ref().unwrap_err().id, "2");
    assert_eq!(attempts[1..], [Ok(later.last_attempt.unwrap())], "it is in the row as well");
}

#[tokio::test]
async fn an_event_and_a_page_that_are_damaged_hide_no_other() {
    let (store, _directory) = open();
    let events = EmbeddedEvents(store.clone());
    let event = |id: &str| {
        let row = include_str!("../../../tests/upgrades/0.1/rows/event.jsonl").trim();
        let read: Event = serde_json::from_str(row).unwrap();
        Event { id: id.parse().unwrap(), expires_at: START.saturating_add(HOUR), ..read }
    };
    let page = |number| {
        let row = include_str!("../../../tests/upgrades/0.1/rows/fanout_page.jsonl").trim();
        FanoutPage { number, ..serde_json::from_str(row).unwrap() }
    };
    for id in ["one", "two"] {
        events.record(&event(id), &page(0)).await.unwrap();
    }
    for number in [1, 2] {
        events.record_page(&event("two"), &page(number)).await.unwrap();
    }
    damage(&store, Table::Logs, key(RowKind::Event, &["acme", "one"]), false).await;
    damage(&store, Table::Logs, key(RowKind::FanoutPage, &["acme", "two"]), false).await;
    let error = events.get(&tenant(), &"one".parse().unwrap()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable(row) if row.id == "one"), "{error:?}");
    let pages = events.pages(&tenant(), &"two".parse().unwrap(), 10, None).await.unwrap().items;
    assert_eq!(pages[0], Ok(page(0)));
    assert_eq!(pages[1].as_ref().unwrap_err().id, "page 1 of two");
    assert_eq!(pages[2], Ok(page(2)));
}

#[tokio::test]
async fn a_message_and_a_dead_letter_that_are_damaged_hide_no_other() {
    let (store, _directory) = open();
    let options = || QueueOptions {
        lease: HOUR,
        max_messages: 10,
        max_leased_per_group: 10,
        max_leased_to_others: 10,
        max_leased_to_busy: 10,
    };
    let queue = EmbeddedQueue::open(store.clone(), "events", options()).await.unwrap();
    let message = |body: &'static str| Outgoing { body: body.into(), group: "g".into(), due: None, content: None };
    for body in ["one", "two", "three", "four"] {
        queue.send_one(message(body)).await.unwrap();
    }
    for received in queue.receive(2).await.unwrap() {
        queue.reject(&received, "no reason").await.unwrap();
    }
    damage(&store, Table::Messages, vec![RowKind::DeadLetter.prefix()], false).await;
    damage(&store, Table::Messages, key(RowKind::Message, &["events"]), false).await;

    let queue = EmbeddedQueue::open(store.clone(), "events", options()).await.unwrap();
    let bodies: Vec<_> = queue.receive(10).await.unwrap().into_iter().map(|received| received.body).collect();
    assert_eq!(bodies, ["four"]);
    let letters = DeadLetters::new(store, vec![queue], HOUR);
    let listed = letters.list(10, None).unwrap().items;
    assert_eq!(listed[0].as_ref().unwrap().body, "two");
    let bad = listed[1].as_ref().unwrap_err().id.parse().unwrap();
    assert!(matches!(letters.get(&bad), Err(StoreError::Unreadable(_))));
    assert_eq!(letters.count().unwrap()["events"], 2);
    assert!(letters.delete(&bad).await.unwrap());
    assert_eq!(letters.list(10, None).unwrap().items.len(), 1);
}
