//! The store as its users see it: tables, transactions, and when what is written is safe.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lsm_tree::Slice;

use crate::checkpoint::Checkpoint;
use crate::damage::{Damage, Fault};
use crate::disk_failure::Failure;
use crate::expiry::IsExpired;
use crate::free_space::FreeSpace;
use crate::identity::{Identity, Stage, StoreId};
use crate::log::{self, Log};
use crate::merged_rows::MergedRows;
use crate::transaction::Transaction;
use crate::trees::Trees;
use crate::verify::{Found, Proved, prove};
use crate::writer::{Still, Writer};
use crate::{DirectoryLock, backup};

/// A table, by its place in [`Options::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table(pub u8);

/// What a table is called and holds. The order of tables and their names are part of the format.
#[derive(Clone)]
pub struct TableSpec {
    pub name: &'static str,
    /// For whoever has to put it back from a backup.
    pub holds: &'static str,
    /// Whether a row with this value may be dropped by now. A value's first eight bytes, as a
    /// number in big-endian order, are never the largest one of a row that has expired.
    pub is_expired: Option<IsExpired>,
}

impl fmt::Debug for TableSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What the store consists of, and bounds on memory and disk.
#[derive(Clone, Debug)]
pub struct Options {
    pub tables: Vec<TableSpec>,
    /// Blocks read from disk that are kept, in bytes.
    pub cache_bytes: u64,
    /// Recent writes of one table that are kept in memory, in bytes.
    pub memtable_bytes: u64,
    /// What one segment of the log takes on the disk, in bytes. There are about three of them
    /// once one was full.
    pub segment_bytes: u64,
    /// What must be free on the disk for messages from outside to be taken, in bytes; 0 for no
    /// such bound.
    pub min_free_bytes: u64,
}

impl Options {
    pub fn new(tables: Vec<TableSpec>) -> Self {
        Self { tables, cache_bytes: 4 << 20, memtable_bytes: 4 << 20, segment_bytes: 16 << 20, min_free_bytes: 0 }
    }
}

/// Why a store does not open. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another hookline process; stop it, or choose another directory with --data", .0.display())]
    Locked(PathBuf),
    #[error("cannot write to {}; let this process write there and make room, or choose another directory with --data", .0.display())]
    NotWritable(PathBuf, #[source] io::Error),
    #[error("{}", told(.directory, .damages))]
    Damaged { directory: PathBuf, damages: Vec<Damage> },
    #[error("{} was written by a newer version (format {found}, this one knows {known}); start that version, or put back a backup of this one", .file.display())]
    Newer { file: PathBuf, found: u32, known: u32 },
    #[error("cannot read {}; let this process read there", .0.display())]
    NotReadable(PathBuf, #[source] io::Error),
    #[error("{} was made by a version without a storage format number; `hookline migrate --data {}` converts it and keeps the old files", .0.display(), .0.display())]
    Unconverted(PathBuf),
    #[error("cannot start the store's threads")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// What was found, the newer version and the unreadable file before damage, which may follow from them.
    pub(crate) fn refused(directory: &Path, faults: Vec<Fault>) -> Self {
        let mut damages = Vec::new();
        for fault in faults {
            match fault {
                Fault::Newer { file, found, known } => return Self::Newer { file, found, known },
                Fault::Io(file, error) => return Self::NotReadable(file, error),
                Fault::Damaged(damage) => damages.push(damage),
            }
        }
        Self::Damaged { directory: directory.to_owned(), damages }
    }
}

/// The folder in which a directory of an older format is converted. Until that is finished there
/// is no store beside it.
pub const MIGRATION: &str = "migration";

/// Files that are named in one text; the others are counted.
const TOLD: usize = 5;

fn told(directory: &Path, damages: &[Damage]) -> String {
    let mut text: Vec<String> = damages.iter().take(TOLD).map(ToString::to_string).collect();
    if damages.len() > TOLD {
        text.push(format!("and {} more files", damages.len() - TOLD));
    }
    format!(
        "the store in {directory} is not as it was written, so nothing was started and nothing was changed: {}. \
         Put {directory} back from a backup, or see what `hookline repair --data {directory}` could save",
        text.join("; "),
        directory = directory.display(),
    )
}

/// Why a read or write did not do as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("the store is closed")]
    Closed,
    /// Nothing is taken until the store was opened anew.
    #[error("the disk has failed")]
    Disk(#[source] Arc<Failure>),
    /// The row may be there and cannot be read. What this file does not hold is not affected.
    #[error("a row cannot be read, since {0}")]
    Damaged(Damage),
    #[error("a file of the store cannot be read")]
    Unreadable(#[source] Arc<io::Error>),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(damage) => Self::Damaged(damage),
            Fault::Io(_, error) => Self::Unreadable(Arc::new(error)),
            newer @ Fault::Newer { .. } => Self::Unreadable(Arc::new(io::Error::other(newer.to_string()))),
        }
    }
}

/// A handle on the open store; clones share it. It closes when all are gone.
#[derive(Clone)]
pub struct Store {
    trees: Arc<Trees>,
    writer: Arc<Writer>,
    space: Arc<FreeSpace>,
    directory: Arc<DirectoryLock>,
}

pub(crate) type Action = Box<dyn FnOnce() + Send>;

impl Store {
    /// Opens the store of a directory, or makes it where there was none. Everything that the
    /// store relies on is read and checked before.
    pub fn open(lock: DirectoryLock, options: &Options) -> Result<Self, OpenError> {
        let directory = lock.path().to_owned();
        let refused = |fault| OpenError::refused(&directory, vec![fault]);
        let not_writable = |error| OpenError::NotWritable(directory.clone(), error);
        let is_older = ["keyspaces", MIGRATION].iter().any(|name| directory.join(name).exists());
        if is_older && !directory.join(crate::identity::FILE).exists() {
            return Err(OpenError::Unconverted(directory));
        }
        let (trees, store, log, applied) =
            match prove(&directory, &options.tables).map_err(|faults| OpenError::refused(&directory, faults))? {
                Found::Nothing => {
                    let (trees, store) = create(&directory, options).map_err(not_writable)?;
                    (trees, store, 0, 0)
                }
                Found::Store(proved) => {
                    let Proved { identity, checkpoint, log, .. } = *proved;
                    let trees = Trees::open(&directory, identity.id, options).map_err(refused)?;
                    let applied = log.as_ref().map_or(checkpoint.applied(), |log| log.newest);
                    if let Some(log) = &log {
                        trees.replay(log).map_err(|fault| match fault {
                            Fault::Io(_, error) => OpenError::NotWritable(directory.clone(), error),
                            fault => refused(fault),
                        })?;
                    }
                    (trees, identity.id, checkpoint.log + 1, applied)
                }
            };
        let trees = Arc::new(trees);
        let begun = || -> io::Result<Log> {
            let begun = Log::begin(&directory, log, store, options.segment_bytes, applied)?;
            trees.all_applied(applied);
            Checkpoint { store, clean: false, log, trees: trees.marks()? }.write(&directory)?;
            log::remove_others(&directory, Some(log))?;
            Ok(begun)
        };
        let begun = begun().map_err(not_writable)?;
        let lock = Arc::new(lock);
        let writer = Writer::start(&lock, store, log, begun, Arc::clone(&trees)).map_err(OpenError::Thread)?;
        let space = FreeSpace::new(directory.clone(), options.min_free_bytes);
        Ok(Self { trees, writer: Arc::new(writer), space: Arc::new(space), directory: lock })
    }

    /// Says that from now on the store is not empty, so that an empty one is refused; returns
    /// whether it was said before.
    pub fn set_in_use(&self) -> Result<bool, Error> {
        let failed = |error: io::Error| Error::Unreadable(Arc::new(error));
        match Identity::read(self.directory.path())? {
            Some(Identity { stage: Stage::InUse, .. }) => Ok(true),
            Some(Identity { id, .. }) => {
                Identity { id, stage: Stage::InUse }.write(self.directory.path()).map_err(failed)?;
                Ok(false)
            }
            None => Err(failed(io::ErrorKind::NotFound.into())),
        }
    }

    /// Whether it was ever said to be in use.
    pub fn is_in_use(&self) -> Result<bool, Error> {
        Ok(Identity::read(self.directory.path())?.is_some_and(|identity| identity.stage == Stage::InUse))
    }

    /// Waits until everything handed in so far is on disk, and refuses more.
    pub fn close(&self) {
        self.writer.close();
    }

    /// Returns once the disk has failed, and how. From then on nothing is written: what the disk
    /// holds is known again after the store was opened anew.
    pub async fn failed(&self) -> Error {
        self.writer.failed().await
    }

    pub fn has_failed(&self) -> bool {
        self.writer.has_failed()
    }

    /// Files that were found damaged while the store was open. Rows of other files are served.
    pub fn damages(&self) -> Vec<Damage> {
        self.writer.damages()
    }

    /// Keeps all files as they are while it is held; writes wait meanwhile.
    pub fn hold_still(&self) -> Still<'_> {
        self.writer.hold_still()
    }

    pub fn is_nearly_full(&self) -> bool {
        self.space.is_low()
    }

    /// Makes a copy of the store as it is now in the folder `to`, which must not exist, while
    /// others go on. Files that never change are linked where the file system allows it.
    pub async fn backup(&self, to: &Path) -> Result<(), Error> {
        let to = to.to_owned();
        self.writer.at_rest(move |directory, checkpoint, tables| backup::copy(directory, &to, checkpoint, tables)).await
    }

    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, Error> {
        let found = self.trees.memtables().get(table, key);
        found.map_or_else(|| Ok(self.trees.get(table, key)?), Ok)
    }

    /// Rows of `range` in order of their keys.
    pub fn range<R: std::ops::RangeBounds<Vec<u8>>>(
        &self,
        table: Table,
        range: R,
    ) -> impl DoubleEndedIterator<Item = Result<(Slice, Slice), Error>> + use<R> {
        let memtables = self.trees.memtables();
        let changes = memtables.range(table, &range);
        let rows = self.trees.range(table, range, &memtables).map(|row| row.map_err(Error::from));
        MergedRows::new(rows, changes.into_iter().collect())
    }

    /// Runs `work` and makes its writes; an error discards them. They are on disk before anything
    /// that is written after them, and soon, but maybe not yet when this returns: for what is
    /// done again if it is lost.
    pub async fn write_in_order<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let (result, after) = self.run(work).await?;
        after.into_iter().for_each(|action| action());
        self.writer.written();
        Ok(result)
    }

    /// As [`Store::write_in_order`], but when this returns, the death of this process alone
    /// undoes nothing.
    pub async fn hand_over<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let (result, after) = self.run(work).await?;
        self.writer.hand_over(&self.trees)?;
        after.into_iter().for_each(|action| action());
        Ok(result)
    }

    /// Runs `work`, and returns once its writes are on disk.
    pub async fn write<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let (result, after) = self.run(work).await?;
        self.writer.synced(after).await?;
        Ok(result)
    }

    async fn run<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<(T, Vec<Action>), E> {
        self.writer.room(&self.trees).await?;
        self.writer.check_open()?;
        let mut memtables = self.trees.memtables();
        let mut transaction =
            Transaction { trees: &self.trees, memtables: &memtables, own: Vec::new(), after: Vec::new() };
        let result = work(&mut transaction)?;
        let Transaction { own, after, .. } = transaction;
        own.into_iter().for_each(|(table, key, change)| memtables.add(table, key, change));
        self.trees.unapplied.store(memtables.bytes(), Ordering::Relaxed);
        Ok((result, after))
    }

    #[cfg(test)]
    pub(crate) fn trees(&self) -> &Trees {
        &self.trees
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }
}

/// A store of which nothing was ever written: a process that dies here leaves what is made again.
pub(crate) fn create(directory: &Path, options: &Options) -> io::Result<(Trees, StoreId)> {
    let id = StoreId::new()?;
    Identity { id, stage: Stage::Creating }.write(directory)?;
    log::remove_others(directory, None)?;
    let trees = Trees::create(directory, id, options).map_err(|error| match error {
        lsm_tree::Error::Io(error) => error,
        error => io::Error::other(error),
    })?;
    log::synced::Synced::create(directory, id, 0)?;
    Checkpoint { store: id, clean: true, log: 0, trees: trees.marks()? }.write(directory)?;
    Identity { id, stage: Stage::New }.write(directory)?;
    Ok((trees, id))
}
