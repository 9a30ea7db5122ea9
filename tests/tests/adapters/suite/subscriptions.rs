use std::collections::BTreeSet;

use domain::ids::{EventType, HookId};

use super::Stores;
use super::samples::{all_pages, hook, tenant_id};

async fn create(stores: &Stores, tenant: &str, patterns: &[&str]) -> HookId {
    let one = hook(tenant, patterns);
    stores.hooks.create(&one).await.unwrap();
    one.id
}

async fn matching(stores: &Stores, tenant: &str, event_type: &str, limit: usize) -> Vec<HookId> {
    let (tenant, event_type) = (&tenant_id(tenant), &event_type.parse::<EventType>().unwrap());
    let read = |cursor: Option<String>| async move {
        let page = stores.subscriptions.matching(tenant, event_type, limit, cursor.as_deref()).await?;
        assert!(page.items.len() <= limit);
        Ok(page)
    };
    all_pages(read).await.into_iter().flatten().map(|m| m.hook).collect()
}

fn sorted(ids: impl IntoIterator<Item = HookId>) -> Vec<HookId> {
    let mut ids: Vec<_> = ids.into_iter().collect();
    ids.sort();
    ids
}

pub(crate) async fn every_hook_that_asks_for_the_type_is_found_once(stores: &Stores) {
    let mut expected = Vec::new();
    for patterns in [&["a.b.c"][..], &["a.b.*"], &["a.*"], &["*"], &["*", "a.*", "a.b.c"], &["a.b.*", "x"]] {
        expected.push(create(stores, "acme", patterns).await);
    }
    create(stores, "acme", &["a.b", "a.b.c.*", "a.b.cd", "x.*"]).await;
    assert_eq!(sorted(matching(stores, "acme", "a.b.c", 100).await), sorted(expected));
}

pub(crate) async fn pages_are_complete_whatever_their_size(stores: &Stores) {
    let mut expected = BTreeSet::new();
    for i in 0..9 {
        let patterns: &[&str] = match i % 3 {
            0 => &["*"],
            1 => &["post.*", "*"],
            _ => &["post.published", "post.*"],
        };
        expected.insert(create(stores, "acme", patterns).await);
    }
    for limit in [1, 2, 4, 9, 100] {
        let found = sorted(matching(stores, "acme", "post.published", limit).await);
        assert_eq!(found, sorted(expected.clone()), "limit {limit}");
    }
}

pub(crate) async fn another_tenants_hooks_are_never_found(stores: &Stores) {
    let mine = create(stores, "acme", &["post.published"]).await;
    for tenant in ["acme-2", "acm", "other"] {
        create(stores, tenant, &["post.published", "*"]).await;
    }
    assert_eq!(matching(stores, "acme", "post.published", 10).await, [mine]);
    assert_eq!(matching(stores, "nobody", "post.published", 10).await, []);
}

pub(crate) async fn hooks_that_do_not_match_are_not_found(stores: &Stores) {
    create(stores, "acme", &["post.published.*", "post", "user.created"]).await;
    assert_eq!(matching(stores, "acme", "post.published", 10).await, []);
}
