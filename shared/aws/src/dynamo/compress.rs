use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::item::corrupt;
use contract::ports::StoreResult;

/// Writes are paid per KiB, and JSON shrinks well; absent when this one does not.
pub(super) fn deflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).and_then(|()| encoder.finish()).ok().filter(|smaller| smaller.len() < data.len())
}

/// At most `limit` bytes.
pub(super) fn inflate(deflated: &[u8], limit: usize) -> StoreResult<Vec<u8>> {
    let mut data = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    DeflateDecoder::new(deflated).take(limit).read_to_end(&mut data).map_err(corrupt)?;
    Ok(data)
}
