//! Gets what was written into the journal and onto the disk, once for all who
//! wait for that.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fjall::PersistMode;
use tokio::sync::{oneshot, watch};

use super::{Action, Tables, remains};
use crate::ports::{StoreError, StoreResult};

/// How long a write that nobody waits for may stay away from the disk: what a
/// power failure can make happen again at most.
const LAZY: Duration = Duration::from_millis(10);

/// How far writes must have come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// They outlive this process.
    System,
    /// They outlive a power failure.
    Disk,
}

pub(super) struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
    wake: Condvar,
    /// Something was written that may not be on disk.
    written: AtomicBool,
    /// Why the disk is not to be trusted any more.
    broken: watch::Sender<Option<Arc<fjall::Error>>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    rests: bool,
    closed: bool,
}

struct Waiting {
    reach: Reach,
    actions: Vec<Action>,
    reply: oneshot::Sender<Reached>,
}

type Reached = Result<(), Arc<fjall::Error>>;

impl Journal {
    pub(super) fn start(path: &Path, tables: Arc<Tables>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            folder: path.to_owned(),
            state: Mutex::default(),
            wake: Condvar::new(),
            written: AtomicBool::new(false),
            broken: watch::Sender::new(None),
        });
        let file = NewestFile::of(path);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.write_until_closed(&tables, file)
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Refuses once the store is closed or broken.
    pub(super) fn check_open(&self) -> StoreResult<()> {
        if let Some(error) = self.shared.broken() {
            return Err(unavailable(&error));
        }
        if self.shared.lock().closed { Err(closed()) } else { Ok(()) }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.shared.broken().is_some()
    }

    /// Notes a failure that was found elsewhere.
    pub(super) fn note(&self, result: fjall::Result<()>) {
        let _ = self.shared.note(result);
    }

    /// Returns once the disk has failed, and how.
    pub(super) async fn failed(&self) -> StoreError {
        let mut broken = self.shared.broken.subscribe();
        match broken.wait_for(Option::is_some).await {
            Ok(error) => error.as_ref().map_or_else(closed, unavailable),
            Err(_) => closed(),
        }
    }

    /// Says that something was written, which nobody waits for.
    pub(super) fn written(&self) {
        if !self.shared.written.swap(true, Ordering::SeqCst) {
            self.shared.wake_if_resting(&self.shared.lock());
        }
    }

    /// Returns once everything written so far has come that far, and after
    /// `actions`, which run then whether or not the caller still waits.
    pub(super) async fn reached(&self, reach: Reach, actions: Vec<Action>) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(closed());
            }
            state.waiting.push(Waiting { reach, actions, reply });
            self.shared.wake_if_resting(&state);
        }
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| closed())?.map_err(|error| unavailable(&error)),
            // fjall waits for ever where its own thread has failed.
            error = self.failed() => Err(error),
        }
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

    fn wake_if_resting(&self, state: &State) {
        if state.rests {
            self.wake.notify_one();
        }
    }

    fn write_until_closed(&self, tables: &Tables, mut file: Option<NewestFile>) {
        let mut synced_at = Instant::now();
        let mut behind = false;
        loop {
            let (waiting, closed) = self.next_group(behind.then(|| synced_at + LAZY));
            behind |= self.written.swap(false, Ordering::SeqCst) | !waiting.is_empty();
            let (to_disk, to_system): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|waiting| waiting.reach == Reach::Disk);

            let handed_over = self.note(tables.commit().and_then(|()| tables.db.persist(PersistMode::Buffer)));
            settle(to_system, &handed_over);
            if !to_disk.is_empty() || closed || (behind && synced_at.elapsed() >= LAZY) {
                let synced = handed_over.and_then(|()| self.note(self.sync(tables, &mut file)));
                settle(to_disk, &synced);
                (synced_at, behind) = (Instant::now(), false);
            }
            if closed {
                return;
            }
        }
    }

    /// Whoever waits by now, as soon as somebody does; or nobody, when what is
    /// not on disk has been put off until `lazy`.
    fn next_group(&self, lazy: Option<Instant>) -> (Vec<Waiting>, bool) {
        let mut state = self.lock();
        let mut lazy = lazy;
        while state.waiting.is_empty() && !state.closed {
            if lazy.is_none() && self.written.load(Ordering::SeqCst) {
                lazy = Some(Instant::now() + LAZY);
            }
            let left = lazy.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            state.rests = true;
            state = match left {
                Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.rests = false;
        }
        (std::mem::take(&mut state.waiting), state.closed)
    }

    /// After a failure nothing is taken any more.
    fn note(&self, result: fjall::Result<()>) -> Reached {
        let result = result.map_err(Arc::new);
        if let Err(error) = &result {
            // It may have been a sync of fjall's own.
            if self.broken().is_none() {
                remains::suspect(&self.folder);
            }
            self.broken.send_if_modified(|broken| {
                let is_first = broken.is_none();
                broken.get_or_insert_with(|| Arc::clone(error));
                is_first
            });
        }
        result
    }

    fn broken(&self) -> Option<Arc<fjall::Error>> {
        self.broken.borrow().clone()
    }

    /// fjall keeps everybody from its journal while it waits for the disk,
    /// memtables that are full included. So its file is synced here.
    fn sync(&self, tables: &Tables, file: &mut Option<NewestFile>) -> fjall::Result<()> {
        match file {
            Some(file) => file.current().and_then(File::sync_data).map_err(fjall::Error::from),
            None => tables.db.persist(PersistMode::SyncData),
        }
    }
}

fn settle(waiting: Vec<Waiting>, reached: &Reached) {
    for Waiting { actions, reply, .. } in waiting {
        if reached.is_ok() {
            actions.into_iter().for_each(|action| action());
        }
        let _ = reply.send(reached.clone());
    }
}

/// The file at the end of fjall's journal. They are called `0.jnl`, `1.jnl` and
/// so on, and each is synced before the next one is made: what was handed over
/// is on disk, or in the newest file.
struct NewestFile {
    folder: PathBuf,
    number: u64,
    file: File,
}

impl NewestFile {
    fn of(folder: &Path) -> Option<Self> {
        let number = newest_number(folder)?;
        let file = open(folder, number).ok()?;
        Some(Self { folder: folder.to_owned(), number, file })
    }

    fn current(&mut self) -> io::Result<&File> {
        loop {
            match open(&self.folder, self.number + 1) {
                Ok(next) => (self.number, self.file) = (self.number + 1, next),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(&self.file),
                Err(error) => return Err(error),
            }
        }
    }
}

pub(super) fn newest_number(folder: &Path) -> Option<u64> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok()).max()
}

fn open(folder: &Path, number: u64) -> io::Result<File> {
    File::options().write(true).open(folder.join(format!("{number}.jnl")))
}

fn unavailable(error: &Arc<fjall::Error>) -> StoreError {
    StoreError::Unavailable(Arc::clone(error).into())
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
