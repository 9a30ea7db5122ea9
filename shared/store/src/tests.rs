//! What the store promises while disks fail, and what it holds after a crash.

mod backups;
mod damaged;
mod model;
mod repaired;
mod torn;
mod waiting;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::FutureExt as _;

use crate::{DirectoryLock, Error, OpenError, Options, Store, Table, TableSpec};

const HOOKS: Table = Table(0);
const LOGS: Table = Table(1);
const MESSAGES: Table = Table(2);
/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn options() -> Options {
    let table = |name| TableSpec { name, holds: "rows of a test", is_expired: None };
    // A row of zeroes has expired.
    let logs = TableSpec { is_expired: Some(Arc::new(|value: &[u8]| value.starts_with(&[0; 8]))), ..table("logs") };
    Options::new(vec![table("hooks"), logs, table("messages")])
}

fn try_open(folder: &Path, options: &Options) -> Result<Store, OpenError> {
    Store::open(DirectoryLock::acquire(folder)?, options)
}

/// Waits for what still lets go of an earlier store.
fn open(folder: &Path) -> Store {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match try_open(folder, &options()) {
            Err(OpenError::Locked(_)) if Instant::now() < deadline => {}
            opened => return opened.unwrap(),
        }
    }
}

/// Small, compressed, and larger than what is read at once. No byte is zero.
fn value(number: u8) -> Vec<u8> {
    let length = [10, 5_000, 300, 70_000][usize::from(number % 4)];
    (0..length).map(|place: u32| (place.wrapping_mul(0x9e37_79b9) >> 24) as u8 | 1).collect()
}

/// Two rows, of which one is nothing without the other.
async fn record(store: &Store, number: u8) -> Result<(), Error> {
    store
        .write(move |tx| {
            tx.put(HOOKS, [number], value(number));
            tx.put(MESSAGES, [number], value(number));
            Ok(())
        })
        .await
}

fn recorded(store: &Store) -> Vec<u8> {
    let has = |table, number: u8| match store.get(table, &[number]).unwrap() {
        Some(found) => {
            assert_eq!(*found, value(number), "a row is whole or not there");
            true
        }
        None => false,
    };
    let numbers: Vec<u8> = (0..=u8::MAX).filter(|number| has(HOOKS, *number)).collect();
    let others: Vec<u8> = (0..=u8::MAX).filter(|number| has(MESSAGES, *number)).collect();
    assert_eq!(numbers, others, "both rows of a record or none");
    numbers
}

/// The folder of the log in use.
fn log(folder: &Path) -> PathBuf {
    let logs = fs::read_dir(folder.join("log")).unwrap().map(|entry| entry.unwrap().path());
    logs.max_by_key(|path| path.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap()).unwrap()
}

/// A file that cannot be synced, where the next of the log will be.
#[cfg(unix)]
fn break_sync(folder: &Path) -> PathBuf {
    let link = log(folder).join("1.wal");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    link
}

#[cfg(unix)]
#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_taken_until_the_store_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    // Each record takes a file of its own.
    let options = Options { segment_bytes: 1, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    record(&store, 1).await.unwrap();
    assert!(!store.has_failed());
    let broken = break_sync(folder.path());
    assert!(matches!(record(&store, 2).await, Err(Error::Disk(_) | Error::Closed)));
    fs::remove_file(broken).unwrap();
    // The disk is well again, but what it holds is not known.
    assert!(matches!(record(&store, 3).await, Err(Error::Disk(_) | Error::Closed)));
    assert!(store.has_failed());
    let failure = tokio::time::timeout(PATIENCE, store.failed()).await.unwrap();
    assert!(format!("{failure:?}").contains("Invalid argument"), "{failure:?}");
    drop(store);

    let store = open(folder.path());
    assert_eq!(recorded(&store), [1], "what was not synced came into no table");
    record(&store, 4).await.unwrap();
    assert!(!store.has_failed());
}

#[tokio::test]
async fn a_failure_of_the_compactor_is_told_without_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { memtable_bytes: 1_024, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    record(&store, 0).await.unwrap();
    let (tables, away) = (folder.path().join("tables"), folder.path().join("away"));
    fs::rename(&tables, &away).unwrap();
    // More than a memtable holds, and soon in the trees. It is too late for this write or in time.
    let _ = record(&store, 1).await;
    assert!(tokio::time::timeout(PATIENCE, store.failed()).await.is_ok(), "it is told");
    assert!(matches!(record(&store, 2).await, Err(Error::Disk(_))));
    drop(store);

    fs::rename(&away, &tables).unwrap();
    let store = open(folder.path());
    let found = recorded(&store);
    assert!(found.starts_with(&[0]) && !found.contains(&2), "{found:?}");
    record(&store, 3).await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_never_finished_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let id = crate::identity::StoreId::new().unwrap();
    let creating = crate::identity::Identity { id, stage: crate::identity::Stage::Creating };
    creating.write(folder.path()).unwrap();
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    let store = open(folder.path());
    record(&store, 1).await.unwrap();
    assert_eq!(recorded(&store), [1]);
}

#[tokio::test]
async fn a_store_that_is_open_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    record(&store, 1).await.unwrap();
    // The compactor may be at work in the tables.
    let log_before = snapshot(&log(folder.path()));
    assert!(matches!(try_open(folder.path(), &options()), Err(OpenError::Locked(_))));
    assert!(snapshot(&log(folder.path())) == log_before);
    drop(store);
}

/// All files and their bytes.
fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(snapshot(&entry.path())),
            false => files.push((entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    files.sort();
    files
}

/// While the store uses them, so that one may be gone by the time it is looked at.
fn log_files(folder: &Path) -> usize {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files =
        entries(&folder.join("log")).flat_map(|path| if path.is_dir() { entries(&path).collect() } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "wal")).count()
}

#[tokio::test]
async fn a_store_that_was_closed_needs_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 0..3 {
        record(&store, number).await.unwrap();
    }
    assert_eq!(log_files(folder.path()), 1);
    store.close();
    assert_eq!(log_files(folder.path()), 0);
    assert!(matches!(record(&store, 3).await, Err(Error::Disk(_) | Error::Closed)));
    drop(store);
    assert_eq!(recorded(&open(folder.path())), [0, 1, 2]);
}

#[tokio::test]
async fn the_log_uses_its_room_again_once_the_tables_have_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 64 * 1024, ..options() };
    let store = try_open(folder.path(), &options).unwrap();
    for round in 0..20 {
        for number in 0..10 {
            record(&store, number).await.unwrap();
        }
        assert_eq!(recorded(&store).len(), 10, "round {round}");
    }
    // About 3 MiB were written. Two files may be spare.
    let deadline = Instant::now() + PATIENCE;
    while log_files(folder.path()) > 3 {
        assert!(Instant::now() < deadline, "{} files", log_files(folder.path()));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = tempfile::tempdir().unwrap();
    torn::copy_open(&store, folder.path(), left.path());
    assert_eq!(recorded(&open(left.path())), (0..10).collect::<Vec<_>>(), "as if it had died now");
    drop(store);
}

#[tokio::test]
async fn what_was_deleted_stays_so_after_a_crash_wherever_it_had_come() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    record(&store, 1).await.unwrap();
    record(&store, 2).await.unwrap();
    store.close();
    drop(store);
    let store = open(folder.path());
    let delete = |number: u8, single: bool| {
        store.write(move |tx| {
            tx.delete(HOOKS, [number]);
            match single {
                true => tx.delete_single(MESSAGES, [number]),
                false => tx.delete(MESSAGES, [number]),
            }
            Ok::<_, Error>(())
        })
    };
    record(&store, 3).await.unwrap();
    delete(1, false).await.unwrap();
    delete(3, true).await.unwrap();
    assert_eq!(recorded(&store), [2]);
    let left = tempfile::tempdir().unwrap();
    torn::copy_open(&store, folder.path(), left.path());
    assert_eq!(recorded(&open(left.path())), [2]);
}

#[tokio::test]
async fn lists_show_what_the_tables_do_not_have_yet() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in [1, 2, 4] {
        record(&store, number).await.unwrap();
    }
    store.close();
    drop(store);
    let store = open(folder.path());
    record(&store, 3).await.unwrap();
    store
        .write_in_order(|tx| {
            tx.delete(HOOKS, [2]);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    let range = || store.range(HOOKS, vec![1]..vec![4]).map(|row| row.unwrap().0[0]);
    assert_eq!(range().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(range().rev().collect::<Vec<_>>(), [3, 1]);
}

#[tokio::test]
async fn writes_wait_while_the_tables_cannot_keep_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.trees().unapplied.store(usize::MAX, Ordering::Relaxed);
    let mut write = std::pin::pin!(record(&store, 1));
    assert!(write.as_mut().now_or_never().is_none());
    assert!(recorded(&store).is_empty(), "it was not even begun");
    store.trees().applied();
    store.writer().tell_applied();
    tokio::time::timeout(PATIENCE, write).await.unwrap().unwrap();
    assert!(store.trees().unapplied.load(Ordering::Relaxed) > 0);
    store.close();
    assert_eq!(store.trees().unapplied.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_reaches_disk_and_tables_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .write_in_order(|tx| {
            tx.put(LOGS, *b"key", *b"what nobody waits for");
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while store.trees().get(LOGS, b"key").unwrap().is_none() {
        assert!(Instant::now() < deadline, "it comes into the tables in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = fs::read(log(folder.path()).join("0.wal")).unwrap();
    assert!(log.windows(21).any(|window| window == b"what nobody waits for"));
}

#[tokio::test]
async fn what_was_handed_over_outlives_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let handed_over = store.hand_over(|tx| {
        tx.put(LOGS, *b"key", *b"value");
        Ok::<_, Error>(())
    });
    handed_over.await.unwrap();
    let left = tempfile::tempdir().unwrap();
    torn::copy_open(&store, folder.path(), left.path());
    assert!(open(left.path()).get(LOGS, b"key").unwrap().is_some());
}
