use async_trait::async_trait;

use super::{Listed, StoreResult};
use domain::audit::AuditEntry;
use domain::ids::{AuditId, TenantId};
use domain::time::Timestamp;

/// Whose changes these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditScope<'a> {
    Tenant(&'a TenantId),
    /// What belongs to no tenant, and the tenants themselves.
    Deployment,
}

/// Entries from the newest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRows {
    pub rows: Vec<(AuditId, Listed<AuditEntry>)>,
    /// Older ones may follow, below this name.
    pub next: Option<AuditId>,
}

/// Who changed what.
///
/// - What was written is listed, once this returned.
/// - Entries are listed newest first, each once, however the reading is cut in pages.
/// - Those of one tenant, and of the deployment, are not listed elsewhere.
/// - An entry past its expiry is not listed.
/// - What was deleted is gone, and nothing that was written since.
#[async_trait]
pub trait AuditLog: Send + Sync {
    async fn write(&self, scope: AuditScope<'_>, entry: &AuditEntry, expires_at: Timestamp) -> StoreResult<()>;
    /// At most `limit`, of those that were named before `before`.
    async fn list(&self, scope: AuditScope<'_>, limit: usize, before: Option<AuditId>) -> StoreResult<AuditRows>;
    /// Deletes at most `limit` that were written before `until`; whether more may be left.
    async fn delete(&self, scope: AuditScope<'_>, until: Timestamp, limit: usize) -> StoreResult<bool>;
}
