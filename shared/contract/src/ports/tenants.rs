use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, PlacedDocument, StoreResult};
use domain::ids::TenantId;
use domain::tenant::Tenant;
use domain::time::Timestamp;
layered! {
    /// Tenants.
    ///
    /// - Creating a tenant that exists is a conflict, and changes nothing.
    /// - An update based on an older version is a conflict.
    /// - Documents that are written beside an update are written with it or not at all.
    /// - What was written is read back, at once.
    /// - Pages are complete and in order of id.
    /// - Former versions can be read, the last [`KEPT_REVISIONS`](super::KEPT_REVISIONS) of them.
    /// - A deleted tenant is gone; deleting one that is not there says so.
    /// - When it was deleted is told until that is forgotten.
    pub trait Tenants, TenantsLayer {
        async fn create(&self, tenant: &Tenant) -> StoreResult<()>;
        /// May be a few seconds old where the adapter caches.
        async fn get(&self, id: &TenantId) -> StoreResult<Option<Arc<Tenant>>>;
        /// Writes `tenant` if the stored version is one less than its own, and `beside` in the
        /// same transaction, as [`Documents::put`](super::Documents::put) writes them.
        async fn update_with(&self, tenant: &Tenant, beside: &[PlacedDocument]) -> StoreResult<()>;
        async fn list(&self, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Tenant>>>;
        /// The tenant as it was at this version; none when that is too long ago.
        async fn revision(&self, id: &TenantId, version: u64) -> StoreResult<Option<Tenant>>;
        /// Whether it was there. Former versions go with it. `now` is told by
        /// [`deleted_at`](Self::deleted_at) from then on.
        async fn delete(&self, id: &TenantId, now: Timestamp) -> StoreResult<bool>;
        /// When a tenant of this id was last deleted.
        async fn deleted_at(&self, id: &TenantId) -> StoreResult<Option<Timestamp>>;
        /// Nothing is left of a tenant that was deleted at this time.
        async fn forget_deleted(&self, id: &TenantId, at: Timestamp) -> StoreResult<()>;
    }
}

impl dyn Tenants + '_ {
    /// Writes `tenant` if the stored version is one less than its own.
    pub async fn update(&self, tenant: &Tenant) -> StoreResult<()> {
        self.update_with(tenant, &[]).await
    }
}
