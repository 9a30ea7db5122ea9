//! How rows look on disk: keys that sort as the lists read, JSON values, and
//! for the log an expiry in front.

use std::cell::RefCell;

use ::store::Slice;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::row_kind::RowKind;
use contract::ports::{StoreError, StoreResult};
use contract::rows;
use domain::time::Timestamp;

/// A key of parts that hold no zero byte, each ended by one.
pub(super) fn key(kind: RowKind, parts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    key.push(kind.prefix());
    for part in parts {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    key
}

/// Everything that begins with `prefix`.
pub(super) fn prefix_range(prefix: Vec<u8>) -> std::ops::Range<Vec<u8>> {
    let end = after_prefix(&prefix);
    prefix..end
}

/// The first key behind all that begin with `prefix`.
pub(super) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

pub(super) fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    serde_json::to_vec(row).expect("rows hold nothing that JSON cannot express")
}

pub(super) fn decode<T: DeserializeOwned>(value: &[u8]) -> StoreResult<T> {
    rows::from_json(value)
}

/// A value of the log: eight bytes of expiry, then JSON.
pub(super) fn encode_expiring<T: Serialize>(row: &T, expires_at: Timestamp) -> Slice {
    compose(|value| {
        value.extend_from_slice(&expires_at.as_millis().to_be_bytes());
        serde_json::to_writer(value, row).expect("rows hold nothing that JSON cannot express");
    })
}

/// A value that is put together in memory which is used again for the next one.
pub(super) fn compose(write: impl FnOnce(&mut Vec<u8>)) -> Slice {
    const KEPT: usize = 64 * 1024;
    thread_local!(static MEMORY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    MEMORY.with_borrow_mut(|value| {
        value.clear();
        value.shrink_to(KEPT);
        write(value);
        Slice::from(value.as_slice())
    })
}

/// The row, unless it is past its expiry.
pub(super) fn decode_expiring<T: DeserializeOwned>(value: &[u8], now: Timestamp) -> StoreResult<Option<T>> {
    match expires_at_millis(value) {
        Some(at) if at <= now.as_millis() => Ok(None),
        Some(_) => decode(&value[8..]).map(Some),
        None => Err(StoreError::Corrupt("a row without an expiry".into())),
    }
}

pub(super) fn expires_at_millis(value: &[u8]) -> Option<i64> {
    value.first_chunk::<8>().map(|bytes| i64::from_be_bytes(*bytes))
}

/// Whether a row of the log is past its expiry.
pub(super) fn is_expired(value: &[u8], now: Timestamp) -> bool {
    expires_at_millis(value).is_some_and(|at| at <= now.as_millis())
}
