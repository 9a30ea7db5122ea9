use std::sync::Arc;

use contract::ports::{Clock as _, OsRandom, PortalLinks, PortalSessions, StoreError};
use domain::capability::{Capabilities, Capability};
use domain::ids::{LinkId, SessionId, TenantId};
use domain::key::KeyHash;
use domain::portal::{PortalLink, PortalSession};
use domain::unknown::Unknown;
use services::repositories::documents::{StoredPortalLinks, StoredPortalSessions};

use super::samples::{all_pages, readable, tenant_id};
use super::{START, Stores};

/// As one process sees them.
fn links(stores: &Stores) -> StoredPortalLinks {
    StoredPortalLinks::new(Arc::clone(&stores.documents))
}

fn sessions(stores: &Stores) -> StoredPortalSessions {
    StoredPortalSessions::new(Arc::clone(&stores.documents))
}

fn link(stores: &Stores, tenant: TenantId) -> PortalLink {
    PortalLink {
        tenant,
        id: LinkId::new(stores.clock.now(), &OsRandom),
        hash: KeyHash::of("the code"),
        capabilities: Capabilities::of(&[Capability::View, Capability::Rotate]),
        session_seconds: 3_600,
        landing: "/hooks".to_owned(),
        return_url: Some("https://app.example.com/".to_owned()),
        user: Some("Jane".to_owned()),
        created_at: START,
        expires_at: START,
        used_at: None,
        version: 1,
        unknown: Unknown::NONE,
    }
}

fn session(stores: &Stores, tenant: TenantId) -> PortalSession {
    PortalSession {
        tenant,
        id: SessionId::new(stores.clock.now(), &OsRandom),
        hash: KeyHash::of("the token"),
        capabilities: Capabilities::view_only(),
        seconds: 3_600,
        landing: "/".to_owned(),
        return_url: None,
        user: None,
        created_at: START,
        expires_at: START,
        last_used_at: None,
        version: 1,
        unknown: Unknown::NONE,
    }
}

pub(crate) async fn a_link_is_found_under_its_own_tenant_only(stores: &Stores) {
    let links = links(stores);
    let one = link(stores, tenant_id("acme"));
    links.create(&one).await.unwrap();
    assert_eq!(links.get(&one.tenant, one.id).await.unwrap().as_deref(), Some(&one));
    for other in ["other", "acme2", "Acme"].map(tenant_id) {
        assert_eq!(links.get(&other, one.id).await.unwrap(), None);
        assert!(readable(links.list(&other).await.unwrap()).is_empty());
        assert!(!links.delete(&other, one.id).await.unwrap());
        let foreign = PortalLink { tenant: other, ..one.clone() };
        assert!(!links.claim(&foreign, START).await.unwrap());
    }
    assert_eq!(links.get(&one.tenant, one.id).await.unwrap().as_deref(), Some(&one));
}

pub(crate) async fn a_link_is_claimed_once(stores: &Stores) {
    let links = links(stores);
    let one = link(stores, tenant_id("acme"));
    links.create(&one).await.unwrap();
    assert!(links.claim(&one, START).await.unwrap());
    assert!(!links.claim(&one, START).await.unwrap());
    let used = links.get(&one.tenant, one.id).await.unwrap().unwrap();
    assert_eq!((used.used_at, used.is_open(START)), (Some(START), false));
}

pub(crate) async fn of_claims_at_once_by_several_processes_one_wins(stores: &Stores) {
    let one = link(stores, tenant_id("acme"));
    links(stores).create(&one).await.unwrap();
    let claims = (0..16).map(|_| {
        let (links, one) = (links(stores), one.clone());
        tokio::spawn(async move {
            // Each has seen it open, as it was before any claim.
            links.claim(&one, START).await.unwrap()
        })
    });
    let claims: Vec<_> = claims.collect();
    let mut won = 0;
    for claim in claims {
        won += usize::from(claim.await.unwrap());
    }
    assert_eq!(won, 1);
}

pub(crate) async fn a_deleted_link_is_gone_and_cannot_be_claimed(stores: &Stores) {
    let links = links(stores);
    let one = link(stores, tenant_id("acme"));
    links.create(&one).await.unwrap();
    assert!(links.delete(&one.tenant, one.id).await.unwrap());
    assert!(!links.delete(&one.tenant, one.id).await.unwrap());
    assert!(!links.claim(&one, START).await.unwrap());
    assert_eq!(links.get(&one.tenant, one.id).await.unwrap(), None);
}

pub(crate) async fn the_links_of_a_tenant_are_all_listed(stores: &Stores) {
    let links = links(stores);
    let mut all = Vec::new();
    for _ in 0..12 {
        let one = link(stores, tenant_id("acme"));
        links.create(&one).await.unwrap();
        all.push(one);
    }
    all.sort_by_key(|link| link.id);
    assert_eq!(readable(links.list(&tenant_id("acme")).await.unwrap()), all);
}

pub(crate) async fn a_session_is_found_under_its_own_tenant_only(stores: &Stores) {
    let sessions = sessions(stores);
    let one = session(stores, tenant_id("acme"));
    sessions.create(&one).await.unwrap();
    assert_eq!(sessions.get(&one.tenant, one.id).await.unwrap().as_deref(), Some(&one));
    for other in ["other", "acme2", "Acme"].map(tenant_id) {
        assert_eq!(sessions.get(&other, one.id).await.unwrap(), None);
        assert!(readable(sessions.all(&other).await.unwrap()).is_empty());
        assert!(!sessions.delete(&other, one.id).await.unwrap());
    }
}

pub(crate) async fn the_sessions_of_a_tenant_are_listed_in_order_page_by_page(stores: &Stores) {
    let sessions = &sessions(stores);
    let acme = &tenant_id("acme");
    let mut all = Vec::new();
    for _ in 0..7 {
        let one = session(stores, acme.clone());
        sessions.create(&one).await.unwrap();
        all.push(one);
    }
    all.sort_by_key(|session| session.id);
    for limit in [1, 3, 7, 100] {
        let listed = all_pages(|cursor| async move { sessions.list(acme, limit, cursor.as_deref()).await }).await;
        assert_eq!(readable(listed), all, "limit {limit}");
    }
    assert_eq!(readable(sessions.all(acme).await.unwrap()), all);
    let cursor = sessions.list(acme, 1, None).await.unwrap().next;
    let foreign = sessions.list(&tenant_id("other"), 1, cursor.as_deref()).await;
    assert!(matches!(foreign, Err(StoreError::BadCursor)), "{foreign:?}");
}

pub(crate) async fn an_update_of_an_older_version_or_of_an_ended_session_is_a_conflict(stores: &Stores) {
    let sessions = sessions(stores);
    let one = session(stores, tenant_id("acme"));
    sessions.create(&one).await.unwrap();
    let used = PortalSession { last_used_at: Some(START), version: 2, ..one.clone() };
    sessions.update(&used).await.unwrap();
    assert!(matches!(sessions.update(&used).await, Err(StoreError::Conflict)));
    sessions.delete(&one.tenant, one.id).await.unwrap();
    let late = PortalSession { version: 3, ..used };
    assert!(matches!(sessions.update(&late).await, Err(StoreError::Conflict)));
    assert_eq!(sessions.get(&one.tenant, one.id).await.unwrap(), None);
}

pub(crate) async fn an_ended_session_is_gone_and_ending_it_again_says_so(stores: &Stores) {
    let sessions = sessions(stores);
    let one = session(stores, tenant_id("acme"));
    sessions.create(&one).await.unwrap();
    assert!(sessions.delete(&one.tenant, one.id).await.unwrap());
    assert!(!sessions.delete(&one.tenant, one.id).await.unwrap());
    assert_eq!(sessions.get(&one.tenant, one.id).await.unwrap(), None);
}
