//! The old files out of the directory, the new ones in.
//!
//! In between no version may start there: the old one would make an empty store where it finds
//! none. So the file by which it knows its format is replaced first, by one that it refuses, and
//! stays; and the file by which the new one knows its store comes last.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ::store::MIGRATION;
use zeroize::Zeroizing;

use super::super::owner_only_file::write_private;
use super::{AfterStep, MigrateError, NEW, Step, VERSION, create_folder, io_error, old_store, wal};

/// Where the old files are kept.
pub(super) const ARCHIVE: &str = "format-1";
/// What stays in the directory and is needed with either format.
const COPIED: [&str; 2] = ["keys", "operator-key"];
/// The file by which the new version knows that there is a store.
const STORE: &str = "store";
/// What a store that was closed has no need of. There may be an old log under its name.
const LEFT: [&str; 2] = ["lock", "log"];
const JOURNAL: &str = "*.jnl";
/// Marks a directory of the old version's whose journal has to be written again.
const SUSPECT: &str = "suspect";

/// In the file `version`, for the old version, and for whoever wonders.
const REFUSAL: &[u8] = b"This directory was converted to format 2 of hookline. Older versions do not start here.\n\
    To go back to one, move the files of the folder format-1 back; see docs/upgrades.md.\n";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A directory of format 1.
    Old,
    /// The new store is whole, and the swap has begun.
    Committed,
    /// The new store is in its place, and there is something to clear away.
    Finished,
}

pub(super) fn state(data: &Path) -> Result<State, MigrateError> {
    let has = |name: &str| data.join(name).try_exists().map_err(io_error(&data.join(name)));
    let work = data.join(MIGRATION);
    if has(STORE)? {
        return if has(MIGRATION)? { Ok(State::Finished) } else { Err(MigrateError::Converted(data.to_owned())) };
    }
    let version = match fs::read(data.join(VERSION)) {
        Ok(version) => version,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io_error(&data.join(VERSION))(error)),
    };
    if version == REFUSAL {
        let is_whole = work.join(NEW).join(STORE).try_exists().map_err(io_error(&work))?;
        return if is_whole { Ok(State::Committed) } else { Err(MigrateError::StoreLost(data.join(STORE))) };
    }
    if version.is_empty() || !has(old_store::KEYSPACES)? {
        return Err(MigrateError::NoStore(data.to_owned()));
    }
    Ok(State::Old)
}

pub(super) struct Swap {
    data: PathBuf,
    archive: PathBuf,
    new: PathBuf,
}

impl Swap {
    pub(super) fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), archive: data.join(ARCHIVE), new: data.join(MIGRATION).join(NEW) }
    }

    /// Refuses a folder that holds more than an unfinished run leaves there.
    pub(super) fn check_archive(&self) -> Result<(), MigrateError> {
        for name in names(&self.archive).map_err(io_error(&self.archive))? {
            if name != VERSION && !COPIED.contains(&&*name) {
                return Err(MigrateError::Archived(self.archive.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn archive_copies(&self) -> Result<(), MigrateError> {
        let copied = || -> io::Result<()> {
            match create_folder(&self.archive) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            for name in COPIED.into_iter().chain([VERSION]) {
                match fs::read(self.data.join(name)) {
                    Ok(bytes) => write_private(&self.archive.join(name), &Zeroizing::new(bytes))?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            sync_folder(&self.data)
        };
        copied().map_err(io_error(&self.archive))
    }

    /// From here on no version starts, until the new store is in its place.
    pub(super) fn commit(&self) -> Result<(), MigrateError> {
        let committed = || -> io::Result<()> {
            // What was written beside the directory's own files has to outlast what follows.
            sync_folder(&self.new)?;
            sync_folder(&self.data.join(MIGRATION))?;
            write_private(&self.data.join(VERSION), REFUSAL)
        };
        committed().map_err(io_error(&self.data))
    }

    /// Does what is left to do after [`Swap::commit`].
    pub(super) fn finish(&self, after: AfterStep<'_>) -> Result<(), MigrateError> {
        self.finish_files(after).map_err(io_error(&self.data))
    }

    fn finish_files(&self, after: AfterStep<'_>) -> io::Result<()> {
        if self.new.join(STORE).try_exists()? {
            for name in [JOURNAL, wal::FOLDER, wal::REMOVED, SUSPECT, old_store::KEYSPACES] {
                for file in self.old_files(name)? {
                    fs::rename(self.data.join(&file), self.archive.join(&file))?;
                }
                self.sync(&self.archive)?;
                after(Step::MovedOut(name))?;
            }
            let mut files = names(&self.new)?;
            files.retain(|name| name != STORE && !LEFT.contains(&&**name));
            for name in files.into_iter().chain([STORE.to_owned()]) {
                fs::rename(self.new.join(&name), self.data.join(&name))?;
                self.sync(&self.new)?;
                after(Step::MovedIn(name))?;
            }
        }
        fs::remove_dir_all(self.data.join(MIGRATION))?;
        sync_folder(&self.data)?;
        after(Step::Finished)
    }

    /// Those of this name that are there.
    fn old_files(&self, name: &str) -> io::Result<Vec<String>> {
        let mut found = names(&self.data)?;
        found.retain(|file| if name == JOURNAL { file.ends_with(&JOURNAL[1..]) } else { file == name });
        Ok(found)
    }

    fn sync(&self, other: &Path) -> io::Result<()> {
        sync_folder(&self.data)?;
        sync_folder(other)
    }
}

/// What a folder holds; nothing when there is none.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned())).collect()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
