//! What the threads of the writer do: one brings what was written into the log
//! and onto the disk, and one from there into the trees.

use std::fs::File;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, mpsc};
use std::time::Instant;

use super::sync_waiters::{SyncWaiter, SyncWaiters};
use super::{APPLY_BYTES, APPLY_EVERY, Job, LAZY, MARK_EVERY, Shared, State};
use crate::disk_failure::Told;
use crate::log::{self, Log};
use crate::memtable::{Memtable, Memtables};
use crate::trees::Trees;

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

pub(super) struct ToApply {
    memtable: Arc<Memtable>,
    /// The last record that belongs to it.
    newest: u64,
    /// The log waits for this record to be in files, to use its room again.
    needed: Option<u64>,
    jobs: Vec<Job>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake_if_resting(&self, state: &State) {
        if state.rests {
            self.wake.notify_one();
        }
    }

    pub(super) fn tell(&self) {
        if !self.news.swap(true, Ordering::SeqCst) && self.lock().sleeps {
            self.wake.notify_one();
        }
    }

    /// Whoever relies on work that panics must not wait for it.
    pub(super) fn guarded(self: &Arc<Self>, work: impl FnOnce()) {
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

    pub(super) fn write_until_closed(self: &Arc<Self>, trees: &Trees, to_apply: &mpsc::Sender<ToApply>) {
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
        // Without the lock, so that nobody who hands over records waits for the disk.
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

    /// Appends the record of all writes so far to the log. While `look` runs, no write is added.
    pub(super) fn append<T>(&self, log: &mut Log, trees: &Trees, look: impl FnOnce(&mut Memtables) -> T) -> Told<T> {
        self.failure.check()?;
        let (record, seen) = {
            let mut memtables = trees.memtables();
            (memtables.take_record(log.empty_record()), look(&mut memtables))
        };
        self.failure.note(log.append(record))?;
        Ok(seen)
    }

    /// Waits until somebody asks for a sync, and returns all who do; or nobody, at `due` or
    /// when writes that nobody waits for have been put off long enough.
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

    pub(super) fn apply_until_closed(&self, trees: &Trees, to_apply: mpsc::Receiver<ToApply>) {
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
    pub(super) fn finish(&self, trees: &Trees, directory: &Path) {
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
