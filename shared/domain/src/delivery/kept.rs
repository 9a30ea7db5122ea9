//! What the log keeps of an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{DecoderResult, Encoding, UTF_8};

/// How much of an answer's headers is kept, in bytes: of a success so much that
/// its row stays within one write unit of DynamoDB.
pub const RESPONSE_HEADER_BYTES: usize = 2_048;
pub const SUCCESS_HEADER_BYTES: usize = 256;
/// How much of the headers that its hook follows, also of a success.
pub const CONTROL_HEADER_BYTES: usize = 2_048;

/// What is kept of an answer's body: its first `limit` characters, or, when it
/// is not text, as many bytes in base64. The flag tells which. `content_type` may name
/// the encoding of a text.
pub fn excerpt(body: &[u8], limit: usize, content_type: Option<&str>) -> (String, bool) {
    // Four bytes are the longest character, so nothing past them can matter.
    let head = &body[..body.len().min(limit.saturating_mul(4))];
    if let Some(text) = content_type.and_then(charset).and_then(|charset| decode(head, charset)) {
        return (text.chars().take(limit).collect(), false);
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        // Cut within a character, by us.
        Err(error) if error.error_len().is_none() && head.len() < body.len() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    match text {
        Some(text) => (text.chars().take(limit).collect(), false),
        None => (STANDARD.encode(&body[..body.len().min(limit)]), true),
    }
}

/// The encoding that a content type names, unless it is UTF-8.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let named = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    named.and_then(|label| Encoding::for_label(label.as_bytes())).filter(|encoding| *encoding != UTF_8)
}

/// None when it is no text in this encoding. A character that was cut at the end is left out.
fn decode(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len())?);
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, false);
    (result == DecoderResult::InputEmpty).then_some(text)
}

/// As many whole headers, from the first, as fit into `limit` bytes.
pub fn kept_headers(headers: &[(String, String)], limit: usize) -> Vec<(String, String)> {
    let mut left = limit;
    let fits = |(name, value): &&(String, String)| match left.checked_sub(name.len() + value.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    headers.iter().filter(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_and_other_bytes_are_base64() {
        assert_eq!(excerpt("añb".as_bytes(), 2, None), ("añ".to_owned(), false));
        assert_eq!(excerpt("€€€€".as_bytes(), 1, None), ("€".to_owned(), false));
        assert_eq!(excerpt(&[0xff, 0xfe, 0x00], 2, None), ("//4=".to_owned(), true));
        assert_eq!(excerpt(b"", 500, None), (String::new(), false));
    }

    #[test]
    fn a_text_in_another_encoding_is_read_as_its_content_type_says() {
        let latin = Some("text/html; charset=ISO-8859-1");
        assert_eq!(excerpt(b"caf\xe9", 500, latin), ("café".to_owned(), false));
        assert_eq!(excerpt(b"caf\xe9", 3, latin), ("caf".to_owned(), false));
        let japanese = Some("text/plain;format=flowed; Charset=\"shift_jis\"");
        assert_eq!(excerpt(b"\x83\x65\x83", 500, japanese), ("テ".to_owned(), false), "the last one is cut");
        assert_eq!(excerpt(b"a\0b\0", 500, Some("text/plain; charset=utf-16le")), ("ab".to_owned(), false));
        // What is no text in it stays what it is.
        assert_eq!(excerpt(b"\xff\xff!", 500, Some("text/plain; charset=euc-jp")), ("//8h".to_owned(), true));
        assert_eq!(excerpt("é".as_bytes(), 500, Some("text/plain; charset=utf-8")), ("é".to_owned(), false));
        assert_eq!(excerpt(b"\xe9", 500, Some("text/plain; charset=nonsense")), ("6Q==".to_owned(), true));
    }

    #[test]
    fn headers_are_kept_whole_or_not_at_all() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = [header("a", "1"), header("long", "0123456789"), header("b", "2")];
        assert_eq!(kept_headers(&all, 4), [header("a", "1"), header("b", "2")]);
    }
}
