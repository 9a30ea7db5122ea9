//! What a process that died may leave behind, set right before fjall looks at it.
//!
//! fjall drops what is missing at the end of its journal, and refuses the whole
//! store when a batch is there and not as it was written. A power failure leaves
//! just that: of what was not synced, any page may be on disk and any other not.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

/// Somebody else may be about to close the store.
const LOCK_TRIES: usize = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// Read or written at once.
const CHUNK: usize = 64 * 1024;

/// fjall's file that tells its version; what was ever committed came after it.
const VERSION: &str = "version";
/// There while a sync has failed and what it was for was not written again.
const SUSPECT: &str = "suspect";

/// Makes the files of `folder` fit to be opened. Holds fjall's lock meanwhile:
/// [`io::ErrorKind::WouldBlock`] says that another process has the store.
pub(super) fn set_right(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock"))?;
    acquire(&lock)?;
    forget_unfinished_store(folder)?;
    let Some(number) = newest_number(folder) else { return Ok(()) };
    let journal = folder.join(format!("{number}.jnl"));
    cut_torn_tail(&journal)?;
    if folder.join(SUSPECT).try_exists()? {
        write_again(&journal)?;
        std::fs::remove_file(folder.join(SUSPECT))?;
    }
    Ok(())
}

/// Notes that the journal could not be synced. The system may hold pages of it
/// for clean that never reached the disk, so another sync would prove nothing.
pub(super) fn suspect(folder: &Path) {
    if let Err(error) = File::create(folder.join(SUSPECT)) {
        tracing::warn!(%error, "the journal could not be marked as suspect");
    }
}

fn acquire(lock: &File) -> io::Result<()> {
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
    lock.try_lock().map_err(io::Error::from)
}

/// A process that died while it made the store left files that fjall takes for
/// somebody else's. Nothing was ever committed there.
fn forget_unfinished_store(folder: &Path) -> io::Result<()> {
    let version = folder.join(VERSION);
    match std::fs::metadata(&version) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let journal = folder.join("0.jnl");
    if journal.try_exists()? && is_blank(&mut BufReader::new(File::open(&journal)?))? {
        std::fs::remove_file(journal)?;
    }
    match std::fs::remove_file(version) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Cuts off what is behind the last whole batch: it was never synced, so the log
/// has it still.
fn cut_torn_tail(journal: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(journal)?;
    let mut reader = BufReader::with_capacity(CHUNK, &file);
    let mut end = 0;
    while let Some(length) = batch(&mut reader)? {
        end += length;
    }
    reader.seek(SeekFrom::Start(end))?;
    // Room that was set aside, which fjall cuts off by itself.
    if matches!(take::<1>(&mut reader)?, None | Some([0])) {
        return Ok(());
    }
    let bytes = file.metadata()?.len() - end;
    tracing::warn!(journal = %journal.display(), end, bytes, "the end of the journal was never finished and is cut off");
    file.set_len(end)?;
    file.sync_all()
}

/// fjall's journal is a row of files, called `0.jnl`, `1.jnl` and so on. Each is
/// synced before the next one is made.
fn newest_number(folder: &Path) -> Option<u64> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok()).max()
}

/// Puts the same bytes into the same places, so that the next sync writes them.
fn write_again(journal: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(journal)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let place = file.stream_position()?;
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return file.sync_all();
        }
        // Room that was set aside takes none on the disk, and there may be none.
        if chunk[..read].iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(place))?;
            file.write_all(&chunk[..read])?;
        }
    }
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

/// The length of the batch that begins here; none when it is not whole. It is
/// the start with the number of entries, those, and the hash of their bytes.
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

/// False when there are not so many bytes.
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
