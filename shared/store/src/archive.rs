//! What is checked of an archive (`sfa`) before it is read: a damaged number of entries would have
//! the library ask for memory that there is not, which ends the process.

use std::io::{self, Read, Seek, SeekFrom};

use xxhash_rust::xxh3::xxh3_128;

/// Magic, version, kind of checksum, checksum, place and length of the table of contents.
const TRAILER: usize = 4 + 1 + 1 + 16 + 8 + 8;
/// Far beyond what a few sections take.
const MAX_CONTENTS: u64 = 64 * 1024;

/// Where the table of contents is as it was written.
pub(crate) struct Contents {
    /// The length that is written behind it, and that nothing reads, is as it was as well.
    pub(crate) has_right_length: bool,
}

/// None where the table of contents is not as it was written.
pub(crate) fn contents(archive: &mut (impl Read + Seek)) -> io::Result<Option<Contents>> {
    let size = archive.seek(SeekFrom::End(0))?;
    let Some(end) = size.checked_sub(TRAILER as u64) else { return Ok(None) };
    archive.seek(SeekFrom::Start(end))?;
    let mut trailer = [0; TRAILER];
    archive.read_exact(&mut trailer)?;
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| trailer[at + byte]));
    let (start, length) = (word(22), word(30));
    let Some(found) = end.checked_sub(start).filter(|length| *length <= MAX_CONTENTS) else { return Ok(None) };
    let mut bytes = Vec::new();
    archive.seek(SeekFrom::Start(start))?;
    archive.take(found).read_to_end(&mut bytes)?;
    let is_whole = trailer[6..22] == xxh3_128(&bytes).to_le_bytes();
    Ok(is_whole.then_some(Contents { has_right_length: length == found }))
}
