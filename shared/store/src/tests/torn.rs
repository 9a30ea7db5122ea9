//! The log as a power failure or a dying process leaves its end: of what was not synced, any page
//! may be on disk and any other not.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{log, open, record, recorded};
use crate::Store;
use crate::identity::Identity;
use crate::log::synced::Synced;

const RECORDS: u8 = 7;
const ROOM: u64 = 1024 * 1024;

/// A copy of the store, as if its process had died now.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}

/// The same of a store that is open and to which nobody writes.
pub(super) fn copy_open(store: &Store, from: &Path, to: &Path) {
    let _files = store.hold_still();
    copy(from, to);
}

/// Where what was written ends; room is reserved behind it.
fn written(file: &Path) -> usize {
    fs::read(file).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Records that are in the log and not known to be on disk.
struct Unsynced {
    folder: tempfile::TempDir,
    file: PathBuf,
    /// All of the file, and where each record ends in it.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Unsynced {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let copied = tempfile::tempdir().unwrap();
        copy_open(&store, folder.path(), copied.path());
        let segment = log(folder.path()).join("0.wal");
        // Behind the header, which may end in zeroes.
        let mut ends = vec![crate::log::SEGMENT_HEADER];
        for number in 0..RECORDS {
            record(&store, number).await.unwrap();
            ends.push(written(&segment));
        }
        assert!(ends.is_sorted_by(|a, b| a < b), "each record is there when its write returns: {ends:?}");
        let mut bytes = fs::read(&segment).unwrap();
        bytes.truncate(*ends.last().unwrap());
        // Records that say of none before them that it was synced, as if all were written at once.
        let seed = Identity::read(folder.path()).unwrap().unwrap().id.seed();
        for ends in ends.windows(2) {
            crate::log::record::reseal(&mut bytes[ends[0]..ends[1]], seed, 0);
        }
        let file = segment.strip_prefix(folder.path()).unwrap().to_owned();
        Self { folder: copied, file, bytes, ends }
    }

    /// Opens a copy with this in the file, which is `length` bytes long.
    async fn check(&self, found: &[u8], length: u64, what: &str) {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        let mut file = File::create(folder.path().join(&self.file)).unwrap();
        file.write_all(found).unwrap();
        file.set_len(length).unwrap();
        // The records that are as they were, up to the first that is not.
        let same = self.bytes.iter().zip(found).take_while(|(a, b)| a == b).count();
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
async fn a_log_that_is_cut_short_anywhere_holds_every_record_before_the_cut() {
    let unsynced = Unsynced::new().await;
    for place in unsynced.places() {
        unsynced.check(&unsynced.bytes[..place], place as u64, &format!("cut at {place}")).await;
    }
    unsynced.check(&unsynced.bytes, unsynced.bytes.len() as u64, "cut behind everything").await;
}

#[tokio::test]
async fn a_log_that_ends_in_zeroes_holds_every_record_before_them() {
    let unsynced = Unsynced::new().await;
    for place in unsynced.places() {
        unsynced.check(&unsynced.bytes[..place], ROOM, &format!("zeroes from {place}")).await;
    }
}

#[tokio::test]
async fn a_log_that_ends_in_garbage_holds_every_record_before_it() {
    let unsynced = Unsynced::new().await;
    for (seed, place) in unsynced.places().into_iter().enumerate() {
        let mut bytes = unsynced.bytes.clone();
        let mut state = seed as u64;
        for byte in &mut bytes[place..] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        unsynced.check(&bytes, ROOM, &format!("garbage from {place}")).await;
    }
}

/// Pages reach the disk in any order, so one may be missing before others.
#[tokio::test]
async fn a_log_with_a_hole_holds_every_record_before_it() {
    let unsynced = Unsynced::new().await;
    for place in unsynced.places() {
        let mut bytes = unsynced.bytes.clone();
        let end = bytes.len().min(place + 40);
        bytes[place..end].fill(0);
        unsynced.check(&bytes, ROOM, &format!("a hole at {place}")).await;
    }
}

/// The number of the newest synced record may itself be older after a power failure.
#[tokio::test]
async fn a_power_failure_that_sets_the_mark_back_loses_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 0..RECORDS {
        record(&store, number).await.unwrap();
    }
    let left = tempfile::tempdir().unwrap();
    copy_open(&store, folder.path(), left.path());
    let id = Identity::read(left.path()).unwrap().unwrap().id;
    Synced::create(left.path(), id, 0).unwrap();
    assert_eq!(recorded(&open(left.path())), (0..RECORDS).collect::<Vec<_>>());
}
