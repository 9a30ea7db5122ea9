//! The write-ahead log: what was written, in order, before the tables have it.
//!
//! It is a row of files, its segments. Their room is filled with zeroes before
//! it is written, and used again once the tables have what it held: so a sync
//! has data to write and nothing to tell the file system, which takes half the time.
//!
//! A record is a hash of what follows, its length, its number, and its bytes.
//! Numbers have no gaps, and no segment is begun before the last one is on disk.
//! So after a crash the log is the longest row of records up to the newest one,
//! and it ends where one is not whole: nobody was told that this one is safe.

mod record;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

pub(super) use record::Record;
pub(super) use replay::replay;

/// Filled with zeroes at once.
const STEP: u64 = 512 * 1024;
/// Segments that wait to be used again.
const SPARE: usize = 2;

pub(super) struct Wal {
    folder: PathBuf,
    /// Of one segment, in bytes.
    room: u64,
    segments: u64,
    current: Segment,
    next: u64,
    /// Oldest first, with the numbers of their last records.
    full: VecDeque<(u64, Segment)>,
    spare: Vec<Segment>,
    /// Since when there is something that is not on disk.
    unsynced: Option<Instant>,
    /// Its memory is used again.
    emptied: Record,
}

impl Wal {
    /// Begins a log in place of what was there.
    pub(super) fn begin(folder: &Path, room: u64) -> io::Result<Self> {
        remove(folder)?;
        let current = Segment::create(folder, 0)?;
        Ok(Self {
            folder: folder.to_owned(),
            room,
            segments: 1,
            current,
            next: 1,
            full: VecDeque::new(),
            spare: Vec::new(),
            unsynced: None,
            emptied: Record::default(),
        })
    }

    pub(super) fn empty_record(&mut self) -> Record {
        std::mem::take(&mut self.emptied)
    }

    /// Hands `record` to the system, if it holds anything.
    pub(super) fn append(&mut self, mut record: Record) -> io::Result<()> {
        if record.is_empty() {
            return Ok(());
        }
        if self.current.end > 0 && self.current.end + record.bytes().len() as u64 > self.room {
            self.begin_segment()?;
        }
        record.seal(self.next);
        self.unsynced.get_or_insert_with(Instant::now);
        self.current.write(record.bytes(), self.room)?;
        self.next += 1;
        record.clear();
        self.emptied = record;
        Ok(())
    }

    /// Since when there is something that is not on disk.
    pub(super) fn unsynced(&self) -> Option<Instant> {
        self.unsynced
    }

    /// What has to be synced, by the caller and at once, so that all is on disk.
    pub(super) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        self.unsynced.take().map(|_| Arc::clone(&self.current.file))
    }

    /// The number of the newest record.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Whether there are segments that could be used again if the tables had what they hold.
    pub(super) fn is_long(&self) -> bool {
        !self.full.is_empty()
    }

    /// Says that the tables have all records up to this one, on disk.
    pub(super) fn release(&mut self, number: u64) -> io::Result<()> {
        while self.full.front().is_some_and(|(last, _)| *last <= number) {
            let Some((_, segment)) = self.full.pop_front() else { break };
            // One that holds a record larger than its room is larger than that.
            if self.spare.len() < SPARE && segment.zeroed <= self.room {
                self.spare.push(Segment { end: 0, ..segment });
            } else {
                fs::remove_file(segment.path)?;
            }
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.current.file.sync_data()?;
        let next = match self.spare.pop() {
            Some(spare) => spare,
            None => Segment::create(&self.folder, self.segments)?,
        };
        self.segments += 1;
        let full = std::mem::replace(&mut self.current, next);
        self.full.push_back((self.next - 1, full));
        Ok(())
    }
}

struct Segment {
    path: PathBuf,
    file: Arc<File>,
    /// Where the next record begins.
    end: u64,
    /// Up to here it was written before, with zeroes at least.
    zeroed: u64,
}

impl Segment {
    fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(format!("{number}.wal"));
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        sync_folder(folder)?;
        Ok(Self { path, file: Arc::new(file), end: 0, zeroed: 0 })
    }

    fn write(&mut self, bytes: &[u8], room: u64) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        if end > self.zeroed && self.zeroed < room {
            let until = (end + STEP).min(room).max(end);
            let zeroes = vec![0; usize::try_from(until - self.zeroed).unwrap_or_default()];
            self.write_at(&zeroes, self.zeroed)?;
        }
        self.write_at(bytes, self.end)?;
        self.end = end;
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], place: u64) -> io::Result<()> {
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(place))?;
        file.write_all(bytes)?;
        self.zeroed = self.zeroed.max(place + bytes.len() as u64);
        Ok(())
    }
}

/// Takes the log away: the tables have what it held, on disk.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    segments(folder)?.iter().try_for_each(fs::remove_file)
}

fn segments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    paths.filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|end| end == "wal"))).collect()
}

/// What a crash leaves of names must be known before anything is kept under them.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
