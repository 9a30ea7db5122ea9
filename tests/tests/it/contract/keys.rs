use shared::domain::ids::KeyId;
use shared::domain::key::{ApiKey, KeyHash, Scope};
use shared::ports::OsRandom;

use super::samples::tenant_id;
use super::{START, Stores};

fn key(stores: &Stores, tenant: &str, scope: Scope) -> ApiKey {
    ApiKey {
        tenant: tenant_id(tenant),
        id: KeyId::new(&stores.clock, &OsRandom),
        name: "CI".to_owned(),
        scope,
        hash: KeyHash::of("the key"),
        created_at: START,
    }
}

pub(crate) async fn a_key_is_found_under_its_own_tenant_only(stores: &Stores) {
    let one = key(stores, "acme", Scope::Publish);
    stores.keys.create(&one).await.unwrap();
    assert_eq!(stores.keys.get(&one.tenant, one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(stores.keys.get(&tenant_id("other"), one.id).await.unwrap(), None);
    assert!(stores.keys.list(&tenant_id("other")).await.unwrap().is_empty());
}

pub(crate) async fn the_list_of_a_tenant_is_complete_and_in_order_of_id(stores: &Stores) {
    let mut keys = Vec::new();
    for _ in 0..12 {
        let one = key(stores, "acme", Scope::Tenant);
        stores.keys.create(&one).await.unwrap();
        keys.push(one);
    }
    stores.keys.create(&key(stores, "acme2", Scope::Tenant)).await.unwrap();
    keys.sort_by_key(|k| k.id);
    assert_eq!(stores.keys.list(&tenant_id("acme")).await.unwrap(), keys);
}

pub(crate) async fn a_deleted_key_is_gone_and_deleting_it_again_says_so(stores: &Stores) {
    let one = key(stores, "acme", Scope::Tenant);
    stores.keys.create(&one).await.unwrap();
    assert!(!stores.keys.delete(&tenant_id("other"), one.id).await.unwrap());
    assert!(stores.keys.delete(&one.tenant, one.id).await.unwrap());
    assert!(!stores.keys.delete(&one.tenant, one.id).await.unwrap());
    assert_eq!(stores.keys.get(&one.tenant, one.id).await.unwrap(), None);
}
