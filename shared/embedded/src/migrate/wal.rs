//! The old log, `log/*.wal`: changes that the old tables may not have.
//!
//! A record is a hash of what follows, its length, its number, and its bytes. Numbers have no
//! gaps, and no segment was begun before the last one was on disk. Segments were used again:
//! behind the records of one there may be older ones, and the first bytes of one that waited for
//! that are zeroes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::store::Table;
use super::{MigrateError, TornTail, io_error};

/// Where it lies in the directory, and where the old version moved one that it was about to remove.
pub(super) const FOLDER: &str = "log";
pub(super) const REMOVED: &str = "log.old";
/// Hash, length and number.
const HEADER: usize = 8 + 4 + 8;
const HOLDS: &str = "the newest changes of all tables";

/// A table, a key, and its new value if it has one.
pub(super) type Found<'a> = (Table, &'a [u8], Option<&'a [u8]>);

/// What the log holds of changes, oldest first.
pub(super) struct OldLog {
    segments: Vec<PathBuf>,
    /// Places where it may once have gone on.
    pub(super) torn: Vec<TornTail>,
}

/// The records of one segment, up to the first that is not whole, or is older.
struct Run {
    first: u64,
    last: u64,
    end: usize,
    path: PathBuf,
    rest: Rest,
}

/// What is behind the records of a segment.
struct Rest {
    /// The newest of its records that are whole, or 0.
    newest: u64,
    /// It is neither room for more nor what an earlier use has left.
    is_torn: bool,
}

impl OldLog {
    /// Reads the log as the old version did: the longest row of records up to the newest one.
    pub(super) fn read(folder: &Path) -> Result<Self, MigrateError> {
        let mut runs = Vec::new();
        let mut unused = Vec::new();
        for path in segments(&folder.join(FOLDER))? {
            let run = Run::read(&path).map_err(io_error(&path))?;
            if run.last > 0 { runs.push(run) } else { unused.push(run) }
        }
        runs.sort_unstable_by_key(|run| run.first);
        let gap = runs.windows(2).rposition(|pair| pair[0].last + 1 != pair[1].first);
        let newest = runs.last().map_or(0, |run| run.last);
        let is_gap = |index: usize| runs.get(index + 1).is_some_and(|next| next.first != runs[index].last + 1);
        let torn =
            runs.iter().enumerate().filter(|(index, run)| run.rest.is_torn || is_gap(*index)).map(|(_, run)| run);
        let torn = torn.chain(unused.iter().filter(|run| run.rest.is_torn || run.rest.newest > newest));
        let torn = torn.map(|run| TornTail { file: run.path.clone(), offset: run.end as u64 }).collect();
        let segments = runs.into_iter().skip(gap.map_or(0, |gap| gap + 1)).map(|run| run.path).collect();
        Ok(Self { segments, torn })
    }

    pub(super) fn replay(
        &self,
        mut change: impl FnMut(Found<'_>) -> Result<(), MigrateError>,
    ) -> Result<(), MigrateError> {
        for path in &self.segments {
            let bytes = fs::read(path).map_err(io_error(path))?;
            let (mut place, mut last) = (0, 0);
            while let Some(record) = record(&bytes, place).filter(|record| last == 0 || record.number == last + 1) {
                let mut rest = record.changes;
                while !rest.is_empty() {
                    let found = take_change(&mut rest).ok_or_else(|| MigrateError::Damaged {
                        file: path.clone(),
                        what: format!("has a record of another format at byte {place}"),
                        holds: HOLDS,
                    })?;
                    change(found)?;
                }
                (place, last) = (place + HEADER + record.changes.len(), record.number);
            }
        }
        Ok(())
    }
}

impl Run {
    fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let (mut first, mut last, mut end) = (0, 0, 0);
        while let Some(record) = record(&bytes, end).filter(|record| last == 0 || record.number == last + 1) {
            first = if last == 0 { record.number } else { first };
            (last, end) = (record.number, end + HEADER + record.changes.len());
        }
        Ok(Self { first, last, end, path: path.to_owned(), rest: Rest::of(&bytes, end, last) })
    }
}

impl Rest {
    fn of(bytes: &[u8], end: usize, last: u64) -> Self {
        let rest = &bytes[end..];
        let has_bytes = rest.iter().any(|byte| *byte != 0);
        if !has_bytes {
            return Self { newest: 0, is_torn: false };
        }
        // Its length may be what is damaged, so the next record may be anywhere.
        let (mut newest, mut place) = (0, end + 1);
        while place < bytes.len() {
            match record(bytes, place) {
                Some(record) => {
                    newest = newest.max(record.number);
                    place += HEADER + record.changes.len();
                }
                None => place += 1,
            }
        }
        let next = rest.get(12..HEADER).map(|number| u64::from_le_bytes(std::array::from_fn(|byte| number[byte])));
        let is_spare = last == 0 && rest.iter().take(HEADER).all(|byte| *byte == 0);
        let is_torn = !is_spare && (newest == 0 || newest > last || next == Some(last + 1));
        Self { newest, is_torn }
    }
}

struct Record<'a> {
    number: u64,
    changes: &'a [u8],
}

/// The record at this place, if it is whole.
fn record(bytes: &[u8], place: usize) -> Option<Record<'_>> {
    /// No store has written that many.
    const MAX_NUMBER: u64 = 1 << 40;
    let (header, rest) = bytes.get(place..)?.split_first_chunk::<HEADER>()?;
    let [h @ .., l0, l1, l2, l3, n0, n1, n2, n3, n4, n5, n6, n7] = *header;
    let (hash, number) = (u64::from_le_bytes(h), u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]));
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length == 0 || number == 0 || number > MAX_NUMBER {
        return None;
    }
    let changes = rest.get(..length)?;
    (xxh3_64(&bytes[place + 8..place + HEADER + length]) == hash).then_some(Record { number, changes })
}

/// The next change of a record; none when it is none of ours.
fn take_change<'a>(rest: &mut &'a [u8]) -> Option<Found<'a>> {
    let table = match take_byte(rest)? {
        0 => Table::Hooks,
        1 => Table::Logs,
        2 => Table::Messages,
        _ => return None,
    };
    let key = take_bytes(rest)?;
    let value = if take_byte(rest)? == 1 { Some(take_bytes(rest)?) } else { None };
    Some((table, key, value))
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}

fn segments(log: &Path) -> Result<Vec<PathBuf>, MigrateError> {
    match fs::read_dir(log) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>().map_err(io_error(log))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_error(log)(error)),
    }
}
