//! What the store promises while disks fail, and what it holds after a crash.

mod torn;
mod waiting;

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;

use super::{OpenError, Readiness as _, Store, StoreOptions, Table, remains};
use crate::embedded::{EmbeddedQueue, QueueOptions};
use crate::ports::{ManualClock, Outgoing, QueueError, QueueSender as _, StoreError};
use crate::time::Timestamp;

const ROOM: u64 = 1024 * 1024;
/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn try_open(folder: &Path, options: &StoreOptions) -> Result<Store, OpenError> {
    Store::open(folder, options, Arc::new(ManualClock::at(Timestamp::from_millis(0))))
}

/// Waits for what still lets go of an earlier store.
fn open(folder: &Path) -> Store {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match try_open(folder, &StoreOptions::default()) {
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
async fn record(store: &Store, number: u8) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            tx.put(Table::Hooks, [number], value(number));
            tx.put(Table::Messages, [number], value(number));
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
    let numbers: Vec<u8> = (0..=u8::MAX).filter(|number| has(Table::Hooks, *number)).collect();
    let others: Vec<u8> = (0..=u8::MAX).filter(|number| has(Table::Messages, *number)).collect();
    assert_eq!(numbers, others, "both rows of a record or none");
    numbers
}

/// fjall's journal.
fn journal(folder: &Path) -> PathBuf {
    folder.join("0.jnl")
}

/// A file that cannot be synced, where the next of the log will be.
#[cfg(unix)]
fn break_sync(folder: &Path) -> PathBuf {
    let link = folder.join("log/1.wal");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    link
}

#[cfg(unix)]
#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_taken_until_the_store_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    // Each record takes a file of its own.
    let options = StoreOptions { segment_bytes: 1, ..StoreOptions::default() };
    let store = try_open(folder.path(), &options).unwrap();
    record(&store, 1).await.unwrap();
    assert_eq!(store.check(), Ok(()));
    let broken = break_sync(folder.path());
    assert!(matches!(record(&store, 2).await, Err(StoreError::Unavailable(_))));
    fs::remove_file(broken).unwrap();
    // The disk is well again, but what it holds is not known.
    assert!(matches!(record(&store, 3).await, Err(StoreError::Unavailable(_))));
    assert!(store.check().is_err_and(|reason| reason.contains("the disk has failed")));
    let failure = tokio::time::timeout(PATIENCE, store.failed()).await.unwrap();
    assert!(crate::stage::causes(&failure).contains("Invalid argument"), "{failure:?}");
    drop(store);

    assert!(folder.path().join("suspect").exists());
    let store = open(folder.path());
    assert!(!folder.path().join("suspect").exists());
    assert_eq!(recorded(&store), [1], "what was not synced came into no table");
    record(&store, 4).await.unwrap();
    assert_eq!(store.check(), Ok(()));
}

#[tokio::test]
async fn a_journal_that_is_suspect_is_written_again_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    record(&store, 1).await.unwrap();
    drop(store);
    // What fjall does at the first opening after this one is no more to do.
    drop(open(folder.path()));
    let before = fs::read(journal(folder.path())).unwrap();
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1);
    let set_right = || {
        File::options().write(true).open(journal(folder.path())).unwrap().set_modified(long_ago).unwrap();
        remains::set_right(folder.path()).unwrap();
        fs::metadata(journal(folder.path())).unwrap().modified().unwrap()
    };
    assert_eq!(set_right(), long_ago, "there is nothing to set right");
    remains::suspect(folder.path());
    assert!(set_right() > long_ago);
    assert!(fs::read(journal(folder.path())).unwrap() == before);
    assert_eq!(set_right(), long_ago, "once is enough");
}

/// It makes tables of what was written, which takes a folder for them.
#[tokio::test]
async fn a_failure_of_fjalls_own_thread_is_found_without_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { memtable_bytes: 1_024, ..StoreOptions::default() };
    let store = try_open(folder.path(), &options).unwrap();
    record(&store, 0).await.unwrap();
    let keyspaces = folder.path().join("keyspaces");
    let away = folder.path().join("away");
    fs::rename(&keyspaces, &away).unwrap();
    // More than a memtable holds. It is too late for this write or just in time.
    let _ = record(&store, 1).await;
    let found = async {
        while store.failed().now_or_never().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            store.find_failure();
        }
    };
    assert!(tokio::time::timeout(PATIENCE, found).await.is_ok(), "it is found in time");
    assert!(matches!(record(&store, 2).await, Err(StoreError::Unavailable(_))));
    drop(store);

    fs::rename(&away, &keyspaces).unwrap();
    let store = open(folder.path());
    let found = recorded(&store);
    assert!(found.starts_with(&[0]) && !found.contains(&2), "{found:?}");
    record(&store, 3).await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_never_finished_is_made_again() {
    for version in [None, Some("")] {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("lock")).unwrap();
        fs::create_dir(folder.path().join("keyspaces")).unwrap();
        File::create(journal(folder.path())).unwrap().set_len(ROOM).unwrap();
        if let Some(version) = version {
            fs::write(folder.path().join("version"), version).unwrap();
        }
        let store = open(folder.path());
        record(&store, 1).await.unwrap();
        assert_eq!(recorded(&store), [1]);
    }
}

#[tokio::test]
async fn a_journal_that_holds_something_is_not_taken_for_an_unfinished_store() {
    let folder = tempfile::tempdir().unwrap();
    record(&open(folder.path()), 1).await.unwrap();
    let version = fs::read(folder.path().join("version")).unwrap();
    fs::remove_file(folder.path().join("version")).unwrap();
    assert!(matches!(try_open(folder.path(), &StoreOptions::default()), Err(OpenError::Failed(..))));
    fs::write(folder.path().join("version"), version).unwrap();
    assert_eq!(recorded(&open(folder.path())), [1]);
}

#[tokio::test]
async fn a_store_that_is_open_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut file = File::options().write(true).open(journal(folder.path())).unwrap();
    file.seek(SeekFrom::Start(ROOM)).unwrap();
    file.write_all(b"about to be written").unwrap();
    assert!(matches!(try_open(folder.path(), &StoreOptions::default()), Err(OpenError::Locked(_))));
    assert!(file.metadata().unwrap().len() > ROOM);
    drop(store);
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_takes_what_was_accepted_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { min_free_bytes: u64::MAX, ..StoreOptions::default() };
    let store = try_open(folder.path(), &options).unwrap();
    let options = QueueOptions {
        lease: Duration::from_secs(1),
        max_messages: 10,
        max_leased_per_group: 10,
        max_leased_to_others: 10,
        max_leased_to_busy: 10,
    };
    let queue = EmbeddedQueue::open(store.clone(), "queue", options).await.unwrap();
    let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None, content: None };
    assert!(matches!(queue.send_one(message.clone()).await, Err(QueueError::NoRoom)));
    assert_eq!(queue.stats().waiting, 0);
    queue.for_stage().send_one(message).await.unwrap();
    assert_eq!(queue.stats().waiting, 1);
    assert!(store.check().is_err_and(|reason| reason.contains("nearly full")));
    assert!(store.failed().now_or_never().is_none(), "nothing has failed");
}

fn log_files(folder: &Path) -> usize {
    fs::read_dir(folder.join("log")).map_or(0, Iterator::count)
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
    assert!(matches!(record(&store, 3).await, Err(StoreError::Unavailable(_))));
    drop(store);
    assert_eq!(recorded(&open(folder.path())), [0, 1, 2]);
}

#[tokio::test]
async fn the_log_uses_its_room_again_once_the_tables_have_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 64 * 1024, ..StoreOptions::default() };
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
    torn::copy(folder.path(), left.path(), &[]);
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
            tx.delete(Table::Hooks, [number]);
            match single {
                true => tx.delete_single(Table::Messages, [number]),
                false => tx.delete(Table::Messages, [number]),
            }
            Ok(())
        })
    };
    record(&store, 3).await.unwrap();
    delete(1, false).await.unwrap();
    delete(3, true).await.unwrap();
    assert_eq!(recorded(&store), [2]);
    let left = tempfile::tempdir().unwrap();
    torn::copy(folder.path(), left.path(), &[]);
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
            tx.delete(Table::Hooks, [2]);
            Ok(())
        })
        .await
        .unwrap();
    let range = || store.range(Table::Hooks, vec![1]..vec![4]).map(|row| row.unwrap().0[0]);
    assert_eq!(range().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(range().rev().collect::<Vec<_>>(), [3, 1]);
}

#[tokio::test]
async fn writes_wait_while_the_tables_cannot_keep_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.tables.unapplied.store(usize::MAX, Ordering::Relaxed);
    let mut write = std::pin::pin!(record(&store, 1));
    assert!(write.as_mut().now_or_never().is_none());
    assert!(recorded(&store).is_empty(), "it was not even begun");
    store.tables.applied();
    store.journal.tell_applied();
    tokio::time::timeout(PATIENCE, write).await.unwrap().unwrap();
    assert!(store.tables.unapplied.load(Ordering::Relaxed) > 0);
    store.close();
    assert_eq!(store.tables.unapplied.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_reaches_disk_and_tables_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .write_in_order(|tx| {
            tx.put(Table::Logs, *b"key", *b"what nobody waits for");
            Ok(())
        })
        .await
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while store.tables.logs.get(b"key").unwrap().is_none() {
        assert!(Instant::now() < deadline, "it comes into the tables in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = fs::read(folder.path().join("log/0.wal")).unwrap();
    assert!(log.windows(21).any(|window| window == b"what nobody waits for"));
}

#[tokio::test]
async fn what_was_handed_over_outlives_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let handed_over = store.hand_over(|tx| {
        tx.put(Table::Logs, *b"key", *b"value");
        Ok(())
    });
    handed_over.await.unwrap();
    let left = tempfile::tempdir().unwrap();
    torn::copy(folder.path(), left.path(), &[]);
    assert!(open(left.path()).get(Table::Logs, b"key").unwrap().is_some());
}
