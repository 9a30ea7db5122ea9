use fjall::Slice;

use super::super::Table;
use super::super::group::Change;
use super::*;

const ROOM: u64 = 1_000;

fn record(number: u64, length: usize) -> Record {
    let mut record = Record::default();
    record.push(Table::Messages, &number.to_be_bytes(), &Change::Put(Slice::from(vec![b'x'; length])));
    record.push(Table::Hooks, b"gone", &Change::DeleteSingle);
    record
}

/// The numbers that were put.
fn replayed(folder: &Path) -> Vec<u64> {
    let mut numbers = Vec::new();
    replay(folder, |table, key, value| {
        match (table, value) {
            (Table::Messages, Some(value)) => {
                assert!(value.iter().all(|byte| *byte == b'x'));
                numbers.push(u64::from_be_bytes(key.try_into().unwrap()));
            }
            (Table::Hooks, None) => assert_eq!(key, b"gone"),
            other => panic!("{other:?} was never written"),
        }
        Ok(())
    })
    .unwrap();
    numbers
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder.join(FOLDER)).map_or(0, Iterator::count)
}

fn append(wal: &mut Wal, record: Record) {
    wal.turn_over().unwrap();
    wal.append(record).unwrap();
}

#[test]
fn what_was_appended_is_replayed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    for number in 1..=20 {
        append(&mut wal, record(number, 100));
        assert!(wal.empty_record().is_empty());
    }
    assert!(files(folder.path()) > 2, "it takes more than one segment");
    assert!(wal.is_long());
    assert!(wal.take_unsynced().is_some());
    assert!(wal.take_unsynced().is_none());
    assert_eq!(replayed(folder.path()), (1..=20).collect::<Vec<_>>());
}

#[test]
fn room_is_used_again_and_what_it_held_before_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    for number in 1..=200 {
        append(&mut wal, record(number, 100 + number as usize % 7));
        if number % 10 == 0 {
            // The last ten are still on their way.
            wal.release(number - 10).unwrap();
        }
        let found = replayed(folder.path());
        assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{found:?}");
        assert_eq!(found.last(), Some(&number));
        assert!(found[0] <= (number / 10 * 10).saturating_sub(10) + 1, "{found:?} lacks what was not released");
    }
    assert!(files(folder.path()) <= 7, "{} files", files(folder.path()));
}

#[test]
fn a_record_may_be_larger_than_a_segment_whose_file_goes_then() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    for number in 1..=3 {
        append(&mut wal, record(number, 5_000));
    }
    assert_eq!(replayed(folder.path()), [1, 2, 3]);
    wal.release(wal.newest()).unwrap();
    assert_eq!(files(folder.path()), 1);
    assert_eq!(replayed(folder.path()), [3]);
}

#[test]
fn a_log_begins_empty_whatever_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    append(&mut wal, record(1, 10));
    Wal::begin(folder.path(), ROOM).unwrap();
    assert!(replayed(folder.path()).is_empty());
    remove(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 0);
}

#[test]
fn what_was_written_before_its_record_is_room_that_needs_no_more_than_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), 4 * STEP).unwrap();
    append(&mut wal, record(1, 100));
    let length = || fs::metadata(folder.path().join("log/0.wal")).unwrap().len();
    let first = length();
    assert!(first > STEP);
    append(&mut wal, record(2, 100));
    assert_eq!(length(), first);
}

#[test]
fn what_was_released_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    for number in 1..=20 {
        append(&mut wal, record(number, 100));
    }
    wal.release(20).unwrap();
    let found = replayed(folder.path());
    assert!(found.len() < 10 && found.last() == Some(&20), "{found:?}");
}

#[test]
fn a_log_that_was_about_to_go_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    append(&mut wal, record(1, 10));
    fs::rename(folder.path().join(FOLDER), folder.path().join(REMOVED)).unwrap();
    assert!(replayed(folder.path()).is_empty());
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    assert!(!folder.path().join(REMOVED).exists());
    append(&mut wal, record(2, 10));
    assert_eq!(replayed(folder.path()), [2]);
}

#[test]
fn a_torn_record_in_room_that_is_used_again_ends_the_log_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
    for number in 1..=50 {
        append(&mut wal, record(number, 100));
        wal.release(number - 1).unwrap();
    }
    let newest = replayed(folder.path());
    for path in fs::read_dir(folder.path().join(FOLDER)).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&path).unwrap();
        let mut torn = bytes.clone();
        torn[30] ^= 1;
        fs::write(&path, torn).unwrap();
        let found = replayed(folder.path());
        assert!(found.is_empty() || found == newest, "{found:?} after {newest:?}");
        fs::write(&path, bytes).unwrap();
    }
}
