use async_trait::async_trait;

use super::StoreResult;
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::key::ApiKey;

/// API keys of tenants.
///
/// - A key is found under its own tenant only.
/// - The list of a tenant is complete and in order of id.
/// - A deleted key is gone; deleting one that is not there says so.
#[async_trait]
pub trait Keys: Send + Sync {
    async fn create(&self, key: &ApiKey) -> StoreResult<()>;
    async fn get(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<ApiKey>>;
    async fn list(&self, tenant: &TenantId) -> StoreResult<Vec<ApiKey>>;
    /// Whether it was there.
    async fn delete(&self, tenant: &TenantId, id: KeyId) -> StoreResult<bool>;
}
