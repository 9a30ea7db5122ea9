//! Converts a directory of format 1, which had tables with a journal of their own behind its log.
//!
//! The old files are read in a copy, the new store is written beside it, both in the folder
//! `migration` of the directory. Until every row was compared, the directory is as it was. Then one
//! file is replaced, from which on no version starts there, and the old files move out and the new
//! ones in. Whatever is cut short is begun anew before that file, and finished behind it.

mod compare;
mod journal;
mod old_store;
mod swap;
#[cfg(all(test, unix))]
mod tests;
mod wal;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::store::{DirectoryLock, MIGRATION};

use super::key_check::{self, OpenCipherError};
use super::store::{OpenError, Store, Table};
use compare::{Digest, digest};
use contract::ports::{Clock, StoreError, StoreResult, SystemClock};
use old_store::{OldFiles, OldStore};
use swap::{State, Swap};

/// The names of the tables, in both formats.
const NAMES: [&str; 3] = ["hooks", "logs", "messages"];
const TABLES: [Table; 3] = [Table::Hooks, Table::Logs, Table::Messages];
/// The file of format 1 without which there is no store of it.
const VERSION: &str = "version";
/// In the folder of the conversion: the old files, and the new store.
const COPY: &str = "old";
const NEW: &str = "new";
/// Bytes that are written at once.
const BATCH: usize = 1024 * 1024;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Migrated {
    Converted {
        rows: Vec<RowCount>,
        /// Where the old files are.
        archive: PathBuf,
    },
    /// An earlier run had compared everything; what it left to do is done.
    Finished { archive: PathBuf },
}

#[derive(Debug, PartialEq, Eq)]
pub struct RowCount {
    pub table: &'static str,
    pub rows: u64,
}

/// A file that holds something behind its last whole change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    pub file: PathBuf,
    /// Where that begins.
    pub offset: u64,
}

/// Why a directory was not converted. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("{} does not exist; name the directory of a server with --data", .0.display())]
    NoDirectory(PathBuf),
    #[error("{} is of format 2 already, so there is nothing to convert", .0.display())]
    Converted(PathBuf),
    #[error("{} holds no store of format 1, so there is nothing to convert; name the directory of a server with --data", .0.display())]
    NoStore(PathBuf),
    #[error("{}", torn(.0))]
    Torn(Vec<TornTail>),
    #[error("{} {what}; it holds {holds}. Nothing was changed: put the directory back from a backup, then convert it", .file.display())]
    Damaged { file: PathBuf, what: String, holds: &'static str },
    #[error("the old store cannot be read. Nothing was changed: put the directory back from a backup, then convert it")]
    Unreadable(#[source] fjall::Error),
    #[error("{} holds files of an earlier conversion; move that folder elsewhere, then run this again", .0.display())]
    Archived(PathBuf),
    #[error("the table {table} of the new store has {} rows and differs from the old one, which has {}. Nothing was changed: keep the directory and report this", .new, .old)]
    Differs { table: &'static str, old: u64, new: u64 },
    #[error("{} is missing, and the conversion was finished before; put the directory back from a backup, or see its folder format-1", .0.display())]
    StoreLost(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    EnvelopeCipher(#[from] OpenCipherError),
    #[error("the new store cannot be written")]
    Store(#[from] StoreError),
    #[error("cannot read or write {}; let this process do that and make room", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl From<fjall::Error> for MigrateError {
    fn from(error: fjall::Error) -> Self {
        match error {
            // It is the copy that is written.
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) if is_full(&error) => {
                Self::Io(MIGRATION.into(), error)
            }
            error => Self::Unreadable(error),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

fn torn(tails: &[TornTail]) -> String {
    let places: Vec<String> =
        tails.iter().map(|tail| format!("{} from byte {} on", tail.file.display(), tail.offset)).collect();
    format!(
        "the old store holds something that is not a whole change: {}. Nothing was changed. After a power failure \
         this can be a write that was never finished and of which nobody was told; then go on with \
         --accept-torn-tail, which leaves out what is there. Otherwise changes were lost: put the directory back \
         from a backup, then convert it",
        places.join("; ")
    )
}

/// What is done, in this order. The directory is as it was up to `Archived`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Copied,
    Written,
    Compared,
    /// The folder of the old files has copies of what stays.
    Archived,
    /// No version starts any more.
    Committed,
    MovedOut(&'static str),
    MovedIn(String),
    Finished,
}

type AfterStep<'a> = &'a mut (dyn FnMut(Step) -> io::Result<()> + Send);

/// Converts the directory `data`, or finishes that. Takes its lock, which is that of both formats.
pub async fn migrate(data: &Path, accept_torn_tail: bool) -> Result<Migrated, MigrateError> {
    let result = migrate_in_steps(data, accept_torn_tail, &mut |_| Ok(())).await;
    if result.is_err() && matches!(swap::state(data), Ok(State::Old)) {
        // The old version goes on, and needs the room.
        let _ = fs::remove_dir_all(data.join(MIGRATION));
    }
    result
}

async fn migrate_in_steps(data: &Path, accept_torn_tail: bool, after: AfterStep<'_>) -> Result<Migrated, MigrateError> {
    if !data.is_dir() {
        return Err(MigrateError::NoDirectory(data.to_owned()));
    }
    // Whoever is refused leaves nothing behind.
    swap::state(data)?;
    let lock = DirectoryLock::acquire(data)?;
    let archive = data.join(swap::ARCHIVE);
    let swap = Swap::new(lock.path());
    let migrated = match swap::state(data)? {
        State::Old => {
            let rows = prepare(data, accept_torn_tail, &mut *after).await?;
            swap.commit()?;
            after(Step::Committed).map_err(io_error(data))?;
            Migrated::Converted { rows, archive }
        }
        State::Committed | State::Finished => Migrated::Finished { archive },
    };
    swap.finish(after)?;
    Ok(migrated)
}

/// Makes the new store, compares it, and puts copies of what stays beside the old files.
async fn prepare(data: &Path, accept_torn_tail: bool, after: AfterStep<'_>) -> Result<Vec<RowCount>, MigrateError> {
    let swap = Swap::new(data);
    swap.check_archive()?;
    let work = data.join(MIGRATION);
    match fs::remove_dir_all(&work) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&work)(error)),
        _ => {}
    }
    let files = OldFiles::read(data)?;
    if !accept_torn_tail && !files.torn().is_empty() {
        return Err(MigrateError::Torn(files.torn()));
    }
    let mut done = |step| after(step).map_err(io_error(data));
    create_folder(&work).map_err(io_error(&work))?;
    files.copy(data, &work.join(COPY))?;
    done(Step::Copied)?;
    let old = OldStore::open(&work.join(COPY), &files)?;
    let new = work.join(NEW);
    write(&old, &new, data).await?;
    done(Step::Written)?;
    let rows = compare(&old, &new, data).await?;
    done(Step::Compared)?;
    drop(old);
    swap.archive_copies()?;
    done(Step::Archived)?;
    Ok(rows)
}

fn open(folder: &Path) -> Result<Store, OpenError> {
    Store::open_keeping_expired(DirectoryLock::acquire(folder)?, clock())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Writes all rows into a new store.
async fn write(old: &OldStore, folder: &Path, data: &Path) -> Result<(), MigrateError> {
    let store = open(folder)?;
    let mut is_empty = true;
    for table in TABLES {
        let mut rows = old.rows(table).peekable();
        while rows.peek().is_some() {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next_if(|row| row.is_err() || bytes < BATCH) {
                let (key, value) = row?;
                bytes += key.len() + value.len();
                batch.push((key, value));
            }
            is_empty = false;
            let put = store.write_in_order(move |tx| {
                batch.into_iter().for_each(|(key, value)| tx.put(table, key, value));
                StoreResult::Ok(())
            });
            put.await?;
        }
    }
    if key_check::check_rows(&store)?.is_empty() {
        // Nobody ever had a key there, or the row that proves the keys is lost.
        if !is_empty {
            let what = "lack the row that proves the file of keys".to_owned();
            return Err(MigrateError::Damaged { file: data.join(old_store::KEYSPACES), what, holds: "all tables" });
        }
    } else {
        store.set_in_use()?;
    }
    store.write(|_| Ok(())).await?;
    store.close();
    Ok(())
}

/// Opens the new store as a server would, compares its rows, and checks its files.
async fn compare(old: &OldStore, folder: &Path, data: &Path) -> Result<Vec<RowCount>, MigrateError> {
    let store = open(folder)?;
    let mut rows = Vec::new();
    for (table, name) in TABLES.into_iter().zip(NAMES) {
        let was: Digest = digest(old.rows(table))?;
        let is = digest(store.range(table, ..).map(|row| row.map_err(MigrateError::from)))?;
        if was != is {
            return Err(MigrateError::Differs { table: name, old: was.rows, new: is.rows });
        }
        rows.push(RowCount { table: name, rows: is.rows });
    }
    if store.is_in_use()? {
        key_check::check_cipher(&store, data).await?;
    }
    store.close();
    drop(store);
    match Store::verify(&DirectoryLock::acquire(folder)?, clock())? {
        Some(report) if report.is_clean => Ok(rows),
        _ => Err(StoreError::Unavailable("it was not closed".into()).into()),
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> MigrateError + use<> {
    let path = path.to_owned();
    move |error| MigrateError::Io(path.clone(), error)
}

/// For its owner only.
fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
