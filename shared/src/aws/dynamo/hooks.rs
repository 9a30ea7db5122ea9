use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ulid::Ulid;

use super::item::Item;
use super::subscriptions;
use super::table::{Condition, Consistency, Order, Range, Refused, Table};
use crate::cursor;
use crate::domain::hook::Hook;
use crate::domain::ids::{HookId, TenantId};
use crate::ports::{Hooks, Page, StoreError, StoreResult};

/// Hooks, with their subscription rows, in the table `hooks`.
#[derive(Clone, Debug)]
pub struct DynamoHooks {
    table: Table,
}

impl DynamoHooks {
    pub fn new(client: Client, hooks_table: impl Into<String>) -> Self {
        Self { table: Table::new(client, hooks_table) }
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("h#{tenant}")
}

fn item(hook: &Hook) -> Item {
    Item::new(partition(&hook.tenant), hook.id.0.to_string()).number("v", hook.version).document(hook)
}

fn still_at(version: u64) -> Condition {
    Condition::of("v = :v").number(":v", version)
}

#[async_trait]
impl Hooks for DynamoHooks {
    async fn create(&self, hook: &Hook) -> StoreResult<()> {
        let mut actions = vec![self.table.put_action(item(hook), Some(Condition::absent()))];
        actions.extend(subscriptions::items(hook).map(|row| self.table.put_action(row, None)));
        Ok(self.table.transact(actions).await?)
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        // A hook made a moment ago must not be taken for a deleted one, whose
        // deliveries are skipped; and whoever changed it reads it back changed.
        let row = self.table.get(&partition(tenant), &id.0.to_string(), Consistency::Strong).await?;
        row.map(|r| r.get_document().map(Arc::new)).transpose()
    }

    /// [`StoreError::TooLarge`] when more rows change than one transaction
    /// takes: only an exchange of all of the most patterns for as many others
    /// comes to that, and it can be made in two updates.
    async fn update(&self, old: &Hook, new: &Hook) -> StoreResult<()> {
        if old.subscription() == new.subscription() {
            // One plain write costs half of a transaction.
            return Ok(self.table.put(item(new), Some(still_at(old.version))).await?);
        }
        let sk = new.id.0.to_string();
        let mut actions = vec![self.table.put_action(item(new), Some(still_at(old.version)))];
        actions.extend(subscriptions::items(new).map(|row| self.table.put_action(row, None)));
        let dropped = old.events.difference(&new.events);
        actions.extend(dropped.map(|p| self.table.delete_action(&subscriptions::partition(&old.tenant, p), &sk, None)));
        Ok(self.table.transact(actions).await?)
    }

    async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Hook>> {
        let pk = partition(tenant);
        let range = match cursor {
            Some(cursor) => Range::After(cursor::decode_as::<Ulid>(&pk, cursor)?.to_string()),
            None => Range::All,
        };
        let rows = self.table.query(&pk, range, Order::Ascending, limit, Consistency::Strong).await?;
        let items = rows.items.iter().map(Item::get_document).collect::<StoreResult<Vec<Hook>>>()?;
        let next = items.last().filter(|_| rows.more).map(|h| cursor::encode(&pk, h.id.0.to_string().as_bytes()));
        Ok(Page { items, next })
    }

    async fn delete(&self, hook: &Hook) -> StoreResult<bool> {
        let sk = hook.id.0.to_string();
        let mut actions = vec![self.table.delete_action(&partition(&hook.tenant), &sk, Some(still_at(hook.version)))];
        let rows = hook.events.iter().map(|p| subscriptions::partition(&hook.tenant, p));
        actions.extend(rows.map(|pk| self.table.delete_action(&pk, &sk, None)));
        match self.table.transact(actions).await {
            Ok(()) => Ok(true),
            Err(Refused::Condition(None)) => Ok(false),
            // Changed since: other patterns might be left behind.
            Err(Refused::Condition(Some(_))) => Err(StoreError::Conflict),
            Err(Refused::Other(error)) => Err(error),
        }
    }
}
