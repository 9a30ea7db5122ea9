//! Writes that are visible already and go into the journal together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use fjall::Slice;

use super::Table;

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

/// The last change of each key, as a batch has no order within.
#[derive(Default)]
pub(super) struct Group {
    changes: HashMap<(Table, Slice), Change>,
    bytes: usize,
}

impl Group {
    pub(super) fn add(&mut self, table: Table, key: Slice, change: Change) {
        self.bytes += key.len() + change.value().map_or(0, |value| value.len());
        match (self.changes.entry((table, key)), change) {
            // It was written once, here: nobody has to hear of it.
            (Entry::Occupied(entry), Change::DeleteSingle) if entry.get().value().is_some() => {
                entry.remove();
            }
            (Entry::Occupied(mut entry), change) => {
                entry.insert(change);
            }
            (Entry::Vacant(entry), change) => {
                entry.insert(change);
            }
        }
    }

    fn get(&self, name: &(Table, Slice)) -> Option<Option<Slice>> {
        self.changes.get(name).map(|change| change.value().cloned())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (Table, &Slice, &Change)> {
        self.changes.iter().map(|((table, key), change)| (*table, key, change))
    }
}

/// The group that writes join, and the one that is being committed.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) open: Group,
    closed: Arc<Group>,
}

impl Groups {
    /// What was written and is not committed, if anything: a value, or that it is gone.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Slice>> {
        if self.open.changes.is_empty() && self.closed.changes.is_empty() {
            return None;
        }
        let name = (table, Slice::from(key));
        self.open.get(&name).or_else(|| self.closed.get(&name))
    }

    /// The group to commit, which stays visible until that is done.
    pub(super) fn close(&mut self) -> Option<Arc<Group>> {
        if self.open.changes.is_empty() {
            return None;
        }
        self.closed = Arc::new(std::mem::take(&mut self.open));
        Some(Arc::clone(&self.closed))
    }

    pub(super) fn committed(&mut self) {
        self.closed = Arc::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(groups: &mut Groups, value: [u8; 1]) {
        groups.open.add(Table::Logs, Slice::from(*b"key"), Change::Put(Slice::from(value)));
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
        groups.open.add(Table::Logs, Slice::from(*b"key"), Change::Delete);
        assert_eq!(found(&groups), Some(None));
        assert_eq!(groups.close().map(|group| group.changes().count()), Some(1));
    }

    #[test]
    fn a_group_that_is_being_committed_can_be_seen_behind_the_next_one() {
        let mut groups = Groups::default();
        put(&mut groups, *b"1");
        assert!(groups.close().is_some());
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"1"))));
        put(&mut groups, *b"2");
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"2"))));
        groups.committed();
        assert_eq!(found(&groups), Some(Some(Slice::from(*b"2"))));
    }

    #[test]
    fn what_came_and_went_in_one_group_is_never_written() {
        let mut groups = Groups::default();
        put(&mut groups, *b"1");
        groups.open.add(Table::Logs, Slice::from(*b"key"), Change::DeleteSingle);
        assert!(groups.close().is_none());
    }
}
