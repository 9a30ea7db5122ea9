use std::sync::Arc;

use async_trait::async_trait;
use ulid::Ulid;

use super::codec::{after_prefix, decode_expiring, encode_expiring, key};
use super::names::Names;
use super::row_kind::RowKind;
use super::store::{Store, Table};
use contract::ports::{AuditLog, AuditRows, AuditScope, Listed, OfRow as _, StoreError, StoreResult};
use domain::audit::AuditEntry;
use domain::ids::{AuditId, EventSeq};
use domain::random::Random;
use domain::time::Timestamp;

/// Rows one call looks at before it returns a short page.
const SCANNED_ROWS: usize = 2_000;

#[derive(Clone)]
pub struct EmbeddedAuditLog {
    store: Store,
    names: Arc<Names>,
}

impl EmbeddedAuditLog {
    pub fn new(store: Store, random: &dyn Random) -> Self {
        Self { store, names: Arc::new(Names::new(random)) }
    }
}

/// A tenant's id cannot be empty.
fn prefix(scope: AuditScope<'_>) -> Vec<u8> {
    match scope {
        AuditScope::Tenant(tenant) => key(RowKind::Audit, &[tenant.as_str()]),
        AuditScope::Deployment => key(RowKind::Audit, &[""]),
    }
}

fn row_key(scope: AuditScope<'_>, id: Ulid) -> Vec<u8> {
    let mut row = prefix(scope);
    row.extend_from_slice(&id.to_bytes());
    row
}

#[async_trait]
impl AuditLog for EmbeddedAuditLog {
    async fn write(&self, scope: AuditScope<'_>, entry: &AuditEntry, expires_at: Timestamp) -> StoreResult<()> {
        let row = row_key(scope, self.names.next(self.store.clock().now()));
        let value = encode_expiring(entry, expires_at);
        self.store
            .write(move |tx| {
                tx.put(Table::Logs, row, value);
                Ok(())
            })
            .await
    }

    async fn list(&self, scope: AuditScope<'_>, limit: usize, before: Option<AuditId>) -> StoreResult<AuditRows> {
        let prefix = prefix(scope);
        let end = before.map_or_else(|| after_prefix(&prefix), |before| row_key(scope, before.0));
        let now = self.store.clock().expiry();
        let (mut found, mut last_read) = (AuditRows::default(), None);
        for (scanned, row) in self.store.range(Table::Logs, prefix..end).rev().enumerate() {
            if found.rows.len() == limit || scanned == SCANNED_ROWS {
                found.next = last_read;
                break;
            }
            let (row_key, value) = row?;
            let (_, id) = row_key.split_last_chunk::<16>().ok_or_else(|| StoreError::Corrupt("a short key".into()))?;
            let id = AuditId(Ulid::from_bytes(*id));
            last_read = Some(id);
            let entry: Listed<Option<AuditEntry>> = decode_expiring(&value, now).listed(id)?;
            found.rows.extend(entry.transpose().map(|entry| (id, entry)));
        }
        Ok(found)
    }

    async fn delete(&self, scope: AuditScope<'_>, until: Timestamp, limit: usize) -> StoreResult<bool> {
        let end = row_key(scope, EventSeq::first_at(until).0);
        let mut rows = Vec::new();
        for row in self.store.range(Table::Logs, prefix(scope)..end).take(limit) {
            rows.push(row?.0);
        }
        let more = rows.len() == limit;
        self.store
            .write(move |tx| {
                rows.into_iter().for_each(|row| tx.delete(Table::Logs, row));
                Ok(())
            })
            .await?;
        Ok(more)
    }
}
