use contract::ports::{Clock as _, OsRandom, StoreError};
use domain::capability::Capabilities;
use domain::ids::{KeyId, TenantId};
use domain::key::{ApiKey, KeyHash, Scope};
use domain::unknown::Unknown;

use super::samples::{readable, tenant_id};
use super::{START, Stores};

fn key(stores: &Stores, tenant: Option<TenantId>, scope: Scope) -> ApiKey {
    ApiKey {
        tenant,
        id: KeyId::new(stores.clock.now(), &OsRandom),
        name: "CI".to_owned(),
        scope,
        capabilities: (scope == Scope::Limited).then(Capabilities::view_only),
        hash: KeyHash::of("the key"),
        created_at: START,
        expires_at: Some(START),
        last_used_at: None,
        version: 1,
        unknown: Unknown::NONE,
    }
}

pub(crate) async fn a_key_is_found_under_its_own_tenant_only(stores: &Stores) {
    let owners = [None, Some(tenant_id("acme")), Some(tenant_id("other"))];
    for owner in &owners {
        let one = key(stores, owner.clone(), Scope::Limited);
        stores.keys.create(&one).await.unwrap();
        for asked in &owners {
            let found = stores.keys.get(asked.as_ref(), one.id).await.unwrap();
            assert_eq!(found.as_deref(), (asked == owner).then_some(&one));
        }
        assert_eq!(readable(stores.keys.list(owner.as_ref()).await.unwrap()), [one]);
    }
}

pub(crate) async fn the_list_of_a_tenant_is_complete_and_in_order_of_id(stores: &Stores) {
    let acme = tenant_id("acme");
    let mut keys = Vec::new();
    for _ in 0..12 {
        let one = key(stores, Some(acme.clone()), Scope::Tenant);
        stores.keys.create(&one).await.unwrap();
        keys.push(one);
    }
    stores.keys.create(&key(stores, Some(tenant_id("acme2")), Scope::Tenant)).await.unwrap();
    keys.sort_by_key(|k| k.id);
    assert_eq!(readable(stores.keys.list(Some(&acme)).await.unwrap()), keys);
}

pub(crate) async fn an_update_of_an_older_version_or_of_a_deleted_key_is_a_conflict(stores: &Stores) {
    let one = key(stores, Some(tenant_id("acme")), Scope::Tenant);
    stores.keys.create(&one).await.unwrap();
    let used = ApiKey { last_used_at: Some(START), version: 2, ..one.clone() };
    stores.keys.update(&used).await.unwrap();
    assert!(matches!(stores.keys.update(&used).await, Err(StoreError::Conflict)));
    assert_eq!(stores.keys.get(one.tenant.as_ref(), one.id).await.unwrap().as_deref(), Some(&used));
    stores.keys.delete(one.tenant.as_ref(), one.id).await.unwrap();
    let late = ApiKey { version: 3, ..used };
    assert!(matches!(stores.keys.update(&late).await, Err(StoreError::Conflict)));
    assert_eq!(stores.keys.get(one.tenant.as_ref(), one.id).await.unwrap(), None);
}

pub(crate) async fn a_deleted_key_is_gone_and_deleting_it_again_says_so(stores: &Stores) {
    let one = key(stores, Some(tenant_id("acme")), Scope::Tenant);
    let tenant = one.tenant.as_ref();
    stores.keys.create(&one).await.unwrap();
    assert!(!stores.keys.delete(Some(&tenant_id("other")), one.id).await.unwrap());
    assert!(!stores.keys.delete(None, one.id).await.unwrap());
    assert!(stores.keys.delete(tenant, one.id).await.unwrap());
    assert!(!stores.keys.delete(tenant, one.id).await.unwrap());
    assert_eq!(stores.keys.get(tenant, one.id).await.unwrap(), None);
}
