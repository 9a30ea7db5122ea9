//! The store: three tables, and a log before them.
//!
//! Every write can be seen by all at once, in memory. A thread gets it into the
//! log and that onto the disk, for all who wait for it, and another one into the
//! tables, which are fjall's, some time later. So whatever survives a crash is
//! everything up to some write: no effect without its cause. Therefore only
//! those wait who promise something to the outside.

mod expiry;
mod group;
mod journal;
mod overlay;
mod remains;
mod space;
#[cfg(test)]
mod tests;
mod trust;
mod wal;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::compaction::Leveled;
use fjall::compaction::filter::Factory;
use fjall::config::{PartitioningPolicy, PinningPolicy};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};

use super::codec;
use crate::ports::{Clock, Readiness, StoreError, StoreResult};
use expiry::ExpiryFactory;
use group::{Change, Group, Groups};
use journal::Journal;
use overlay::Overlay;
use space::Space;
use wal::Wal;

/// Bounds on memory and disk.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Blocks read from disk that are kept, in bytes.
    pub cache_bytes: u64,
    /// Recent writes of one keyspace that are kept in memory, in bytes.
    pub memtable_bytes: u64,
    /// What one segment of the log takes on the disk, in bytes. There are about
    /// three of them once one was full.
    pub segment_bytes: u64,
    /// What must be free on the disk for messages from outside to be taken, in
    /// bytes; 0 for no such bound.
    pub min_free_bytes: u64,
    /// Removes the directory when the store is closed.
    pub temporary: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 4 << 20,
            memtable_bytes: 4 << 20,
            segment_bytes: 16 << 20,
            min_free_bytes: 0,
            temporary: false,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another hookline process; stop it, or choose another directory with --data", .0.display())]
    Locked(PathBuf),
    #[error("cannot write to {}; let this process write there and make room, or choose another directory with --data", .0.display())]
    NotWritable(PathBuf, #[source] io::Error),
    #[error("cannot open the store in {}", .0.display())]
    Failed(PathBuf, #[source] fjall::Error),
    #[error("cannot start the store's writer")]
    Thread(#[source] io::Error),
}

/// Which keyspace a row lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Table {
    /// Tenants, keys, hooks, subscriptions: small, read often.
    Hooks,
    /// Events, deliveries, attempts: large, with an expiry in front of each value.
    Logs,
    /// Queue messages, gone once they are settled.
    Messages,
}

impl Table {
    const ALL: [Self; 3] = [Self::Hooks, Self::Logs, Self::Messages];
}

/// What one file of a table takes on the disk. A compaction writes one at a time,
/// and what it writes of an index holds on to the blocks that were read for it.
const TABLE_BYTES: u64 = 8 << 20;
/// Bytes of the log that are taken up again at once.
const REPLAYED: usize = 1024 * 1024;

/// A handle on the open store; clones share it. It closes when all are gone.
#[derive(Clone)]
pub struct Store {
    tables: Arc<Tables>,
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    space: Arc<Space>,
}

struct Tables {
    db: Database,
    hooks: Keyspace,
    logs: Keyspace,
    messages: Keyspace,
    /// Locked while a transaction reads and writes, so that they follow each other.
    groups: Mutex<Groups>,
    /// Bytes that were written and are in no table.
    unapplied: AtomicUsize,
}

type Action = Box<dyn FnOnce() + Send>;

impl Store {
    pub fn open(path: &Path, options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let failed = |error| match error {
            fjall::Error::Locked => OpenError::Locked(path.to_owned()),
            other => OpenError::Failed(path.to_owned(), other),
        };
        remains::set_right(path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked(path.to_owned()),
            _ => OpenError::NotWritable(path.to_owned(), error),
        })?;
        let expiry = Arc::new(ExpiryFactory(codec::SharedClock(Arc::clone(&clock))));
        let db = Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(64 << 20)
            .worker_threads(1)
            .manual_journal_persist(true)
            .temporary(options.temporary)
            .with_compaction_filter_factories(Arc::new(move |keyspace| {
                (keyspace == "logs").then(|| Arc::clone(&expiry) as Arc<dyn Factory>)
            }))
            .open()
            .map_err(failed)?;
        let strategy = Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES));
        // What is kept of a table in memory is for the cache to bound: what a flush or a
        // compaction pins stays, also when the table is later moved to a lower level.
        let keyspace = |name| {
            db.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(options.memtable_bytes)
                    .compaction_strategy(strategy.clone())
                    .index_block_partitioning_policy(PartitioningPolicy::all(true))
                    .filter_block_partitioning_policy(PartitioningPolicy::all(true))
                    .index_block_pinning_policy(PinningPolicy::all(false))
                    .filter_block_pinning_policy(PinningPolicy::all(false))
                    .manual_journal_persist(true)
            })
            .map_err(failed)
        };
        let tables = Arc::new(Tables {
            hooks: keyspace("hooks")?,
            logs: keyspace("logs")?,
            messages: keyspace("messages")?,
            groups: Mutex::default(),
            unapplied: AtomicUsize::new(0),
            db,
        });
        let wal = tables.take_over(path, options.segment_bytes).map_err(|error| {
            // It may have been a sync, which proves nothing when it is repeated.
            remains::suspect(path);
            match error {
                fjall::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                    OpenError::NotWritable(path.to_owned(), error)
                }
                error => failed(error),
            }
        })?;
        let journal = Journal::start(path, wal, Arc::clone(&tables)).map_err(OpenError::Thread)?;
        let space = Space::new(path.to_owned(), options.min_free_bytes);
        Ok(Self { tables, clock, journal: Arc::new(journal), space: Arc::new(space) })
    }

    /// Waits until everything handed in so far is on disk, and refuses more.
    pub fn close(&self) {
        self.journal.close();
    }

    /// Returns once the disk has failed, and how. From then on nothing is
    /// written: what the disk holds is known again after the store was opened anew.
    pub async fn failed(&self) -> StoreError {
        self.journal.failed().await
    }

    /// Finds out whether fjall's own thread has failed, which nobody is told
    /// before they write. May wait for that thread.
    pub fn find_failure(&self) {
        self.journal.note(self.tables.db.persist(PersistMode::Buffer));
    }

    pub(super) fn is_nearly_full(&self) -> bool {
        self.space.is_low()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(super) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        let found = self.tables.groups().get(table, key);
        found.map_or_else(|| self.tables.keyspace(table).get(key).map_err(unavailable), Ok)
    }

    /// Rows of `range` in order of their keys.
    pub(super) fn range<R: std::ops::RangeBounds<Vec<u8>>>(
        &self,
        table: Table,
        range: R,
    ) -> impl DoubleEndedIterator<Item = StoreResult<(Slice, Slice)>> + use<R> {
        let groups = self.tables.groups();
        let changes = groups.range(table, &range);
        let rows = self.tables.keyspace(table).range(range).map(|guard| guard.into_inner().map_err(unavailable));
        Overlay::new(rows, changes.into_iter().collect())
    }

    /// Runs `work` and makes its writes; an error discards them. They are on
    /// disk before anything that is written after them, and soon, but maybe not
    /// yet when this returns: for what is done again if it is lost.
    pub(super) async fn write_in_order<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        let (result, after) = self.run(work).await?;
        after.into_iter().for_each(|action| action());
        self.journal.written();
        Ok(result)
    }

    /// As [`Store::write_in_order`], but when this returns, the death of this
    /// process alone undoes nothing.
    pub(super) async fn hand_over<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        let (result, after) = self.run(work).await?;
        self.journal.hand_over(&self.tables)?;
        after.into_iter().for_each(|action| action());
        Ok(result)
    }

    /// Runs `work`, and returns once its writes are on disk.
    pub(super) async fn write<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        let (result, after) = self.run(work).await?;
        self.journal.synced(after).await?;
        Ok(result)
    }

    async fn run<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> StoreResult<T>) -> StoreResult<(T, Vec<Action>)> {
        self.journal.room(&self.tables).await?;
        self.journal.check_open()?;
        let mut groups = self.tables.groups();
        let mut transaction = Transaction { tables: &self.tables, groups: &groups, own: Vec::new(), after: Vec::new() };
        let result = work(&mut transaction)?;
        let Transaction { own, after, .. } = transaction;
        own.into_iter().for_each(|(table, key, change)| groups.add(table, key, change));
        self.tables.unapplied.store(groups.bytes(), Ordering::Relaxed);
        Ok((result, after))
    }
}

impl Readiness for Store {
    fn check(&self) -> Result<(), &'static str> {
        if self.journal.is_broken() {
            return Err("the disk has failed; the store is opened again once it can be written");
        }
        if self.is_nearly_full() {
            return Err("the disk is nearly full; events are accepted again once there is room");
        }
        Ok(())
    }
}

impl Tables {
    fn keyspace(&self, table: Table) -> &Keyspace {
        match table {
            Table::Hooks => &self.hooks,
            Table::Logs => &self.logs,
            Table::Messages => &self.messages,
        }
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what the last process wrote and could not put here, and begins a
    /// new log.
    fn take_over(&self, path: &Path, segment_bytes: u64) -> fjall::Result<Wal> {
        let (mut batch, mut bytes, mut found) = (self.db.batch(), 0, false);
        wal::replay(path, |table, key, value| {
            found = true;
            let table = self.keyspace(table);
            match value {
                Some(value) => batch.insert(table, key, value),
                // Some of it may be here already, and more than once.
                None => batch.remove(table, key),
            }
            bytes += key.len() + value.map_or(0, <[u8]>::len);
            if bytes > REPLAYED {
                bytes = 0;
                std::mem::replace(&mut batch, self.db.batch()).commit()?;
            }
            Ok(())
        })?;
        if found {
            batch.commit()?;
            self.db.persist(PersistMode::SyncAll)?;
        }
        Ok(Wal::begin(path, segment_bytes)?)
    }

    fn apply(&self, group: &Group) -> fjall::Result<()> {
        let mut batch = self.db.batch();
        for (table, key, change) in group.changes() {
            let (table, key) = (self.keyspace(table), key.clone());
            match change {
                Change::Put(value) => batch.insert(table, key, value.clone()),
                Change::Delete => batch.remove(table, key),
                Change::DeleteSingle => batch.remove_weak(table, key),
            }
        }
        batch.commit()
    }

    /// The closed group is here.
    fn applied(&self) {
        let _applied = {
            let mut groups = self.groups();
            let applied = groups.applied();
            self.unapplied.store(groups.bytes(), Ordering::Relaxed);
            applied
        };
    }
}

/// What one writer reads and writes while it has its turn.
pub(super) struct Transaction<'a> {
    tables: &'a Tables,
    groups: &'a Groups,
    own: Vec<(Table, Slice, Change)>,
    after: Vec<Action>,
}

impl Transaction<'_> {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        if let Some((.., value)) = self.own.iter().rev().find(|(t, k, _)| *t == table && **k == *key) {
            return Ok(value.value().cloned());
        }
        if let Some(value) = self.groups.get(table, key) {
            return Ok(value);
        }
        self.tables.keyspace(table).get(key).map_err(unavailable)
    }

    pub(super) fn put(&mut self, table: Table, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.own.push((table, key.into(), Change::Put(value.into())));
    }

    pub(super) fn delete(&mut self, table: Table, key: impl Into<Slice>) {
        self.own.push((table, key.into(), Change::Delete));
    }

    /// For a key that was written exactly once: both vanish when they meet in a
    /// compaction, instead of leaving a tombstone.
    pub(super) fn delete_single(&mut self, table: Table, key: impl Into<Slice>) {
        self.own.push((table, key.into(), Change::DeleteSingle));
    }

    /// Runs once the writes are as safe as they were asked to be, whether or
    /// not the caller still waits.
    pub(super) fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(action));
    }
}

pub(super) fn unavailable(error: fjall::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}
