//! Gets what was written into the log and onto the disk, once for all who wait for that, and then
//! into the trees.

mod sync_waiters;

use std::fs::File;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::checkpoint::Checkpoint;
use crate::compactor::{Compactor, Job};
use crate::damage::Damage;
use crate::directory::DirectoryLock;
use crate::disk_failure::{DiskFailure, Told};
use crate::identity::StoreId;
use crate::log::{self, Log};
use crate::memtable::{Memtable, Memtables};
use crate::store::{Action, Error};
use crate::trees::Trees;
use sync_waiters::{SyncWaiter, SyncWaiters};

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

/// What the thread remembers from one turn to the next.
#[derive(Default)]
struct Progress {
    /// Since when there is what the trees could take.
    unapplied: Option<Instant>,
    /// The last record that was handed to the trees.
    handed: u64,
    /// When the number of the newest record on disk was last on disk itself.
    marked: Option<Instant>,
    jobs: Vec<Job>,
}

/// What has come into the log, and what is to be done about it.
struct Written {
    /// To be synced, with all records up to this one, and then told of.
    segment: Option<(Arc<File>, u64)>,
    /// To go into the trees after that.
    to_apply: Option<ToApply>,
    /// When to look again, though nobody waits.
    due: Option<Instant>,
}

struct ToApply {
    memtable: Arc<Memtable>,
    /// The last record that belongs to it.
    newest: u64,
    /// The log waits for this record to be in files, to use its room again.
    needed: Option<u64>,
    jobs: Vec<Job>,
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_if_resting(&self, state: &State) {
        if state.rests {
            self.wake.notify_one();
        }
    }

    fn tell(&self) {
        if !self.news.swap(true, Ordering::SeqCst) && self.lock().sleeps {
            self.wake.notify_one();
        }
    }

    /// Whoever relies on work that panics must not wait for it.
    fn guarded(self: &Arc<Self>, work: impl FnOnce()) {
        if std::panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
            let lost = self.failure.note(Err(io::Error::other("the store has panicked")));
            let waiting = {
                let mut state = self.lock();
                state.closed = true;
                std::mem::take(&mut state.waiting)
            };
            self.compactor.close();
            SyncWaiters::new(self, waiting, lost).tell();
        }
    }

    fn write_until_closed(self: &Arc<Self>, trees: &Trees, to_apply: &mpsc::Sender<ToApply>) {
        let (mut due, mut progress) = (None, Progress::default());
        loop {
            let (waiting, closed) = self.next_turn(due.take(), &mut progress.jobs);
            self.news.store(false, Ordering::SeqCst);
            let synced = self.write(trees, &mut progress).and_then(|written| {
                if let Some((segment, newest)) = written.segment {
                    self.failure.note(segment.sync_data())?;
                    self.failure.note(self.log().note_synced(newest))?;
                }
                if let Some(memtable) = written.to_apply {
                    let _ = to_apply.send(memtable);
                }
                due = written.due;
                Ok(())
            });
            SyncWaiters::new(self, waiting, synced).tell();
            let marked = self.sync_mark(&mut progress.marked);
            due = due.into_iter().chain(marked).min();
            if closed {
                return;
            }
        }
    }

    /// When the number of the newest record on disk has to be on disk itself, if it is not.
    fn sync_mark(&self, marked: &mut Option<Instant>) -> Option<Instant> {
        let file = {
            let mut log = self.log();
            if !log.mark_is_behind() {
                *marked = None;
                return None;
            }
            let due = *marked.get_or_insert_with(Instant::now) + MARK_EVERY;
            if Instant::now() < due {
                return Some(due);
            }
            *marked = None;
            log.take_mark()
        };
        // Apart from the lock, for which those wait who hand over.
        let _ = self.failure.note(file.sync_data());
        None
    }

    fn write(&self, trees: &Trees, progress: &mut Progress) -> Told<Written> {
        let mut log = self.log();
        self.failure.note(log.release(self.compactor.kept()))?;
        self.failure.note(log.turn_over())?;
        let full = log.newest_full().filter(|last| *last > progress.handed);
        let is_wanted = full.is_some() || !progress.jobs.is_empty();
        let unapplied = &mut progress.unapplied;
        let memtable = self.append(&mut log, trees, |memtables| {
            let could_take = memtables.can_close() && !memtables.is_empty();
            *unapplied = could_take.then(|| unapplied.unwrap_or_else(Instant::now));
            let is_late = unapplied.is_some_and(|since| since.elapsed() >= APPLY_EVERY);
            let is_due = memtables.can_close() && (is_wanted || is_late || memtables.open_bytes() >= APPLY_BYTES);
            is_due.then(|| {
                *unapplied = None;
                memtables.close()
            })
        })?;
        let newest = log.newest();
        let to_apply = memtable.map(|memtable| {
            progress.handed = newest;
            let jobs = std::mem::take(&mut progress.jobs);
            let needed = if jobs.is_empty() { full } else { Some(u64::MAX) };
            ToApply { memtable, newest, needed, jobs }
        });
        Ok(Written {
            segment: log.take_unsynced().map(|segment| (segment, newest)),
            to_apply,
            due: progress.unapplied.map(|since| since + APPLY_EVERY),
        })
    }

    /// Puts what was written into the log. Nothing is written meanwhile, while `look` does.
    fn append<T>(&self, log: &mut Log, trees: &Trees, look: impl FnOnce(&mut Memtables) -> T) -> Told<T> {
        self.failure.check()?;
        let (record, seen) = {
            let mut memtables = trees.memtables();
            (memtables.take_record(log.empty_record()), look(&mut memtables))
        };
        self.failure.note(log.append(record))?;
        Ok(seen)
    }

    /// Whoever waits by now, as soon as somebody does; or nobody, when what was written may be
    /// put off no longer, or at `due`.
    fn next_turn(&self, mut due: Option<Instant>, jobs: &mut Vec<Job>) -> (Vec<SyncWaiter>, bool) {
        let mut state = self.lock();
        let mut has_news = false;
        while state.waiting.is_empty() && state.jobs.is_empty() && !state.closed {
            if !has_news && self.news.load(Ordering::SeqCst) {
                has_news = true;
                let lazy = Instant::now() + LAZY;
                due = Some(due.map_or(lazy, |due| due.min(lazy)));
            }
            let left = due.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            (state.rests, state.sleeps) = (true, left.is_none_or(|left| left > LAZY));
            state = match left {
                Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            (state.rests, state.sleeps) = (false, false);
        }
        jobs.append(&mut state.jobs);
        (std::mem::take(&mut state.waiting), state.closed)
    }

    fn apply_until_closed(&self, trees: &Trees, to_apply: mpsc::Receiver<ToApply>) {
        for ToApply { memtable, newest, needed, jobs } in to_apply {
            // What could not be applied is in the log, for the next opening.
            if self.failure.check().is_err() {
                continue;
            }
            trees.apply(&memtable, newest);
            drop(memtable);
            trees.applied();
            self.applied.notify_waiters();
            if trees.rotate_full(needed) || !jobs.is_empty() {
                self.compactor.flush(jobs, &self.failure);
            }
            self.tell();
        }
    }

    /// What is left goes into files, and then there is no need of a log.
    fn finish(&self, trees: &Trees, directory: &Path) {
        let mut log = self.log();
        let last = self.append(&mut log, trees, Memtables::close).and_then(|last| {
            let newest = log.newest();
            self.failure.note(log.take_unsynced().map_or(Ok(()), |segment| segment.sync_data()))?;
            self.failure.note(log.note_synced(newest))?;
            trees.apply(&last, newest);
            trees.rotate_full(Some(u64::MAX));
            self.failure.note(trees.flush())?;
            self.failure.note(self.compactor.checkpoint(true))
        });
        if last.is_ok() {
            trees.applied();
            self.applied.notify_waiters();
            let _ = self.failure.note(log::remove_others(directory, None));
        }
    }
}
