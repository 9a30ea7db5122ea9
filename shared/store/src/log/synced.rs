//! How far the log is known to be on disk: what nobody may find missing.
//!
//! The number is written, without a sync of its own, after every sync of the log and before
//! anybody is told of it. So the death of the process leaves the newest one, and a power failure
//! one of the last second. It is there twice, in two pages, so that no single fault takes it, and
//! apart from the log, so that an older copy of the log is not taken for all there was.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::damage::{Damage, Fault, io_fault};
use crate::identity::StoreId;

pub(crate) const FILE: &str = "synced";
pub(crate) const HOLDS: &str = "how far the log is known to be on disk";
const MAGIC: &[u8; 8] = b"HKLSYNC2";
const COPY: usize = 8 + 8 + 8;
const PAGE: usize = 4096;

pub(crate) struct Synced {
    file: Arc<File>,
    seed: u64,
    page: Vec<u8>,
    /// There is a number that is not on disk itself.
    is_behind: bool,
}

impl Synced {
    /// Writes this number into the file of the directory, on disk when it returns.
    pub(crate) fn create(directory: &Path, store: StoreId, number: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join(FILE))?;
        let mut synced =
            Self { file: Arc::new(file), seed: store.seed(), page: vec![0; PAGE + COPY], is_behind: false };
        synced.write(number)?;
        synced.take().sync_all()?;
        Ok(synced)
    }

    pub(crate) fn write(&mut self, number: u64) -> io::Result<()> {
        let copy = copy(number, self.seed);
        self.page[..COPY].copy_from_slice(&copy);
        self.page[PAGE..].copy_from_slice(&copy);
        write_at_start(&self.file, &self.page)?;
        self.is_behind = true;
        Ok(())
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// To be synced by the caller.
    pub(crate) fn take(&mut self) -> Arc<File> {
        self.is_behind = false;
        Arc::clone(&self.file)
    }
}

#[cfg(unix)]
fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek as _, Write as _};
    file.seek(io::SeekFrom::Start(0))?;
    file.write_all(bytes)
}

fn copy(number: u64, seed: u64) -> [u8; COPY] {
    let mut copy = [0; COPY];
    copy[..8].copy_from_slice(MAGIC);
    copy[8..16].copy_from_slice(&number.to_le_bytes());
    let hash = xxh3_64_with_seed(&copy[..16], seed);
    copy[16..].copy_from_slice(&hash.to_le_bytes());
    copy
}

/// What the file says.
pub(crate) fn read(directory: &Path, store: StoreId) -> Result<u64, Fault> {
    let path: PathBuf = directory.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Damage::new(&path, "is missing", HOLDS).into());
        }
        Err(error) => return Err(io_fault(&path)(error)),
    };
    let number = |at: usize| {
        let found: &[u8; COPY] = bytes.get(at..)?.first_chunk()?;
        let number = u64::from_le_bytes(std::array::from_fn(|byte| found[8 + byte]));
        (*found == copy(number, store.seed())).then_some(number)
    };
    // One of them may be older, of before a power failure.
    number(0).max(number(PAGE)).ok_or_else(|| Damage::new(&path, "is not as it was written", HOLDS).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_damaged_copy_is_no_loss_and_two_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreId::new().unwrap();
        let mut synced = Synced::create(folder.path(), store, 7).unwrap();
        synced.write(8).unwrap();
        assert!(synced.is_behind());
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(read(folder.path(), store).unwrap(), 8);
        for place in [0, 9, 20, PAGE, PAGE + 9, PAGE + 20] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read(folder.path(), store).unwrap(), 8, "byte {place}");
            bytes[(place + PAGE) % (2 * PAGE)] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(read(folder.path(), store), Err(Fault::Damaged(_))), "byte {place} of both");
        }
        std::fs::write(&path, &whole).unwrap();
        let other = StoreId::new().unwrap();
        assert!(matches!(read(folder.path(), other), Err(Fault::Damaged(_))), "the file of another store");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(folder.path(), store), Err(Fault::Damaged(damage)) if damage.what == "is missing"));
    }
}
