//! Gets what was written into the log and onto the disk, once for all who wait
//! for that, and then into the tables.

mod settled;

use std::fs::File;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use fjall::PersistMode;
use tokio::sync::{Notify, oneshot};

use super::group::{Group, Groups};
use super::trust::{Told, Trust, closed, unavailable};
use super::wal::Wal;
use super::{Action, Tables, wal};
use crate::ports::{StoreError, StoreResult};
use settled::{Settled, Waiting};

/// How long a write that nobody waits for may stay away from the disk: what a
/// power failure can make happen again at most.
const LAZY: Duration = Duration::from_millis(10);
/// How long what was written may stay away from the tables, and how many bytes
/// of it. Most messages are gone by then, and the tables never hear of them.
const APPLY_EVERY: Duration = Duration::from_secs(1);
const APPLY_BYTES: usize = 256 * 1024;
/// Bytes that may wait for the tables before nothing more is written.
const MAX_BYTES: usize = 4 * 1024 * 1024;

pub(super) struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
    wake: Condvar,
    /// Locked before the groups are.
    wal: Mutex<Wal>,
    /// Something was written that the log may not have, or applied.
    news: AtomicBool,
    /// The newest record that the tables have on disk, with all before it.
    kept: AtomicU64,
    /// Tells when a group has come into the tables.
    applied: Notify,
    trust: Trust,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
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
        if !state.waiting.is_empty() {
            self.0.wake_if_resting(&state);
        }
    }
}

/// What has come into the log, and what is to be done about it.
struct Written {
    /// To be synced, and then told of.
    segment: Option<Arc<File>>,
    /// To go into the tables after that.
    to_apply: Option<ToApply>,
    /// When to look again, though nobody waits.
    due: Option<Instant>,
}

struct ToApply {
    group: Arc<Group>,
    /// The last record that belongs to it.
    newest: u64,
    /// Whether the log waits to use its room again.
    keep: bool,
}

impl Journal {
    pub(super) fn start(path: &Path, wal: Wal, tables: Arc<Tables>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            folder: path.to_owned(),
            state: Mutex::default(),
            wake: Condvar::new(),
            wal: Mutex::new(wal),
            news: AtomicBool::new(false),
            kept: AtomicU64::new(0),
            applied: Notify::new(),
            trust: Trust::new(path.to_owned()),
        });
        let (groups, to_apply) = mpsc::channel();
        let applier = thread::Builder::new().name("tables".to_owned()).spawn({
            let (shared, tables) = (Arc::clone(&shared), Arc::clone(&tables));
            move || shared.guarded(|| shared.apply_until_closed(&tables, to_apply))
        })?;
        let thread = thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                shared.guarded(|| shared.write_until_closed(&tables, &groups));
                drop(groups);
                let _ = applier.join();
                shared.guarded(|| shared.finish(&tables));
            }
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Refuses once the store is closed or broken.
    pub(super) fn check_open(&self) -> StoreResult<()> {
        self.shared.trust.check().map_err(|error| unavailable(&error))?;
        if self.shared.lock().closed { Err(closed()) } else { Ok(()) }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.shared.trust.check().is_err()
    }

    /// Notes a failure that was found elsewhere.
    pub(super) fn note(&self, result: fjall::Result<()>) {
        let _ = self.shared.trust.note(result);
    }

    /// Returns once the disk has failed, and how.
    pub(super) async fn failed(&self) -> StoreError {
        self.shared.trust.failed().await
    }

    /// Returns once so little waits for the tables that more may be written.
    pub(super) async fn room(&self, tables: &Tables) -> StoreResult<()> {
        while tables.unapplied.load(Ordering::Relaxed) > MAX_BYTES {
            let mut applied = std::pin::pin!(self.shared.applied.notified());
            applied.as_mut().enable();
            if tables.unapplied.load(Ordering::Relaxed) <= MAX_BYTES {
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
    pub(super) fn tell_applied(&self) {
        self.shared.applied.notify_waiters();
    }

    /// Whether nothing but a word from outside makes the thread do anything soon.
    #[cfg(test)]
    pub(super) fn sleeps(&self) -> bool {
        self.shared.lock().sleeps
    }

    /// Says that something was written, which nobody waits for.
    pub(super) fn written(&self) {
        self.shared.tell();
    }

    /// Puts everything written so far where the death of this process alone
    /// undoes nothing.
    pub(super) fn hand_over(&self, tables: &Tables) -> StoreResult<()> {
        {
            let mut wal = self.shared.wal();
            // What comes after the end of the log would be nowhere.
            if self.shared.lock().closed {
                return Err(closed());
            }
            self.shared.append(&mut wal, tables, |_| ()).map_err(|error| unavailable(&error))?;
        }
        self.written();
        Ok(())
    }

    /// Returns once everything written so far is on disk, and after `actions`,
    /// which run then whether or not the caller still waits.
    pub(super) async fn synced(&self, actions: Vec<Action>) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(closed());
            }
            state.waiting.push(Waiting::new(actions, reply));
        }
        let alarm = Alarm(&self.shared);
        // Whoever has something to write by now shares the sync.
        tokio::task::yield_now().await;
        drop(alarm);
        answer.await.map_err(|_| closed())?.map_err(|error| unavailable(&error))
    }

    /// Returns when everything is on disk, or the disk has failed; nothing more is taken.
    pub(super) fn close(&self) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            self.shared.wake_if_resting(&state);
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| !self.is_broken()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wal(&self) -> MutexGuard<'_, Wal> {
        self.wal.lock().unwrap_or_else(PoisonError::into_inner)
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
            let lost = self.trust.note_io(Err(io::Error::other("the store has panicked")));
            let waiting = {
                let mut state = self.lock();
                state.closed = true;
                std::mem::take(&mut state.waiting)
            };
            Settled::new(self, waiting, lost).tell();
        }
    }

    fn write_until_closed(self: &Arc<Self>, tables: &Tables, to_apply: &mpsc::Sender<ToApply>) {
        let mut due = None;
        // Since when there is what the tables could take.
        let mut unapplied = None;
        loop {
            let (waiting, closed) = self.next_turn(due.take());
            self.news.store(false, Ordering::SeqCst);
            let synced = self.write(tables, &mut unapplied).and_then(|written| {
                if let Some(segment) = written.segment {
                    self.trust.note_io(segment.sync_data())?;
                }
                if let Some(group) = written.to_apply {
                    let _ = to_apply.send(group);
                }
                due = written.due;
                Ok(())
            });
            Settled::new(self, waiting, synced).tell();
            if closed {
                return;
            }
        }
    }

    fn write(&self, tables: &Tables, unapplied: &mut Option<Instant>) -> Told<Written> {
        let mut wal = self.wal();
        self.trust.note_io(wal.release(self.kept.load(Ordering::SeqCst)))?;
        self.trust.note_io(wal.turn_over())?;
        let is_long = wal.is_long();
        let group = self.append(&mut wal, tables, |groups| {
            let could_take = groups.can_close() && !groups.is_empty();
            *unapplied = could_take.then(|| unapplied.unwrap_or_else(Instant::now));
            let is_late = unapplied.is_some_and(|since| since.elapsed() >= APPLY_EVERY);
            let is_due = groups.can_close() && (is_long || is_late || groups.open_bytes() >= APPLY_BYTES);
            is_due.then(|| {
                *unapplied = None;
                groups.close()
            })
        })?;
        Ok(Written {
            segment: wal.take_unsynced(),
            to_apply: group.map(|group| ToApply { group, newest: wal.newest(), keep: is_long }),
            due: unapplied.map(|since| since + APPLY_EVERY),
        })
    }

    /// Puts what was written into the log. Nothing is written meanwhile, while
    /// `look` does.
    fn append<T>(&self, wal: &mut Wal, tables: &Tables, look: impl FnOnce(&mut Groups) -> T) -> Told<T> {
        self.trust.check()?;
        let (record, seen) = {
            let mut groups = tables.groups();
            (groups.take_record(wal.empty_record()), look(&mut groups))
        };
        self.trust.note_io(wal.append(record))?;
        Ok(seen)
    }

    /// Whoever waits by now, as soon as somebody does; or nobody, when what was
    /// written may be put off no longer, or at `due`.
    fn next_turn(&self, mut due: Option<Instant>) -> (Vec<Waiting>, bool) {
        let mut state = self.lock();
        let mut has_news = false;
        while state.waiting.is_empty() && !state.closed {
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
        (std::mem::take(&mut state.waiting), state.closed)
    }

    fn apply_until_closed(&self, tables: &Tables, to_apply: mpsc::Receiver<ToApply>) {
        for ToApply { group, newest, keep } in to_apply {
            // What could not be applied is in the log, for the next opening.
            if self.trust.note(tables.apply(&group)).is_err() {
                continue;
            }
            drop(group);
            tables.applied();
            self.applied.notify_waiters();
            if keep && self.trust.note(tables.db.persist(PersistMode::SyncAll)).is_ok() {
                self.kept.store(newest, Ordering::SeqCst);
            }
            self.tell();
        }
    }

    /// What is left goes into the tables, and then there is no need of a log.
    fn finish(&self, tables: &Tables) {
        let mut wal = self.wal();
        let last = self.append(&mut wal, tables, Groups::close).and_then(|last| {
            self.trust.note_io(wal.take_unsynced().map_or(Ok(()), |segment| segment.sync_data()))?;
            self.trust.note(tables.apply(&last).and_then(|()| tables.db.persist(PersistMode::SyncAll)))
        });
        if last.is_ok() {
            tables.applied();
            self.applied.notify_waiters();
            let _ = self.trust.note_io(wal::remove(&self.folder));
        }
    }
}
