use std::time::Duration;

use contract::ports::{Document, KEPT_REVISION_BYTES, KEPT_REVISIONS, PlacedDocument, StoreError};
use domain::hook::{Hook, MAX_PATTERNS};
use domain::ids::HookId;
use services::delivery::former_hook::version_at;

use super::samples::{all_pages, changed, hook, readable, tenant_id};
use super::{START, Stores};

async fn get(stores: &Stores, hook: &Hook) -> Option<Hook> {
    stores.hooks.get(&hook.tenant, hook.id).await.unwrap().map(|h| (*h).clone())
}

async fn matches(stores: &Stores, event_type: &str) -> Vec<HookId> {
    let page =
        stores.subscriptions.matching(&tenant_id("acme"), &event_type.parse().unwrap(), 100, None).await.unwrap();
    page.items.iter().flatten().map(|m| m.hook).collect()
}

pub(crate) async fn a_hook_is_found_under_its_own_tenant_only(stores: &Stores) {
    let one = hook("acme", &["post.published"]);
    stores.hooks.create(&one).await.unwrap();
    assert!(get(stores, &one).await.is_some());
    assert!(stores.hooks.get(&tenant_id("other"), one.id).await.unwrap().is_none());
    assert!(stores.hooks.list(&tenant_id("other"), 10, None).await.unwrap().items.is_empty());
}

pub(crate) async fn creating_a_hook_that_exists_is_a_conflict(stores: &Stores) {
    let one = hook("acme", &["post.published"]);
    stores.hooks.create(&one).await.unwrap();
    let again = Hook { events: ["other".parse().unwrap()].into(), ..one.clone() };
    assert!(matches!(stores.hooks.create(&again).await, Err(StoreError::Conflict)));
    assert_eq!(get(stores, &one).await, Some(one));
    assert_eq!(matches(stores, "other").await, []);
}

pub(crate) async fn an_update_based_on_an_older_version_is_a_conflict_and_changes_nothing(stores: &Stores) {
    let old = hook("acme", &["post.published"]);
    stores.hooks.create(&old).await.unwrap();
    let new = changed(&old, |h| h.name = "renamed".to_owned());
    stores.hooks.update(&old, &new).await.unwrap();
    let renamed_too = changed(&old, |h| h.name = "too late".to_owned());
    assert!(matches!(stores.hooks.update(&old, &renamed_too).await, Err(StoreError::Conflict)));
    let moved_too = changed(&old, |h| h.events = ["late.type".parse().unwrap()].into());
    assert!(matches!(stores.hooks.update(&old, &moved_too).await, Err(StoreError::Conflict)));
    assert_eq!(get(stores, &old).await, Some(new));
    assert_eq!(matches(stores, "late.type").await, []);
    assert_eq!(matches(stores, "post.published").await, [old.id]);
}

pub(crate) async fn documents_beside_an_update_are_written_with_it_or_not_at_all(stores: &Stores) {
    let old = hook("acme", &["post.published"]);
    stores.hooks.create(&old).await.unwrap();
    let note = |name: &str| PlacedDocument {
        partition: "notes".to_owned(),
        document: Document { name: name.to_owned(), version: 1, body: format!("\"{name}\"") },
    };
    let stored = async |name: &str| stores.documents.get("notes", name).await.unwrap().is_some();
    let renamed = changed(&old, |h| h.name = "renamed".to_owned());
    stores.hooks.update_with(&old, &renamed, &[note("one"), note("two")]).await.unwrap();
    assert_eq!(get(stores, &old).await, Some(renamed.clone()));
    assert!(stored("one").await && stored("two").await);
    // With its rows of subscriptions as well.
    let moved = changed(&renamed, |h| h.events = ["other".parse().unwrap()].into());
    stores.hooks.update_with(&renamed, &moved, &[note("three")]).await.unwrap();
    assert!(get(stores, &old).await == Some(moved.clone()) && stored("three").await);
    assert_eq!((matches(stores, "other").await, matches(stores, "post.published").await), (vec![old.id], vec![]));
    let late = changed(&moved, |h| h.events = ["late".parse().unwrap()].into());
    for (based_on, documents) in [(&moved, [note("four"), note("one")]), (&renamed, [note("five"), note("six")])] {
        let answer = stores.hooks.update_with(based_on, &late, &documents).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
    }
    assert_eq!(get(stores, &old).await, Some(moved));
    assert!(!stored("four").await && !stored("five").await && !stored("six").await);
    assert_eq!(matches(stores, "late").await, []);
}

pub(crate) async fn an_update_moves_the_subscription_rows_with_the_hook(stores: &Stores) {
    let old = hook("acme", &["kept", "dropped"]);
    stores.hooks.create(&old).await.unwrap();
    let new = changed(&old, |h| h.events = ["kept".parse().unwrap(), "added.*".parse().unwrap()].into());
    stores.hooks.update(&old, &new).await.unwrap();
    assert_eq!(matches(stores, "kept").await, [old.id]);
    assert_eq!(matches(stores, "added.x").await, [old.id]);
    assert_eq!(matches(stores, "dropped").await, []);

    let off = changed(&new, |h| {
        h.enabled = false;
        h.channels = ["only".parse().unwrap()].into();
    });
    stores.hooks.update(&new, &off).await.unwrap();
    for event_type in ["kept", "added.x"] {
        let event_type = event_type.parse().unwrap();
        let page = stores.subscriptions.matching(&off.tenant, &event_type, 10, None).await.unwrap();
        assert!(page.items.iter().flatten().all(|row| *row == off.subscription()), "{:?}", page.items);
    }
}

pub(crate) async fn every_field_is_read_back(stores: &Stores) {
    let one = hook("acme", &["post.*", "*"]);
    stores.hooks.create(&one).await.unwrap();
    assert_eq!(get(stores, &one).await, Some(one.clone()));
    assert_eq!(readable(stores.hooks.list(&one.tenant, 1, None).await.unwrap().items), [one]);
}

pub(crate) async fn pages_are_complete_and_in_order_of_id(stores: &Stores) {
    let mut hooks: Vec<Hook> = (0..7).map(|_| hook("acme", &["a"])).collect();
    for one in &hooks {
        stores.hooks.create(one).await.unwrap();
    }
    stores.hooks.create(&hook("acme-2", &["a"])).await.unwrap();
    hooks.sort_by_key(|h| h.id);
    let tenant = &tenant_id("acme");
    for limit in [1, 3, 7, 50] {
        let listed = all_pages(|cursor| async move { stores.hooks.list(tenant, limit, cursor.as_deref()).await }).await;
        assert_eq!(readable(listed), hooks, "limit {limit}");
    }
}

pub(crate) async fn a_deleted_hook_is_gone_and_matches_nothing(stores: &Stores) {
    let one = hook("acme", &["a", "b.*"]);
    stores.hooks.create(&one).await.unwrap();
    let of_another = stores.hooks.delete(&one.tenant, one.id, Some(one.version + 1)).await;
    assert!(matches!(of_another, Err(StoreError::Conflict)), "{of_another:?}");
    assert_eq!(get(stores, &one).await.as_ref(), Some(&one));
    assert_eq!(matches(stores, "a").await, [one.id]);
    assert!(stores.hooks.delete(&one.tenant, one.id, Some(one.version)).await.unwrap());
    assert!(get(stores, &one).await.is_none());
    assert_eq!(matches(stores, "a").await, []);
    assert_eq!(matches(stores, "b.c").await, []);
    assert!(!stores.hooks.delete(&one.tenant, one.id, None).await.unwrap());
}

pub(crate) async fn a_hook_may_have_the_most_patterns(stores: &Stores) {
    let mut one = hook("acme", &[]);
    one.events = (0..MAX_PATTERNS).map(|i| format!("type.{i}").parse().unwrap()).collect();
    stores.hooks.create(&one).await.unwrap();
    assert_eq!(matches(stores, "type.49").await, [one.id]);
    let fewer = changed(&one, |h| h.events = ["type.0".parse().unwrap()].into());
    stores.hooks.update(&one, &fewer).await.unwrap();
    assert_eq!(matches(stores, "type.49").await, []);
    assert!(stores.hooks.delete(&fewer.tenant, fewer.id, None).await.unwrap());
}

pub(crate) async fn former_versions_can_be_read_until_they_are_forgotten(stores: &Stores) {
    let first = hook("acme", &["a"]);
    stores.hooks.create(&first).await.unwrap();
    let second = changed(&first, |h| h.url = "https://example.com/second".to_owned());
    stores.hooks.update(&first, &second).await.unwrap();
    let third = changed(&second, |h| h.events = ["b".parse().unwrap()].into());
    stores.hooks.update(&second, &third).await.unwrap();
    let revision = async |version| stores.hooks.revision(&first.tenant, first.id, version).await.unwrap();
    for known in [&first, &second, &third] {
        assert_eq!(revision(known.version).await.as_ref(), Some(known));
    }
    assert_eq!(revision(4).await, None);
    assert_eq!(stores.hooks.revision(&tenant_id("other"), first.id, 1).await.unwrap(), None);
    assert_eq!(readable(stores.hooks.list(&first.tenant, 10, None).await.unwrap().items), std::slice::from_ref(&third));

    assert!(stores.hooks.delete(&third.tenant, third.id, None).await.unwrap());
    stores.hooks.forget(&first.tenant, first.id).await.unwrap();
    for version in 1..=3 {
        assert_eq!(revision(version).await, None);
    }
}

pub(crate) async fn only_so_many_former_versions_are_kept(stores: &Stores) {
    let first = hook("acme", &["a"]);
    stores.hooks.create(&first).await.unwrap();
    let mut now = first.clone();
    for _ in 0..=KEPT_REVISIONS {
        let next = changed(&now, |_| {});
        stores.hooks.update(&now, &next).await.unwrap();
        now = next;
    }
    let revision = async |version| stores.hooks.revision(&first.tenant, first.id, version).await.unwrap();
    assert_eq!(revision(1).await, None);
    assert_eq!(revision(2).await.map(|hook| hook.version), Some(2));
}

pub(crate) async fn former_versions_are_bounded_in_bytes_and_the_newest_stays(stores: &Stores) {
    let first = hook("acme", &["a"]);
    stores.hooks.create(&first).await.unwrap();
    let mut now = first.clone();
    let mut kept_at_most = 0;
    // Large ones, then small ones, of which only their number bounds them, and large ones again.
    for (times, bytes) in [(12, 100_000), (60, 1_500), (3, 100_000), (1, 300_000), (2, 10)] {
        for _ in 0..times {
            let next = changed(&now, |hook| hook.description = "x".repeat(bytes));
            stores.hooks.update(&now, &next).await.unwrap();
            now = next;
            let mut total = 0;
            for version in 1..now.version {
                let kept = stores.hooks.revision(&now.tenant, now.id, version).await.unwrap();
                total += kept.map_or(0, |hook| hook.description.len());
            }
            assert!(total <= KEPT_REVISION_BYTES, "{total} bytes at version {}", now.version);
            let newest = stores.hooks.revision(&now.tenant, now.id, now.version - 1).await.unwrap();
            assert_eq!(newest.map(|hook| hook.version), Some(now.version - 1));
            kept_at_most = kept_at_most.max(total);
        }
    }
    assert!(kept_at_most > KEPT_REVISION_BYTES / 4, "what there is room for is kept: {kept_at_most}");
}

pub(crate) async fn the_version_of_any_time_is_found_as_long_as_it_is_kept(stores: &Stores) {
    let first = hook("acme", &["a"]);
    stores.hooks.create(&first).await.unwrap();
    let at = |version: u64| START.saturating_add(Duration::from_secs(version));
    let mut now = first.clone();
    let found = async |now: &Hook, time| version_at(stores.hooks.as_ref(), now, time).await.unwrap();
    for version in 2..=KEPT_REVISIONS + 9 {
        let next = changed(&now, |hook| hook.updated_at = at(version));
        stores.hooks.update(&now, &next).await.unwrap();
        now = next;
        if matches!(version, 2 | 3 | 8) {
            for earlier in 2..=version {
                assert_eq!(found(&now, at(earlier)).await.map(|hook| hook.version), Some(earlier), "of {version}");
            }
            assert_eq!(found(&now, START).await.as_ref(), Some(&first));
        }
    }
    for version in 2..=now.version {
        let between = at(version).saturating_add(Duration::from_millis(500));
        let kept = Some(version).filter(|version| *version >= now.version - KEPT_REVISIONS);
        assert_eq!(found(&now, between).await.map(|hook| hook.version), kept, "{version}");
    }
    assert_eq!(found(&now, START.saturating_sub(Duration::from_secs(1))).await, None, "it was made later");
}

pub(crate) async fn a_tenant_never_gets_more_hooks_than_it_may_have(stores: &Stores) {
    let hooks: Vec<Hook> = (0..12).map(|_| hook("acme", &["a"])).collect();
    let created = futures::future::join_all(hooks.iter().map(|hook| stores.hooks.create_within(hook, 5))).await;
    assert_eq!(created.iter().filter(|answer| answer.is_ok()).count(), 5);
    assert!(created.iter().all(|answer| matches!(answer, Ok(()) | Err(StoreError::LimitReached))), "{created:?}");
    assert_eq!(stores.hooks.list(&tenant_id("acme"), 20, None).await.unwrap().items.len(), 5);

    let one = hooks.iter().zip(&created).find(|(_, answer)| answer.is_ok()).unwrap().0;
    assert!(stores.hooks.delete(&one.tenant, one.id, None).await.unwrap());
    assert!(!stores.hooks.delete(&one.tenant, one.id, None).await.unwrap(), "it makes room once");
    stores.hooks.create_within(&hook("acme", &["a"]), 5).await.unwrap();
    let beyond = stores.hooks.create_within(&hook("acme", &["a"]), 5).await;
    assert!(matches!(beyond, Err(StoreError::LimitReached)), "{beyond:?}");
    assert!(matches!(stores.hooks.create_within(&hook("none", &["a"]), 0).await, Err(StoreError::LimitReached)));
    stores.hooks.create_within(&hook("other", &["a"]), 1).await.unwrap();
}
