//! Who changed a hook's state, when and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::repositories::document_kind::DocumentKind;
use crate::repositories::documents::{Collection, name_of};
use contract::ports::{Clock, Documents, Listed, Page, StoreResult};
use domain::ids::{HookId, TenantId, new_ulid};
use domain::random::Random;
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
#[serde(remote = "Self")]
pub struct AuditEntry {
    /// RFC 3339
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `operator`, a key's id, or `hookline` for what happened by itself
    pub by: String,
    /// Such as `created`, `enabled`, `disabled` or `changed`
    pub what: String,
    /// Why, or which fields were changed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(AuditEntry);

impl AuditEntry {
    /// Without what this version does not know.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { unknown: Unknown::NONE, ..self }
    }
}

/// By whom, of what Hookline does by itself.
pub const BY_ITSELF: &str = "hookline";

const REMOVED_AT_ONCE: usize = 100;

/// The entries of each hook, the newest first.
pub struct AuditTrail {
    entries: Collection<AuditEntry>,
    documents: Arc<dyn Documents>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl AuditTrail {
    pub fn new(documents: Arc<dyn Documents>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { entries: Collection::new(Arc::clone(&documents)), documents, clock, random }
    }

    pub async fn note(
        &self,
        tenant: &TenantId,
        hook: HookId,
        by: &str,
        what: &str,
        detail: Option<String>,
    ) -> StoreResult<()> {
        let at = self.clock.now();
        let entry = AuditEntry { at, by: by.to_owned(), what: what.to_owned(), detail, unknown: Unknown::NONE };
        // Turned over, so that the newest comes first.
        let id = new_ulid(self.clock.now(), self.random.as_ref());
        let name = format!("{:032x}", u128::MAX - id.0);
        self.entries.put(&partition(tenant, hook), &name, 1, &entry).await
    }

    pub async fn remove(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        let partition = partition(tenant, hook);
        loop {
            let page = self.documents.list(&partition, REMOVED_AT_ONCE, None).await?;
            for entry in page.items {
                self.documents.delete(&partition, &name_of(entry)).await?;
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    pub async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<AuditEntry>>> {
        self.entries.page(&partition(tenant, hook), limit, cursor).await
    }
}

fn partition(tenant: &TenantId, hook: HookId) -> String {
    DocumentKind::Audit.partition(&[tenant.as_str(), &hook.to_string()])
}
