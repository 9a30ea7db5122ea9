//! Journals that end as a power failure, a dying disk or a dying process ends them.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;

use super::{OpenError, Readiness as _, Store, StoreOptions, Table, remains};
use crate::embedded::{EmbeddedQueue, QueueOptions};
use crate::ports::{ManualClock, Outgoing, QueueError, QueueSender as _, StoreError};
use crate::time::Timestamp;

const RECORDS: u8 = 7;
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

fn journal(folder: &Path) -> PathBuf {
    folder.join("0.jnl")
}

/// Where what was written ends; fjall sets room aside behind it.
fn written(folder: &Path) -> usize {
    let mut bytes = Vec::new();
    File::open(journal(folder)).unwrap().take(ROOM).read_to_end(&mut bytes).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A copy of the store, as if its process had died now.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else if from.extension().is_none_or(|extension| extension != "jnl") {
            fs::copy(from, to).unwrap();
        }
    }
}

struct Written {
    folder: tempfile::TempDir,
    /// All of the journal, and where each record ends in it.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Written {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let begin = written(folder.path());
        let mut ends = vec![begin];
        for number in 0..RECORDS {
            record(&store, number).await.unwrap();
            ends.push(written(folder.path()));
        }
        assert!(ends.is_sorted_by(|a, b| a < b), "each record is in the journal when its write returns: {ends:?}");
        let mut bytes = fs::read(journal(folder.path())).unwrap();
        bytes.truncate(*ends.last().unwrap());
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        Self { folder: copied, bytes, ends }
    }

    /// Opens a copy with this journal, which is `length` bytes long.
    async fn check(&self, journal_bytes: &[u8], length: u64, what: &str) {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        let mut file = File::create(journal(folder.path())).unwrap();
        file.write_all(journal_bytes).unwrap();
        file.set_len(length).unwrap();
        // The records that are as they were, up to the first that is not.
        let same = self.bytes.iter().zip(journal_bytes).take_while(|(a, b)| a == b).count();
        let mut expected: Vec<u8> = (0..RECORDS).filter(|number| self.ends[usize::from(*number) + 1] <= same).collect();

        let store = open(folder.path());
        assert_eq!(recorded(&store), expected, "{what}");
        record(&store, 100).await.unwrap();
        drop(store);
        expected.push(100);
        assert_eq!(recorded(&open(folder.path())), expected, "{what}, and a record after that");
    }

    /// Places in every record: its first bytes, its middle, its last bytes.
    fn places(&self) -> Vec<usize> {
        let within = |ends: &[usize]| {
            let Range { start, end } = ends[0]..ends[1];
            [start, start + 1, start + 13, start + 30, usize::midpoint(start, end), end - 9, end - 1]
        };
        self.ends.windows(2).flat_map(within).collect()
    }
}

#[tokio::test]
async fn a_journal_that_is_cut_short_anywhere_holds_every_record_before_the_cut() {
    let written = Written::new().await;
    for place in written.places() {
        written.check(&written.bytes[..place], place as u64, &format!("cut at {place}")).await;
    }
    written.check(&written.bytes, written.bytes.len() as u64, "cut behind everything").await;
}

#[tokio::test]
async fn a_journal_that_ends_in_zeroes_holds_every_record_before_them() {
    let written = Written::new().await;
    for place in written.places() {
        written.check(&written.bytes[..place], ROOM, &format!("zeroes from {place}")).await;
    }
}

#[tokio::test]
async fn a_journal_that_ends_in_garbage_holds_every_record_before_it() {
    let written = Written::new().await;
    for (seed, place) in written.places().into_iter().enumerate() {
        let mut bytes = written.bytes.clone();
        let mut state = seed as u64;
        for byte in &mut bytes[place..] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        written.check(&bytes, ROOM, &format!("garbage from {place}")).await;
    }
}

/// Pages reach the disk in any order, so one may be missing before others.
#[tokio::test]
async fn a_journal_with_a_hole_holds_every_record_before_it() {
    let written = Written::new().await;
    for place in written.places() {
        let mut bytes = written.bytes.clone();
        let end = bytes.len().min(place + 40);
        bytes[place..end].fill(0);
        written.check(&bytes, ROOM, &format!("a hole at {place}")).await;
    }
}

/// A file that cannot be synced, where the next of the journal would be.
#[cfg(unix)]
fn break_sync(folder: &Path) -> PathBuf {
    let link = folder.join("1.jnl");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    link
}

#[cfg(unix)]
#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_taken_until_the_store_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
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
    let found = recorded(&store);
    assert!(found.starts_with(&[1]) && !found.contains(&3), "{found:?}");
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
    let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None };
    assert!(matches!(queue.send_one(message.clone()).await, Err(QueueError::NoRoom)));
    assert_eq!(queue.stats().waiting, 0);
    queue.for_stage().send_one(message).await.unwrap();
    assert_eq!(queue.stats().waiting, 1);
    assert!(store.check().is_err_and(|reason| reason.contains("nearly full")));
    assert!(store.failed().now_or_never().is_none(), "nothing has failed");
}
