//! The write-ahead log: what was written, in order, before the tables have it.
//!
//! It is a row of files, its segments. Their room is filled with zeroes before
//! it is written, and used again once the tables have what it held: so a sync
//! has data to write and nothing to tell the file system, which takes half the time.
//!
//! A record is a hash of what follows, its length, its number, and its bytes.
//! Numbers have no gaps, and no segment is begun before the last one is on disk.
//! So after a crash the log is the longest row of records up to the newest one,
//! and it ends where one is not whole: nobody was told that this one is safe.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use xxhash_rust::xxh3::xxh3_64;

use super::Table;
use super::group::Change;

/// Filled with zeroes at once.
const STEP: u64 = 512 * 1024;
/// Segments that wait to be used again.
const SPARE: usize = 2;
/// Hash, length and number.
const HEADER: usize = 8 + 4 + 8;
/// What a record may grow to and keep its memory for the next one.
const KEPT: usize = 1024 * 1024;

/// Changes on their way into the log.
#[derive(Default)]
pub(super) struct Record(Vec<u8>);

impl Record {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, table: Table, key: &[u8], change: &Change) {
        if self.0.is_empty() {
            self.0.resize(HEADER, 0);
        }
        self.0.push(table as u8);
        self.push_bytes(key);
        match change.value() {
            Some(value) => {
                self.0.push(1);
                self.push_bytes(value);
            }
            None => self.0.push(0),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("messages and rows are far below 4 GiB");
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn seal(&mut self, number: u64) {
        let length = u32::try_from(self.0.len() - HEADER).expect("what waits is far below 4 GiB");
        self.0[8..12].copy_from_slice(&length.to_le_bytes());
        self.0[12..20].copy_from_slice(&number.to_le_bytes());
        let hash = xxh3_64(&self.0[8..]);
        self.0[..8].copy_from_slice(&hash.to_le_bytes());
    }

    fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(KEPT);
    }
}

pub(super) struct Wal {
    folder: PathBuf,
    /// Of one segment, in bytes.
    room: u64,
    segments: u64,
    current: Segment,
    next: u64,
    /// Oldest first, with the numbers of their last records.
    full: VecDeque<(u64, Segment)>,
    spare: Vec<Segment>,
    /// Since when there is something that is not on disk.
    unsynced: Option<Instant>,
    /// Its memory is used again.
    emptied: Record,
}

impl Wal {
    /// Begins a log in place of what was there.
    pub(super) fn begin(folder: &Path, room: u64) -> io::Result<Self> {
        remove(folder)?;
        let current = Segment::create(folder, 0)?;
        Ok(Self {
            folder: folder.to_owned(),
            room,
            segments: 1,
            current,
            next: 1,
            full: VecDeque::new(),
            spare: Vec::new(),
            unsynced: None,
            emptied: Record::default(),
        })
    }

    pub(super) fn empty_record(&mut self) -> Record {
        std::mem::take(&mut self.emptied)
    }

    /// Hands `record` to the system, if it holds anything.
    pub(super) fn append(&mut self, mut record: Record) -> io::Result<()> {
        if record.is_empty() {
            return Ok(());
        }
        if self.current.end > 0 && self.current.end + record.0.len() as u64 > self.room {
            self.begin_segment()?;
        }
        record.seal(self.next);
        self.unsynced.get_or_insert_with(Instant::now);
        self.current.write(&record.0, self.room)?;
        self.next += 1;
        record.clear();
        self.emptied = record;
        Ok(())
    }

    /// Since when there is something that is not on disk.
    pub(super) fn unsynced(&self) -> Option<Instant> {
        self.unsynced
    }

    /// What has to be synced, by the caller and at once, so that all is on disk.
    pub(super) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        self.unsynced.take().map(|_| Arc::clone(&self.current.file))
    }

    /// The number of the newest record.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Whether there are segments that could be used again if the tables had what they hold.
    pub(super) fn is_long(&self) -> bool {
        !self.full.is_empty()
    }

    /// Says that the tables have all records up to this one, on disk.
    pub(super) fn release(&mut self, number: u64) -> io::Result<()> {
        while self.full.front().is_some_and(|(last, _)| *last <= number) {
            let Some((_, segment)) = self.full.pop_front() else { break };
            // One that holds a record larger than its room is larger than that.
            if self.spare.len() < SPARE && segment.zeroed <= self.room {
                self.spare.push(Segment { end: 0, ..segment });
            } else {
                fs::remove_file(segment.path)?;
            }
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.current.file.sync_data()?;
        let next = match self.spare.pop() {
            Some(spare) => spare,
            None => Segment::create(&self.folder, self.segments)?,
        };
        self.segments += 1;
        let full = std::mem::replace(&mut self.current, next);
        self.full.push_back((self.next - 1, full));
        Ok(())
    }
}

struct Segment {
    path: PathBuf,
    file: Arc<File>,
    /// Where the next record begins.
    end: u64,
    /// Up to here it was written before, with zeroes at least.
    zeroed: u64,
}

impl Segment {
    fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(format!("{number}.wal"));
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        sync_folder(folder)?;
        Ok(Self { path, file: Arc::new(file), end: 0, zeroed: 0 })
    }

    fn write(&mut self, bytes: &[u8], room: u64) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        if end > self.zeroed && self.zeroed < room {
            let until = (end + STEP).min(room).max(end);
            let zeroes = vec![0; usize::try_from(until - self.zeroed).unwrap_or_default()];
            self.write_at(&zeroes, self.zeroed)?;
        }
        self.write_at(bytes, self.end)?;
        self.end = end;
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], place: u64) -> io::Result<()> {
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(place))?;
        file.write_all(bytes)?;
        self.zeroed = self.zeroed.max(place + bytes.len() as u64);
        Ok(())
    }
}

/// Takes the log away: the tables have what it held, on disk.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    segments(folder)?.iter().try_for_each(fs::remove_file)
}

/// What the log holds of changes, oldest first.
pub(super) fn replay(
    folder: &Path,
    mut change: impl FnMut(Table, &[u8], Option<&[u8]>) -> fjall::Result<()>,
) -> fjall::Result<()> {
    let mut found = Vec::new();
    for path in segments(folder)? {
        let mut records = Records::open(&path)?;
        let Some(first) = records.next()?.map(|record| record.number) else { continue };
        while records.next()?.is_some() {}
        found.push((first, records.last, path));
    }
    found.sort_unstable();
    // Older ones were released, and some of those used again.
    let gap = found.windows(2).rposition(|pair| pair[0].1 + 1 != pair[1].0);
    for (.., path) in found.drain(gap.map_or(0, |gap| gap + 1)..) {
        let mut records = Records::open(&path)?;
        while let Some(record) = records.next()? {
            let mut rest = record.bytes;
            while !rest.is_empty() {
                let (table, key, value) =
                    take_change(&mut rest).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
                change(table, key, value)?;
            }
        }
    }
    Ok(())
}

fn segments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    paths.filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|end| end == "wal"))).collect()
}

/// What a crash leaves of names must be known before anything is kept under them.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The whole records of a segment, up to the first that is not, or is older.
struct Records {
    reader: BufReader<File>,
    left: u64,
    last: u64,
    bytes: Vec<u8>,
}

struct Whole<'a> {
    number: u64,
    bytes: &'a [u8],
}

impl Records {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, file), left, last: 0, bytes: Vec::new() })
    }

    fn next(&mut self) -> io::Result<Option<Whole<'_>>> {
        let mut header = [0; HEADER];
        if self.left < HEADER as u64 {
            return Ok(None);
        }
        self.reader.read_exact(&mut header)?;
        self.left -= HEADER as u64;
        let [h @ .., l0, l1, l2, l3, n0, n1, n2, n3, n4, n5, n6, n7] = header;
        let (hash, number) = (u64::from_le_bytes(h), u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]));
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let follows = self.last == 0 || number == self.last + 1;
        if length == 0 || u64::from(length) > self.left || !follows {
            self.left = 0;
            return Ok(None);
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(&header[8..]);
        self.bytes.resize(HEADER - 8 + length as usize, 0);
        self.reader.read_exact(&mut self.bytes[HEADER - 8..])?;
        self.left -= u64::from(length);
        if xxh3_64(&self.bytes) != hash {
            self.left = 0;
            return Ok(None);
        }
        self.last = number;
        Ok(Some(Whole { number, bytes: &self.bytes[HEADER - 8..] }))
    }
}

/// A table, a key, and its new value if it has one.
type Found<'a> = (Table, &'a [u8], Option<&'a [u8]>);

fn take_change<'a>(rest: &mut &'a [u8]) -> Option<Found<'a>> {
    let (table, after) = rest.split_first()?;
    *rest = after;
    let table = Table::ALL.into_iter().find(|known| *known as u8 == *table)?;
    let key = take_bytes(rest)?;
    let (is_put, after) = rest.split_first()?;
    *rest = after;
    let value = if *is_put == 1 { Some(take_bytes(rest)?) } else { None };
    Some((table, key, value))
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use fjall::Slice;

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
        segments(folder).unwrap().len()
    }

    #[test]
    fn what_was_appended_is_replayed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
        for number in 1..=20 {
            wal.append(record(number, 100)).unwrap();
            assert!(wal.empty_record().is_empty());
        }
        assert!(files(folder.path()) > 2, "it takes more than one segment");
        assert!(wal.is_long());
        assert!(wal.unsynced().is_some() && wal.take_unsynced().is_some());
        assert!(wal.unsynced().is_none() && wal.take_unsynced().is_none());
        assert_eq!(replayed(folder.path()), (1..=20).collect::<Vec<_>>());
    }

    #[test]
    fn room_is_used_again_and_what_it_held_before_is_not_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::begin(folder.path(), ROOM).unwrap();
        for number in 1..=200 {
            wal.append(record(number, 100 + number as usize % 7)).unwrap();
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
            wal.append(record(number, 5_000)).unwrap();
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
        wal.append(record(1, 10)).unwrap();
        Wal::begin(folder.path(), ROOM).unwrap();
        assert!(replayed(folder.path()).is_empty());
        remove(folder.path()).unwrap();
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn what_was_written_before_its_record_is_room_that_needs_no_more_than_data() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::begin(folder.path(), 4 * STEP).unwrap();
        wal.append(record(1, 100)).unwrap();
        let length = || fs::metadata(folder.path().join("0.wal")).unwrap().len();
        let first = length();
        assert!(first > STEP);
        wal.append(record(2, 100)).unwrap();
        assert_eq!(length(), first);
    }
}
