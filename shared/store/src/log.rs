//! The write-ahead log: what was written, in order, before the trees have it in their files.
//!
//! It is a folder with a row of files, its segments. Their room is filled with zeroes before it is
//! written, and used again once the trees have what it held: so a sync has data to write and
//! nothing to tell the file system, which takes half the time.
//!
//! Records are numbered without gaps, from one log to the next, and no segment is begun before the
//! last one is on disk. `docs/storage.md` has the formats and what they prove.

pub(crate) mod record;
mod replay;
mod segment;
pub(crate) mod synced;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checked_file::sync_folder;
use crate::identity::StoreId;
pub(crate) use record::Record;
pub(crate) use replay::{HOLDS, Recovered, Survey, find_log, recover, survey};
pub(crate) use segment::{HEADER as SEGMENT_HEADER, is_segment_of};
use segment::{Head, Segment};
use synced::Synced;

/// Segments that wait to be used again.
const SPARE: usize = 2;
/// A segment is left when less than one part in this many is free, so that it takes what comes
/// until then.
const OVERRUN: u64 = 16;
/// In the store's directory; each log has a folder of its own in it, by its number.
pub(crate) const FOLDER: &str = "log";

pub(crate) fn folder(directory: &Path, log: u64) -> PathBuf {
    directory.join(FOLDER).join(log.to_string())
}

pub(crate) struct Log {
    folder: PathBuf,
    store: StoreId,
    /// Of one segment, in bytes.
    room: u64,
    /// Files made, and segments begun.
    files: u64,
    sequence: u64,
    current: Segment,
    next: u64,
    /// Oldest first, with the numbers of their last records.
    full: VecDeque<(u64, Segment)>,
    spare: Vec<Segment>,
    synced: u64,
    mark: Synced,
    /// There is something that is not on disk.
    unsynced: bool,
    /// Its memory is used again.
    emptied: Record,
}

impl Log {
    /// Begins the log with this number, for records behind `applied`, in a folder of its own that
    /// is on disk when this returns.
    pub(crate) fn begin(directory: &Path, log: u64, store: StoreId, room: u64, applied: u64) -> io::Result<Self> {
        let folder = folder(directory, log);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&folder)?;
        sync_folder(directory)?;
        sync_folder(&directory.join(FOLDER))?;
        let mut current = Segment::create(&folder, 0)?;
        current.begin(Head { sequence: 0, first: applied + 1 }, store)?;
        current.file.sync_all()?;
        let mark = Synced::create(directory, store, applied)?;
        sync_folder(directory)?;
        sync_folder(&folder)?;
        Ok(Self {
            folder,
            store,
            room,
            files: 1,
            sequence: 0,
            current,
            next: applied + 1,
            full: VecDeque::new(),
            spare: Vec::new(),
            synced: applied,
            mark,
            unsynced: false,
            emptied: Record::default(),
        })
    }

    pub(crate) fn empty_record(&mut self) -> Record {
        std::mem::take(&mut self.emptied)
    }

    /// Hands `record` to the system, if it holds anything.
    pub(crate) fn append(&mut self, mut record: Record) -> io::Result<()> {
        if record.is_empty() {
            self.emptied = record;
            return Ok(());
        }
        record.seal(self.store.seed(), self.next, self.synced);
        self.unsynced = true;
        self.current.write(record.bytes(), self.room)?;
        self.next += 1;
        record.clear();
        self.emptied = record;
        Ok(())
    }

    /// What has to be synced, by the caller and at once, so that all is on disk.
    pub(crate) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.unsynced).then(|| Arc::clone(&self.current.file))
    }

    /// Says that the records up to this one are on disk; to be done before anybody is told.
    pub(crate) fn note_synced(&mut self, number: u64) -> io::Result<()> {
        if number > self.synced {
            self.synced = number;
            self.mark.write(number)?;
        }
        Ok(())
    }

    /// Whether a power failure would leave an older number than [`Log::note_synced`] was told.
    pub(crate) fn mark_is_behind(&self) -> bool {
        self.mark.is_behind()
    }

    /// The file to be synced for that.
    pub(crate) fn take_mark(&mut self) -> Arc<File> {
        self.mark.take()
    }

    /// Goes on in the next segment when this one is nearly full. To be called by who syncs: a
    /// failure to write is told only once.
    pub(crate) fn turn_over(&mut self) -> io::Result<()> {
        let is_full = self.current.end > segment::HEADER as u64 && self.current.end + self.room / OVERRUN > self.room;
        if is_full { self.begin_segment() } else { Ok(()) }
    }

    /// The number of the newest record.
    pub(crate) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// The last record of the newest segment that is full: once the trees have all up to it, its
    /// room can be used again.
    pub(crate) fn newest_full(&self) -> Option<u64> {
        self.full.back().map(|(last, _)| *last)
    }

    /// Says that the trees have all records up to this one in their files, and the checkpoint says so.
    pub(crate) fn release(&mut self, number: u64) -> io::Result<()> {
        while self.full.front().is_some_and(|(last, _)| *last <= number) {
            let Some((_, segment)) = self.full.pop_front() else { break };
            // One that took more than its room is larger than that.
            if self.spare.len() < SPARE && segment.zeroed <= self.room {
                self.spare.push(segment);
            } else {
                fs::remove_file(segment.path)?;
            }
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.current.file.sync_data()?;
        let mut next = match self.spare.pop() {
            Some(spare) => spare,
            None => {
                self.files += 1;
                Segment::create(&self.folder, self.files - 1)?
            }
        };
        self.sequence += 1;
        next.begin(Head { sequence: self.sequence, first: self.next }, self.store)?;
        let full = std::mem::replace(&mut self.current, next);
        self.full.push_back((self.next - 1, full));
        Ok(())
    }
}

/// Takes all logs away but the one with this number.
pub(crate) fn remove_others(directory: &Path, kept: Option<u64>) -> io::Result<()> {
    let kept = kept.map(|log| log.to_string());
    let entries = match fs::read_dir(directory.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str() != kept.as_deref() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    sync_folder(&directory.join(FOLDER))
}
