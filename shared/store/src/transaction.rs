//! Reads and writes that are made together.

use std::sync::Arc;

use lsm_tree::Slice;

use crate::memtable::{Change, Memtables};
use crate::merged_rows::MergedRows;
use crate::store::{Action, Error, Table};
use crate::trees::Trees;

/// What one writer reads and writes while it has its turn.
pub struct Transaction<'a> {
    pub(crate) trees: &'a Arc<Trees>,
    pub(crate) memtables: &'a Memtables,
    pub(crate) own: Vec<(Table, Slice, Change)>,
    pub(crate) after: Vec<Action>,
}

impl Transaction<'_> {
    pub fn get(&self, table: impl Into<Table>, key: &[u8]) -> Result<Option<Slice>, Error> {
        let table = table.into();
        if let Some((.., value)) = self.own.iter().rev().find(|(t, k, _)| *t == table && **k == *key) {
            return Ok(value.value().cloned());
        }
        if let Some(value) = self.memtables.get(table, key) {
            return Ok(value);
        }
        Ok(self.trees.get(table, key)?)
    }

    /// The rows as they were when its turn began: what it wrote itself is not among them.
    pub fn range<T: Into<Table>, R: std::ops::RangeBounds<Vec<u8>>>(
        &self,
        table: T,
        range: R,
    ) -> impl DoubleEndedIterator<Item = Result<(Slice, Slice), Error>> + use<T, R> {
        let table = table.into();
        let changes = self.memtables.range(table, &range);
        let rows = self.trees.range(table, range, self.memtables).map(|row| row.map_err(Error::from));
        MergedRows::new(rows, changes.into_iter().collect())
    }

    pub fn put(&mut self, table: impl Into<Table>, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.own.push((table.into(), key.into(), Change::Put(value.into())));
    }

    pub fn delete(&mut self, table: impl Into<Table>, key: impl Into<Slice>) {
        self.own.push((table.into(), key.into(), Change::Delete));
    }

    /// For a key that was written exactly once: both vanish when they meet in a compaction,
    /// instead of leaving a tombstone.
    pub fn delete_single(&mut self, table: impl Into<Table>, key: impl Into<Slice>) {
        self.own.push((table.into(), key.into(), Change::DeleteSingle));
    }

    /// Runs once the writes are as safe as they were asked to be, whether or not the caller still
    /// waits.
    pub fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(action));
    }
}
