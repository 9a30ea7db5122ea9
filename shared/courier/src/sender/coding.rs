//! Answers that come compressed although nobody asked for it: without an
//! `Accept-Encoding`, a server may use any coding (RFC 9110, section 12.5.3).

use std::io::Read;

use bytes::{Bytes, BytesMut};
use contract::ports::MAX_RESPONSE_BYTES;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::answer::values;

/// The body as text, as far as it was read and is kept. What cannot be decoded, and
/// what is in a coding that hardly anybody sends unasked, stays as it is.
pub(super) fn decoded(headers: &[(String, String)], body: BytesMut) -> Bytes {
    let mut codings = values(headers, "content-encoding")
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    let (Some(coding), None) = (codings.next(), codings.next()) else { return body.freeze() };
    let is = |name: &str| coding.eq_ignore_ascii_case(name);
    let text = match () {
        () if is("gzip") || is("x-gzip") => read(MultiGzDecoder::new(&body[..])),
        // Some send it without the frame that it should have (section 8.4.1.2).
        () if is("deflate") => read(ZlibDecoder::new(&body[..])).or_else(|| read(DeflateDecoder::new(&body[..]))),
        () => None,
    };
    text.map_or_else(|| body.freeze(), Bytes::from)
}

/// None when it is in no such coding. One that ends early may have been cut.
fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let read = decoder.take(MAX_RESPONSE_BYTES as u64).read_to_end(&mut text);
    (read.is_ok() || !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

    const JSON: &str = r#"{"ok":true}"#;

    fn all(mut from: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn text(coding: &str, body: &[u8]) -> Bytes {
        decoded(&[("content-encoding".to_owned(), coding.to_owned())], BytesMut::from(body))
    }

    #[test]
    fn what_comes_compressed_is_read_as_text() {
        let gzip = |text: &[u8]| all(GzEncoder::new(text, Compression::default()));
        let json = gzip(JSON.as_bytes());
        for coding in ["gzip", "X-GZip", "identity, gzip,"] {
            assert_eq!(text(coding, &json), JSON, "{coding}");
        }
        assert_eq!(text("deflate", &all(ZlibEncoder::new(JSON.as_bytes(), Compression::default()))), JSON);
        assert_eq!(text("deflate", &all(DeflateEncoder::new(JSON.as_bytes(), Compression::default()))), JSON);
        for (coding, body) in [("gzip", JSON), ("br", JSON), ("identity", JSON), ("", JSON), ("gzip", "")] {
            assert_eq!(text(coding, body.as_bytes()), body, "{coding}");
        }
        assert_eq!(text("gzip, gzip", &json), json);
    }

    #[test]
    fn no_more_is_kept_of_a_compressed_answer_than_of_another() {
        let bomb = all(GzEncoder::new(std::io::repeat(b'x').take(10_000_000), Compression::default()));
        assert_eq!(text("gzip", &bomb).len(), MAX_RESPONSE_BYTES);
        let half = text("gzip", &bomb[..bomb.len() / 2]);
        assert!(half.iter().all(|byte| *byte == b'x') && !half.is_empty());
    }
}
