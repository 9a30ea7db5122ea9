//! Changes in one record of the log. Before its bytes are a hash of all that
//! follows, their length, and its number.

use xxhash_rust::xxh3::xxh3_64;

use super::super::Table;
use super::super::group::Change;

/// Hash, length and number.
pub(super) const HEADER: usize = 8 + 4 + 8;
/// What a record may grow to and keep its memory for the next one.
const KEPT: usize = 1024 * 1024;

/// Changes on their way into the log.
#[derive(Default)]
pub(in crate::embedded::store) struct Record(Vec<u8>);

impl Record {
    pub(in crate::embedded::store) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::embedded::store) fn push(&mut self, table: Table, key: &[u8], change: &Change) {
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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// To be done before its bytes are written.
    pub(super) fn seal(&mut self, number: u64) {
        let length = u32::try_from(self.0.len() - HEADER).expect("what waits is far below 4 GiB");
        self.0[8..12].copy_from_slice(&length.to_le_bytes());
        self.0[12..20].copy_from_slice(&number.to_le_bytes());
        let hash = xxh3_64(&self.0[8..]);
        self.0[..8].copy_from_slice(&hash.to_le_bytes());
    }

    /// Keeps its memory, unless it is much.
    pub(super) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(KEPT);
    }
}

/// A table, a key, and its new value if it has one.
pub(super) type Found<'a> = (Table, &'a [u8], Option<&'a [u8]>);

/// The next change of what follows the header; none when it is none of ours.
pub(super) fn take_change<'a>(rest: &mut &'a [u8]) -> Option<Found<'a>> {
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
