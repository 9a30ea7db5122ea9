//! Makes files of what the trees have in memory, merges them, and writes down how far that is.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::checkpoint::Checkpoint;
use crate::damage::Damage;
use crate::disk_failure::{DiskFailure, Failure};
use crate::identity::StoreId;
use crate::trees::Trees;

/// Done while every record up to some one is in files, and no later one is.
pub(crate) type Job = Box<dyn FnOnce(&Compactor) + Send>;

pub(crate) struct Compactor {
    directory: PathBuf,
    store: StoreId,
    log: u64,
    trees: Arc<Trees>,
    state: Mutex<State>,
    wake: Condvar,
    /// Tells when something was flushed, or a job was done.
    progress: Condvar,
    /// The trees have all records up to this one in files, and the checkpoint says so.
    kept: AtomicU64,
    damages: Mutex<Vec<Damage>>,
    /// Locked while files of the trees and the checkpoint change.
    files: Mutex<()>,
}

#[derive(Default)]
struct State {
    flush: bool,
    jobs: Vec<Job>,
    is_at_work: bool,
    closed: bool,
}

impl Compactor {
    pub(crate) fn new(directory: PathBuf, store: StoreId, log: u64, trees: Arc<Trees>) -> Self {
        // What the last process left to be merged.
        let state = Mutex::new(State { flush: true, ..State::default() });
        let (wake, progress) = (Condvar::new(), Condvar::new());
        let (kept, damages, files) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Self { directory, store, log, trees, state, wake, progress, kept, damages, files }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hold_files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::SeqCst)
    }

    pub(crate) fn damages(&self) -> Vec<Damage> {
        self.damages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that something was sealed, and waits while that is too much, or while jobs are to be
    /// done, for which nothing may change.
    pub(crate) fn flush(&self, jobs: Vec<Job>, failure: &DiskFailure) {
        let mut state = self.lock();
        let wait_for_jobs = !jobs.is_empty();
        state.flush = true;
        state.jobs.extend(jobs);
        self.wake.notify_one();
        while !state.closed
            && failure.check().is_ok()
            && ((wait_for_jobs && (state.is_at_work || !state.jobs.is_empty())) || self.trees.is_behind())
        {
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
        self.progress.notify_all();
    }

    /// `progressed` is called whenever the log may have room that can be used again.
    pub(crate) fn run(&self, failure: &DiskFailure, progressed: impl Fn()) {
        while let Some(jobs) = self.next_jobs() {
            let flushed = {
                let _files = self.hold_files();
                self.trees.flush().map_err(Failure::from).and_then(|()| Ok(self.checkpoint(false)?))
            };
            if failure.note(flushed).is_err() {
                break;
            }
            self.do_jobs(jobs);
            self.progress.notify_all();
            progressed();
            while !self.has_work() {
                let _files = self.hold_files();
                if !self.compact(failure) || failure.note(self.checkpoint(false)).is_err() {
                    break;
                }
            }
        }
        self.close();
    }

    /// What is to be done after the flush that follows, once one is asked for; none at the end. A
    /// job that comes during a flush is for the next one: some of what it needs in files was sealed
    /// after its tree's turn.
    fn next_jobs(&self) -> Option<Vec<Job>> {
        let mut state = self.lock();
        while !state.flush && !state.closed {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.flush = false;
        let jobs = std::mem::take(&mut state.jobs);
        state.is_at_work = !jobs.is_empty();
        Some(jobs)
    }

    fn has_work(&self) -> bool {
        let state = self.lock();
        state.flush || state.closed
    }

    fn do_jobs(&self, jobs: Vec<Job>) {
        jobs.into_iter().for_each(|job| job(self));
        self.lock().is_at_work = false;
    }

    /// Says whether there may be more to merge. A file that cannot be read costs what it holds,
    /// and not the store.
    fn compact(&self, failure: &DiskFailure) -> bool {
        let compacted = std::panic::catch_unwind(AssertUnwindSafe(|| self.trees.compact()));
        let error = match compacted {
            Ok(Ok(has_changed)) => return has_changed,
            Ok(Err(error)) => Failure::from(error),
            Err(_) => Failure::Io(io::Error::other("merging files of a table has panicked")),
        };
        let damages = self.trees.stop_compacting_damaged();
        if damages.is_empty() {
            let _ = failure.note(Err::<(), _>(error));
            return false;
        }
        for damage in &damages {
            tracing::error!(%damage, "a file of the store is damaged; rows in it cannot be read, and the next start will refuse: put the directory back from a backup, or use `hookline repair`");
        }
        self.damages.lock().unwrap_or_else(PoisonError::into_inner).extend(damages);
        true
    }

    /// Writes down what is in files. Only to be called where nothing is flushed or merged meanwhile.
    pub(crate) fn checkpoint(&self, clean: bool) -> io::Result<Checkpoint> {
        let checkpoint = Checkpoint { store: self.store, clean, log: self.log, trees: self.trees.marks()? };
        checkpoint.write(&self.directory)?;
        self.kept.store(checkpoint.applied(), Ordering::SeqCst);
        Ok(checkpoint)
    }

    /// The same without writing it.
    pub(crate) fn at_rest(&self) -> io::Result<Checkpoint> {
        let checkpoint = Checkpoint { store: self.store, clean: true, log: self.log, trees: self.trees.marks()? };
        match checkpoint.is_of_one_moment() {
            true => Ok(checkpoint),
            false => Err(io::Error::other("the tables are not at rest")),
        }
    }

    pub(crate) fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    pub(crate) fn trees(&self) -> &Trees {
        &self.trees
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::tests::options;

    #[test]
    fn a_job_that_comes_during_a_flush_is_done_after_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreId::new().unwrap();
        let trees = Arc::new(Trees::create(folder.path(), store, &options()).unwrap());
        let compactor = Compactor::new(folder.path().to_owned(), store, 1, trees);
        let during = compactor.next_jobs().unwrap();
        assert!(during.is_empty());
        std::thread::scope(|scope| {
            let done = Arc::new(AtomicUsize::new(0));
            let asking = scope.spawn({
                let done = Arc::clone(&done);
                let compactor = &compactor;
                move || {
                    let job: Job = Box::new(move |_| {
                        done.fetch_add(1, Ordering::SeqCst);
                    });
                    compactor.flush(vec![job], &DiskFailure::none());
                }
            });
            while compactor.lock().jobs.is_empty() {
                std::thread::yield_now();
            }
            compactor.do_jobs(during);
            assert_eq!(done.load(Ordering::SeqCst), 0);
            let next = compactor.next_jobs().unwrap();
            compactor.do_jobs(next);
            assert_eq!(done.load(Ordering::SeqCst), 1);
            compactor.progress.notify_all();
            asking.join().unwrap();
        });
    }
}
