use async_trait::async_trait;

use super::codec::{decode, encode, key, prefix_range};
use super::store::{Store, Table};
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::key::ApiKey;
use crate::ports::{Keys, StoreResult};

#[derive(Clone)]
pub struct EmbeddedKeys(pub Store);

fn row_key(tenant: &TenantId, id: KeyId) -> Vec<u8> {
    key(b'k', &[tenant.as_str(), &id.to_string()])
}

#[async_trait]
impl Keys for EmbeddedKeys {
    async fn create(&self, api_key: &ApiKey) -> StoreResult<()> {
        let (row, value) = (row_key(&api_key.tenant, api_key.id), encode(api_key));
        self.0
            .write(move |tx| {
                tx.put(Table::Hooks, row, value);
                Ok(())
            })
            .await
    }

    async fn get(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<ApiKey>> {
        self.0.get(Table::Hooks, &row_key(tenant, id))?.map(|value| decode(&value)).transpose()
    }

    async fn list(&self, tenant: &TenantId) -> StoreResult<Vec<ApiKey>> {
        let range = prefix_range(key(b'k', &[tenant.as_str()]));
        self.0.range(Table::Hooks, range).map(|row| decode(&row?.1)).collect()
    }

    async fn delete(&self, tenant: &TenantId, id: KeyId) -> StoreResult<bool> {
        let row = row_key(tenant, id);
        self.0
            .write(move |tx| {
                let found = tx.get(Table::Hooks, &row)?.is_some();
                tx.delete(Table::Hooks, row);
                Ok(found)
            })
            .await
    }
}
