use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, StoreResult};
use domain::ids::{LinkId, SessionId, TenantId};
use domain::portal::{PortalLink, PortalSession};
use domain::time::Timestamp;

/// One-time links to portals.
///
/// - A link is found under its own tenant only.
/// - A link is claimed once: of claims at once, by one process or several, one wins.
/// - The list of a tenant is complete and in order of id.
/// - A deleted link is gone, and cannot be claimed.
#[async_trait]
pub trait PortalLinks: Send + Sync {
    async fn create(&self, link: &PortalLink) -> StoreResult<()>;
    async fn get(&self, tenant: &TenantId, id: LinkId) -> StoreResult<Option<Arc<PortalLink>>>;
    /// Marks the link as used, as it was read. False when somebody else has, or it is gone.
    async fn claim(&self, link: &PortalLink, at: Timestamp) -> StoreResult<bool>;
    async fn list(&self, tenant: &TenantId) -> StoreResult<Vec<Listed<PortalLink>>>;
    /// Whether it was there.
    async fn delete(&self, tenant: &TenantId, id: LinkId) -> StoreResult<bool>;
}

/// Sessions of portals.
///
/// - A session is found under its own tenant only.
/// - Pages are complete and in order of id, which is that of time.
/// - An update based on an older version is a conflict, and so is that of a session
///   which was deleted.
/// - A deleted session is gone; deleting one that is not there says so.
#[async_trait]
pub trait PortalSessions: Send + Sync {
    async fn create(&self, session: &PortalSession) -> StoreResult<()>;
    async fn get(&self, tenant: &TenantId, id: SessionId) -> StoreResult<Option<Arc<PortalSession>>>;
    /// Writes `session` if the stored version is one less than its own.
    async fn update(&self, session: &PortalSession) -> StoreResult<()>;
    async fn list(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<PortalSession>>>;
    /// All of them.
    async fn all(&self, tenant: &TenantId) -> StoreResult<Vec<Listed<PortalSession>>>;
    /// Whether it was there.
    async fn delete(&self, tenant: &TenantId, id: SessionId) -> StoreResult<bool>;
}
