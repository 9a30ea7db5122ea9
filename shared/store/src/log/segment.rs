//! One file of the log. Before its records is a header that says whose it is, which one of the
//! row it is, and the number of its first record.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::identity::StoreId;

pub(super) const EXTENSION: &str = "wal";
pub(crate) const HEADER: usize = 64;
const MAGIC: &[u8; 8] = b"HKLLOG\x00\x02";
/// Filled with zeroes at once.
pub(super) const STEP: u64 = 512 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) first: u64,
}

impl Head {
    fn bytes(self, store: StoreId) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(&store.bytes());
        bytes[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        let hash = xxh3_64_with_seed(&bytes[..HEADER - 8], store.seed());
        bytes[HEADER - 8..].copy_from_slice(&hash.to_le_bytes());
        bytes
    }
}

/// None when the header is not one of this store's.
pub(super) fn read_head(path: &Path, store: StoreId) -> io::Result<Option<Head>> {
    let mut bytes = [0; HEADER];
    match File::open(path)?.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    let head = Head { sequence: word(24), first: word(32) };
    Ok((head.bytes(store) == bytes).then_some(head))
}

/// Whether this is a segment of the store's log, as its header says.
pub(crate) fn is_segment_of(path: &Path, store: StoreId) -> bool {
    read_head(path, store).is_ok_and(|head| head.is_some())
}

pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// Where the next record begins.
    pub(super) end: u64,
    /// Where the next byte would be written.
    at: u64,
    /// Up to here it was written before, with zeroes at least.
    pub(super) zeroed: u64,
}

impl Segment {
    pub(super) fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(format!("{number}.{EXTENSION}"));
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        crate::checked_file::sync_folder(folder)?;
        Ok(Self { path, file: Arc::new(file), end: 0, at: 0, zeroed: 0 })
    }

    /// Makes room for records from `head.first` on. What it held before counts no more, also
    /// where it is not overwritten: numbers never come again.
    pub(super) fn begin(&mut self, head: Head, store: StoreId) -> io::Result<()> {
        self.write_at(&head.bytes(store), 0)?;
        self.end = HEADER as u64;
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8], room: u64) -> io::Result<()> {
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
