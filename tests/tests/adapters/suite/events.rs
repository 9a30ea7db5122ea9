use std::time::Duration;

use contract::ports::{EventRef, Recorded, TimeRange};
use domain::event::{Event, FanoutPage, MAX_DATA_BYTES};

use super::Stores;
use super::samples::{RETENTION, all_pages, event, page, raw, readable, tenant_id};

async fn record(stores: &Stores, event: &Event, page: &FanoutPage) -> Recorded<(Event, FanoutPage)> {
    stores.events.record(event, page).await.unwrap()
}

async fn get(stores: &Stores, event: &Event) -> Option<Event> {
    stores.events.get(&event.tenant, &event.id).await.unwrap()
}

fn text(event: &Event) -> &str {
    event.data.as_ref().map_or("", |data| data.get())
}

/// Events have no equality of their own, because raw JSON has none.
fn assert_same(found: &Event, published: &Event) {
    assert_eq!(text(found), text(published));
    assert_eq!(format!("{found:?}"), format!("{published:?}"));
}

pub(crate) async fn the_first_message_wins_the_same_resumes_and_any_other_is_a_duplicate(stores: &Stores) {
    let first = event("acme", "evt:1", &stores.clock);
    let made = page(0, "message-1");
    assert!(matches!(record(stores, &first, &made).await, Recorded::New));

    // A redelivered message makes another sequence and may match other hooks.
    let again = Event { data: Some(raw("2")), ..event("acme", "evt:1", &stores.clock) };
    match record(stores, &again, &page(0, "message-1")).await {
        Recorded::Resumed((found, page)) => {
            assert_same(&found, &first);
            assert_eq!(page, made);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(record(stores, &again, &page(0, "message-2")).await, Recorded::Duplicate));
    assert_same(&get(stores, &first).await.unwrap(), &first);
}

pub(crate) async fn of_concurrent_messages_one_wins(stores: &Stores) {
    let messages = (0..8).map(|i| async move {
        let copy = event("acme", "evt:1", &stores.clock);
        record(stores, &copy, &page(0, &format!("message-{i}"))).await
    });
    let recorded = futures::future::join_all(messages).await;
    let count = |wanted: fn(&Recorded<_>) -> bool| recorded.iter().filter(|r| wanted(r)).count();
    assert_eq!(count(|r| matches!(r, Recorded::New)), 1);
    assert_eq!(count(|r| matches!(r, Recorded::Duplicate)), 7);
}

pub(crate) async fn a_page_is_recorded_once_as_well(stores: &Stores) {
    let published = event("acme", "evt:1", &stores.clock);
    record(stores, &published, &page(0, "message-1")).await;
    let made = page(1, "message-2");
    let record_page = async |page: &FanoutPage| stores.events.record_page(&published, page).await.unwrap();
    assert!(matches!(record_page(&made).await, Recorded::New));
    match record_page(&page(1, "message-2")).await {
        Recorded::Resumed(found) => assert_eq!(found, made),
        other => panic!("{other:?}"),
    }
    assert!(matches!(record_page(&page(1, "message-3")).await, Recorded::Duplicate));
}

pub(crate) async fn data_is_read_back_byte_for_byte(stores: &Stores) {
    let long = format!(r#"{{"b":1.10, "a":1e3,"é":"\u00e9 \ud83d\ude00 😀","x":"{}"}}"#, "ab ".repeat(2_000));
    for (i, data) in ["null", "0", r#""""#, r#"{"b":1.10,  "a":1E+3,"é":"\u00e9"}"#, &long].into_iter().enumerate() {
        let mut published = Event { data: Some(raw(data)), ..event("acme", &format!("evt:{i}"), &stores.clock) };
        if i == 0 {
            published.channels.clear();
        }
        let mut made = page(0, "message-1");
        if i == 1 {
            made.hooks.clear();
            made.next = None;
        }
        record(stores, &published, &made).await;
        assert_same(&get(stores, &published).await.unwrap(), &published);
    }
}

pub(crate) async fn the_largest_data_is_read_back(stores: &Stores) {
    // Digits that do not compress well, in a fixed pseudo-random order.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + 2 + u8::try_from(state >> 58).unwrap_or(0) % 57)
    });
    let text: String = noise.take(MAX_DATA_BYTES - 2).collect();
    for (id, text) in [("noise", text), ("zeros", "0".repeat(MAX_DATA_BYTES - 2))] {
        let published = Event { data: Some(raw(&format!("\"{text}\""))), ..event("acme", id, &stores.clock) };
        assert_eq!(self::text(&published).len(), MAX_DATA_BYTES);
        record(stores, &published, &page(0, "message-1")).await;
        assert_eq!(self::text(&get(stores, &published).await.unwrap()), self::text(&published));
    }
}

pub(crate) async fn the_pages_of_an_event_are_listed_in_order(stores: &Stores) {
    let published = event("acme", "evt:1", &stores.clock);
    let pages: Vec<FanoutPage> = (0..12).map(|number| page(number, &format!("message-{number}"))).collect();
    record(stores, &published, &pages[0]).await;
    for page in pages[1..].iter().rev() {
        stores.events.record_page(&published, page).await.unwrap();
    }
    record(stores, &event("acme", "evt:10", &stores.clock), &page(0, "other")).await;
    let (tenant, id) = (&published.tenant, &published.id);
    for limit in [1, 5, 100] {
        let listed =
            all_pages(|cursor| async move { stores.events.pages(tenant, id, limit, cursor.as_deref()).await }).await;
        assert_eq!(readable(listed), pages, "limit {limit}");
    }
}

pub(crate) async fn an_event_is_found_under_its_own_tenant_only(stores: &Stores) {
    let mine = event("acme", "evt:1", &stores.clock);
    record(stores, &mine, &page(0, "message-1")).await;
    let other = tenant_id("other");
    assert!(stores.events.get(&other, &mine.id).await.unwrap().is_none());
    assert!(stores.events.pages(&other, &mine.id, 10, None).await.unwrap().items.is_empty());
    // The same id of another tenant is another event.
    let theirs = event("other", "evt:1", &stores.clock);
    assert!(matches!(record(stores, &theirs, &page(0, "message-2")).await, Recorded::New));
    assert_same(&get(stores, &mine).await.unwrap(), &mine);
}

pub(crate) async fn an_event_past_its_expiry_is_not_found_and_its_id_is_free(stores: &Stores) {
    let old = event("acme", "evt:1", &stores.clock);
    record(stores, &old, &page(0, "message-1")).await;
    stores.events.record_page(&old, &page(1, "message-2")).await.unwrap();
    stores.clock.advance(RETENTION - Duration::from_millis(1));
    assert!(get(stores, &old).await.is_some());
    stores.clock.advance(Duration::from_millis(1));
    assert!(get(stores, &old).await.is_none());
    assert!(stores.events.pages(&old.tenant, &old.id, 10, None).await.unwrap().items.is_empty());

    let new = event("acme", "evt:1", &stores.clock);
    assert!(matches!(record(stores, &new, &page(0, "message-3")).await, Recorded::New));
    assert_same(&get(stores, &new).await.unwrap(), &new);
}

pub(crate) async fn of_an_event_past_its_expiry_it_is_told_when_that_was(stores: &Stores) {
    let old = event("acme", "evt:1", &stores.clock);
    let expired_at = async |tenant: &str, id: &str| {
        stores.events.expired_at(&tenant_id(tenant), &id.parse().unwrap()).await.unwrap()
    };
    assert_eq!(expired_at("acme", "evt:1").await, None, "it was never recorded");
    record(stores, &old, &page(0, "message-1")).await;
    assert_eq!(expired_at("acme", "evt:1").await, None, "it is kept");
    stores.clock.advance(RETENTION + Duration::from_secs(1));
    assert_eq!(expired_at("acme", "evt:1").await, Some(old.expires_at));
    assert_eq!(expired_at("other", "evt:1").await, None);
}

fn name(event: &Event) -> EventRef {
    EventRef { seq: event.seq, id: event.id.clone() }
}

pub(crate) async fn an_expunged_payload_is_gone_and_the_event_stays(stores: &Stores) {
    let published = event("acme", "evt:1", &stores.clock);
    let made = page(0, "message-1");
    record(stores, &published, &made).await;
    assert!(!stores.events.expunge(&tenant_id("other"), &published.id).await.unwrap());
    for _ in 0..2 {
        assert!(stores.events.expunge(&published.tenant, &published.id).await.unwrap());
    }
    assert_same(&get(stores, &published).await.unwrap(), &Event { data: None, ..published.clone() });
    let pages = stores.events.pages(&published.tenant, &published.id, 10, None).await.unwrap();
    assert_eq!(readable(pages.items), [made]);
    assert!(matches!(record(stores, &published, &page(0, "message-2")).await, Recorded::Duplicate));
    assert!(matches!(record(stores, &published, &page(0, "message-1")).await, Recorded::Resumed(_)));
    assert!(get(stores, &published).await.unwrap().data.is_none());
}

pub(crate) async fn a_deleted_event_is_gone_and_a_later_one_of_its_id_stays(stores: &Stores) {
    let published = event("acme", "evt:1", &stores.clock);
    record(stores, &published, &page(0, "message-1")).await;
    stores.events.record_page(&published, &page(1, "message-2")).await.unwrap();
    for _ in 0..2 {
        stores.events.delete(&published.tenant, &name(&published)).await.unwrap();
    }
    assert!(get(stores, &published).await.is_none());
    assert!(stores.events.pages(&published.tenant, &published.id, 10, None).await.unwrap().items.is_empty());

    stores.clock.advance(Duration::from_secs(1));
    let later = event("acme", "evt:1", &stores.clock);
    assert!(matches!(record(stores, &later, &page(0, "message-3")).await, Recorded::New));
    stores.events.delete(&published.tenant, &name(&published)).await.unwrap();
    assert_same(&get(stores, &later).await.unwrap(), &later);
}

pub(crate) async fn unclaimed_events_are_listed_in_order_of_time(stores: &Stores) {
    let mut made = Vec::new();
    for i in 0..9 {
        let published = event("acme", &format!("evt:{i}"), &stores.clock);
        made.push((name(&published), published.expires_at));
        stores.clock.advance(Duration::from_secs(1));
    }
    let tenant = &tenant_id("acme");
    for _ in 0..2 {
        stores.events.unclaim(tenant, &made).await.unwrap();
    }
    let names: Vec<EventRef> = made.iter().map(|(event, _)| event.clone()).collect();
    let at = |i: usize| Some(names[i].seq.at());
    let all = TimeRange::default();
    let some = TimeRange { since: at(2), until: at(6) };
    let none = TimeRange { since: at(6), until: at(2) };
    for (times, expected) in [(all, &names[..]), (some, &names[2..6]), (none, &[])] {
        for limit in [1, 4, 50] {
            let read = |cursor: Option<String>| async move {
                stores.events.unclaimed(tenant, times, limit, cursor.as_deref()).await
            };
            assert_eq!(all_pages(read).await, expected, "limit {limit}");
        }
    }
    assert!(stores.events.unclaimed(&tenant_id("other"), all, 9, None).await.unwrap().items.is_empty());
    stores.events.delete(tenant, &names[0]).await.unwrap();
    assert_eq!(stores.events.unclaimed(tenant, all, 1, None).await.unwrap().items, names[1..2]);
    stores.clock.advance(RETENTION);
    assert!(stores.events.unclaimed(tenant, all, 50, None).await.unwrap().items.is_empty());
}
