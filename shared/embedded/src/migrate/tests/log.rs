//! Which ends of the old log are those of a process that was killed, and which are not.

use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::migrate::wal::OldLog;

fn record(number: u64) -> Vec<u8> {
    let key = format!("key-{number}");
    let mut changes = vec![1];
    for part in [key.as_bytes(), &[b'x'; 50]] {
        changes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        changes.extend(part);
        if part == key.as_bytes() {
            changes.push(1);
        }
    }
    let mut rest = u32::try_from(changes.len()).unwrap().to_le_bytes().to_vec();
    rest.extend(number.to_le_bytes());
    rest.extend(changes);
    [&xxh3_64(&rest).to_le_bytes()[..], &rest].concat()
}

fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(record).collect()
}

/// What it replays of these segments, each with room behind it, and the segments that are torn.
fn read(segments: &[Vec<u8>]) -> (Vec<u64>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("log")).unwrap();
    for (number, segment) in segments.iter().enumerate() {
        fs::write(folder.path().join(format!("log/{number}.wal")), [&segment[..], &[0; 100]].concat()).unwrap();
    }
    let log = OldLog::read(folder.path()).unwrap();
    let mut numbers = Vec::new();
    let replayed = log.replay(|(_, key, value)| {
        assert_eq!(value.unwrap(), [b'x'; 50]);
        numbers.push(std::str::from_utf8(key).unwrap()[4..].parse().unwrap());
        Ok(())
    });
    replayed.unwrap();
    let name = |torn: &TornTail| torn.file.file_name().unwrap().to_str().unwrap().to_owned();
    (numbers, log.torn.iter().map(name).collect())
}

fn range(numbers: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    numbers.collect()
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn segments_are_replayed_in_order_and_what_an_earlier_use_has_left_is_not() {
    assert_eq!(read(&[records(4..=6), records(1..=3)]), (range(1..=6), none()));
    let used_again = [records(11..=12), records(3..=6)].concat();
    assert_eq!(read(&[used_again, records(7..=10)]), (range(7..=12), none()));
    // Half of an older record is left over.
    let used_again = [records(11..=12), record(2)[40..].to_vec(), records(3..=6)].concat();
    assert_eq!(read(&[used_again, records(7..=10)]), (range(7..=12), none()));
}

#[test]
fn a_segment_that_waits_to_be_used_again_is_no_torn_one() {
    let mut spare = records(1..=3);
    spare[..20].fill(0);
    assert_eq!(read(&[spare.clone(), records(4..=6)]), (range(4..=6), none()));
    // With the first bytes of a segment that was not spare.
    let mut lost = records(4..=6);
    lost[..20].fill(0);
    assert_eq!(read(&[records(1..=3), lost]), (range(1..=3), vec!["1.wal".to_owned()]));
}

#[test]
fn whatever_was_lost_before_the_newest_record_is_told() {
    let mut broken = records(4..=6);
    let middle = record(4).len();
    broken[middle + 30] ^= 1;
    let segments = [records(1..=3), broken.clone(), records(7..=9)];
    let (numbers, torn) = read(&segments);
    assert_eq!((numbers, torn), (range(7..=9), vec!["1.wal".to_owned()]), "as the old version would");
    assert_eq!(read(&segments[..2]), (range(1..=4), vec!["1.wal".to_owned()]));
    // Its last record, of which nothing is left.
    let mut last = records(4..=6);
    last[2 * middle..].fill(0);
    assert_eq!(read(&[records(1..=3), last.clone(), records(7..=9)]).1, ["1.wal"]);
    assert_eq!(read(&[records(1..=3), last]), (range(1..=5), none()), "so ends a log that was killed");
}

#[test]
fn a_newest_record_that_is_there_in_part_is_told_wherever_it_is_broken() {
    let (whole, start) = (records(1..=3), record(1).len() * 2);
    for place in start..whole.len() {
        let mut broken = whole.clone();
        broken[place] ^= 1;
        assert_eq!(read(&[broken]), (range(1..=2), vec!["0.wal".to_owned()]), "byte {place}");
    }
}
