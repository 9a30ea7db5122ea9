//! The head of a request as it goes out: every line in the order and the case
//! that it was given in.

use contract::ports::HttpRequest;
use url::Position;

/// The longest target of a request, in bytes. Few servers take as much.
const MAX_TARGET_BYTES: usize = 65_534;

/// Adds what every request carries and nobody set, so that it is shown as well.
pub(crate) fn complete(request: &mut HttpRequest) {
    let has = |name: &str| request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let (accept, host, length) = (has("accept"), has("host"), has("content-length"));
    let mut add = |name: &str, value: String| request.headers.push((name.to_owned(), value));
    if !accept {
        add("accept", "*/*".to_owned());
    }
    if !host {
        // The port is there when it is not the usual one.
        add("host", request.url[Position::BeforeHost..Position::AfterPort].to_owned());
    }
    if !length && (request.method != "GET" || !request.body.is_empty()) {
        add("content-length", request.body.len().to_string());
    }
}

/// None when the hook's settings make no valid request.
pub(super) fn write(request: &HttpRequest) -> Option<Vec<u8>> {
    let target = &request.url[Position::BeforePath..Position::AfterQuery];
    if target.len() > MAX_TARGET_BYTES || !request.headers.iter().all(|(name, value)| is_valid(name, value)) {
        return None;
    }
    let lines: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut head = Vec::with_capacity(request.method.len() + target.len() + 16 + lines);
    for part in [request.method, " ", target, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &request.headers {
        for part in [name, ": ", value, "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    Some(head)
}

/// A name of RFC 9110, and a value that ends where it should. Other text than
/// ASCII goes out as it is.
fn is_valid(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let text = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    !name.is_empty() && name.bytes().all(token) && value.bytes().all(text)
}
