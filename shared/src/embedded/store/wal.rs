//! The write-ahead log: what was written, in order, before the tables have it.
//!
//! It is a folder with a row of files, its segments. Their room is filled with zeroes before
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

pub(super) use record::Record;
pub(super) use replay::replay;

/// Filled with zeroes at once.
const STEP: u64 = 512 * 1024;
/// Segments that wait to be used again.
const SPARE: usize = 2;
/// A segment is left when less than one part in so many is free, so that it
/// takes what comes until then.
const OVERRUN: u64 = 16;
/// Where it lies in the store's folder, and where what is left of it goes.
const FOLDER: &str = "log";
const REMOVED: &str = "log.old";

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
    /// There is something that is not on disk.
    unsynced: bool,
    /// Its memory is used again.
    emptied: Record,
}

impl Wal {
    /// Begins a log in place of what was there.
    pub(super) fn begin(folder: &Path, room: u64) -> io::Result<Self> {
        remove(folder)?;
        fs::create_dir(folder.join(FOLDER))?;
        sync_folder(folder)?;
        let folder = &folder.join(FOLDER);
        let current = Segment::create(folder, 0)?;
        Ok(Self {
            folder: folder.to_owned(),
            room,
            segments: 1,
            current,
            next: 1,
            full: VecDeque::new(),
            spare: Vec::new(),
            unsynced: false,
            emptied: Record::default(),
        })
    }

    pub(super) fn empty_record(&mut self) -> Record {
        std::mem::take(&mut self.emptied)
    }

    /// Hands `record` to the system, if it holds anything.
    pub(super) fn append(&mut self, mut record: Record) -> io::Result<()> {
        if record.is_empty() {
            self.emptied = record;
            return Ok(());
        }
        record.seal(self.next);
        self.unsynced = true;
        self.current.write(record.bytes(), self.room)?;
        self.next += 1;
        record.clear();
        self.emptied = record;
        Ok(())
    }

    /// What has to be synced, by the caller and at once, so that all is on disk.
    pub(super) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.unsynced).then(|| Arc::clone(&self.current.file))
    }

    /// Goes on in the next segment when this one is nearly full. To be called by
    /// who syncs: a failure to write is told only once.
    pub(super) fn turn_over(&mut self) -> io::Result<()> {
        let is_full = self.current.end > 0 && self.current.end + self.room / OVERRUN > self.room;
        if is_full { self.begin_segment() } else { Ok(()) }
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
            // One that took more than its room is larger than that.
            if self.spare.len() < SPARE && segment.zeroed <= self.room {
                let mut spare = Segment { end: 0, ..segment };
                // Nobody has to read it again after a crash, though nothing would come of it.
                spare.write_at(&[0; record::HEADER], 0)?;
                self.spare.push(spare);
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
    /// Where the next byte would be written.
    at: u64,
    /// Up to here it was written before, with zeroes at least.
    zeroed: u64,
}

impl Segment {
    fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(format!("{number}.wal"));
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        sync_folder(folder)?;
        Ok(Self { path, file: Arc::new(file), end: 0, at: 0, zeroed: 0 })
    }

    fn write(&mut self, bytes: &[u8], room: u64) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        if end > self.zeroed && self.zeroed < room {
            let until = (end + STEP).min(room).max(end);
            let zeroes = vec![0; usize::try_from(until - self.zeroed).unwrap_or_default()];
            // Where there is no room for them, there may be for the record.
            let _ = self.write_at(&zeroes, self.zeroed);
        }
        self.write_at(bytes, self.end)?;
        self.end = end;
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], place: u64) -> io::Result<()> {
        let mut file = &*self.file;
        if self.at != place {
            file.seek(SeekFrom::Start(place))?;
        }
        // After a failure nobody knows.
        self.at = u64::MAX;
        file.write_all(bytes)?;
        self.at = place + bytes.len() as u64;
        self.zeroed = self.zeroed.max(self.at);
        Ok(())
    }
}

/// Takes the log away, all of it at once: the tables have what it held, on
/// disk. A part of it would set them back.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let (log, removed) = (folder.join(FOLDER), folder.join(REMOVED));
    if removed.try_exists()? {
        fs::remove_dir_all(&removed)?;
    }
    if log.try_exists()? {
        fs::rename(log, &removed)?;
        sync_folder(folder)?;
        fs::remove_dir_all(removed)?;
    }
    Ok(())
}

/// What a crash leaves of names must be known before anything is kept under them.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
