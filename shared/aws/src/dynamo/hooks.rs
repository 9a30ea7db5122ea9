use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use serde::Deserialize;
use ulid::Ulid;

use super::documents::{conflict, put_actions, transact};
use super::item::{Item, SK};
use super::row_kind::RowKind;
use super::subscriptions;
use super::table::{Condition, Consistency, DynamoTable, KeyRange, Refused, SortOrder};
use contract::cursor;
use contract::ports::{
    Hooks, KEPT_REVISIONS, Listed, OfRow as _, Page, PlacedDocument, StoreError, StoreResult, is_small_revision,
    kept_revisions,
};
use domain::hook::{Hook, Subscription};
use domain::ids::{HookId, TenantId};
use domain::pattern::Pattern;
use domain::unknown::Unknown;

/// Hooks, with their subscription rows, in the table `hooks`.
#[derive(Clone, Debug)]
pub struct DynamoHooks {
    table: DynamoTable,
}

impl DynamoHooks {
    pub fn new(client: Client, hooks_table: impl Into<String>) -> Self {
        Self { table: DynamoTable::new(client, hooks_table) }
    }
}

fn partition(tenant: &TenantId) -> String {
    RowKind::Hook.partition(&[tenant.as_str()])
}

/// Its patterns as well, so that a hook which cannot be read can be deleted with
/// its subscription rows.
const PATTERNS: &str = "e";

fn item(hook: &Hook) -> Item {
    // No pattern holds a space.
    let patterns: Vec<&str> = hook.events.iter().map(Pattern::as_str).collect();
    let item = Item::new(partition(&hook.tenant), hook.id.0.to_string()).number("v", hook.version);
    item.text(PATTERNS, patterns.join(" ")).document(hook)
}

/// The patterns of a stored hook, as far as they can still be told.
fn patterns(row: &Item) -> BTreeSet<Pattern> {
    #[derive(Deserialize)]
    struct Events {
        events: BTreeSet<Pattern>,
    }
    let noted = row.find_text(PATTERNS).unwrap_or_default().split(' ').filter_map(|text| text.parse().ok());
    let in_document = row.get_document::<Events>().map(|hook| hook.events).unwrap_or_default();
    noted.chain(in_document).collect()
}

fn still_at(version: u64) -> Condition {
    Condition::of("v = :v").number(":v", version)
}

fn revisions(tenant: &TenantId, id: HookId) -> String {
    RowKind::FormerHook.partition(&[tenant.as_str(), &id.0.to_string()])
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
    RowKind::HookCount.partition(&[tenant.as_str()])
}

const COUNT: &str = "hooks";

impl DynamoHooks {
    /// What a newer version wrote into the subscription rows, which are all alike.
    async fn unknown_of_subscription(&self, hook: &Hook) -> StoreResult<Unknown> {
        let Some(pattern) = hook.events.first() else { return Ok(Unknown::NONE) };
        let pk = subscriptions::partition(&hook.tenant, pattern);
        let row = self.table.get(&pk, &hook.id.0.to_string(), Consistency::Eventual).await?;
        let read = row.and_then(|row| row.get_document::<Subscription>().ok());
        Ok(read.map_or(Unknown::NONE, |subscription| subscription.unknown))
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
            let range = KeyRange::Between(revision_key(0), revision_key(version - 1));
            let rows = self.table.query(&pk, range, SortOrder::Descending, usize::MAX, Consistency::Strong).await?;
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
        actions.extend(subscriptions::items(hook, Unknown::NONE).map(|row| self.table.put_action(row, None)));
        let room = Condition::of("attribute_not_exists(n) OR n < :most").number(":most", most);
        let room = if most == 0 { Condition::of("attribute_exists(nothing)") } else { room };
        actions.push(self.table.add_action(&count_partition(&hook.tenant), COUNT, "n", 1, Some(room)));
        Ok(transact(&self.table, actions).await?)
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        // A hook made a moment ago must not be taken for a deleted one, whose
        // deliveries are skipped; and whoever changed it reads it back changed.
        let row = self.table.get(&partition(tenant), &id.0.to_string(), Consistency::Strong).await?;
        row.map(|r| r.get_document().map(Arc::new)).transpose().of_row(id)
    }

    /// [`StoreError::TooLarge`] when more rows change than one transaction
    /// takes: only an exchange of all of the most patterns for as many others
    /// comes to that, and it can be made in two updates.
    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        // First, and not in one transaction, which costs twice as much: what a
        // version says never changes, so writing it for nothing does no harm.
        let revision = revision_item(old);
        let bytes = revision.document_bytes();
        self.table.put(revision, None).await?;
        for beyond in self.revisions_beyond(old, bytes).await? {
            self.table.delete(&revisions(&old.tenant, old.id), &beyond).await?;
        }
        let is_matched_alike = old.subscription() == new.subscription();
        if is_matched_alike && beside.is_empty() {
            // One plain write costs half of a transaction.
            return Ok(self.table.put_named(item(new), still_at(old.version)).await?);
        }
        let sk = new.id.0.to_string();
        let mut actions = vec![self.table.put_action(item(new), Some(still_at(old.version)))];
        if !is_matched_alike {
            let unknown = self.unknown_of_subscription(old).await?;
            actions.extend(subscriptions::items(new, unknown).map(|row| self.table.put_action(row, None)));
            let rows = old.events.difference(&new.events).map(|p| subscriptions::partition(&old.tenant, p));
            actions.extend(rows.map(|pk| self.table.delete_action(&pk, &sk, None)));
        }
        actions.extend(put_actions(&self.table, beside));
        transact(&self.table, actions).await.map_err(conflict)
    }

    async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Hook>>> {
        let pk = partition(tenant);
        let range = match cursor {
            Some(cursor) => KeyRange::After(cursor::decode_as::<Ulid>(&pk, cursor)?.to_string()),
            None => KeyRange::All,
        };
        let rows = self.table.query(&pk, range, SortOrder::Ascending, limit, Consistency::Strong).await?;
        let listed = |row: &Item| row.get_document().listed(HookId(row.get_parsed(SK)?));
        let items = rows.items.iter().map(listed).collect::<StoreResult<Vec<Listed<Hook>>>>()?;
        let last = rows.items.last().filter(|_| rows.more).map(|row| row.get_text(SK)).transpose()?;
        let next = last.map(|id| cursor::encode(&pk, id.as_bytes()));
        Ok(Page { items, next })
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        let (pk, sk) = (partition(tenant), id.0.to_string());
        let Some(row) = self.table.get(&pk, &sk, Consistency::Strong).await? else { return Ok(false) };
        let stored = row.find_number("v").ok().flatten();
        if version.is_some() && stored != version {
            return Err(StoreError::Conflict);
        }
        let mut actions = vec![self.table.delete_action(&pk, &sk, stored.map(still_at))];
        let rows = patterns(&row).into_iter().map(|pattern| subscriptions::partition(tenant, &pattern));
        actions.extend(rows.map(|pk| self.table.delete_action(&pk, &sk, None)));
        actions.push(self.table.add_action(&count_partition(tenant), COUNT, "n", -1, None));
        match transact(&self.table, actions).await {
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
        row.map(|row| row.get_document()).transpose().of_row(id)
    }

    async fn forget(&self, tenant: &TenantId, id: HookId) -> StoreResult<()> {
        let pk = revisions(tenant, id);
        for row in self.table.query_all(&pk).await? {
            self.table.delete(&pk, row.get_text(SK)?).await?;
        }
        Ok(())
    }
}
