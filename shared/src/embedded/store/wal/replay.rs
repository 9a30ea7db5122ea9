//! What a process that died left in the log.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::Table;
use super::FOLDER;
use super::record::{HEADER, take_change};

/// What the log holds of changes, oldest first.
pub(in crate::embedded::store) fn replay(
    folder: &Path,
    mut change: impl FnMut(Table, &[u8], Option<&[u8]>) -> fjall::Result<()>,
) -> fjall::Result<()> {
    let mut found = Vec::new();
    for path in segments(&folder.join(FOLDER))? {
        let mut records = Records::open(&path)?;
        let Some(first) = records.next()?.map(|record| record.number) else { continue };
        while records.next()?.is_some() {}
        found.push((first, records.last, path));
    }
    found.sort_unstable();
    // Older ones were released, and some of those used again.
    let gap = found.windows(2).rposition(|pair| pair[0].1 + 1 != pair[1].0);
    found.drain(..gap.map_or(0, |gap| gap + 1));
    // Or the tables might have on disk what the log then has not.
    found.iter().try_for_each(|(.., path)| File::open(path)?.sync_all())?;
    for (.., path) in found {
        let mut records = Records::open(&path)?;
        while let Some(record) = records.next()? {
            let mut rest = record.bytes;
            while !rest.is_empty() {
                let (table, key, value) =
                    take_change(&mut rest).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
                change(table, key, value)?;
            }
        }
    }
    Ok(())
}

fn segments(log: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(log) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The whole records of a segment, up to the first that is not, or is older.
struct Records {
    reader: BufReader<File>,
    left: u64,
    last: u64,
    bytes: Vec<u8>,
}

struct Whole<'a> {
    number: u64,
    bytes: &'a [u8],
}

impl Records {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, file), left, last: 0, bytes: Vec::new() })
    }

    fn next(&mut self) -> io::Result<Option<Whole<'_>>> {
        let mut header = [0; HEADER];
        if self.left < HEADER as u64 {
            return Ok(None);
        }
        self.reader.read_exact(&mut header)?;
        self.left -= HEADER as u64;
        let [h @ .., l0, l1, l2, l3, n0, n1, n2, n3, n4, n5, n6, n7] = header;
        let (hash, number) = (u64::from_le_bytes(h), u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]));
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let follows = self.last == 0 || number == self.last + 1;
        if length == 0 || u64::from(length) > self.left || !follows {
            self.left = 0;
            return Ok(None);
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(&header[8..]);
        self.bytes.resize(HEADER - 8 + length as usize, 0);
        self.reader.read_exact(&mut self.bytes[HEADER - 8..])?;
        self.left -= u64::from(length);
        if xxh3_64(&self.bytes) != hash {
            self.left = 0;
            return Ok(None);
        }
        self.last = number;
        Ok(Some(Whole { number, bytes: &self.bytes[HEADER - 8..] }))
    }
}
