//! Files that end as a power failure or a dying process ends them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::path::Path;

use fjall::{KeyspaceCreateOptions, PersistMode};

use super::{ROOM, journal, open, record, recorded, value};

const RECORDS: u8 = 7;

/// Where what was written ends; room is set aside behind it.
fn written(file: &Path) -> usize {
    let mut bytes = Vec::new();
    File::open(file).unwrap().take(ROOM).read_to_end(&mut bytes).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A copy of the store, as if its process had died now, without some files.
pub(super) fn copy(from: &Path, to: &Path, without: &[&str]) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&from, &to, without);
        } else if !without.iter().any(|name| from.ends_with(name)) {
            fs::copy(from, to).unwrap();
        }
    }
}

/// Records in the log, or in the journal that fjall keeps for the tables.
struct Written {
    file: &'static str,
    /// The store without that file.
    folder: tempfile::TempDir,
    /// All of the file, and where each record ends in it.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Written {
    async fn both() -> [Self; 2] {
        [Self::in_log().await, Self::in_journal()]
    }

    async fn in_log() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        // Before anything comes into the tables.
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path(), &["log/0.wal"]);
        let file = folder.path().join("log/0.wal");
        let mut ends = vec![written(&file)];
        for number in 0..RECORDS {
            record(&store, number).await.unwrap();
            ends.push(written(&file));
        }
        Self::new("log/0.wal", copied, &file, ends)
    }

    fn in_journal() -> Self {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let db = fjall::Database::open(fjall::Config::new(folder.path())).unwrap();
        let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let (hooks, messages) = (keyspace("hooks"), keyspace("messages"));
        let file = journal(folder.path());
        let mut ends = vec![written(&file)];
        for number in 0..RECORDS {
            let mut batch = db.batch();
            batch.insert(&hooks, [number], value(number));
            batch.insert(&messages, [number], value(number));
            batch.commit().unwrap();
            db.persist(PersistMode::Buffer).unwrap();
            ends.push(written(&file));
        }
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path(), &["0.jnl"]);
        Self::new("0.jnl", copied, &file, ends)
    }

    fn new(name: &'static str, folder: tempfile::TempDir, file: &Path, ends: Vec<usize>) -> Self {
        assert!(ends.is_sorted_by(|a, b| a < b), "each record is in {name} when its write returns: {ends:?}");
        let mut bytes = fs::read(file).unwrap();
        bytes.truncate(*ends.last().unwrap());
        Self { file: name, folder, bytes, ends }
    }

    /// Opens a copy with this in the file, which is `length` bytes long.
    async fn check(&self, found: &[u8], length: u64, what: &str) {
        let what = format!("{}: {what}", self.file);
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path(), &[]);
        let mut file = File::create(folder.path().join(self.file)).unwrap();
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
async fn a_file_that_is_cut_short_anywhere_holds_every_record_before_the_cut() {
    for written in Written::both().await {
        for place in written.places() {
            written.check(&written.bytes[..place], place as u64, &format!("cut at {place}")).await;
        }
        written.check(&written.bytes, written.bytes.len() as u64, "cut behind everything").await;
    }
}

#[tokio::test]
async fn a_file_that_ends_in_zeroes_holds_every_record_before_them() {
    for written in Written::both().await {
        for place in written.places() {
            written.check(&written.bytes[..place], ROOM, &format!("zeroes from {place}")).await;
        }
    }
}

#[tokio::test]
async fn a_file_that_ends_in_garbage_holds_every_record_before_it() {
    for written in Written::both().await {
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
}

/// Pages reach the disk in any order, so one may be missing before others.
#[tokio::test]
async fn a_file_with_a_hole_holds_every_record_before_it() {
    for written in Written::both().await {
        for place in written.places() {
            let mut bytes = written.bytes.clone();
            let end = bytes.len().min(place + 40);
            bytes[place..end].fill(0);
            written.check(&bytes, ROOM, &format!("a hole at {place}")).await;
        }
    }
}
