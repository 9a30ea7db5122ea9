use std::ops::Bound;

use async_trait::async_trait;

use super::codec::{after_prefix, decode, encode, key};
use super::store::{Store, Table};
use crate::cursor;
use crate::domain::ids::TenantId;
use crate::domain::tenant::Tenant;
use crate::ports::{Page, StoreError, StoreResult, Tenants};

#[derive(Clone)]
pub struct EmbeddedTenants(pub Store);

/// What all tenants' keys begin with.
const LIST: &[u8] = b"t";

fn row_key(id: &str) -> Vec<u8> {
    key(b't', &[id])
}

#[async_trait]
impl Tenants for EmbeddedTenants {
    async fn create(&self, tenant: &Tenant) -> StoreResult<()> {
        let (row, value) = (row_key(tenant.id.as_str()), encode(tenant));
        self.0
            .write(move |tx| {
                if tx.get(Table::Hooks, &row)?.is_some() {
                    return Err(StoreError::Conflict);
                }
                tx.put(Table::Hooks, row, value);
                Ok(())
            })
            .await
    }

    async fn get(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        self.0.get(Table::Hooks, &row_key(id.as_str()))?.map(|value| decode(&value)).transpose()
    }

    async fn update(&self, tenant: &Tenant) -> StoreResult<()> {
        let (row, value, version) = (row_key(tenant.id.as_str()), encode(tenant), tenant.version);
        self.0
            .write(move |tx| {
                let stored: Option<Tenant> = tx.get(Table::Hooks, &row)?.map(|value| decode(&value)).transpose()?;
                if stored.is_none_or(|stored| stored.version + 1 != version) {
                    return Err(StoreError::Conflict);
                }
                tx.put(Table::Hooks, row, value);
                Ok(())
            })
            .await
    }

    async fn list(&self, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Tenant>> {
        let start = match cursor {
            Some(cursor) => Bound::Excluded(row_key(cursor::decode_as::<TenantId>(LIST, cursor)?.as_str())),
            None => Bound::Included(LIST.to_vec()),
        };
        let mut items = Vec::new();
        for row in self.0.range(Table::Hooks, (start, Bound::Excluded(after_prefix(LIST)))).take(limit + 1) {
            items.push(decode::<Tenant>(&row?.1)?);
        }
        let next = (items.len() > limit).then(|| {
            items.truncate(limit);
            items.last().map(|tenant| cursor::encode(LIST, tenant.id.as_str().as_bytes()))
        });
        Ok(Page { items, next: next.flatten() })
    }

    async fn delete(&self, id: &TenantId) -> StoreResult<bool> {
        let row = row_key(id.as_str());
        self.0
            .write(move |tx| {
                let found = tx.get(Table::Hooks, &row)?.is_some();
                tx.delete(Table::Hooks, row);
                Ok(found)
            })
            .await
    }
}
