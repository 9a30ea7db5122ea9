//! Gets what was written into the log and onto the disk, once for all who wait for that, and then
//! into the trees.

mod sync_waiters;
mod threads;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::checkpoint::Checkpoint;
use crate::compactor::{Compactor, Job};
use crate::damage::Damage;
use crate::directory::DirectoryLock;
use crate::disk_failure::DiskFailure;
use crate::identity::StoreId;
use crate::log::Log;
use crate::store::{Action, Error};
use crate::trees::Trees;
use sync_waiters::SyncWaiter;

/// How long a write that nobody waits for may stay away from the disk: what a
/// power failure can make happen again at most.
const LAZY: Duration = Duration::from_millis(10);
/// How long the number of the newest record on disk may stay away from the disk itself.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// How long what was written may stay away from the trees, and how many bytes of it. Most
/// messages are gone by then, and the trees never hear of them.
const APPLY_EVERY: Duration = Duration::from_secs(1);
const APPLY_BYTES: usize = 256 * 1024;
/// Bytes that may wait for the trees before nothing more is written.
const MAX_BYTES: usize = 4 * 1024 * 1024;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Locked before the memtables are.
    log: Mutex<Log>,
    /// Something was written that the log may not have, or applied.
    news: AtomicBool,
    /// Tells when a memtable has come into the trees.
    applied: Notify,
    failure: DiskFailure,
    compactor: Compactor,
}

#[derive(Default)]
struct State {
    waiting: Vec<SyncWaiter>,
    /// To be done once everything written so far is in files.
    jobs: Vec<Job>,
    /// The thread waits, and maybe for longer than anything may be put off.
    rests: bool,
    sleeps: bool,
    closed: bool,
}

/// Wakes the thread for those who wait, also when the caller goes away before.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        let state = self.0.lock();
        // Somebody else's may have been first.
        if !state.waiting.is_empty() || !state.jobs.is_empty() {
            self.0.wake_if_resting(&state);
        }
    }
}

/// No file of the store changes while this is held, so that what a crash would leave can be copied.
pub struct Still<'a> {
    _files: MutexGuard<'a, ()>,
    _log: MutexGuard<'a, Log>,
}

impl Writer {
    /// Each thread holds the directory until it has ended: after a failure of the disk nobody waits
    /// for them, and whoever opens the directory anew must not meet their writes.
    pub(crate) fn start(
        lock: &Arc<DirectoryLock>,
        store: StoreId,
        number: u64,
        log: Log,
        trees: Arc<Trees>,
    ) -> io::Result<Self> {
        let compactor = Compactor::new(lock.path().to_owned(), store, number, Arc::clone(&trees));
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            log: Mutex::new(log),
            news: AtomicBool::new(false),
            applied: Notify::new(),
            failure: DiskFailure::none(),
            compactor,
        });
        let compacting = thread::Builder::new().name("compactor".to_owned()).spawn({
            let (shared, lock) = (Arc::clone(&shared), Arc::clone(lock));
            move || {
                shared.guarded(|| shared.compactor.run(&shared.failure, || shared.tell()));
                shared.compactor.close();
                drop(lock);
            }
        })?;
        let (memtables, to_apply) = mpsc::channel();
        let applying = thread::Builder::new().name("trees".to_owned()).spawn({
            let (shared, trees, lock) = (Arc::clone(&shared), Arc::clone(&trees), Arc::clone(lock));
            move || {
                shared.guarded(|| shared.apply_until_closed(&trees, to_apply));
                drop(lock);
            }
        })?;
        let thread = thread::Builder::new().name("log".to_owned()).spawn({
            let (shared, lock) = (Arc::clone(&shared), Arc::clone(lock));
            move || {
                shared.guarded(|| shared.write_until_closed(&trees, &memtables));
                drop(memtables);
                let _ = applying.join();
                shared.compactor.close();
                let _ = compacting.join();
                shared.guarded(|| shared.finish(&trees, lock.path()));
            }
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Refuses once the store is closed or has failed.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        self.shared.failure.check().map_err(Error::Disk)?;
        if self.shared.lock().closed { Err(Error::Closed) } else { Ok(()) }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.shared.failure.check().is_err()
    }

    pub(crate) fn damages(&self) -> Vec<Damage> {
        self.shared.compactor.damages()
    }

    pub(crate) fn hold_still(&self) -> Still<'_> {
        Still { _files: self.shared.compactor.hold_files(), _log: self.shared.log() }
    }

    /// Returns once the disk has failed, and how.
    pub(crate) async fn failed(&self) -> Error {
        self.shared.failure.failed().await
    }

    /// Returns once so little waits for the trees that more may be written.
    pub(crate) async fn room(&self, trees: &Trees) -> Result<(), Error> {
        while trees.unapplied.load(Ordering::Relaxed) > MAX_BYTES {
            let mut applied = std::pin::pin!(self.shared.applied.notified());
            applied.as_mut().enable();
            if trees.unapplied.load(Ordering::Relaxed) <= MAX_BYTES {
                break;
            }
            tokio::select! {
                () = applied => {}
                error = self.failed() => return Err(error),
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn tell_applied(&self) {
        self.shared.applied.notify_waiters();
    }

    /// Whether nothing but a word from outside makes the thread do anything soon.
    #[cfg(test)]
    pub(crate) fn sleeps(&self) -> bool {
        self.shared.lock().sleeps
    }

    /// Says that something was written, which nobody waits for.
    pub(crate) fn written(&self) {
        self.shared.tell();
    }

    /// Puts everything written so far where the death of this process alone undoes nothing.
    pub(crate) fn hand_over(&self, trees: &Trees) -> Result<(), Error> {
        {
            let mut log = self.shared.log();
            // What comes after the end of the log would be nowhere.
            if self.shared.lock().closed {
                return Err(Error::Closed);
            }
            self.shared.append(&mut log, trees, |_| ()).map_err(Error::Disk)?;
        }
        self.written();
        Ok(())
    }

    /// Returns once everything written so far is on disk, and after `actions`, which run then
    /// whether or not the caller still waits.
    pub(crate) async fn synced(&self, actions: Vec<Action>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            state.waiting.push(SyncWaiter::new(actions, reply));
        }
        let alarm = Alarm(&self.shared);
        // Whoever has something to write by now shares the sync.
        tokio::task::yield_now().await;
        drop(alarm);
        answer.await.map_err(|_| Error::Closed)?.map_err(Error::Disk)
    }

    /// Does `work` once everything written so far is in files, while nothing in them changes.
    pub(crate) async fn at_rest<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &Checkpoint, &[&'static str]) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            state.jobs.push(Box::new(move |compactor| {
                let done = compactor
                    .at_rest()
                    .and_then(|checkpoint| work(compactor.directory(), &checkpoint, &compactor.trees().names()));
                let _ = reply.send(done);
            }));
        }
        drop(Alarm(&self.shared));
        let done = tokio::select! {
            done = answer => done.map_err(|_| Error::Closed)?,
            error = self.failed() => return Err(error),
        };
        done.map_err(|error| Error::Unreadable(Arc::new(error)))
    }

    /// Returns when everything is on disk, or the disk has failed; nothing more is taken.
    pub(crate) fn close(&self) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            self.shared.wake_if_resting(&state);
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| !self.has_failed()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
