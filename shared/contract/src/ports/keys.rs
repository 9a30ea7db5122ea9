use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, StoreResult};
use domain::ids::{KeyId, TenantId};
use domain::key::ApiKey;
layered! {
    /// API keys of tenants and, where no tenant is given, of operators.
    ///
    /// - A key is found under its own tenant only.
    /// - The list of a tenant is complete and in order of id.
    /// - An update based on an older version is a conflict, and so is that of a key
    ///   which was deleted.
    /// - A deleted key is gone; deleting one that is not there says so.
    pub trait Keys, KeysLayer {
        async fn create(&self, key: &ApiKey) -> StoreResult<()>;
        async fn get(&self, tenant: Option<&TenantId>, id: KeyId) -> StoreResult<Option<Arc<ApiKey>>>;
        async fn list(&self, tenant: Option<&TenantId>) -> StoreResult<Vec<Listed<ApiKey>>>;
        /// Writes `key` if the stored version is one less than its own.
        async fn update(&self, key: &ApiKey) -> StoreResult<()>;
        /// Whether it was there.
        async fn delete(&self, tenant: Option<&TenantId>, id: KeyId) -> StoreResult<bool>;
    }
}
