//! The journal of the old tables: a row of files, called `0.jnl`, `1.jnl` and so on, each synced
//! before the next one is made. The library that wrote it cuts it off at the first damage.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::{MigrateError, TornTail, io_error};

const CHUNK: usize = 64 * 1024;
const EXTENSION: &str = ".jnl";
pub(super) const HOLDS: &str = "changes of all tables";

/// One file of the journal.
pub(super) struct JournalFile {
    pub(super) path: PathBuf,
    /// Behind its last whole batch.
    pub(super) end: u64,
}

/// The files of the journal, oldest first, and the end of the newest one when it is torn.
pub(super) fn read(folder: &Path) -> Result<(Vec<JournalFile>, Option<TornTail>), MigrateError> {
    let numbers = numbers(folder).map_err(io_error(folder))?;
    let path = |number: u64| folder.join(format!("{number}{EXTENSION}"));
    let damaged = |file: PathBuf, what: String| MigrateError::Damaged { file, what, holds: HOLDS };
    let Some(newest) = numbers.last() else {
        return Err(damaged(path(0), "is missing, and so is any later journal".to_owned()));
    };
    if let Some(pair) = numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        return Err(damaged(path(pair[0] + 1), format!("is missing, though there is {}{EXTENSION}", pair[1])));
    }
    let (mut files, mut torn) = (Vec::new(), None);
    for number in &numbers {
        let path = path(*number);
        let (offset, is_torn) = scan(&path).map_err(io_error(&path))?;
        if is_torn && number != newest {
            let what = format!("is damaged from byte {offset} on, though {}{EXTENSION} follows it", number + 1);
            return Err(damaged(path, what));
        }
        torn = is_torn.then(|| TornTail { file: path.clone(), offset });
        files.push(JournalFile { path, end: offset });
    }
    Ok((files, torn))
}

/// The files' names without their extension.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(EXTENSION)?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Where the last whole batch ends, and whether anything but zeroes is behind it.
fn scan(path: &Path) -> io::Result<(u64, bool)> {
    let mut reader = BufReader::with_capacity(CHUNK, File::open(path)?);
    let mut end = 0;
    while let Some(length) = batch(&mut reader)? {
        end += length;
    }
    reader.seek(SeekFrom::Start(end))?;
    Ok((end, !is_blank(&mut reader)?))
}

fn is_blank(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = reader.fill_buf()?;
        match bytes.len() {
            0 => return Ok(true),
            length if bytes.iter().all(|byte| *byte == 0) => reader.consume(length),
            _ => return Ok(false),
        }
    }
}

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: &[u8; 4] = b"FJL\x03";

/// The length of the batch that begins here; none when it is not whole. It is the start with the
/// number of entries, those, and the hash of their bytes.
fn batch(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let Some([START, count @ ..]) = take::<13>(reader)? else { return Ok(None) };
    let [a, b, c, d, ..] = count;
    let mut hash = Xxh3::new();
    let mut length = 13;
    for _ in 0..u32::from_le_bytes([a, b, c, d]) {
        let Some(entry) = entry(reader, &mut hash)? else { return Ok(None) };
        length += entry;
    }
    let Some([END, rest @ ..]) = take::<13>(reader)? else { return Ok(None) };
    let whole = rest.split_first_chunk::<8>() == Some((&hash.digest().to_le_bytes(), MAGIC));
    Ok(whole.then_some(length + 13))
}

fn entry(reader: &mut impl BufRead, hash: &mut Xxh3) -> io::Result<Option<u64>> {
    let Some([tag]) = take::<1>(reader)? else { return Ok(None) };
    hash.update(&[tag]);
    match tag {
        CLEAR => Ok(take_hashed::<8>(reader, hash)?.map(|_| 9)),
        // Kind of value, compression, keyspace, lengths of the key, of the value and of what is stored of it.
        ITEM => {
            let Some(head) = take_hashed::<20>(reader, hash)? else { return Ok(None) };
            let key = u64::from(u16::from_le_bytes([head[10], head[11]]));
            let value = u64::from(u32::from_le_bytes([head[16], head[17], head[18], head[19]]));
            Ok(skip_hashed(reader, key + value, hash)?.then_some(21 + key + value))
        }
        _ => Ok(None),
    }
}

fn take<const N: usize>(reader: &mut impl BufRead) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn take_hashed<const N: usize>(reader: &mut impl BufRead, hash: &mut Xxh3) -> io::Result<Option<[u8; N]>> {
    let bytes = take::<N>(reader)?;
    hash.update(bytes.as_ref().map_or(&[], |bytes| bytes.as_slice()));
    Ok(bytes)
}

/// False when there are fewer bytes.
fn skip_hashed(reader: &mut impl BufRead, mut bytes: u64, hash: &mut Xxh3) -> io::Result<bool> {
    while bytes > 0 {
        let found = reader.fill_buf()?;
        if found.is_empty() {
            return Ok(false);
        }
        let taken = found.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        hash.update(&found[..taken]);
        reader.consume(taken);
        bytes -= taken as u64;
    }
    Ok(true)
}
