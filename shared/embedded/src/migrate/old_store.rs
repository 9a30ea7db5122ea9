//! The tables of a directory of format 1, opened as the version that wrote them did. That changes
//! their files, so it is done in a copy.

use std::fs::{self, File};
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use ::store::Slice;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::super::store::Table;
use super::journal::{self, JournalFile};
use super::wal::OldLog;
use super::{MigrateError, NAMES, TornTail, VERSION, create_folder, io_error};

pub(super) const KEYSPACES: &str = "keyspaces";
/// In each keyspace, files that never change once they were written.
const TABLES: &str = "tables";
/// Bytes of the log that are replayed at once.
const REPLAYED: usize = 1024 * 1024;

/// What a directory of format 1 consists of, read as far as its ends go.
pub(super) struct OldFiles {
    journal: Vec<JournalFile>,
    log: OldLog,
    journal_tail: Option<TornTail>,
}

impl OldFiles {
    pub(super) fn read(directory: &Path) -> Result<Self, MigrateError> {
        let (journal, journal_tail) = journal::read(directory)?;
        Ok(Self { journal, log: OldLog::read(directory)?, journal_tail })
    }

    pub(super) fn torn(&self) -> Vec<TornTail> {
        self.journal_tail.iter().chain(&self.log.torn).cloned().collect()
    }

    /// Copies them into the folder `to`, the journal up to its last whole batch. What never changes
    /// is linked where the file system allows it.
    pub(super) fn copy(&self, directory: &Path, to: &Path) -> Result<(), MigrateError> {
        let copied = || -> io::Result<()> {
            create_folder(to)?;
            fs::copy(directory.join(VERSION), to.join(VERSION))?;
            File::create(to.join("lock"))?;
            for JournalFile { path, end } in &self.journal {
                let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
                io::copy(&mut io::Read::take(File::open(path)?, *end), &mut File::create(to.join(name))?)?;
            }
            copy_folder(&directory.join(KEYSPACES), &to.join(KEYSPACES), false)
        };
        copied().map_err(io_error(directory))
    }
}

fn copy_folder(from: &Path, to: &Path, may_link: bool) -> io::Result<()> {
    create_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&path, &copy, entry.file_name() == TABLES)?;
        } else if !may_link || fs::hard_link(&path, &copy).is_err() {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}

pub(super) struct OldStore {
    database: Database,
    keyspaces: Vec<Keyspace>,
}

impl OldStore {
    /// Opens a copy, and brings in what the log has beyond it.
    pub(super) fn open(copy: &Path, files: &OldFiles) -> Result<Self, MigrateError> {
        // It panics at some damages.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| Self::open_copy(copy)));
        let store = opened.unwrap_or_else(|_| Err(damaged("are not as they were written")))?;
        store.replay(&files.log)?;
        Ok(store)
    }

    fn open_copy(copy: &Path) -> Result<Self, MigrateError> {
        let database = Database::builder(copy)
            .cache_size(4 << 20)
            .max_journaling_size(64 << 20)
            .worker_threads(1)
            .manual_journal_persist(true)
            .open()?;
        let keyspace = |name: &str| {
            // It makes a new one in place of one that is not whole.
            if !database.keyspace_exists(name) {
                return Err(damaged(&format!("lack the table {name}")));
            }
            Ok(database.keyspace(name, KeyspaceCreateOptions::default)?)
        };
        let keyspaces = NAMES.into_iter().map(keyspace).collect::<Result<_, _>>()?;
        Ok(Self { database, keyspaces })
    }

    fn replay(&self, log: &OldLog) -> Result<(), MigrateError> {
        let (mut batch, mut bytes) = (self.database.batch(), 0);
        log.replay(|(table, key, value)| {
            let table = &self.keyspaces[table as usize];
            match value {
                Some(value) => batch.insert(table, key, value),
                // Some of it may be here already, and more than once.
                None => batch.remove(table, key),
            }
            bytes += key.len() + value.map_or(0, <[u8]>::len);
            if bytes > REPLAYED {
                bytes = 0;
                std::mem::replace(&mut batch, self.database.batch()).commit()?;
            }
            Ok(())
        })?;
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    /// All rows of a table, in order of their keys.
    pub(super) fn rows(&self, table: Table) -> impl Iterator<Item = Result<(Slice, Slice), MigrateError>> + use<> {
        self.keyspaces[table as usize].iter().map(|row| row.into_inner().map_err(MigrateError::from))
    }
}

fn damaged(what: &str) -> MigrateError {
    MigrateError::Damaged { file: KEYSPACES.into(), what: what.to_owned(), holds: "all tables" }
}
