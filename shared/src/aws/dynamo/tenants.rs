use async_trait::async_trait;
use aws_sdk_dynamodb::Client;

use super::item::Item;
use super::table::{Condition, Consistency, Order, Range, Table};
use crate::cursor;
use crate::domain::ids::TenantId;
use crate::domain::tenant::Tenant;
use crate::ports::{Page, StoreResult, Tenants};

/// All tenants lie in one partition, so that they list in order. They are few
/// and seldom written; the hot paths never read them by query.
const PARTITION: &str = "tenants";

/// Tenants in the table `hooks`.
#[derive(Clone, Debug)]
pub struct DynamoTenants {
    table: Table,
}

impl DynamoTenants {
    pub fn new(client: Client, hooks_table: impl Into<String>) -> Self {
        Self { table: Table::new(client, hooks_table) }
    }
}

fn item(tenant: &Tenant) -> Item {
    Item::new(PARTITION.to_owned(), tenant.id.to_string()).number("v", tenant.version).document(tenant)
}

#[async_trait]
impl Tenants for DynamoTenants {
    async fn create(&self, tenant: &Tenant) -> StoreResult<()> {
        Ok(self.table.put(item(tenant), Some(Condition::absent())).await?)
    }

    async fn get(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let row = self.table.get(PARTITION, id.as_str(), Consistency::Strong).await?;
        row.map(|r| r.get_document()).transpose()
    }

    async fn update(&self, tenant: &Tenant) -> StoreResult<()> {
        let unchanged = Condition::of("v = :v").number(":v", tenant.version.saturating_sub(1));
        Ok(self.table.put(item(tenant), Some(unchanged)).await?)
    }

    async fn list(&self, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Tenant>> {
        let range = match cursor {
            Some(cursor) => Range::After(cursor::decode_as::<TenantId>(PARTITION, cursor)?.into()),
            None => Range::All,
        };
        let rows = self.table.query(PARTITION, range, Order::Ascending, limit, Consistency::Strong).await?;
        let items = rows.items.iter().map(Item::get_document).collect::<StoreResult<Vec<Tenant>>>()?;
        let next = items.last().filter(|_| rows.more).map(|t| cursor::encode(PARTITION, t.id.as_str().as_bytes()));
        Ok(Page { items, next })
    }

    async fn delete(&self, id: &TenantId) -> StoreResult<bool> {
        self.table.delete(PARTITION, id.as_str()).await
    }
}
