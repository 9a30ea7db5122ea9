//! The store: three keyspaces, many readers, one writer that commits in groups.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};
use tokio::sync::{mpsc, oneshot};

use super::codec;
use crate::ports::{Clock, StoreError, StoreResult};
use crate::stage::causes;

/// Bounds on memory. The defaults keep a busy process well under 96 MiB.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Blocks read from disk that are kept, in bytes.
    pub cache_bytes: u64,
    /// Recent writes of one keyspace that are kept in memory, in bytes.
    pub memtable_bytes: u64,
    /// Removes the directory when the store is closed.
    pub temporary: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { cache_bytes: 4 << 20, memtable_bytes: 4 << 20, temporary: false }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another hookline process; stop it, or choose another directory with --data", .0.display())]
    Locked(PathBuf),
    #[error("cannot open the store in {}", .0.display())]
    Failed(PathBuf, #[source] fjall::Error),
    #[error("cannot start the store's writer")]
    Thread(#[source] std::io::Error),
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

/// Jobs that may wait for the writer before callers have to.
const WAITING_JOBS: usize = 4_096;
/// The most jobs of one commit, so that one flush never takes long.
const GROUP_JOBS: usize = 1_024;

/// A handle on the open store; clones share it. It closes when all are gone.
#[derive(Clone)]
pub struct Store {
    tables: Arc<Tables>,
    clock: Arc<dyn Clock>,
    writer: Arc<Writer>,
}

struct Tables {
    db: Database,
    hooks: Keyspace,
    logs: Keyspace,
    messages: Keyspace,
}

struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

type Committed = Result<(), Arc<fjall::Error>>;
type Completion = Box<dyn FnOnce(&Committed) + Send>;
type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Completion + Send>;
type Write = (Table, Slice, Change);

enum Change {
    Put(Slice),
    Delete,
    DeleteSingle,
}

impl Change {
    fn value(&self) -> Option<&Slice> {
        match self {
            Self::Put(value) => Some(value),
            Self::Delete | Self::DeleteSingle => None,
        }
    }
}

impl Store {
    pub fn open(path: &Path, options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let failed = |error| match error {
            fjall::Error::Locked => OpenError::Locked(path.to_owned()),
            other => OpenError::Failed(path.to_owned(), other),
        };
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
        let keyspace = |name| {
            db.keyspace(name, || {
                KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes).manual_journal_persist(true)
            })
            .map_err(failed)
        };
        let tables = Arc::new(Tables {
            hooks: keyspace("hooks")?,
            logs: keyspace("logs")?,
            messages: keyspace("messages")?,
            db: db.clone(),
        });
        let (jobs, waiting) = mpsc::channel(WAITING_JOBS);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let tables = Arc::clone(&tables);
                move || write_in_groups(&tables, waiting)
            })
            .map_err(OpenError::Thread)?;
        let writer = Writer { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) };
        Ok(Self { tables, clock, writer: Arc::new(writer) })
    }

    /// Waits until everything handed in so far is on disk, and refuses more.
    pub fn close(&self) {
        self.writer.close();
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(super) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        self.tables.keyspace(table).get(key).map_err(unavailable)
    }

    /// Rows of `range` in order of their keys.
    pub(super) fn range<R: std::ops::RangeBounds<Vec<u8>>>(
        &self,
        table: Table,
        range: R,
    ) -> impl DoubleEndedIterator<Item = StoreResult<(Slice, Slice)>> + use<R> {
        self.tables.keyspace(table).range(range).map(|guard| guard.into_inner().map_err(unavailable))
    }

    /// Has `work` run on the writer, in order, without waiting for it. For
    /// writes that may be lost with the process, because they are made again.
    pub(super) async fn write_later<F>(&self, work: F) -> StoreResult<()>
    where
        F: FnOnce(&mut Transaction<'_>) -> StoreResult<()> + Send + 'static,
    {
        let job: Job = Box::new(move |transaction| {
            let result = work(transaction);
            transaction.keep = result.is_ok();
            Box::new(move |committed| {
                let failed = result.err().map(|error| causes(&error));
                if let Some(error) = failed.or_else(|| committed.as_ref().err().map(|error| causes(error.as_ref()))) {
                    tracing::error!(error, "a write that nobody waits for failed");
                }
            })
        });
        let jobs = self.writer.sender().ok_or_else(closed)?;
        jobs.send(job).await.map_err(|_| closed())
    }

    /// Runs `work` on the writer and returns once its writes are on disk. An
    /// error discards them. Transactions see each other's writes in order.
    pub(super) async fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = work(transaction);
            transaction.keep = result.is_ok();
            Box::new(move |committed| {
                let _ = reply.send(match committed {
                    Ok(()) => result,
                    Err(error) => Err(StoreError::Unavailable(Arc::clone(error).into())),
                });
            })
        });
        let jobs = self.writer.sender().ok_or_else(closed)?;
        jobs.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Writer {
    fn sender(&self) -> Option<mpsc::Sender<Job>> {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
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
}

/// What one job reads and writes while it holds the writer.
pub(super) struct Transaction<'a> {
    tables: &'a Tables,
    /// Writes of the group that are not committed yet.
    pending: &'a mut HashMap<(Table, Slice), Option<Slice>>,
    own: Vec<Write>,
    after: Vec<Box<dyn FnOnce() + Send>>,
    keep: bool,
}

impl Transaction<'_> {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        if let Some((.., value)) = self.own.iter().rev().find(|(t, k, _)| *t == table && **k == *key) {
            return Ok(value.value().cloned());
        }
        if let Some(value) = self.pending.get(&(table, Slice::from(key))) {
            return Ok(value.clone());
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

    /// Runs once the writes are on disk, whether or not the caller still waits.
    pub(super) fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(action));
    }
}

fn write_in_groups(tables: &Tables, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(GROUP_JOBS);
    while waiting.blocking_recv_many(&mut jobs, GROUP_JOBS) > 0 {
        let mut batch = tables.db.batch().durability(Some(PersistMode::SyncData));
        let mut pending = HashMap::new();
        let mut after: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        let mut completions: Vec<Completion> = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            let mut transaction =
                Transaction { tables, pending: &mut pending, own: Vec::new(), after: Vec::new(), keep: false };
            completions.push(job(&mut transaction));
            if !transaction.keep {
                continue;
            }
            let Transaction { own, after: actions, .. } = transaction;
            for (table, key, change) in own {
                pending.insert((table, key.clone()), change.value().cloned());
                match change {
                    Change::Put(value) => batch.insert(tables.keyspace(table), key, value),
                    Change::Delete => batch.remove(tables.keyspace(table), key),
                    Change::DeleteSingle => batch.remove_weak(tables.keyspace(table), key),
                }
            }
            after.extend(actions);
        }
        let committed: Committed = batch.commit().map_err(Arc::new);
        if committed.is_ok() {
            after.into_iter().for_each(|action| action());
        }
        completions.into_iter().for_each(|complete| complete(&committed));
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

pub(super) fn unavailable(error: fjall::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// Drops expired rows of the log whenever the store compacts.
struct ExpiryFactory(codec::SharedClock);

impl Factory for ExpiryFactory {
    fn name(&self) -> &str {
        "expiry"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiryFilter { now_millis: self.0.0.now().as_millis() })
    }
}

struct ExpiryFilter {
    now_millis: i64,
}

impl CompactionFilter for ExpiryFilter {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let expired = codec::expires_at_millis(&item.value()?).is_some_and(|at| at <= self.now_millis);
        Ok(if expired { Verdict::Remove } else { Verdict::Keep })
    }
}
