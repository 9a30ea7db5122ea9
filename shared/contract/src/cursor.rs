//! Cursors of lists: where the last page ended, sealed to the list they are of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::ports::{StoreError, StoreResult};

const SEAL_BYTES: usize = 6;

/// The position `at` in the list called `list`, as text to hand out.
///
/// A cursor only ever narrows a range of keys inside the list's own partition, so a forged one cannot reach anywhere else. The seal is there to
/// tell honest callers that they mixed up two lists.
pub fn encode(list: impl AsRef<[u8]>, at: &[u8]) -> String {
    let mut bytes = seal(list.as_ref()).to_vec();
    bytes.extend_from_slice(at);
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(list: impl AsRef<[u8]>, cursor: &str) -> StoreResult<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
    bytes.strip_prefix(&seal(list.as_ref())).map(<[u8]>::to_vec).ok_or(StoreError::BadCursor)
}

/// A cursor's position as a text of the kind that `T` parses.
pub fn decode_as<T: std::str::FromStr>(list: impl AsRef<[u8]>, cursor: &str) -> StoreResult<T> {
    let text = String::from_utf8(decode(list, cursor)?).map_err(|_| StoreError::BadCursor)?;
    text.parse().map_err(|_| StoreError::BadCursor)
}

fn seal(list: &[u8]) -> [u8; SEAL_BYTES] {
    let digest: [u8; 32] = Sha256::digest(list).into();
    let mut seal = [0_u8; SEAL_BYTES];
    seal.copy_from_slice(&digest[..SEAL_BYTES]);
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_its_own_list_only() {
        let cursor = encode("h#acme", b"x");
        assert_eq!(decode("h#acme", &cursor).unwrap(), b"x");
        assert!(matches!(decode("h#other", &cursor), Err(StoreError::BadCursor)));
        assert!(matches!(decode("h#acme", "?"), Err(StoreError::BadCursor)));
        assert!(matches!(decode("h#acme", ""), Err(StoreError::BadCursor)));
    }
}
