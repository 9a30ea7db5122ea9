use std::time::Duration;

use contract::ports::{AuditScope, Clock as _};
use domain::audit::{AuditEntry, Change, Target, TargetKind};
use domain::payload::Json;
use domain::unknown::Unknown;

use super::Stores;
use super::samples::{RETENTION, raw, tenant_id};

fn entry(stores: &Stores, number: usize) -> AuditEntry {
    let value = |text: &str| Some(Json::from(raw(text)));
    AuditEntry {
        at: stores.clock.now(),
        by: format!("key_{number}"),
        user: Some("Jane".to_owned()),
        from: number.is_multiple_of(2).then(|| "192.0.2.1".to_owned()),
        what: "changed".to_owned(),
        target: Some(Target { kind: TargetKind::Hook, id: format!("hook_{number}"), unknown: Unknown::NONE }),
        detail: Some("url, name".to_owned()),
        changes: vec![Change {
            field: "name".to_owned(),
            before: value(r#"{"a":[1.50, "é"]}"#),
            after: number.is_multiple_of(3).then(|| value("7")).flatten(),
            too_large: number == 1,
            unknown: Unknown::NONE,
        }],
        unknown: Unknown::NONE,
    }
}

async fn write(stores: &Stores, scope: AuditScope<'_>, number: usize) -> AuditEntry {
    let written = entry(stores, number);
    let expires_at = stores.clock.now().saturating_add(RETENTION);
    stores.audit.write(scope, &written, expires_at).await.unwrap();
    stores.clock.advance(Duration::from_millis(5));
    written
}

async fn list(stores: &Stores, scope: AuditScope<'_>, limit: usize) -> Vec<AuditEntry> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = stores.audit.list(scope, limit, before).await.unwrap();
        assert!(page.rows.len() <= limit);
        all.extend(page.rows.into_iter().map(|(_, entry)| entry.unwrap()));
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

pub(crate) async fn what_was_written_is_listed_newest_first_with_every_field(stores: &Stores) {
    let acme = tenant_id("acme");
    let mut written = Vec::new();
    for number in 0..7 {
        written.insert(0, write(stores, AuditScope::Tenant(&acme), number).await);
    }
    for limit in [1, 2, 7, 100] {
        assert_eq!(list(stores, AuditScope::Tenant(&acme), limit).await, written, "in pages of {limit}");
    }
}

pub(crate) async fn what_is_of_one_tenant_or_of_none_is_not_listed_elsewhere(stores: &Stores) {
    let (acme, other) = (tenant_id("acme"), tenant_id("acme2"));
    let scopes = [AuditScope::Tenant(&acme), AuditScope::Tenant(&other), AuditScope::Deployment];
    let mut written = Vec::new();
    for (number, scope) in scopes.into_iter().enumerate() {
        written.push(write(stores, scope, number).await);
    }
    for (scope, entry) in scopes.into_iter().zip(written) {
        assert_eq!(list(stores, scope, 10).await, [entry]);
    }
}

pub(crate) async fn an_entry_past_its_expiry_is_not_listed(stores: &Stores) {
    write(stores, AuditScope::Deployment, 1).await;
    stores.clock.advance(RETENTION);
    let kept = write(stores, AuditScope::Deployment, 2).await;
    assert_eq!(list(stores, AuditScope::Deployment, 10).await, [kept]);
}

pub(crate) async fn what_was_deleted_is_gone_and_nothing_that_was_written_since(stores: &Stores) {
    let acme = tenant_id("acme");
    for number in 0..5 {
        write(stores, AuditScope::Tenant(&acme), number).await;
    }
    let until = stores.clock.now();
    let kept = write(stores, AuditScope::Tenant(&acme), 9).await;
    let other = write(stores, AuditScope::Deployment, 3).await;
    let mut steps = 0;
    while stores.audit.delete(AuditScope::Tenant(&acme), until, 2).await.unwrap() {
        steps += 1;
        assert!(steps < 10, "it ends");
    }
    assert_eq!(list(stores, AuditScope::Tenant(&acme), 10).await, [kept]);
    assert_eq!(list(stores, AuditScope::Deployment, 10).await, [other]);
}
