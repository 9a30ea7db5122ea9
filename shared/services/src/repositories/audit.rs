//! Who changed what, when, why, and what it was before and after.
//!
//! Of a hook the entries are kept with it, for as long as it exists. All entries of a tenant, and
//! those of the deployment, are in a log that forgets what is old.

use std::sync::Arc;
use std::time::Duration;

pub use domain::audit::AuditEntry;

use crate::repositories::document_kind::DocumentKind;
use crate::repositories::documents::{Collection, name_of};
use contract::ports::{AuditLog, AuditScope, Clock, Documents, Listed, Page, StoreResult};
use domain::audit::{Change, Target, TargetKind};
use domain::ids::{HookId, TenantId, new_ulid};
use domain::random::Random;
use domain::unknown::Unknown;

/// By whom, of what Hookline does by itself.
pub const BY_ITSELF: &str = "hookline";

/// How long the log keeps an entry.
pub const KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 3_600);

const REMOVED_AT_ONCE: usize = 100;

/// What somebody did.
#[derive(Clone, Debug, Default)]
pub struct Deed {
    pub by: String,
    /// Whom a portal session is for.
    pub user: Option<String>,
    pub from: Option<String>,
    pub what: String,
    pub detail: Option<String>,
    pub changes: Vec<Change>,
}

impl Deed {
    /// What Hookline does.
    pub fn by_itself(what: &str, detail: Option<String>) -> Self {
        Self { by: BY_ITSELF.to_owned(), what: what.to_owned(), detail, ..Self::default() }
    }
}

pub struct AuditTrail {
    /// The entries of each hook, the newest first.
    of_hooks: Collection<AuditEntry>,
    log: Arc<dyn AuditLog>,
    documents: Arc<dyn Documents>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl AuditTrail {
    pub fn new(
        documents: Arc<dyn Documents>,
        log: Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { of_hooks: Collection::new(Arc::clone(&documents)), log, documents, clock, random }
    }

    pub async fn note(&self, tenant: &TenantId, hook: HookId, deed: Deed) -> StoreResult<()> {
        let entry = self.entry(None, deed.clone());
        // Turned over, so that the newest comes first.
        let id = new_ulid(self.clock.now(), self.random.as_ref());
        let name = format!("{:032x}", u128::MAX - id.0);
        self.of_hooks.put(&partition(tenant, hook), &name, 1, &entry).await?;
        self.note_of(AuditScope::Tenant(tenant), TargetKind::Hook, &hook.to_string(), deed).await
    }

    /// Of whatever is no hook, or is one that is deleted.
    pub async fn note_of(&self, scope: AuditScope<'_>, kind: TargetKind, id: &str, deed: Deed) -> StoreResult<()> {
        let target = Target { kind, id: id.to_owned(), unknown: Unknown::NONE };
        let expires_at = self.clock.now().saturating_add(KEPT_FOR);
        self.log.write(scope, &self.entry(Some(target), deed), expires_at).await
    }

    fn entry(&self, target: Option<Target>, deed: Deed) -> AuditEntry {
        let Deed { by, user, from, what, detail, changes } = deed;
        AuditEntry { at: self.clock.now(), by, user, from, what, target, detail, changes, unknown: Unknown::NONE }
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
        self.of_hooks.page(&partition(tenant, hook), limit, cursor).await
    }
}

fn partition(tenant: &TenantId, hook: HookId) -> String {
    DocumentKind::Audit.partition(&[tenant.as_str(), &hook.to_string()])
}
