use lsm_tree::Slice;

use super::*;
use crate::memtable::Change;
use crate::store::Table;

const ROOM: u64 = 1_000;

fn record(number: u64, length: usize) -> Record {
    let mut record = Record::default();
    record.push(Table(2), &number.to_be_bytes(), &Change::Put(Slice::from(vec![b'x'; length])));
    record.push(Table(0), b"gone", &Change::DeleteSingle);
    record
}

struct Fixture {
    directory: tempfile::TempDir,
    store: StoreId,
    log: Log,
}

impl Fixture {
    fn new(room: u64) -> Self {
        let (directory, store) = (tempfile::tempdir().unwrap(), StoreId::new().unwrap());
        let log = Log::begin(directory.path(), 3, store, room, 0).unwrap();
        Self { directory, store, log }
    }

    fn append(&mut self, number: u64, length: usize) {
        self.log.turn_over().unwrap();
        self.log.append(record(number, length)).unwrap();
        self.log.note_synced(number).unwrap();
    }

    fn folder(&self) -> PathBuf {
        folder(self.directory.path(), 3)
    }

    /// The numbers that were put behind this one.
    fn replayed(&self, applied: u64) -> Vec<u64> {
        let recovered = recover(self.directory.path(), 3, self.store, applied).unwrap();
        let mut numbers = Vec::new();
        recovered
            .replay(|record, (table, key, value)| {
                match (table, value) {
                    (Table(2), Some(value)) => {
                        assert!(value.iter().all(|byte| *byte == b'x'));
                        numbers.push(u64::from_be_bytes(key.try_into().unwrap()));
                        assert_eq!(numbers.last(), Some(&record));
                    }
                    (Table(0), None) => assert_eq!(key, b"gone"),
                    other => panic!("{other:?} was never written"),
                }
                Ok(())
            })
            .unwrap();
        numbers
    }

    fn files(&self) -> usize {
        fs::read_dir(self.folder()).unwrap().count()
    }
}

#[test]
fn what_was_appended_is_replayed_in_order() {
    let mut fixture = Fixture::new(ROOM);
    for number in 1..=20 {
        fixture.append(number, 100);
        assert!(fixture.log.empty_record().is_empty());
    }
    assert!(fixture.files() > 2, "it takes more than one segment");
    assert!(fixture.log.newest_full().is_some());
    assert!(fixture.log.take_unsynced().is_some());
    assert!(fixture.log.take_unsynced().is_none());
    assert_eq!(fixture.replayed(0), (1..=20).collect::<Vec<_>>());
    assert_eq!(fixture.replayed(15), (16..=20).collect::<Vec<_>>());
}

#[test]
fn room_is_used_again_and_what_it_held_before_is_not_replayed() {
    let mut fixture = Fixture::new(ROOM);
    for number in 1..=200 {
        fixture.append(number, 100 + number as usize % 7);
        let released = (number / 10 * 10).saturating_sub(10);
        // The last ten are still on their way.
        fixture.log.release(released).unwrap();
        assert_eq!(fixture.replayed(released), (released + 1..=number).collect::<Vec<_>>());
    }
    assert!(fixture.files() <= 7, "{} files", fixture.files());
}

#[test]
fn a_record_may_be_larger_than_a_segment_whose_file_goes_then() {
    let mut fixture = Fixture::new(ROOM);
    for number in 1..=3 {
        fixture.append(number, 5_000);
    }
    assert_eq!(fixture.replayed(0), [1, 2, 3]);
    fixture.log.release(fixture.log.newest()).unwrap();
    assert_eq!(fixture.files(), 1);
    assert_eq!(fixture.replayed(2), [3]);
}

#[test]
fn a_log_begins_empty_whatever_was_there() {
    let mut fixture = Fixture::new(ROOM);
    fixture.append(1, 10);
    fixture.log = Log::begin(fixture.directory.path(), 3, fixture.store, ROOM, 5).unwrap();
    assert!(fixture.replayed(5).is_empty());
    remove_others(fixture.directory.path(), None).unwrap();
    assert!(!fixture.folder().exists());
}

#[test]
fn what_was_written_before_its_record_is_room_that_needs_no_more_than_data() {
    let mut fixture = Fixture::new(4 * segment::STEP);
    fixture.append(1, 100);
    let length = |fixture: &Fixture| fs::metadata(fixture.folder().join("0.wal")).unwrap().len();
    let first = length(&fixture);
    assert!(first > segment::STEP);
    fixture.append(2, 100);
    assert_eq!(length(&fixture), first);
}

#[test]
fn a_record_that_the_trees_do_not_have_is_missed_when_its_segment_is_gone() {
    let mut fixture = Fixture::new(ROOM);
    for number in 1..=20 {
        fixture.append(number, 100);
    }
    let segments: Vec<PathBuf> =
        (0..fixture.files()).map(|file| fixture.folder().join(format!("{file}.wal"))).collect();
    for segment in &segments {
        let bytes = fs::read(segment).unwrap();
        fs::remove_file(segment).unwrap();
        let missed = recover(fixture.directory.path(), 3, fixture.store, 0);
        assert!(matches!(missed, Err(crate::damage::Fault::Damaged(_))), "{}", segment.display());
        fs::write(segment, bytes).unwrap();
    }
    assert_eq!(fixture.replayed(0).len(), 20);
}

#[test]
fn damage_in_room_whose_records_the_trees_have_is_none() {
    let mut fixture = Fixture::new(ROOM);
    for number in 1..=50 {
        fixture.append(number, 100);
        fixture.log.release(number - 1).unwrap();
    }
    let newest = fixture.replayed(49);
    assert_eq!(newest, [50]);
    let mut refused = 0;
    for path in (0..fixture.files()).map(|file| fixture.folder().join(format!("{file}.wal"))) {
        let bytes = fs::read(&path).unwrap();
        let mut damaged = bytes.clone();
        damaged[segment::HEADER + 30] ^= 1;
        fs::write(&path, damaged).unwrap();
        match recover(fixture.directory.path(), 3, fixture.store, 49) {
            Ok(recovered) => assert_eq!(recovered.newest, 50),
            Err(_) => refused += 1,
        }
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(refused, 1, "the segment of the newest record");
}
