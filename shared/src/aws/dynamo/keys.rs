use async_trait::async_trait;
use aws_sdk_dynamodb::Client;

use super::item::Item;
use super::table::{Condition, Consistency, Table};
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::key::ApiKey;
use crate::ports::{Keys, StoreResult};

/// API keys in the table `hooks`.
#[derive(Clone, Debug)]
pub struct DynamoKeys {
    table: Table,
}

impl DynamoKeys {
    pub fn new(client: Client, hooks_table: impl Into<String>) -> Self {
        Self { table: Table::new(client, hooks_table) }
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("k#{tenant}")
}

#[async_trait]
impl Keys for DynamoKeys {
    async fn create(&self, key: &ApiKey) -> StoreResult<()> {
        let item = Item::new(partition(&key.tenant), key.id.0.to_string()).document(key);
        Ok(self.table.put(item, Some(Condition::absent())).await?)
    }

    async fn get(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<ApiKey>> {
        let row = self.table.get(&partition(tenant), &id.0.to_string(), Consistency::Strong).await?;
        row.map(|r| r.get_document()).transpose()
    }

    async fn list(&self, tenant: &TenantId) -> StoreResult<Vec<ApiKey>> {
        self.table.query_all(&partition(tenant)).await?.iter().map(Item::get_document).collect()
    }

    async fn delete(&self, tenant: &TenantId, id: KeyId) -> StoreResult<bool> {
        self.table.delete(&partition(tenant), &id.0.to_string()).await
    }
}
