use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use ulid::Ulid;

use super::item::{Item, SK};
use super::subscriptions;
use super::table::{Condition, Consistency, Order, Range, Refused, Table};
use crate::cursor;
use crate::domain::hook::Hook;
use crate::domain::ids::{HookId, TenantId};
use crate::ports::{Hooks, KEPT_REVISIONS, Page, StoreError, StoreResult, is_small_revision, kept_revisions};

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

fn revisions(tenant: &TenantId, id: HookId) -> String {
    format!("v#{tenant}#{}", id.0)
}

/// Ten digits sort as numbers do.
fn revision_key(version: u64) -> String {
    format!("{version:010}")
}

fn revision_item(hook: &Hook) -> Item {
    Item::new(revisions(&hook.tenant, hook.id), revision_key(hook.version)).document(hook)
}

/// How many hooks a tenant has, in one row.
fn count_partition(tenant: &TenantId) -> String {
    format!("c#{tenant}")
}

const COUNT: &str = "hooks";
/// How often a transaction is tried that met another one or was throttled, and how long
/// it waits in between, longer each time. All hooks of a tenant share a count.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(20);

impl DynamoHooks {
    async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<(), Refused> {
        for n in 1..TRIES {
            match self.table.transact(actions.clone()).await {
                Err(Refused::Busy(_)) => tokio::time::sleep(PAUSE * n).await,
                other => return other,
            }
        }
        self.table.transact(actions).await
    }

    /// The former versions that go when `old` becomes one, with a document of so
    /// many bytes. Only for a large one the others are read.
    async fn revisions_beyond(&self, old: &Hook, bytes: usize) -> StoreResult<Vec<String>> {
        if is_small_revision(bytes) {
            let beyond = old.version.checked_sub(KEPT_REVISIONS).filter(|version| *version > 0);
            return Ok(beyond.map(revision_key).into_iter().collect());
        }
        let pk = revisions(&old.tenant, old.id);
        let (mut names, mut sizes, mut version) = (Vec::new(), vec![bytes], old.version);
        while version > 0 {
            let range = Range::Between(revision_key(0), revision_key(version - 1));
            let rows = self.table.query(&pk, range, Order::Descending, usize::MAX, Consistency::Strong).await?;
            for row in &rows.items {
                names.push(row.get_text(SK)?.to_owned());
                sizes.push(row.document_bytes());
            }
            let last = names.last().filter(|_| rows.more).and_then(|name| name.parse().ok());
            version = last.unwrap_or(0);
        }
        Ok(names.split_off(kept_revisions(&sizes) - 1))
    }
}

#[async_trait]
impl Hooks for DynamoHooks {
    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        let mut actions = vec![self.table.put_action(item(hook), Some(Condition::absent()))];
        actions.extend(subscriptions::items(hook).map(|row| self.table.put_action(row, None)));
        let room = Condition::of("attribute_not_exists(n) OR n < :most").number(":most", most);
        let room = if most == 0 { Condition::of("attribute_exists(nothing)") } else { room };
        actions.push(self.table.add_action(&count_partition(&hook.tenant), COUNT, "n", 1, Some(room)));
        Ok(self.transact(actions).await?)
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
        // First, and not in one transaction, which costs twice as much: what a
        // version says never changes, so writing it for nothing does no harm.
        let revision = revision_item(old);
        let bytes = revision.document_bytes();
        self.table.put(revision, None).await?;
        for beyond in self.revisions_beyond(old, bytes).await? {
            self.table.delete(&revisions(&old.tenant, old.id), &beyond).await?;
        }
        if old.subscription() == new.subscription() {
            // One plain write costs half of a transaction.
            return Ok(self.table.put_named(item(new), still_at(old.version)).await?);
        }
        let sk = new.id.0.to_string();
        let mut actions = vec![self.table.put_action(item(new), Some(still_at(old.version)))];
        actions.extend(subscriptions::items(new).map(|row| self.table.put_action(row, None)));
        let dropped = old.events.difference(&new.events);
        actions.extend(dropped.map(|p| self.table.delete_action(&subscriptions::partition(&old.tenant, p), &sk, None)));
        Ok(self.transact(actions).await?)
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
        actions.push(self.table.add_action(&count_partition(&hook.tenant), COUNT, "n", -1, None));
        match self.transact(actions).await {
            Ok(()) => Ok(true),
            Err(Refused::Condition(None)) => Ok(false),
            // Changed since: other patterns might be left behind.
            Err(Refused::Condition(Some(_))) => Err(StoreError::Conflict),
            Err(Refused::Busy(error) | Refused::Other(error)) => Err(error),
        }
    }

    async fn revision(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<Hook>> {
        if let Some(current) = self.get(tenant, id).await?.filter(|hook| hook.version == version) {
            return Ok(Some(Hook::clone(&current)));
        }
        let row = self.table.get(&revisions(tenant, id), &revision_key(version), Consistency::Eventual).await?;
        row.map(|row| row.get_document()).transpose()
    }

    async fn forget(&self, tenant: &TenantId, id: HookId) -> StoreResult<()> {
        let pk = revisions(tenant, id);
        for row in self.table.query_all(&pk).await? {
            self.table.delete(&pk, row.get_text(SK)?).await?;
        }
        Ok(())
    }
}
