use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::item::{Item, corrupt};
use contract::ports::{StoreError, StoreResult};
use contract::rows;

/// What the JSON of a row may take once it is inflated: more than fits into one, deflated.
const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;
/// JSON, as it is or deflated.
const PLAIN: &str = "d";
const DEFLATED: &str = "z";

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

/// The row, holding this value.
pub(super) fn packed(row: Item, value: &impl Serialize) -> Item {
    let json = serde_json::to_vec(value).expect("values of rows hold nothing that JSON cannot express");
    match deflate(&json) {
        Some(smaller) => row.bytes(DEFLATED, smaller),
        None => row.bytes(PLAIN, json),
    }
}

/// The value that a row holds.
pub(super) fn unpacked<T: DeserializeOwned>(row: &Item) -> StoreResult<T> {
    match (row.find_bytes(DEFLATED), row.find_bytes(PLAIN)) {
        (Some(deflated), _) => rows::from_json(&inflate(deflated, MAX_JSON_BYTES)?),
        (None, Some(json)) => rows::from_json(json),
        (None, None) => Err(StoreError::Corrupt("a row that holds nothing".into())),
    }
}
