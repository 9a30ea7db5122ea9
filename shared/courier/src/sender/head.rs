//! The head of a request as it goes out: every line in the order and the case
//! that it was given in.

use contract::ports::{HttpRequest, SendFailure};
use domain::delivery::AttemptOutcome;
use domain::headers::{MAX_HEAD_BYTES, MAX_REQUEST_LINE_BYTES};
use url::Position;

const VERSION: &str = " HTTP/1.1";

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

/// What is larger than servers take is not sent: they would refuse it, each in
/// its own way, and at every retry again.
pub(crate) fn check_size(request: &HttpRequest) -> Result<(), SendFailure> {
    let line = request.method.len() + target(request).len() + " ".len() + VERSION.len();
    let too_large = |detail: String| Err(SendFailure { outcome: AttemptOutcome::RequestTooLarge, detail });
    if line > MAX_REQUEST_LINE_BYTES {
        let why = if request.method == "GET" { ": the payload of a GET is its query" } else { "" };
        return too_large(format!(
            "the request line with its URL would have {line} bytes, and at most {MAX_REQUEST_LINE_BYTES} are sent{why}"
        ));
    }
    let head = line + headers_size(request) + 4;
    if head > MAX_HEAD_BYTES {
        return too_large(format!(
            "the URL and the headers would have {head} bytes together, and at most {MAX_HEAD_BYTES} are sent"
        ));
    }
    Ok(())
}

fn target(request: &HttpRequest) -> &str {
    &request.url[Position::BeforePath..Position::AfterQuery]
}

fn headers_size(request: &HttpRequest) -> usize {
    request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

pub(super) fn write(request: &HttpRequest) -> Result<Vec<u8>, SendFailure> {
    check_size(request)?;
    if let Some((name, _)) = request.headers.iter().find(|(name, value)| !is_valid(name, value)) {
        let detail =
            format!("the header {} cannot be sent: a control character is in its name or value", name.escape_debug());
        return Err(SendFailure { outcome: AttemptOutcome::InvalidRequest, detail });
    }
    let target = target(request);
    let mut head = Vec::with_capacity(request.method.len() + target.len() + 16 + headers_size(request));
    for part in [request.method, " ", target, VERSION, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &request.headers {
        for part in [name, ": ", value, "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

/// A name of RFC 9110, and a value that ends where it should. Other text than
/// ASCII goes out as it is.
fn is_valid(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let text = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    !name.is_empty() && name.bytes().all(token) && value.bytes().all(text)
}
