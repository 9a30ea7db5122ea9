//! Names and values of the headers that a setting may add to a request.

/// The longest header name, in characters.
pub const MAX_NAME_CHARS: usize = 128;
/// The longest header value, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// The longest request line: method, target and version. Nobody is sure to take more
/// (RFC 9112, section 3, recommends that all take 8,000), and nginx and Apache take
/// about as much by default.
pub const MAX_REQUEST_LINE_BYTES: usize = 8_000;
/// The most that precedes a body: request line and headers. nginx takes as much by
/// default (`large_client_header_buffers 4 8k`).
pub const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Headers that frame the message or belong to one connection (RFC 9110
/// sections 7.2, 7.6.1 and 10.1.1): only the client that sends may set them.
const FRAMING: [&str; 9] =
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Why a header cannot be sent; fit to show, and never contains the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    #[error(
        "expected a header name of 1 to {MAX_NAME_CHARS} characters from a-z A-Z 0-9 ! # $ % & ' * + - . ^ _ ` | ~"
    )]
    Name,
    #[error("this header frames the message, so it cannot be set")]
    Framing,
    #[error("expected a header value of at most {MAX_VALUE_BYTES} visible ASCII characters, spaces or tabs")]
    Value,
}

/// Checks that `name` is a token of RFC 9110 and does not frame the message.
/// The name keeps its case; receivers must not care about it.
pub fn check_name(name: &str) -> Result<(), InvalidHeader> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(token) {
        return Err(InvalidHeader::Name);
    }
    let lower = name.to_ascii_lowercase();
    if FRAMING.contains(&lower.as_str()) || lower.starts_with("proxy-") {
        return Err(InvalidHeader::Framing);
    }
    Ok(())
}

/// Checks that `value` cannot end the header early or be read in two ways.
pub fn check_value(value: &str) -> Result<(), InvalidHeader> {
    let allowed = |b: u8| b.is_ascii_graphic() || b == b' ' || b == b'\t';
    if value.len() <= MAX_VALUE_BYTES && value.bytes().all(allowed) { Ok(()) } else { Err(InvalidHeader::Value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_keep_any_case() {
        for name in ["X-Automrktr-Signature", "webhook-signature", "X_Y.z"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_are_no_tokens_are_refused() {
        for name in ["", "a b", "a:b", "é", "a\r\nb", &"x".repeat(129)] {
            assert_eq!(check_name(name), Err(InvalidHeader::Name), "{name}");
        }
    }

    #[test]
    fn framing_and_hop_by_hop_names_are_refused_in_any_case() {
        for name in ["Host", "content-length", "Transfer-Encoding", "TE", "Proxy-Authorization", "Connection", "expect"]
        {
            assert_eq!(check_name(name), Err(InvalidHeader::Framing), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_value_with_a_line_break_passes(before in ".*", after in ".*", line in "[\r\n\0]") {
            let value = format!("{before}{line}{after}");
            prop_assert!(check_value(&value).is_err());
        }
    }

    #[test]
    fn values_are_bounded() {
        assert_eq!(check_value("a b\tc"), Ok(()));
        assert_eq!(check_value(&"x".repeat(4096)), Ok(()));
        assert_eq!(check_value(&"x".repeat(4097)), Err(InvalidHeader::Value));
    }
}
