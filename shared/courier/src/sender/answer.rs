//! The head of an answer, read as browsers and curl read it: folded lines, spaces
//! before a colon and lines that are no headers are no reason to lose a status.

use std::mem::MaybeUninit;
use std::time::Duration;

use httparse::{Header, ParserConfig, Response, Status};

use super::body::{self, Framing};

/// The most that is read of a head, in bytes.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most lines of a head that are looked at.
pub(super) const MAX_HEADERS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Names in lower case. What is not UTF-8 is read as Latin-1.
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: Framing,
    pub(super) keep: Keep,
}

/// Whether the connection may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// As long as is usual, or as the endpoint said.
    For(Option<Duration>),
    Close,
}

/// Where the head ends that `bytes` begin with, if it does; nothing before
/// `scanned` has to be looked at again.
pub(super) fn end(bytes: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(2);
    let mut breaks = (from..bytes.len()).filter(|at| bytes[*at] == b'\n');
    breaks.find_map(|at| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum InvalidHead {
    NotHttp,
    TooManyHeaders,
}

pub(super) fn parse(head: &[u8]) -> Result<Head, InvalidHead> {
    let mut lenient = ParserConfig::default();
    lenient
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_responses(true);
    let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut response = Response::new(&mut []);
    match lenient.parse_response_with_uninit_headers(&mut response, head, &mut lines) {
        Ok(Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(InvalidHead::TooManyHeaders),
        Ok(Status::Partial) | Err(_) => return Err(InvalidHead::NotHttp),
    }
    let status = response.code.filter(|status| *status >= 100).ok_or(InvalidHead::NotHttp)?;
    let is_old = response.version == Some(0);
    let headers: Vec<(String, String)> = response.headers.iter().map(read).collect();
    let framing = Framing::of(status, is_old, &headers);
    // Whoever switches protocols without being asked speaks no HTTP any more.
    let keep = match status == 101 || body::is_ambiguous(status, is_old, &headers) {
        true => Keep::Close,
        false => keep(&headers, &framing, is_old),
    };
    Ok(Head { status, headers, framing, keep })
}

fn read(line: &Header<'_>) -> (String, String) {
    let latin_1 = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    let mut value = std::str::from_utf8(line.value).map_or_else(|_| latin_1(line.value), str::to_owned);
    // RFC 9112, section 5.2: a fold is read as a space.
    if value.contains(['\r', '\n']) {
        value = value.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    }
    (line.name.to_ascii_lowercase(), value)
}

pub(super) fn values<'a>(headers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let same = headers.iter().filter(move |(other, _)| other == name);
    same.flat_map(|(_, value)| value.split(',')).map(str::trim)
}

fn keep(headers: &[(String, String)], framing: &Framing, is_old: bool) -> Keep {
    let says = |word: &str| values(headers, "connection").any(|token| token.eq_ignore_ascii_case(word));
    if says("close") || is_old && !says("keep-alive") || framing.ends_the_connection() {
        return Keep::Close;
    }
    let timeout = values(headers, "keep-alive").find_map(|token| {
        let (name, value) = token.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("timeout").then(|| value.parse().ok())?
    });
    Keep::For(timeout.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(head: &str, name: &str) -> Option<String> {
        let Head { headers, .. } = parse(head.as_bytes()).unwrap_or_else(|why| panic!("{head:?} is {why:?}"));
        headers.into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    #[test]
    fn a_head_is_read_as_browsers_read_it() {
        for (lines, expected) in [
            ("x: a\r\n b\r\n", "a b"),
            ("x: a\r\n\tb\r\n  c\r\n", "a b c"),
            ("x: a\n b\n", "a b"),
            ("x:\r\n a\r\n", "a"),
            ("x : a\r\n", "a"),
            ("X: a\r\n", "a"),
            ("a stray line\r\nx: a\r\n", "a"),
            ("x: a\r\nanother\r\n", "a"),
            ("\u{e4}: 1\r\nx: a\r\n", "a"),
            ("x: \u{e4}\r\n", "\u{e4}"),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
            assert_eq!(header(&head, "x").as_deref(), Some(expected), "{head:?}");
        }
        for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1  200  OK", "HTTP/1.0 200 \u{e4}"] {
            assert_eq!(parse(format!("{line}\r\n\r\n").as_bytes()).map(|head| head.status), Ok(200), "{line}");
        }
        let many: String = (0..1_000).map(|number| format!("x-{number}: 1\r\n")).collect();
        assert_eq!(header(&format!("HTTP/1.1 200 OK\r\n{many}\r\n"), "x-999").as_deref(), Some("1"));
        for other in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 099 No\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "\r\n\r\n"] {
            assert_eq!(parse(other.as_bytes()).unwrap_err(), InvalidHead::NotHttp, "{other:?}");
        }
        let latin_1 = parse(b"HTTP/1.1 200 OK\r\nx: caf\xe9\r\n b\r\n\r\n").unwrap();
        assert_eq!(latin_1.headers[0].1, "caf\u{e9} b");
        let many: String = (0..1_100).map(|number| format!("x-{number}: 1\r\n")).collect();
        let too_many = parse(format!("HTTP/1.1 200 OK\r\n{many}\r\n").as_bytes());
        assert_eq!(too_many.unwrap_err(), InvalidHead::TooManyHeaders);
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_it_comes() {
        for (text, expected) in [("a\r\n\r\nb", Some(5)), ("a\n\nb", Some(3)), ("a\r\n\r", None), ("a\r\n \r\nb", None)]
        {
            let mut found = None;
            let mut scanned = 0;
            for length in 1..=text.len() {
                found = found.or_else(|| end(&text.as_bytes()[..length], scanned));
                scanned = length;
            }
            assert_eq!((end(text.as_bytes(), 0), found), (expected, expected), "{text:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_as_long_as_the_endpoint_says() {
        let seconds = |seconds| Keep::For(Some(Duration::from_secs(seconds)));
        for (version, lines, expected) in [
            ("1.1", "", Keep::For(None)),
            ("1.0", "", Keep::Close),
            ("1.0", "Connection: Keep-Alive\r\n", Keep::For(None)),
            ("1.1", "Connection: foo, Close\r\n", Keep::Close),
            ("1.1", "Keep-Alive: timeout=5, max=100\r\n", seconds(5)),
            ("1.1", "Keep-Alive: max=100, Timeout = \"7\"\r\n", seconds(7)),
            ("1.1", "Keep-Alive: timeout=soon\r\n", Keep::For(None)),
        ] {
            let head = format!("HTTP/{version} 200 OK\r\ncontent-length: 0\r\n{lines}\r\n");
            assert_eq!(parse(head.as_bytes()).unwrap().keep, expected, "{head:?}");
        }
        for (status, lines, expected) in [
            ("1.1 204", "Transfer-Encoding: chunked\r\n", Keep::Close),
            ("1.1 304", "Transfer-Encoding: chunked\r\n", Keep::Close),
            ("1.1 204", "Content-Length: 2\r\n", Keep::Close),
            ("1.1 204", "Content-Length: 0\r\n", Keep::For(None)),
            ("1.1 304", "Content-Length: 2\r\n", Keep::For(None)),
            ("1.1 200", "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", Keep::Close),
            ("1.1 200", "Transfer-Encoding: identity\r\nContent-Length: 2\r\n", Keep::For(None)),
            ("1.0 200", "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", Keep::Close),
            ("1.0 200", "Transfer-Encoding: x\r\nContent-Length: 2\r\nConnection: keep-alive\r\n", Keep::Close),
        ] {
            let head = format!("HTTP/{status} x\r\n{lines}\r\n");
            assert_eq!(parse(head.as_bytes()).unwrap().keep, expected, "{head:?}");
        }
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().keep, Keep::Close, "it ends with its body");
        assert_eq!(parse(b"HTTP/1.1 101 Other\r\n\r\n").unwrap().keep, Keep::Close, "no HTTP follows");
    }
}
