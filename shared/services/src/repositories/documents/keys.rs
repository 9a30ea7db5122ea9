use std::sync::Arc;

use async_trait::async_trait;

use super::Collection;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Documents, Keys, Listed, StoreResult};
use domain::ids::{KeyId, TenantId};
use domain::key::ApiKey;

pub struct StoredKeys(Collection<ApiKey>);

impl StoredKeys {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self(Collection::new(documents))
    }
}

/// No tenant can be called `*`.
fn partition(tenant: Option<&TenantId>) -> String {
    DocumentKind::ApiKeys.partition(&[tenant.map_or("*", TenantId::as_str)])
}

#[async_trait]
impl Keys for StoredKeys {
    async fn create(&self, key: &ApiKey) -> StoreResult<()> {
        self.0.put(&partition(key.tenant.as_ref()), &key.id.to_string(), 1, key).await
    }

    async fn get(&self, tenant: Option<&TenantId>, id: KeyId) -> StoreResult<Option<Arc<ApiKey>>> {
        self.0.get(&partition(tenant), &id.to_string()).await
    }

    async fn list(&self, tenant: Option<&TenantId>) -> StoreResult<Vec<Listed<ApiKey>>> {
        self.0.all(&partition(tenant)).await
    }

    async fn update(&self, key: &ApiKey) -> StoreResult<()> {
        self.0.put(&partition(key.tenant.as_ref()), &key.id.to_string(), key.version, key).await
    }

    async fn delete(&self, tenant: Option<&TenantId>, id: KeyId) -> StoreResult<bool> {
        self.0.delete(&partition(tenant), &id.to_string()).await
    }
}
