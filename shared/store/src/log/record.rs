//! Changes in one record of the log. Before its bytes are a hash of all that follows, their
//! length, its number, and the number of the newest record that was known to be on disk.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::memtable::Change;
use crate::store::Table;

/// Hash, length, number, synced.
pub(crate) const HEADER: usize = 8 + 4 + 8 + 8;
/// What a record may grow to and keep its memory for the next one.
const KEPT: usize = 1024 * 1024;

/// Changes on their way into the log.
#[derive(Default)]
pub(crate) struct Record(Vec<u8>);

impl Record {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, table: Table, key: &[u8], change: &Change) {
        if self.0.is_empty() {
            self.0.resize(HEADER, 0);
        }
        self.0.push(table.0);
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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// To be done before its bytes are written.
    pub(super) fn seal(&mut self, seed: u64, number: u64, synced: u64) {
        let length = u32::try_from(self.0.len() - HEADER).expect("what waits is far below 4 GiB");
        self.0[8..12].copy_from_slice(&length.to_le_bytes());
        self.0[12..20].copy_from_slice(&number.to_le_bytes());
        self.0[20..28].copy_from_slice(&synced.to_le_bytes());
        let hash = xxh3_64_with_seed(&self.0[8..], seed);
        self.0[..8].copy_from_slice(&hash.to_le_bytes());
    }

    /// Keeps its memory, unless it is much.
    pub(super) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(KEPT);
    }
}

/// A record as it stands in a segment.
pub(crate) struct FoundRecord<'a> {
    pub(crate) number: u64,
    pub(crate) synced: u64,
    pub(crate) changes: &'a [u8],
    /// Its header included.
    pub(crate) length: usize,
}

/// The record that begins here, if it is whole.
pub(crate) fn find(bytes: &[u8], seed: u64) -> Option<FoundRecord<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| header[at + byte]));
    let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let changes = rest.get(..length)?;
    let whole = length > 0 && xxh3_64_with_seed(&bytes[8..HEADER + length], seed) == word(0);
    whole.then(|| FoundRecord { number: word(12), synced: word(20), changes, length: HEADER + length })
}

/// A table, a key, and its new value if it has one.
pub(crate) type LogEntry<'a> = (Table, &'a [u8], Option<&'a [u8]>);

/// The next change of what follows the header; none when it cannot be read.
pub(super) fn take_change<'a>(rest: &mut &'a [u8]) -> Option<LogEntry<'a>> {
    let (table, after) = rest.split_first()?;
    *rest = after;
    let key = take_bytes(rest)?;
    let (is_put, after) = rest.split_first()?;
    *rest = after;
    let value = if *is_put == 1 { Some(take_bytes(rest)?) } else { None };
    Some((Table(*table), key, value))
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}

/// Has a record say that this one was synced when it was written.
#[cfg(test)]
pub(crate) fn reseal(bytes: &mut [u8], seed: u64, synced: u64) {
    bytes[20..28].copy_from_slice(&synced.to_le_bytes());
    let hash = xxh3_64_with_seed(&bytes[8..], seed);
    bytes[..8].copy_from_slice(&hash.to_le_bytes());
}
