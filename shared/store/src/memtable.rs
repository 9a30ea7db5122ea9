//! Writes that are visible already and go into the trees together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use lsm_tree::Slice;

use crate::log::Record;
use crate::store::Table;

#[derive(Clone)]
pub(crate) enum Change {
    Put(Slice),
    Delete,
    DeleteSingle,
}

impl Change {
    pub(crate) fn value(&self) -> Option<&Slice> {
        match self {
            Self::Put(value) => Some(value),
            Self::Delete | Self::DeleteSingle => None,
        }
    }
}

type Changes = BTreeMap<Slice, Change>;

/// The last change of each key.
#[derive(Default)]
pub(crate) struct Memtable {
    tables: Vec<Changes>,
    bytes: usize,
}

impl Memtable {
    fn add(&mut self, table: Table, key: Slice, change: Change) {
        let size = |change: &Change| change.value().map_or(0, |value| value.len());
        let (key_bytes, added) = (key.len(), size(&change));
        let index = usize::from(table.0);
        if self.tables.len() <= index {
            self.tables.resize_with(index + 1, Changes::new);
        }
        match (self.tables[index].entry(key), change) {
            // It was written once, here: nobody has to hear of it.
            (Entry::Occupied(entry), Change::DeleteSingle) if entry.get().value().is_some() => {
                self.bytes -= key_bytes + size(&entry.remove());
            }
            (Entry::Occupied(mut entry), change) => {
                let replaced = entry.insert(change);
                self.bytes = self.bytes + added - size(&replaced);
            }
            (Entry::Vacant(entry), change) => {
                entry.insert(change);
                self.bytes += key_bytes + added;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.tables.iter().all(Changes::is_empty)
    }

    fn get(&self, table: Table, key: &[u8]) -> Option<&Change> {
        self.tables.get(usize::from(table.0))?.get(key)
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = (Table, &Slice, &Change)> {
        let of_table = |(table, changes): (u8, _)| {
            let with_table = move |(key, change)| (Table(table), key, change);
            Changes::iter(changes).map(with_table)
        };
        (0..).zip(&self.tables).flat_map(of_table)
    }
}

/// The memtable that writes join, and the one on its way into the tables.
#[derive(Default)]
pub(crate) struct Memtables {
    open: Memtable,
    closed: Option<Arc<Memtable>>,
    /// What the log does not have yet.
    record: Record,
}

impl Memtables {
    pub(crate) fn add(&mut self, table: Table, key: Slice, change: Change) {
        self.record.push(table, &key, &change);
        self.open.add(table, key, change);
    }

    /// What was written and is not in the tables, if anything: a value, or that it is gone.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Slice>> {
        let closed = || self.closed.as_ref().and_then(|memtable| memtable.get(table, key));
        let change = self.open.get(table, key).or_else(closed)?;
        Some(change.value().cloned())
    }

    /// The same for all of `range`.
    pub(crate) fn range(&self, table: Table, range: &impl RangeBounds<Vec<u8>>) -> BTreeMap<Slice, Option<Slice>> {
        let bounds = (as_slice(range.start_bound()), as_slice(range.end_bound()));
        if is_empty(bounds) {
            return BTreeMap::new();
        }
        let memtables = self.closed.as_deref().into_iter().chain([&self.open]);
        let tables = memtables.filter_map(|memtable| memtable.tables.get(usize::from(table.0)));
        let changes = tables.flat_map(|changes| changes.range::<[u8], _>(bounds));
        changes.map(|(key, change)| (key.clone(), change.value().cloned())).collect()
    }

    /// Bytes that wait for the tables.
    pub(crate) fn bytes(&self) -> usize {
        self.open.bytes + self.closed.as_ref().map_or(0, |memtable| memtable.bytes)
    }

    pub(crate) fn open_bytes(&self) -> usize {
        self.open.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a memtable can be closed: they follow each other.
    pub(crate) fn can_close(&self) -> bool {
        self.closed.is_none()
    }

    /// What to put into the log next, in exchange for an empty record.
    pub(crate) fn take_record(&mut self, empty: Record) -> Record {
        std::mem::replace(&mut self.record, empty)
    }

    /// The memtable for the tables, which stays visible until they have it.
    pub(crate) fn close(&mut self) -> Arc<Memtable> {
        let memtable = Arc::new(std::mem::take(&mut self.open));
        self.closed = Some(Arc::clone(&memtable));
        memtable
    }

    /// Gives the memtable back, so that nobody waits while it is let go of.
    pub(crate) fn applied(&mut self) -> Option<Arc<Memtable>> {
        self.closed.take()
    }
}

fn as_slice(bound: Bound<&Vec<u8>>) -> Bound<&[u8]> {
    bound.map(Vec::as_slice)
}

fn is_empty((start, end): (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start >= end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOKS: Table = Table(0);
    const LOGS: Table = Table(1);
    const MESSAGES: Table = Table(2);

    fn put(memtables: &mut Memtables, value: [u8; 1]) {
        memtables.add(LOGS, Slice::from(*b"key"), Change::Put(Slice::from(value)));
    }

    fn found(memtables: &Memtables) -> Option<Option<Slice>> {
        memtables.get(LOGS, b"key")
    }

    #[test]
    fn the_last_change_of_a_key_counts() {
        let mut memtables = Memtables::default();
        assert_eq!(found(&memtables), None);
        put(&mut memtables, *b"1");
        put(&mut memtables, *b"2");
        assert_eq!(found(&memtables), Some(Some(Slice::from(*b"2"))));
        assert_eq!(memtables.get(MESSAGES, b"key"), None);
        memtables.add(LOGS, Slice::from(*b"key"), Change::Delete);
        assert_eq!(found(&memtables), Some(None));
        assert_eq!(memtables.close().changes().count(), 1);
    }

    #[test]
    fn a_memtable_on_its_way_into_the_tables_can_be_seen_behind_the_next_one() {
        let mut memtables = Memtables::default();
        put(&mut memtables, *b"1");
        memtables.close();
        assert_eq!(found(&memtables), Some(Some(Slice::from(*b"1"))));
        put(&mut memtables, *b"2");
        assert_eq!(found(&memtables), Some(Some(Slice::from(*b"2"))));
        memtables.applied();
        assert_eq!(found(&memtables), Some(Some(Slice::from(*b"2"))));
    }

    #[test]
    fn what_came_and_went_in_one_memtable_never_reaches_the_tables() {
        let mut memtables = Memtables::default();
        put(&mut memtables, *b"1");
        memtables.add(LOGS, Slice::from(*b"key"), Change::DeleteSingle);
        assert!(memtables.is_empty());
        assert_eq!(memtables.bytes(), 0);
        assert!(!memtables.take_record(Record::default()).is_empty(), "the log has both");
    }

    #[test]
    fn bytes_are_those_of_the_last_changes() {
        let mut memtables = Memtables::default();
        memtables.add(LOGS, Slice::from(*b"key"), Change::Put(Slice::from(*b"a long value")));
        put(&mut memtables, *b"1");
        memtables.add(HOOKS, Slice::from(*b"key"), Change::Delete);
        assert_eq!(memtables.bytes(), 4 + 3);
        memtables.close();
        put(&mut memtables, *b"2");
        assert_eq!((memtables.open_bytes(), memtables.bytes()), (4, 4 + 4 + 3));
        memtables.applied();
        assert_eq!(memtables.bytes(), 4);
    }

    #[test]
    fn a_range_holds_the_last_changes_of_both_memtables_and_no_range_is_too_odd() {
        let mut memtables = Memtables::default();
        let row = |key: &str| Slice::from(key);
        memtables.add(LOGS, row("a"), Change::Put(row("1")));
        memtables.add(LOGS, row("b"), Change::Put(row("1")));
        memtables.close();
        memtables.add(LOGS, row("b"), Change::Delete);
        memtables.add(LOGS, row("c"), Change::Put(row("2")));
        memtables.add(HOOKS, row("b"), Change::Put(row("elsewhere")));
        let keys = |start: &str, end: &str| {
            let found = memtables.range(LOGS, &(start.as_bytes().to_vec()..end.as_bytes().to_vec()));
            found.into_iter().map(|(key, value)| (key, value.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(keys("a", "c"), [(row("a"), true), (row("b"), false)]);
        assert_eq!(keys("b", "z"), [(row("b"), false), (row("c"), true)]);
        assert_eq!(keys("b", "b"), []);
        assert_eq!(keys("z", "a"), []);
        let excluded = (Bound::Excluded(b"b".to_vec()), Bound::Excluded(b"b".to_vec()));
        assert!(memtables.range(LOGS, &excluded).is_empty());
    }
}
