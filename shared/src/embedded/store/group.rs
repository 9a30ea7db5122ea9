//! Writes that are visible already and go into the tables together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use fjall::Slice;

use super::Table;
use super::wal::Record;

#[derive(Clone)]
pub(super) enum Change {
    Put(Slice),
    Delete,
    DeleteSingle,
}

impl Change {
    pub(super) fn value(&self) -> Option<&Slice> {
        match self {
            Self::Put(value) => Some(value),
            Self::Delete | Self::DeleteSingle => None,
        }
    }
}

type Changes = BTreeMap<Slice, Change>;

/// The last change of each key.
#[derive(Default)]
pub(super) struct Group {
    tables: [Changes; Table::ALL.len()],
    bytes: usize,
}

impl Group {
    fn add(&mut self, table: Table, key: Slice, change: Change) {
        let size = |change: &Change| change.value().map_or(0, |value| value.len());
        let (key_bytes, added) = (key.len(), size(&change));
        match (self.tables[table as usize].entry(key), change) {
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
        self.tables[table as usize].get(key)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (Table, &Slice, &Change)> {
        let of_table = |table| self.tables[table as usize].iter().map(move |(key, change)| (table, key, change));
        Table::ALL.into_iter().flat_map(of_table)
    }
}

/// The group that writes join, and the one on its way into the tables.
#[derive(Default)]
pub(super) struct Groups {
    open: Group,
    closed: Option<Arc<Group>>,
    /// What the log does not have yet.
    record: Record,
}

impl Groups {
    pub(super) fn add(&mut self, table: Table, key: Slice, change: Change) {
        self.record.push(table, &key, &change);
        self.open.add(table, key, change);
    }

    /// What was written and is not in the tables, if anything: a value, or that it is gone.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Slice>> {
        let closed = || self.closed.as_ref().and_then(|group| group.get(table, key));
        let change = self.open.get(table, key).or_else(closed)?;
        Some(change.value().cloned())
    }

    /// The same for all of `range`.
    pub(super) fn range(&self, table: Table, range: &impl RangeBounds<Vec<u8>>) -> BTreeMap<Slice, Option<Slice>> {
        let bounds = (as_slice(range.start_bound()), as_slice(range.end_bound()));
        if is_empty(bounds) {
            return BTreeMap::new();
        }
        let groups = self.closed.as_deref().into_iter().chain([&self.open]);
        let changes = groups.flat_map(|group| group.tables[table as usize].range::<[u8], _>(bounds));
        changes.map(|(key, change)| (key.clone(), change.value().cloned())).collect()
    }

    /// Bytes that wait for the tables.
    pub(super) fn bytes(&self) -> usize {
        self.open.bytes + self.closed.as_ref().map_or(0, |group| group.bytes)
    }

    pub(super) fn open_bytes(&self) -> usize {
        self.open.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a group can be closed: they follow each other.
    pub(super) fn can_close(&self) -> bool {
        self.closed.is_none()
    }

    /// What to put into the log next, in exchange for an empty record.
    pub(super) fn take_record(&mut self, empty: Record) -> Record {
        std::mem::replace(&mut self.record, empty)
    }

    /// The group for the tables, which stays visible until they have it.
    pub(super) fn close(&mut self) -> Arc<Group> {
        let group = Arc::new(std::mem::take(&mut self.open));
        self.closed = Some(Arc::clone(&group));
        group
    }

    /// Gives the group back, so that nobody waits while it is let go of.
    pub(super) fn applied(&mut self) -> Option<Arc<Group>> {
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

    fn put(groups: &mut Groups, value: [u8; 1]) {
        groups.add(Table::Logs, Slice::from(*b"key"), Change::Put(Slice::from(value)));
    }

    fn found(groups: &Groups) -> Option<Option<Slice>> {
        groups.get(Table::Logs, b"key")
    }

    #[test]
    fn the_last_change_of_a_key_counts() {
        let mut groups = Groups::default();
        assert_eq!(found(&groups), None);
        put(&mut groups, *b"1");
        put(&mut groups, *b"2");
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"2"))));
        assert_eq!(groups.get(Table::Messages, b"key"), None);
        groups.add(Table::Logs, Slice::from(*b"key"), Change::Delete);
        assert_eq!(found(&groups), Some(None));
        assert_eq!(groups.close().changes().count(), 1);
    }

    #[test]
    fn a_group_on_its_way_into_the_tables_can_be_seen_behind_the_next_one() {
        let mut groups = Groups::default();
        put(&mut groups, *b"1");
        groups.close();
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"1"))));
        put(&mut groups, *b"2");
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"2"))));
        groups.applied();
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"2"))));
    }

    #[test]
    fn what_came_and_went_in_one_group_never_reaches_the_tables() {
        let mut groups = Groups::default();
        put(&mut groups, *b"1");
        groups.add(Table::Logs, Slice::from(*b"key"), Change::DeleteSingle);
        assert!(groups.is_empty());
        assert_eq!(groups.bytes(), 0);
        assert!(!groups.take_record(Record::default()).is_empty(), "the log has both");
    }

    #[test]
    fn bytes_are_those_of_the_last_changes() {
        let mut groups = Groups::default();
        groups.add(Table::Logs, Slice::from(*b"key"), Change::Put(Slice::from(*b"a long value")));
        put(&mut groups, *b"1");
        groups.add(Table::Hooks, Slice::from(*b"key"), Change::Delete);
        assert_eq!(groups.bytes(), 4 + 3);
        groups.close();
        put(&mut groups, *b"2");
        assert_eq!((groups.open_bytes(), groups.bytes()), (4, 4 + 4 + 3));
        groups.applied();
        assert_eq!(groups.bytes(), 4);
    }

    #[test]
    fn a_range_holds_the_last_changes_of_both_groups_and_no_range_is_too_odd() {
        let mut groups = Groups::default();
        let row = |key: &str| Slice::from(key);
        groups.add(Table::Logs, row("a"), Change::Put(row("1")));
        groups.add(Table::Logs, row("b"), Change::Put(row("1")));
        groups.close();
        groups.add(Table::Logs, row("b"), Change::Delete);
        groups.add(Table::Logs, row("c"), Change::Put(row("2")));
        groups.add(Table::Hooks, row("b"), Change::Put(row("elsewhere")));
        let keys = |start: &str, end: &str| {
            let found = groups.range(Table::Logs, &(start.as_bytes().to_vec()..end.as_bytes().to_vec()));
            found.into_iter().map(|(key, value)| (key, value.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(keys("a", "c"), [(row("a"), true), (row("b"), false)]);
        assert_eq!(keys("b", "z"), [(row("b"), false), (row("c"), true)]);
        assert_eq!(keys("b", "b"), []);
        assert_eq!(keys("z", "a"), []);
        let excluded = (Bound::Excluded(b"b".to_vec()), Bound::Excluded(b"b".to_vec()));
        assert!(groups.range(Table::Logs, &excluded).is_empty());
    }
}
