use std::sync::Arc;

use async_trait::async_trait;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Listed, Page, StoreResult, Tenants};
use domain::ids::TenantId;
use domain::tenant::Tenant;

/// All tenants lie in one partition, so that they list in order.
const PARTITION: &str = DocumentKind::Tenants.name();

pub struct StoredTenants(Collection<Tenant>);

impl StoredTenants {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }
}

#[async_trait]
impl Tenants for StoredTenants {
    async fn create(&self, tenant: &Tenant) -> StoreResult<()> {
        self.0.begin(PARTITION, tenant.id.as_str(), tenant).await
    }

    async fn get(&self, id: &TenantId) -> StoreResult<Option<Arc<Tenant>>> {
        self.0.get(PARTITION, id.as_str()).await
    }

    async fn update(&self, tenant: &Tenant) -> StoreResult<()> {
        self.0.replace(PARTITION, tenant.id.as_str(), tenant.version, tenant).await
    }

    async fn list(&self, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Tenant>>> {
        self.0.page(PARTITION, limit, cursor).await
    }

    async fn delete(&self, id: &TenantId) -> StoreResult<bool> {
        let found = self.0.delete(PARTITION, id.as_str()).await?;
        self.0.forget(PARTITION, id.as_str()).await?;
        Ok(found)
    }

    async fn revision(&self, id: &TenantId, version: u64) -> StoreResult<Option<Tenant>> {
        self.0.revision(PARTITION, id.as_str(), version).await
    }
}
