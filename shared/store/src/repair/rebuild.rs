//! Makes a store of what was read, and exchanges it for the damaged one so that a crash at any
//! moment leaves the old one, or what the next run finishes.
//!
//! 1. The new store is made in the folder `repair-new`, on disk and proved.
//! 2. `before-repair-<n>` is made, with copies of the files that stay.
//! 3. The file `repair` says that the exchange has begun. A store beside it does not open.
//! 4. Each old file moves into `before-repair-<n>` and the new one into its place.
//! 5. The file `repair` goes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lsm_tree::Slice;
use serde::{Deserialize, Serialize};

use super::findings::Findings;
use super::survey::Survey;
use crate::checked_file::{self, sync_folder};
use crate::checkpoint::{self, Checkpoint};
use crate::damage::{Damage, Fault, io_fault};
use crate::identity::{self, Identity, Stage};
use crate::log::{self, synced};
use crate::memtable::{Change, Memtables};
use crate::store::{Options, Table, create};
use crate::trees::{self, Trees};
use crate::verify::prove;

/// Says that the exchange has begun.
pub(crate) const FILE: &str = "repair";
const HOLDS: &str = "where the files of before the repair are";
const NEW: &str = "repair-new";
const BEFORE: &str = "before-repair-";
/// In this order, so that a start in between lacks the first. Each is there in the new store.
const EXCHANGED: [&str; 5] = [identity::FILE, checkpoint::FILE, synced::FILE, log::FOLDER, trees::FOLDER];
/// Files of the directory that are none of the store's, and stay.
const COPIED: [&str; 2] = ["keys", "operator-key"];
/// Rows that are put into the tables at once, in bytes.
const BATCH: usize = 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Exchange {
    before: String,
}

pub(crate) fn is_unfinished(directory: &Path) -> bool {
    directory.join(FILE).exists()
}

/// Where the old files of an exchange are that was begun and not finished.
pub(crate) fn unfinished(directory: &Path) -> Result<Option<PathBuf>, Fault> {
    match checked_file::read::<Exchange>(directory, FILE, HOLDS) {
        Ok(exchange) => Ok(exchange.map(|exchange| directory.join(exchange.before))),
        // It was made right before the file.
        Err(Fault::Damaged(damage)) => match used_numbers(directory).map_err(io_fault(directory))?.into_iter().max() {
            Some(number) => Ok(Some(directory.join(format!("{BEFORE}{number}")))),
            None => Err(damage.into()),
        },
        Err(other) => Err(other),
    }
}

/// Makes the new store beside the old one.
pub(super) fn build(directory: &Path, options: &Options, survey: &Survey, findings: &Findings) -> Result<(), Fault> {
    let new = directory.join(NEW);
    let failed = |error: io::Error| Fault::Io(new.clone(), error);
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&new).map_err(failed)?;
    builder.create(new.join(log::FOLDER)).map_err(failed)?;
    let (trees, id) = create(&new, options).map_err(failed)?;
    let mut rows = Batch { trees: &trees, memtables: Memtables::default(), folder: &new };
    survey.rows(|table, key, value| rows.add(table, key, value))?;
    rows.finish()?;
    let checkpoint = trees.marks().map(|trees| Checkpoint { store: id, clean: true, log: 0, trees });
    checkpoint.and_then(|checkpoint| checkpoint.write(&new)).map_err(failed)?;
    // Where something may be lost, the process that serves must not take that for a loss of its own.
    let stage = if findings.may_lose() { Stage::New } else { survey.stage() };
    Identity { id, stage }.write(&new).map_err(failed)?;
    drop(trees);
    sync_folder(&new).map_err(failed)?;
    let proved = prove(&new, &options.tables);
    proved.map(drop).map_err(|faults| {
        let what = faults.first().map_or_else(String::new, |fault| format!("is not as it was just written: {fault}"));
        Damage::new(&new, what, "the repaired store").into()
    })
}

/// Rows on their way into the new tables.
struct Batch<'a> {
    trees: &'a Trees,
    memtables: Memtables,
    folder: &'a Path,
}

impl Batch<'_> {
    fn add(&mut self, table: usize, key: Slice, value: Slice) -> Result<(), Fault> {
        let table = u8::try_from(table).expect("there are few tables, each with a number of one byte");
        self.memtables.add(Table(table), key, Change::Put(value));
        if self.memtables.open_bytes() < BATCH {
            return Ok(());
        }
        self.apply();
        self.flush(None)
    }

    fn apply(&mut self) {
        self.memtables.take_record(log::Record::default());
        let memtable = self.memtables.close();
        self.trees.apply(&memtable, 0);
        self.memtables.applied();
    }

    fn flush(&self, needed: Option<u64>) -> Result<(), Fault> {
        let failed = |error| match error {
            lsm_tree::Error::Io(error) => io_fault(self.folder)(error),
            error => io_fault(self.folder)(io::Error::other(error)),
        };
        if self.trees.rotate_full(needed) {
            self.trees.flush().map_err(failed)?;
            while self.trees.compact().map_err(failed)? {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Fault> {
        self.apply();
        self.flush(Some(u64::MAX))
    }
}

/// From here on, the repair will be finished. Returns where the old files go.
pub(super) fn begin_exchange(directory: &Path) -> io::Result<PathBuf> {
    let used = used_numbers(directory)?;
    let number = (1..).find(|number| !used.contains(number)).unwrap_or_default();
    let name = format!("{BEFORE}{number}");
    let before = directory.join(&name);
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&before)?;
    for file in COPIED.iter().filter(|file| directory.join(file).exists()) {
        // With the rights of the file, which are its owner's alone.
        fs::copy(directory.join(file), before.join(file))?;
        File::open(before.join(file))?.sync_all()?;
    }
    sync_folder(&before)?;
    sync_folder(directory)?;
    checked_file::write(directory, FILE, &Exchange { before: name })?;
    Ok(before)
}

fn used_numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_prefix(BEFORE)?.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// Puts the new files in place of the old ones, all or those that a crash has left.
pub(super) fn exchange(directory: &Path, before: &Path) -> io::Result<()> {
    exchange_with(directory, before, |from, to| fs::rename(from, to))
}

pub(super) fn exchange_with(
    directory: &Path,
    before: &Path,
    mut rename: impl FnMut(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let new = directory.join(NEW);
    // What has a new one that is not in place is an old one.
    let waiting = || EXCHANGED.iter().filter(|name| new.join(name).exists());
    for name in waiting().filter(|name| directory.join(name).exists()) {
        rename(&directory.join(name), &before.join(name))?;
    }
    sync_folder(before)?;
    sync_folder(directory)?;
    for name in waiting().rev() {
        rename(&new.join(name), &directory.join(name))?;
    }
    sync_folder(directory)?;
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_file(directory.join(FILE))?;
    sync_folder(directory)
}
