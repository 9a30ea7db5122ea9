use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use quick_cache::sync::Cache;

use super::codec::{after_prefix, key};
use super::row_kind::RowKind;
use super::store::{Store, Table, Transaction};
use contract::cursor;
use contract::ports::{Document, Documents, Listed, OfRow as _, Page, PlacedDocument, StoreError, StoreResult};

/// Documents that are kept in memory.
const CACHED: usize = 4_096;

/// Documents, and a cache of them that every write outdates at once.
#[derive(Clone)]
pub struct EmbeddedDocuments {
    store: Store,
    cache: Arc<DocumentCache>,
}

struct DocumentCache {
    /// Counts writes. What was read under an older count is not used again.
    generation: AtomicU64,
    read: Cache<Vec<u8>, (u64, Option<Arc<Document>>)>,
}

impl EmbeddedDocuments {
    pub fn new(store: Store) -> Self {
        Self { store, cache: Arc::new(DocumentCache { generation: AtomicU64::new(0), read: Cache::new(CACHED) }) }
    }

    /// Writes documents within a transaction that may write more.
    pub(super) fn writer(&self, documents: &[PlacedDocument]) -> DocumentWriter {
        let row =
            |placed: &PlacedDocument| (row_key(&placed.partition, &placed.document.name), placed.document.clone());
        DocumentWriter { rows: documents.iter().map(row).collect(), cache: Arc::clone(&self.cache) }
    }
}

pub(super) struct DocumentWriter {
    rows: Vec<(Vec<u8>, Document)>,
    cache: Arc<DocumentCache>,
}

impl DocumentWriter {
    pub(super) fn write(self, tx: &mut Transaction<'_, '_>) -> StoreResult<()> {
        let Self { rows, cache } = self;
        if rows.is_empty() {
            return Ok(());
        }
        for (row, document) in rows {
            let stored = tx.get(Table::Hooks, &row)?;
            let stored = stored.map(|value| version(&value)).transpose().of_row(&document.name)?;
            if stored.unwrap_or(0) + 1 != document.version {
                // Whoever overtook the caller may not be on disk yet; the
                // caller has to find what it wrote nevertheless.
                cache.generation.fetch_add(1, Ordering::SeqCst);
                return Err(StoreError::Conflict);
            }
            tx.put(Table::Hooks, row, encode(&document));
        }
        tx.after_commit(move || {
            cache.generation.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    }
}

fn prefix(partition: &str) -> Vec<u8> {
    key(RowKind::Document, &[partition])
}

fn row_key(partition: &str, name: &str) -> Vec<u8> {
    let mut row = prefix(partition);
    row.extend_from_slice(name.as_bytes());
    row
}

/// Eight bytes of version, then the body.
fn encode(document: &Document) -> Vec<u8> {
    let mut value = document.version.to_be_bytes().to_vec();
    value.extend_from_slice(document.body.as_bytes());
    value
}

fn decode(name: &[u8], value: &[u8]) -> StoreResult<Document> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| damaged());
    Ok(Document { version: version(value)?, name: text(name)?, body: text(&value[8..])? })
}

fn version(value: &[u8]) -> StoreResult<u64> {
    value.first_chunk::<8>().map(|version| u64::from_be_bytes(*version)).ok_or_else(damaged)
}

fn damaged() -> StoreError {
    StoreError::Corrupt("it is damaged: it is no document".into())
}

#[async_trait]
impl Documents for EmbeddedDocuments {
    async fn get(&self, partition: &str, name: &str) -> StoreResult<Option<Arc<Document>>> {
        let generation = self.cache.generation.load(Ordering::SeqCst);
        let row = row_key(partition, name);
        if let Some((read_at, document)) = self.cache.read.get(&row)
            && read_at == generation
        {
            return Ok(document);
        }
        let value = self.store.get(Table::Hooks, &row)?;
        let document = value.map(|value| decode(name.as_bytes(), &value)).transpose().of_row(name)?.map(Arc::new);
        self.cache.read.insert(row, (generation, document.clone()));
        Ok(document)
    }

    async fn put(&self, partition: &str, document: &Document) -> StoreResult<()> {
        self.put_all(&[PlacedDocument { partition: partition.to_owned(), document: document.clone() }]).await
    }

    async fn put_all(&self, documents: &[PlacedDocument]) -> StoreResult<()> {
        let writer = self.writer(documents);
        self.store.write(move |tx| writer.write(tx)).await
    }

    async fn list(&self, partition: &str, limit: usize, cursor: Option<&str>) -> StoreResult<Page<Listed<Document>>> {
        let list = prefix(partition);
        let start = match cursor {
            Some(cursor) => Bound::Excluded(row_key(partition, &cursor::decode_as::<String>(&list, cursor)?)),
            None => Bound::Included(list.clone()),
        };
        let mut items = Vec::new();
        let end = Bound::Excluded(after_prefix(&list));
        for row in self.store.range(Table::Hooks, (start, end)).take(limit + 1) {
            let (row, value) = row?;
            let name = row[list.len()..].to_vec();
            let document = decode(&name, &value).listed(String::from_utf8_lossy(&name))?;
            items.push((name, document));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(name, _)| cursor::encode(&list, name));
        let items = items.into_iter().map(|(_, document)| document).collect();
        Ok(Page { items, next })
    }

    async fn delete(&self, partition: &str, name: &str) -> StoreResult<bool> {
        let (row, cache) = (row_key(partition, name), Arc::clone(&self.cache));
        self.store
            .write(move |tx| {
                let found = tx.get(Table::Hooks, &row)?.is_some();
                tx.delete(Table::Hooks, row);
                tx.after_commit(move || {
                    cache.generation.fetch_add(1, Ordering::SeqCst);
                });
                Ok(found)
            })
            .await
    }
}
