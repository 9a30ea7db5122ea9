use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{BoxError, StoreError};

/// The longest wrapped key, in bytes: KMS makes none above 6,144
/// (API reference, `GenerateDataKey`).
pub const MAX_WRAPPED_BYTES: usize = 6_144;

/// 256 bits of key; wiped from memory when dropped, hidden from `Debug`.
#[derive(Clone)]
pub struct PlainKey(Zeroizing<[u8; 32]>);

impl PlainKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

/// A key that seals, and the form of it that may be stored beside what it sealed.
#[derive(Clone, Debug)]
pub struct DataKey {
    /// At most [`MAX_WRAPPED_BYTES`].
    pub wrapped: Vec<u8>,
    pub plain: PlainKey,
}

/// Keys that seal secrets, each wrapped by a master key that stays where it is.
///
/// - Every data key is new, and unwraps to itself for as long as its master
///   key is there.
/// - Making a new master key the current one leaves older data keys readable.
/// - What was not wrapped here, or was changed since, never gives a key.
/// - A key whose master key is gone or forbidden is [`KeyError::Unusable`], and
///   says what to do.
#[async_trait]
pub trait DataKeys: Send + Sync {
    /// A new data key under the current master key. May be a call to a service
    /// that charges for it, so callers use a key for more than one secret.
    async fn current(&self) -> Result<DataKey, KeyError>;
    /// The key inside `wrapped`. Costs as much as [`current`](Self::current).
    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<PlainKey, KeyError>;
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The master key is not known, disabled, or not ours to use. The text says
    /// what to do, and the same call succeeds once that is done.
    #[error("{0}")]
    Unusable(String, #[source] Option<BoxError>),
    /// Not a wrapped key of these keys, or changed since.
    #[error("a wrapped key was changed, or was wrapped elsewhere")]
    Damaged,
    /// The same call may succeed later.
    #[error("the keys cannot be reached")]
    Unavailable(#[source] BoxError),
}

impl From<KeyError> for StoreError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Damaged => Self::Corrupt(error.into()),
            KeyError::Unusable(..) | KeyError::Unavailable(_) => Self::Unavailable(error.into()),
        }
    }
}
