use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ulid::Ulid;

use super::compress::{packed, unpacked};
use super::item::{Item, SK};
use super::row_kind::RowKind;
use super::table::{Consistency, DynamoTable, KeyRange, SortOrder};
use contract::ports::{AuditLog, AuditRows, AuditScope, Clock, OfRow as _, OsRandom, StoreResult};
use domain::audit::AuditEntry;
use domain::ids::{AuditId, EventSeq};
use domain::time::Timestamp;

/// Rows of `logs`, one for each change.
#[derive(Clone)]
pub struct DynamoAuditLog {
    table: DynamoTable,
    clock: Arc<dyn Clock>,
}

impl DynamoAuditLog {
    pub fn new(client: Client, logs_table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { table: DynamoTable::new(client, logs_table), clock }
    }

    fn read(&self, row: &Item) -> StoreResult<Option<AuditEntry>> {
        if !row.is_live(self.clock.now())? {
            return Ok(None);
        }
        unpacked(row).map(Some)
    }
}

/// A tenant's id cannot be empty.
fn partition(scope: AuditScope<'_>) -> String {
    match scope {
        AuditScope::Tenant(tenant) => RowKind::Audit.partition(&[tenant.as_str()]),
        AuditScope::Deployment => RowKind::Audit.partition(&[""]),
    }
}

/// Those below a name.
fn below(name: Ulid) -> Option<KeyRange> {
    let last = Ulid(name.0.checked_sub(1)?);
    Some(KeyRange::Between(Ulid(0).to_string(), last.to_string()))
}

#[async_trait]
impl AuditLog for DynamoAuditLog {
    async fn write(&self, scope: AuditScope<'_>, entry: &AuditEntry, expires_at: Timestamp) -> StoreResult<()> {
        let name = AuditId::new(self.clock.now(), &OsRandom).0.to_string();
        let row = Item::new(partition(scope), name).expiring(expires_at);
        Ok(self.table.put(packed(row, entry), None).await?)
    }

    async fn list(&self, scope: AuditScope<'_>, limit: usize, before: Option<AuditId>) -> StoreResult<AuditRows> {
        let range = before.map_or(Some(KeyRange::All), |before| below(before.0));
        let Some(range) = range else { return Ok(AuditRows::default()) };
        let pk = partition(scope);
        let read = self.table.query(&pk, range, SortOrder::Descending, limit, Consistency::Strong).await?;
        let mut found = AuditRows::default();
        for row in &read.items {
            let id = AuditId(row.get_parsed(SK)?);
            if read.more {
                found.next = Some(id);
            }
            found.rows.extend(self.read(row).listed(id)?.transpose().map(|entry| (id, entry)));
        }
        Ok(found)
    }

    async fn delete(&self, scope: AuditScope<'_>, until: Timestamp, limit: usize) -> StoreResult<bool> {
        let Some(range) = below(EventSeq::first_at(until).0) else { return Ok(false) };
        let pk = partition(scope);
        let read = self.table.query(&pk, range, SortOrder::Ascending, limit, Consistency::Strong).await?;
        for row in &read.items {
            self.table.delete(&pk, row.get_text(SK)?).await?;
        }
        Ok(read.more)
    }
}
