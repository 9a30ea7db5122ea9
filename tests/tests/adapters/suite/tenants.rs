use contract::ports::{Clock as _, StoreError};
use domain::tenant::Tenant;
use domain::time::Timestamp;

use super::Stores;
use super::samples::{all_pages, hook, readable, tenant, tenant_id};

pub(crate) async fn creating_a_tenant_that_exists_is_a_conflict_and_changes_nothing(stores: &Stores) {
    let first = tenant("acme");
    stores.tenants.create(&first).await.unwrap();
    let second = Tenant { name: "another".to_owned(), ..first.clone() };
    assert!(matches!(stores.tenants.create(&second).await, Err(StoreError::Conflict)));
    assert_eq!(stores.tenants.get(&first.id).await.unwrap().as_deref(), Some(&first));
}

pub(crate) async fn an_update_based_on_an_older_version_is_a_conflict(stores: &Stores) {
    let first = tenant("acme");
    stores.tenants.create(&first).await.unwrap();
    let second = Tenant { name: "renamed".to_owned(), version: 2, ..first.clone() };
    stores.tenants.update(&second).await.unwrap();
    let late = Tenant { name: "too late".to_owned(), version: 2, ..first };
    assert!(matches!(stores.tenants.update(&late).await, Err(StoreError::Conflict)));
    assert_eq!(stores.tenants.get(&second.id).await.unwrap().as_deref(), Some(&second));
    let unknown = Tenant { version: 2, ..tenant("nobody") };
    assert!(matches!(stores.tenants.update(&unknown).await, Err(StoreError::Conflict)));
}

pub(crate) async fn what_was_written_is_read_back_at_once(stores: &Stores) {
    let one = tenant("acme");
    assert_eq!(stores.tenants.get(&one.id).await.unwrap(), None);
    stores.tenants.create(&one).await.unwrap();
    assert_eq!(stores.tenants.get(&one.id).await.unwrap().as_deref(), Some(&one));
    assert_eq!(stores.tenants.get(&tenant_id("acme2")).await.unwrap(), None);
}

pub(crate) async fn pages_are_complete_and_in_order_of_id(stores: &Stores) {
    let ids = ["Zeta", "a", "a-1", "acme", "acme_1", "b", "zz"];
    for id in ids.iter().rev() {
        stores.tenants.create(&tenant(id)).await.unwrap();
    }
    for limit in [1, 2, 3, 7, 100] {
        let listed = all_pages(|cursor| async move { stores.tenants.list(limit, cursor.as_deref()).await }).await;
        assert_eq!(readable(listed), ids.map(tenant), "limit {limit}");
    }
    assert!(stores.tenants.list(3, None).await.unwrap().items.len() <= 3);
}

pub(crate) async fn a_deleted_tenant_is_gone_and_deleting_it_again_says_so(stores: &Stores) {
    let one = tenant("acme");
    stores.tenants.create(&one).await.unwrap();
    assert!(stores.tenants.delete(&one.id, stores.clock.now()).await.unwrap());
    assert!(!stores.tenants.delete(&one.id, stores.clock.now()).await.unwrap());
    assert_eq!(stores.tenants.get(&one.id).await.unwrap(), None);
    assert!(stores.tenants.list(10, None).await.unwrap().items.is_empty());
}

pub(crate) async fn when_a_tenant_was_deleted_is_told_until_that_is_forgotten(stores: &Stores) {
    let one = tenant("acme");
    stores.tenants.create(&one).await.unwrap();
    let deleted_at = async || stores.tenants.deleted_at(&one.id).await.unwrap();
    assert_eq!(deleted_at().await, None);
    let (first, last) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
    for at in [first, last] {
        stores.tenants.delete(&one.id, at).await.unwrap();
        assert_eq!(deleted_at().await, Some(at));
    }
    stores.tenants.create(&one).await.unwrap();
    stores.tenants.forget_deleted(&one.id, first).await.unwrap();
    assert_eq!(deleted_at().await, Some(last), "that was another one");
    stores.tenants.forget_deleted(&one.id, last).await.unwrap();
    assert_eq!(deleted_at().await, None);
    assert!(stores.tenants.get(&one.id).await.unwrap().is_some());
}

pub(crate) async fn a_cursor_of_another_list_is_refused(stores: &Stores) {
    for tenant in ["acme", "other"] {
        for _ in 0..3 {
            stores.hooks.create(&hook(tenant, &["a"])).await.unwrap();
        }
    }
    let of_hooks = stores.hooks.list(&tenant_id("acme"), 1, None).await.unwrap().next.unwrap();
    for cursor in ["", "x", "é", of_hooks.as_str()] {
        let answer = stores.tenants.list(10, Some(cursor)).await;
        assert!(matches!(answer, Err(StoreError::BadCursor)), "{cursor}: {answer:?}");
    }
    let foreign = stores.hooks.list(&tenant_id("other"), 1, Some(&of_hooks)).await;
    assert!(matches!(foreign, Err(StoreError::BadCursor)), "{foreign:?}");
}

pub(crate) async fn former_versions_can_be_read_until_the_tenant_is_deleted(stores: &Stores) {
    let first = tenant("acme");
    stores.tenants.create(&first).await.unwrap();
    let second = Tenant { name: "renamed".to_owned(), version: 2, ..first.clone() };
    stores.tenants.update(&second).await.unwrap();
    let revision = async |version| stores.tenants.revision(&first.id, version).await.unwrap();
    assert_eq!((revision(1).await, revision(2).await), (Some(first.clone()), Some(second)));
    assert_eq!(revision(3).await, None);
    let late = Tenant { name: "too late".to_owned(), version: 2, ..first.clone() };
    assert!(matches!(stores.tenants.update(&late).await, Err(StoreError::Conflict)));
    assert_eq!(revision(1).await.as_ref(), Some(&first));

    assert!(stores.tenants.delete(&first.id, stores.clock.now()).await.unwrap());
    assert_eq!((revision(1).await, revision(2).await), (None, None));
    let anew = Tenant { name: "anew".to_owned(), ..first.clone() };
    stores.tenants.create(&anew).await.unwrap();
    assert_eq!(revision(1).await, Some(anew));
}
