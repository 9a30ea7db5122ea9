use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Page, PlacedDocument, StoreResult, Tenants};
use domain::ids::TenantId;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

/// All tenants lie in one partition, so that they list in order.
const PARTITION: &str = DocumentKind::Tenants.name();

const DELETED: &str = DocumentKind::DeletedTenants.name();

pub struct StoredTenants(Collection<Tenant>, Collection<Deleted>);

impl StoredTenants {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(Arc::clone(&documents)), Collection::new(documents))
    }
}

/// What is left of a tenant at once.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Self")]
struct Deleted {
    at: Timestamp,
    version: u64,
    #[serde(skip)]
    unknown: Unknown,
}

keeps_unknown!(Deleted);

#[async_trait]
impl Tenants for StoredTenants {
    async fn create(&self, tenant: &Tenant) -> StoreResult<()> {
        self.0.begin(PARTITION, tenant.id.as_str(), tenant).await
    }

    async fn get(&self, id: &TenantId) -> StoreResult<Option<Arc<Tenant>>> {
        self.0.get(PARTITION, id.as_str()).await
    }

    async fn update_with(&self, tenant: &Tenant, beside: &[PlacedDocument]) -> StoreResult<()> {
        self.0.replace_with(PARTITION, tenant.id.as_str(), tenant.version, tenant, beside).await
    }

    async fn list(&self, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Tenant>>> {
        self.0.page(PARTITION, limit, cursor).await
    }

    async fn delete(&self, id: &TenantId, now: Timestamp) -> StoreResult<bool> {
        // Noted first: a tenant that is gone without a note would have no former events.
        let version = self.1.get(DELETED, id.as_str()).await?.map_or(1, |former| former.version + 1);
        let note = Deleted { at: now, version, unknown: Unknown::NONE };
        self.1.put(DELETED, id.as_str(), version, &note).await?;
        let found = self.0.delete(PARTITION, id.as_str()).await?;
        self.0.forget(PARTITION, id.as_str()).await?;
        Ok(found)
    }

    async fn deleted_at(&self, id: &TenantId) -> StoreResult<Option<Timestamp>> {
        Ok(self.1.get(DELETED, id.as_str()).await?.map(|deleted| deleted.at))
    }

    async fn forget_deleted(&self, id: &TenantId, at: Timestamp) -> StoreResult<()> {
        if self.deleted_at(id).await? == Some(at) {
            self.1.delete(DELETED, id.as_str()).await?;
        }
        Ok(())
    }

    async fn revision(&self, id: &TenantId, version: u64) -> StoreResult<Option<Tenant>> {
        self.0.revision(PARTITION, id.as_str(), version).await
    }
}
