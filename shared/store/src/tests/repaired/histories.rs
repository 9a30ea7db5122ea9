//! Stores with several files a table and a log behind them, and what a repair may make of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::torn::{copy, copy_open};
use super::super::{HOOKS, MESSAGES, open, options, snapshot, try_open};
use crate::{DirectoryLock, Error, Findings, Loss, Options, Repaired, Store, Table, examine, repair};

/// What is done to a directory, and what that is called.
pub(super) type Harm<'a> = (&'a str, &'a dyn Fn(&Path));

pub(super) type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// A store, and what it held after each of its records.
pub(super) struct History {
    pub(super) folder: tempfile::TempDir,
    pub(super) states: Vec<Rows>,
}

pub(super) struct Writing {
    pub(super) store: Store,
    pub(super) states: Vec<Rows>,
}

impl Writing {
    /// One record: rows with their new values, or without.
    pub(super) async fn write(&mut self, changes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>) {
        let mut rows = self.states.last().unwrap().clone();
        for (table, key, value) in &changes {
            match value {
                Some(value) => rows.insert((table.0, key.clone()), value.clone()),
                None => rows.remove(&(table.0, key.clone())),
            };
        }
        self.states.push(rows);
        let write = |tx: &mut crate::Transaction<'_>| {
            for (table, key, value) in changes {
                match value {
                    Some(value) => tx.put(table, key, value),
                    None => tx.delete(table, key),
                }
            }
            Ok::<_, Error>(())
        };
        self.store.write(write).await.unwrap();
    }
}

pub(super) fn key(number: u32) -> Vec<u8> {
    format!("key/{number:04}").into_bytes()
}

/// Not to be compressed, so that a table has many blocks.
pub(super) fn value(number: u32, round: u8) -> Vec<u8> {
    let mut state = u64::from(number) << 8 | u64::from(round);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    [vec![1, round], (0..200).map(|_| next()).collect()].concat()
}

pub(super) fn small() -> Options {
    Options { segment_bytes: 60_000, ..options() }
}

pub(super) const KEYS: u32 = 400;

/// Rows are written, written again and deleted, each time into another file.
pub(super) async fn histories() -> [(&'static str, History); 2] {
    let folder = tempfile::tempdir().unwrap();
    let mut states = vec![Rows::new()];
    for round in 0..4_u8 {
        let mut writing = Writing { store: try_open(folder.path(), &small()).unwrap(), states };
        for part in 0..8 {
            let of_part =
                (0..KEYS).filter(|number| number % 8 == part && (round == 0 || number % 5 == u32::from(round)));
            let change = |number| {
                let is_put = round == 0 || number % 3 != 0;
                [HOOKS, MESSAGES].map(|table| (table, key(number), is_put.then(|| value(number, round))))
            };
            writing.write(of_part.flat_map(change).collect()).await;
        }
        states = writing.states;
        if round == 3 {
            let killed = tempfile::tempdir().unwrap();
            copy_open(&writing.store, folder.path(), killed.path());
            writing.store.close();
            drop(writing.store);
            let killed = History { folder: killed, states: states.clone() };
            return [("killed", killed), ("closed", History { folder, states })];
        }
        writing.store.close();
    }
    unreachable!("the last round returns")
}

pub(super) fn rows(store: &Store) -> Rows {
    let of = |table: Table| {
        let rows = store.range(table, ..).map(Result::unwrap);
        rows.map(move |(key, value)| ((table.0, key.to_vec()), value.to_vec())).collect::<Vec<_>>()
    };
    [HOOKS, MESSAGES].into_iter().flat_map(of).collect()
}

pub(super) fn files_of_store(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let parts = ["store", "checkpoint", "synced", "log", "tables"];
    let files =
        snapshot(folder).into_iter().map(|(file, bytes)| (file.strip_prefix(folder).unwrap().to_owned(), bytes));
    files.filter(|(file, _)| parts.iter().any(|part| file.starts_with(part))).collect()
}

/// A copy in which this was done.
pub(super) fn damaged(history: &History, damage: impl FnOnce(&Path)) -> tempfile::TempDir {
    let copied = tempfile::tempdir().unwrap();
    copy(history.folder.path(), copied.path());
    damage(copied.path());
    copied
}

pub(super) fn flip(file: &Path, place: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[place] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

pub(super) struct Outcome {
    pub(super) findings: Findings,
    pub(super) rows: Rows,
    /// Rows that were written last and are not there.
    pub(super) absent: u64,
}

/// Examines and repairs, and holds what every repair promises.
pub(super) fn check(history: &History, folder: &Path, what: &str) -> Outcome {
    let lock = DirectoryLock::acquire(folder).unwrap();
    let before = snapshot(folder);
    let findings = examine(&lock, &options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(!findings.is_sound(), "{what} is not found");
    assert!(snapshot(folder) == before, "{what}: looking changes nothing");
    let old = files_of_store(folder);
    let Repaired { before, report, .. } = repair(&lock, &options()).unwrap().unwrap();
    assert!(report.is_clean, "{what}");
    assert!(before.ends_with("before-repair-1"), "{what}: {before:?}");
    assert!(files_of_store(&before) == old, "{what}: the old files are kept as they are");
    assert!(examine(&lock, &options()).unwrap().is_sound(), "{what}: it is sound afterwards");
    drop(lock);
    let store = open(folder);
    let rows = rows(&store);
    let from = findings.files.iter().filter_map(|file| match file.loss {
        Loss::Records { first, .. } => usize::try_from(first - 1).ok(),
        _ => None,
    });
    let possible = &history.states[from.min().unwrap_or(history.states.len() - 1).min(history.states.len() - 1)..];
    for (key, value) in &rows {
        let is_possible = possible.iter().any(|state| state.get(key) == Some(value));
        assert!(is_possible, "{what}: {} has an older value, or was deleted", key.1.escape_ascii());
    }
    let kept: u64 = findings.tables.iter().map(|table| table.kept).sum();
    assert_eq!(kept, rows.len() as u64, "{what}: as many rows as were promised");
    let absent = history.states.last().unwrap().keys().filter(|key| !rows.contains_key(*key)).count() as u64;
    drop(store);
    Outcome { findings, rows, absent }
}

/// The files that a table lists, oldest first.
pub(super) fn table_files(folder: &Path, table: &str) -> Vec<PathBuf> {
    let listed = crate::verify::list_files(&version(folder, table)).unwrap();
    let mut ids: Vec<u64> = listed.into_iter().map(|(id, _)| id).collect();
    ids.sort_unstable();
    let tables = folder.join("tables").join(table).join("tables");
    ids.into_iter().map(|id| tables.join(id.to_string())).collect()
}

pub(super) fn version(folder: &Path, table: &str) -> PathBuf {
    let bytes = fs::read(folder.join("tables").join(table).join("current")).unwrap();
    let number = u64::from_le_bytes(std::array::from_fn(|byte| bytes[byte]));
    folder.join("tables").join(table).join(format!("v{number}"))
}

/// Which of the files of a table have several blocks.
pub(super) fn large_files(history: &History) -> Vec<usize> {
    let files = table_files(history.folder.path(), "hooks");
    let is_large = |file: &PathBuf| fs::metadata(file).unwrap().len() > 20_000;
    let large: Vec<usize> = (0..files.len()).filter(|index| is_large(&files[*index])).collect();
    assert!(!large.is_empty(), "{files:?}");
    large
}
