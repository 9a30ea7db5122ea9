//! The store of one directory, with the tables that the adapters keep their rows in.

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use ::store::{Damage, OpenError};
use ::store::{DirectoryLock, Slice, TableSpec};

use super::codec;
use super::owner_only_file::write_private;
use contract::ports::{Clock, Readiness, StoreError, StoreResult};

/// In the file `version`, where versions of format 1 expect another text, and for whoever wonders.
const FENCE: &[u8] = b"This directory is of format 2 of hookline. Versions of format 1 do not start here;\n\
    see docs/upgrades.md for the way back.\n";

/// Which table a row lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Table {
    /// Tenants, keys, hooks, subscriptions: small, read often.
    Hooks,
    /// Events, deliveries, attempts: large, with an expiry in front of each value.
    Logs,
    /// Queue messages, gone once they are settled.
    Messages,
}

impl From<Table> for store::Table {
    fn from(table: Table) -> Self {
        Self(table as u8)
    }
}

type IsExpired = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Bounds on memory and disk.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// What must be free on the disk for messages from outside to be taken, in bytes; 0 for no
    /// such bound.
    pub min_free_bytes: u64,
}

impl StoreOptions {
    fn with_tables(&self, clock: Arc<dyn Clock>) -> store::Options {
        self.with_expiry(Some(Arc::new(move |value: &[u8]| codec::is_expired(value, clock.expiry()))))
    }

    fn with_expiry(&self, is_expired: Option<IsExpired>) -> store::Options {
        let table = |name, holds| TableSpec { name, holds, is_expired: None };
        let tables = vec![
            table("hooks", "tenants, hooks, API keys, profiles, event types and audit records"),
            TableSpec { is_expired, ..table("logs", "events, deliveries and their attempts") },
            table("messages", "events and deliveries that are under way, and dead letters"),
        ];
        store::Options { min_free_bytes: self.min_free_bytes, ..store::Options::new(tables) }
    }
}

/// A handle on the open store; clones share it. It closes when all are gone.
#[derive(Clone)]
pub struct Store {
    inner: store::Store,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens the store of `path`, or makes it.
    pub fn open(path: &Path, options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_locked(DirectoryLock::acquire(path)?, options, clock)
    }

    /// The same in a directory that this process holds already.
    pub fn open_locked(lock: DirectoryLock, options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let directory = lock.path().to_owned();
        let inner = store::Store::open(lock, &options.with_tables(Arc::clone(&clock)))?;
        fence_off_format_1(&directory).map_err(|error| OpenError::NotWritable(directory, error))?;
        Ok(Self { inner, clock })
    }

    /// The same, and no row is dropped because it has expired.
    #[cfg(feature = "migrate")]
    pub(super) fn open_keeping_expired(lock: DirectoryLock, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let inner = store::Store::open(lock, &StoreOptions::default().with_expiry(None))?;
        Ok(Self { inner, clock })
    }

    /// Checks the files of a directory as opening it would, and changes nothing.
    pub fn verify(lock: &DirectoryLock, clock: Arc<dyn Clock>) -> Result<Option<store::Report>, OpenError> {
        store::verify(lock, &StoreOptions::default().with_tables(clock))
    }

    /// Says what of a damaged directory can be saved, and changes nothing.
    pub fn examine(lock: &DirectoryLock, clock: Arc<dyn Clock>) -> Result<store::Findings, OpenError> {
        store::examine(lock, &StoreOptions::default().with_tables(clock))
    }

    /// Makes a store of that, and keeps the old files. None where there is nothing to repair.
    pub fn repair(lock: &DirectoryLock, clock: Arc<dyn Clock>) -> Result<Option<store::Repaired>, OpenError> {
        store::repair(lock, &StoreOptions::default().with_tables(clock))
    }

    /// Waits until everything handed in so far is on disk, and refuses more.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Returns once the disk has failed, and how. From then on nothing is written: what the disk
    /// holds is known again after the store was opened anew.
    pub async fn failed(&self) -> StoreError {
        store_error(self.inner.failed().await)
    }

    /// Files that were found damaged while the store was open.
    pub fn damages(&self) -> Vec<Damage> {
        self.inner.damages()
    }

    /// Keeps all files as they are while it is held, so that what a crash would leave can be copied.
    pub fn hold_still(&self) -> ::store::Still<'_> {
        self.inner.hold_still()
    }

    /// Makes a consistent copy of the store, without the file of keys, in a new folder.
    pub async fn backup(&self, to: &Path) -> StoreResult<()> {
        self.inner.backup(to).await.map_err(store_error)
    }

    pub(super) fn is_in_use(&self) -> StoreResult<bool> {
        self.inner.is_in_use().map_err(store_error)
    }

    pub(super) fn set_in_use(&self) -> StoreResult<()> {
        self.inner.set_in_use().map(|_| ()).map_err(store_error)
    }

    pub(super) fn is_nearly_full(&self) -> bool {
        self.inner.is_nearly_full()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(super) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        self.inner.get(table.into(), key).map_err(store_error)
    }

    /// Rows of `range` in order of their keys.
    pub(super) fn range<R: std::ops::RangeBounds<Vec<u8>>>(
        &self,
        table: Table,
        range: R,
    ) -> impl DoubleEndedIterator<Item = StoreResult<(Slice, Slice)>> + use<R> {
        self.inner.range(table.into(), range).map(|row| row.map_err(store_error))
    }

    /// Runs `work` and makes its writes; an error discards them. They are on disk before anything
    /// that is written after them, and soon, but maybe not yet when this returns: for what is
    /// done again if it is lost.
    pub(super) async fn write_in_order<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_, '_>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        self.inner
            .write_in_order(|rows| work(&mut Transaction(rows)).map_err(Undone))
            .await
            .map_err(|Undone(error)| error)
    }

    /// As [`Store::write_in_order`], but when this returns, the death of this process alone
    /// undoes nothing.
    pub(super) async fn hand_over<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_, '_>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        self.inner.hand_over(|rows| work(&mut Transaction(rows)).map_err(Undone)).await.map_err(|Undone(error)| error)
    }

    /// Runs `work`, and returns once its writes are on disk.
    pub(super) async fn write<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_, '_>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        self.inner.write(|rows| work(&mut Transaction(rows)).map_err(Undone)).await.map_err(|Undone(error)| error)
    }
}

/// Versions of format 1 take a directory without this file for a new one and make an empty store
/// in it: after a rollback everything would seem to be gone.
fn fence_off_format_1(directory: &Path) -> io::Result<()> {
    let path = directory.join("version");
    if path.try_exists()? { Ok(()) } else { write_private(&path, FENCE) }
}

impl Readiness for Store {
    fn check(&self) -> Result<(), &'static str> {
        if self.inner.has_failed() {
            return Err("the disk has failed; the store is opened again once it can be written");
        }
        if self.is_nearly_full() {
            return Err("the disk is nearly full; events are accepted again once there is room");
        }
        Ok(())
    }
}

/// Writes that are made together, and what the rows will be after them.
pub(super) struct Transaction<'a, 'b>(&'a mut store::Transaction<'b>);

impl Transaction<'_, '_> {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        self.0.get(table, key).map_err(store_error)
    }

    pub(super) fn range<R: std::ops::RangeBounds<Vec<u8>>>(
        &self,
        table: Table,
        range: R,
    ) -> impl DoubleEndedIterator<Item = StoreResult<(Slice, Slice)>> + use<R> {
        self.0.range(table, range).map(|row| row.map_err(store_error))
    }

    pub(super) fn put(&mut self, table: Table, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.0.put(table, key, value);
    }

    pub(super) fn delete(&mut self, table: Table, key: impl Into<Slice>) {
        self.0.delete(table, key);
    }

    /// Of a key that was written once only.
    pub(super) fn delete_single(&mut self, table: Table, key: impl Into<Slice>) {
        self.0.delete_single(table, key);
    }

    /// Done once the writes are made, in their order.
    pub(super) fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        self.0.after_commit(action);
    }
}

/// Why nothing was written.
struct Undone(StoreError);

impl From<store::Error> for Undone {
    fn from(error: store::Error) -> Self {
        Self(store_error(error))
    }
}

fn store_error(error: store::Error) -> StoreError {
    match error {
        store::Error::Damaged(_) => StoreError::Corrupt(error.into()),
        store::Error::Closed | store::Error::Disk(_) | store::Error::Unreadable(_) => {
            StoreError::Unavailable(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures::FutureExt as _;

    use super::*;
    use crate::{EmbeddedQueue, QueueOptions};
    use contract::ports::{ManualClock, Outgoing, QueueError, QueueSender as _};
    use domain::time::Timestamp;

    #[tokio::test]
    async fn a_disk_that_is_nearly_full_takes_what_was_accepted_and_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { min_free_bytes: u64::MAX };
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let store = Store::open(folder.path(), &options, clock).unwrap();
        let options = QueueOptions {
            lease: Duration::from_secs(1),
            max_messages: 10,
            max_leased_per_group: 10,
            max_leased_to_others: 10,
            max_leased_to_busy: 10,
        };
        let queue = EmbeddedQueue::open(store.clone(), "queue", options).await.unwrap();
        let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None, content: None };
        assert!(matches!(queue.send_one(message.clone()).await, Err(QueueError::NoRoom)));
        assert_eq!(queue.stats().waiting, 0);
        queue.for_stage().send_one(message).await.unwrap();
        assert_eq!(queue.stats().waiting, 1);
        assert!(store.check().is_err_and(|reason| reason.contains("nearly full")));
        assert!(store.failed().now_or_never().is_none(), "nothing has failed");
    }
}
