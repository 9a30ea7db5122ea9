use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use ulid::Ulid;

use super::codec::{after_prefix, decode, encode, key, prefix_range};
use super::documents::EmbeddedDocuments;
use super::row_kind::RowKind;
use super::store::{Store, Table, Transaction};
use contract::cursor;
use contract::ports::{
    Hooks, KEPT_REVISIONS, Listed, Match, OfRow as _, Page, PlacedDocument, StoreError, StoreResult, Subscriptions,
    is_small_revision, kept_revisions,
};
use contract::stage::causes;
use domain::hook::{Hook, Subscription};
use domain::ids::{EventType, HookId, TenantId};
use domain::pattern::Pattern;
use domain::unknown::Unknown;

/// Hooks and matches that are kept parsed.
const CACHED: usize = 4_096;

/// Hooks, their subscription rows, and a cache of both that every write to a
/// hook outdates at once.
#[derive(Clone)]
pub struct EmbeddedHooks {
    store: Store,
    /// Those that are written beside a hook.
    documents: EmbeddedDocuments,
    cache: Arc<HookCache>,
}

/// What was read, and the count of writes before that.
type ReadAt<T> = (u64, T);

struct HookCache {
    /// Counts writes. What was read under an older count is not used again.
    generation: AtomicU64,
    hooks: Cache<(TenantId, HookId), ReadAt<Option<Arc<Hook>>>>,
    matches: Cache<(TenantId, EventType), ReadAt<Page<Listed<Match>>>>,
}

impl EmbeddedHooks {
    pub fn new(store: Store, documents: EmbeddedDocuments) -> Self {
        let cache = HookCache { generation: AtomicU64::new(0), hooks: Cache::new(CACHED), matches: Cache::new(CACHED) };
        Self { store, documents, cache: Arc::new(cache) }
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Transaction<'_, '_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let cache = Arc::clone(&self.cache);
        self.store
            .write(move |tx| {
                tx.after_commit(move || {
                    cache.generation.fetch_add(1, Ordering::SeqCst);
                });
                work(tx)
            })
            .await
    }

    fn generation(&self) -> u64 {
        self.cache.generation.load(Ordering::SeqCst)
    }

    /// The former versions that go when `old` becomes one, as a row of `bytes` bytes.
    fn revisions_beyond(&self, old: &Hook, bytes: usize) -> StoreResult<Vec<Vec<u8>>> {
        if is_small_revision(bytes) {
            let beyond = old.version.checked_sub(KEPT_REVISIONS);
            return Ok(beyond.map(|version| revision_key(&old.tenant, old.id, version)).into_iter().collect());
        }
        let (mut rows, mut sizes) = (Vec::new(), vec![bytes]);
        for row in self.store.range(Table::Hooks, prefix_range(revisions_prefix(&old.tenant, old.id))).rev() {
            let (row, value) = row?;
            rows.push(row.to_vec());
            sizes.push(value.len());
        }
        Ok(rows.split_off(kept_revisions(&sizes) - 1))
    }

    fn read_matches(
        &self,
        tenant: &TenantId,
        event_type: &EventType,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Match>>> {
        let patterns = Pattern::all_matching(event_type);
        let list = key(RowKind::Subscription, &[tenant.as_str(), "", event_type.as_str()]);
        let (first, mut after) = match cursor {
            Some(cursor) => parse_cursor(&cursor::decode_as::<String>(&list, cursor)?, patterns.len())?,
            None => (0, None),
        };
        let mut items: Vec<Listed<Match>> = Vec::new();
        for (index, pattern) in patterns.iter().enumerate().skip(first) {
            let prefix = subscription_prefix(tenant, pattern);
            let end = Bound::Excluded(after_prefix(&prefix));
            let mut last_of_pattern = after;
            let start = match after.take() {
                Some(hook) => Bound::Excluded(with_hook(prefix, hook)),
                None => Bound::Included(prefix),
            };
            for row in self.store.range(Table::Hooks, (start, end)) {
                if items.len() == limit {
                    let last = last_of_pattern.map(|hook| hook.to_string()).unwrap_or_default();
                    return Ok(Page { items, next: Some(cursor::encode(&list, format!("{index}.{last}").as_bytes())) });
                }
                let (key, value) = row?;
                let hook = hook_of(&key)?;
                last_of_pattern = Some(hook);
                let subscription = decode::<Match>(&value).listed(hook)?;
                if subscription.as_ref().map_or(true, |row| row.is_decided_by(pattern, event_type)) {
                    items.push(subscription);
                }
            }
        }
        Ok(Page { items, next: None })
    }
}

/// A cursor names the pattern being read and the last hook read of it, if any.
fn parse_cursor(text: &str, patterns: usize) -> StoreResult<(usize, Option<HookId>)> {
    let (index, hook) = text.split_once('.').ok_or(StoreError::BadCursor)?;
    let index: usize = index.parse().map_err(|_| StoreError::BadCursor)?;
    let hook = match hook {
        "" => None,
        id => Some(id.parse().map_err(|_| StoreError::BadCursor)?),
    };
    if index < patterns { Ok((index, hook)) } else { Err(StoreError::BadCursor) }
}

fn hook_key(tenant: &TenantId, id: HookId) -> Vec<u8> {
    with_hook(key(RowKind::Hook, &[tenant.as_str()]), id)
}

fn revisions_prefix(tenant: &TenantId, id: HookId) -> Vec<u8> {
    with_hook(key(RowKind::FormerHook, &[tenant.as_str()]), id)
}

fn revision_key(tenant: &TenantId, id: HookId, version: u64) -> Vec<u8> {
    let mut row = revisions_prefix(tenant, id);
    row.extend_from_slice(&version.to_be_bytes());
    row
}

/// How many hooks a tenant has.
fn count_key(tenant: &TenantId) -> Vec<u8> {
    key(RowKind::HookCount, &[tenant.as_str()])
}

fn count(tx: &Transaction<'_, '_>, tenant: &TenantId) -> StoreResult<u64> {
    match tx.get(Table::Hooks, &count_key(tenant))?.map(|value| decode(&value)) {
        None => Ok(0),
        Some(Ok(count)) => Ok(count),
        Some(Err(error)) => {
            tracing::error!(tenant.id = %tenant, error = %causes(&error), "the count of a tenant's hooks is made anew");
            let hooks = tx.range(Table::Hooks, prefix_range(key(RowKind::Hook, &[tenant.as_str()]))).count();
            Ok(u64::try_from(hooks).unwrap_or(u64::MAX))
        }
    }
}

fn subscription_prefix(tenant: &TenantId, pattern: &Pattern) -> Vec<u8> {
    key(RowKind::Subscription, &[tenant.as_str(), pattern.as_str()])
}

fn with_hook(mut prefix: Vec<u8>, hook: HookId) -> Vec<u8> {
    prefix.extend_from_slice(&hook.0.to_bytes());
    prefix
}

fn stored(tx: &Transaction<'_, '_>, row: &[u8]) -> StoreResult<Option<Hook>> {
    tx.get(Table::Hooks, row)?.map(|value| decode(&value)).transpose()
}

fn write_hook(tx: &mut Transaction<'_, '_>, hook: &Hook) {
    tx.put(Table::Hooks, hook_key(&hook.tenant, hook.id), encode(hook));
}

/// `unknown` is what a newer version wrote into the subscription rows.
fn write_rows(tx: &mut Transaction<'_, '_>, hook: &Hook, unknown: Unknown) {
    write_hook(tx, hook);
    let subscription = encode(&Subscription { unknown, ..hook.subscription() });
    for pattern in &hook.events {
        let row = with_hook(subscription_prefix(&hook.tenant, pattern), hook.id);
        tx.put(Table::Hooks, row, subscription.clone());
    }
}

fn delete_rows(tx: &mut Transaction<'_, '_>, hook: &Hook) {
    tx.delete(Table::Hooks, hook_key(&hook.tenant, hook.id));
    for pattern in &hook.events {
        tx.delete(Table::Hooks, with_hook(subscription_prefix(&hook.tenant, pattern), hook.id));
    }
}

fn unknown_of_subscription(tx: &Transaction<'_, '_>, hook: &Hook) -> StoreResult<Unknown> {
    let Some(pattern) = hook.events.first() else { return Ok(Unknown::NONE) };
    let row = tx.get(Table::Hooks, &with_hook(subscription_prefix(&hook.tenant, pattern), hook.id))?;
    let read = row.and_then(|value| decode::<Subscription>(&value).ok());
    Ok(read.map_or(Unknown::NONE, |subscription| subscription.unknown))
}

fn are_subscriptions_readable(tx: &Transaction<'_, '_>, hook: &Hook) -> StoreResult<bool> {
    for pattern in &hook.events {
        let row = tx.get(Table::Hooks, &with_hook(subscription_prefix(&hook.tenant, pattern), hook.id))?;
        if row.is_none_or(|value| decode::<Match>(&value).is_err()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The hook that a key ends with.
fn hook_of(key: &[u8]) -> StoreResult<HookId> {
    let id = key.last_chunk::<16>().ok_or_else(|| StoreError::Corrupt("a short key".into()))?;
    Ok(HookId(Ulid::from_bytes(*id)))
}

#[async_trait]
impl Hooks for EmbeddedHooks {
    async fn create_within(&self, hook: &Hook, most: u32) -> StoreResult<()> {
        let hook = hook.clone();
        self.write(move |tx| {
            if tx.get(Table::Hooks, &hook_key(&hook.tenant, hook.id))?.is_some() {
                return Err(StoreError::Conflict);
            }
            let count = count(tx, &hook.tenant)?;
            if count >= u64::from(most) {
                return Err(StoreError::LimitReached);
            }
            tx.put(Table::Hooks, count_key(&hook.tenant), encode(&(count + 1)));
            write_rows(tx, &hook, Unknown::NONE);
            Ok(())
        })
        .await
    }

    async fn get(&self, tenant: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        let generation = self.generation();
        let name = (tenant.clone(), id);
        if let Some((read_at, hook)) = self.cache.hooks.get(&name)
            && read_at == generation
        {
            return Ok(hook);
        }
        let value = self.store.get(Table::Hooks, &hook_key(tenant, id))?;
        let hook = value.map(|value| decode(&value)).transpose().of_row(id)?.map(Arc::new);
        self.cache.hooks.insert(name, (generation, hook.clone()));
        Ok(hook)
    }

    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        let (old, new, documents) = (old.clone(), new.clone(), self.documents.writer(beside));
        let revision = encode(&old);
        // Whoever changes them before it is this one's turn makes it a conflict.
        let beyond = self.revisions_beyond(&old, revision.len())?;
        // Two hooks at once are large.
        Box::pin(self.write(move |tx| {
            let found = stored(tx, &hook_key(&old.tenant, old.id)).of_row(old.id)?;
            if found.is_none_or(|found| found.version != old.version) {
                return Err(StoreError::Conflict);
            }
            documents.write(tx)?;
            if old.subscription() == new.subscription() && are_subscriptions_readable(tx, &old)? {
                // Up to fifty rows, each of which names all patterns.
                write_hook(tx, &new);
            } else {
                let unknown = unknown_of_subscription(tx, &old)?;
                delete_rows(tx, &old);
                write_rows(tx, &new, unknown);
            }
            tx.put(Table::Hooks, revision_key(&old.tenant, old.id, old.version), revision);
            beyond.into_iter().for_each(|row| tx.delete(Table::Hooks, row));
            Ok(())
        }))
        .await
    }

    async fn list(&self, tenant: &TenantId, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Hook>>> {
        let prefix = key(RowKind::Hook, &[tenant.as_str()]);
        let mut range = prefix_range(prefix.clone());
        if let Some(cursor) = cursor {
            range.start = hook_key(tenant, cursor::decode_as(&prefix, cursor)?);
            range.start.push(0);
        }
        let mut items = Vec::new();
        for row in self.store.range(Table::Hooks, range).take(limit + 1) {
            let (key, value) = row?;
            let id = hook_of(&key)?;
            items.push((id, decode::<Hook>(&value).listed(id)?));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(id, _)| cursor::encode(&prefix, id.to_string().as_bytes()));
        let items = items.into_iter().map(|(_, hook)| hook).collect();
        Ok(Page { items, next })
    }

    async fn delete(&self, tenant: &TenantId, id: HookId, version: Option<u64>) -> StoreResult<bool> {
        let (row, tenant) = (hook_key(tenant, id), tenant.clone());
        self.write(move |tx| {
            let hook = match stored(tx, &row) {
                Ok(None) => return Ok(false),
                Ok(Some(hook)) => Some(hook),
                Err(StoreError::Corrupt(_)) => None,
                Err(error) => return Err(error),
            };
            if version.is_some() && version != hook.as_ref().map(|hook| hook.version) {
                return Err(StoreError::Conflict);
            }
            let count = count(tx, &tenant)?.saturating_sub(1);
            match &hook {
                Some(hook) => delete_rows(tx, hook),
                None => {
                    // It does not tell its patterns any more, so all rows of the tenant are gone through.
                    for found in tx.range(Table::Hooks, prefix_range(key(RowKind::Subscription, &[tenant.as_str()]))) {
                        let (key, _) = found?;
                        if hook_of(&key)? == id {
                            tx.delete(Table::Hooks, key.to_vec());
                        }
                    }
                    tx.delete(Table::Hooks, row);
                }
            }
            tx.put(Table::Hooks, count_key(&tenant), encode(&count));
            Ok(true)
        })
        .await
    }

    async fn revision(&self, tenant: &TenantId, id: HookId, version: u64) -> StoreResult<Option<Hook>> {
        if let Some(current) = self.get(tenant, id).await?.filter(|hook| hook.version == version) {
            return Ok(Some(Hook::clone(&current)));
        }
        let value = self.store.get(Table::Hooks, &revision_key(tenant, id, version))?;
        value.map(|value| decode(&value)).transpose().of_row(id)
    }

    async fn forget(&self, tenant: &TenantId, id: HookId) -> StoreResult<()> {
        let rows = self.store.range(Table::Hooks, prefix_range(revisions_prefix(tenant, id)));
        let rows = rows.map(|row| Ok(row?.0)).collect::<StoreResult<Vec<_>>>()?;
        self.store
            .write(move |tx| {
                rows.into_iter().for_each(|row| tx.delete(Table::Hooks, row));
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl Subscriptions for EmbeddedHooks {
    async fn matching(
        &self,
        tenant: &TenantId,
        event_type: &EventType,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Match>>> {
        if cursor.is_some() {
            return self.read_matches(tenant, event_type, limit, cursor);
        }
        let generation = self.generation();
        let name = (tenant.clone(), event_type.clone());
        if let Some((read_at, page)) = self.cache.matches.get(&name)
            && read_at == generation
            && page.items.len() <= limit
        {
            return Ok(page);
        }
        let page = self.read_matches(tenant, event_type, limit, None)?;
        // A first page among several belongs to its limit, so it is not kept.
        if page.next.is_none() {
            self.cache.matches.insert(name, (generation, page.clone()));
        }
        Ok(page)
    }
}
