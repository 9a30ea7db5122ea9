//! Rows of a table as they are once changes have been applied to it.

use std::cmp::Ordering;
use std::collections::VecDeque;

use lsm_tree::Slice;

use crate::store::Error;

pub(crate) type Row = Result<(Slice, Slice), Error>;

pub(crate) struct MergedRows<I> {
    rows: I,
    /// Rows that were read and not given out yet, from either end.
    front: Option<Row>,
    back: Option<Row>,
    /// In order of their keys; without a value where the row is gone.
    changes: VecDeque<(Slice, Option<Slice>)>,
}

impl<I: DoubleEndedIterator<Item = Row>> MergedRows<I> {
    pub(crate) fn new(rows: I, changes: VecDeque<(Slice, Option<Slice>)>) -> Self {
        Self { rows, front: None, back: None, changes }
    }
}

/// Whether the row comes before the change, as `seen` from the end that is read.
fn order(
    row: Option<&Row>,
    change: Option<&(Slice, Option<Slice>)>,
    seen: fn(Ordering) -> Ordering,
) -> Option<Ordering> {
    match (row, change) {
        (None, None) => None,
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(Err(_)), _) | (Some(Ok(_)), None) => Some(Ordering::Less),
        (Some(Ok((key, _))), Some((changed, _))) => Some(seen(key[..].cmp(&changed[..]))),
    }
}

impl<I: DoubleEndedIterator<Item = Row>> Iterator for MergedRows<I> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            self.front = self.front.take().or_else(|| self.rows.next()).or_else(|| self.back.take());
            match order(self.front.as_ref(), self.changes.front(), |order| order)? {
                Ordering::Less => return self.front.take(),
                Ordering::Equal => self.front = None,
                Ordering::Greater => {}
            }
            if let Some((key, Some(value))) = self.changes.pop_front() {
                return Some(Ok((key, value)));
            }
        }
    }
}

impl<I: DoubleEndedIterator<Item = Row>> DoubleEndedIterator for MergedRows<I> {
    fn next_back(&mut self) -> Option<Row> {
        loop {
            self.back = self.back.take().or_else(|| self.rows.next_back()).or_else(|| self.front.take());
            match order(self.back.as_ref(), self.changes.back(), Ordering::reverse)? {
                Ordering::Less => return self.back.take(),
                Ordering::Equal => self.back = None,
                Ordering::Greater => {}
            }
            if let Some((key, Some(value))) = self.changes.pop_back() {
                return Some(Ok((key, value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn merged_rows(rows: &BTreeMap<u8, u8>, changes: &BTreeMap<u8, Option<u8>>) -> MergedRows<std::vec::IntoIter<Row>> {
        let slice = |byte: &u8| Slice::from([*byte]);
        let rows: Vec<Row> = rows.iter().map(|(key, value)| Ok((slice(key), slice(value)))).collect();
        let changes = changes.iter().map(|(key, value)| (slice(key), value.as_ref().map(slice)));
        MergedRows::new(rows.into_iter(), changes.collect())
    }

    proptest! {
        #[test]
        fn reading_from_either_end_or_both_gives_what_applying_the_changes_would(
            rows: BTreeMap<u8, u8>, changes: BTreeMap<u8, Option<u8>>, from_the_front: Vec<bool>,
        ) {
            let mut applied = rows.clone();
            for (key, value) in &changes {
                match value {
                    Some(value) => applied.insert(*key, *value),
                    None => applied.remove(key),
                };
            }
            let mut left: VecDeque<(u8, u8)> = applied.into_iter().collect();
            let mut merged = merged_rows(&rows, &changes);
            for from_the_front in from_the_front.into_iter().chain([true; 600]) {
                let (found, expected) = match from_the_front {
                    true => (merged.next(), left.pop_front()),
                    false => (merged.next_back(), left.pop_back()),
                };
                prop_assert_eq!(found.map(|row| row.map(|(key, value)| (key[0], value[0])).unwrap()), expected);
            }
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_error_where_it_stands() {
        let rows = || vec![Ok((Slice::from([1]), Slice::from([1]))), Err(Error::Closed)].into_iter();
        let changes = || VecDeque::from([(Slice::from([2]), Some(Slice::from([2])))]);
        let forward: Vec<bool> = MergedRows::new(rows(), changes()).map(|row| row.is_ok()).collect();
        assert_eq!(forward, [true, false, true]);
        let backward: Vec<bool> = MergedRows::new(rows(), changes()).rev().map(|row| row.is_ok()).collect();
        assert_eq!(backward, [false, true, true]);
    }
}
