//! The body of an answer: how its end is told (RFC 9112, section 6), and its
//! bytes up to a bound.

use bytes::{Buf as _, BytesMut};

use super::answer::values;

/// The longest line between chunks, and the most of trailers, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked(Chunked),
    /// It ends with the connection.
    UntilEnd,
    /// Its length is told in two ways, or is no number.
    Unreadable,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunked {
    Size,
    Data(u64),
    EndOfData,
    /// So many bytes of them were read.
    Trailers(usize),
}

/// How far the bytes that are there go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Complete,
    /// There is more than is kept.
    Full,
    Unreadable,
}

impl Framing {
    /// `is_old` is HTTP/1.0, which has no transfer codings: whoever names one there
    /// did not apply it.
    pub(super) fn of(status: u16, is_old: bool, headers: &[(String, String)]) -> Self {
        if has_no_body(status) {
            return Self::Length(0);
        }
        if let Some(last) = codings(headers).last().filter(|_| !is_old) {
            return match last.eq_ignore_ascii_case("chunked") {
                true => Self::Chunked(Chunked::Size),
                false => Self::UntilEnd,
            };
        }
        let mut lengths = values(headers, "content-length");
        let Some(length) = lengths.next() else { return Self::UntilEnd };
        match length.bytes().all(|byte| byte.is_ascii_digit()) && lengths.all(|other| other == length) {
            true => length.parse().map_or(Self::Unreadable, Self::Length),
            false => Self::Unreadable,
        }
    }

    /// Whether nothing can come after it on its connection.
    pub(super) fn ends_the_connection(&self) -> bool {
        matches!(self, Self::UntilEnd | Self::Unreadable)
    }

    /// Whether it is complete where the connection ends.
    pub(super) fn may_end(&self) -> bool {
        matches!(self, Self::UntilEnd)
    }

    /// Moves what belongs to the body from `read` to `body`, up to `limit` in all.
    pub(super) fn advance(&mut self, read: &mut BytesMut, body: &mut BytesMut, limit: usize) -> Progress {
        match self {
            Self::Length(left) => {
                take(read, body, left, limit);
                match *left {
                    0 => Progress::Complete,
                    _ if body.len() >= limit => Progress::Full,
                    _ => Progress::More,
                }
            }
            Self::UntilEnd => {
                take(read, body, &mut { u64::MAX }, limit);
                if body.len() >= limit { Progress::Full } else { Progress::More }
            }
            Self::Chunked(state) => state.advance(read, body, limit),
            Self::Unreadable => Progress::Unreadable,
        }
    }
}

/// Whether the framing is such that what follows may be no answer of its own: a body
/// is announced where there can be none, or its end in two ways (RFC 9112, sections
/// 6.1 and 6.3).
pub(super) fn is_ambiguous(status: u16, is_old: bool, headers: &[(String, String)]) -> bool {
    let mut lengths = values(headers, "content-length");
    if codings(headers).next().is_some() {
        return is_old || has_no_body(status) || lengths.next().is_some();
    }
    // That of a 304 is the length that a 200 would have.
    has_no_body(status) && status != 304 && lengths.any(|length| length.bytes().any(|byte| byte != b'0'))
}

fn has_no_body(status: u16) -> bool {
    (100..200).contains(&status) || matches!(status, 204 | 304)
}

/// The transfer codings. An empty element is none (RFC 9110, section 5.6.1), and
/// `identity` was the name of none.
fn codings(headers: &[(String, String)]) -> impl Iterator<Item = &str> {
    values(headers, "transfer-encoding").filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
}

impl Chunked {
    fn advance(&mut self, read: &mut BytesMut, body: &mut BytesMut, limit: usize) -> Progress {
        loop {
            match self {
                Self::Data(left) => {
                    take(read, body, left, limit);
                    match *left {
                        0 => *self = Self::EndOfData,
                        _ if body.len() >= limit => return Progress::Full,
                        _ => return Progress::More,
                    }
                }
                Self::Size | Self::EndOfData | Self::Trailers(_) => {
                    let Some(line) = line(read) else {
                        return if read.len() > MAX_LINE_BYTES { Progress::Unreadable } else { Progress::More };
                    };
                    match self {
                        Self::Size => match size(&line) {
                            None => return Progress::Unreadable,
                            Some(0) => *self = Self::Trailers(0),
                            Some(size) => *self = Self::Data(size),
                        },
                        Self::Trailers(_) if line.is_empty() => return Progress::Complete,
                        // Trailers are nobody's business.
                        Self::Trailers(seen) => {
                            *seen += line.len();
                            if *seen > MAX_LINE_BYTES {
                                return Progress::Unreadable;
                            }
                        }
                        _ if line.is_empty() => *self = Self::Size,
                        _ => return Progress::Unreadable,
                    }
                }
            }
        }
    }
}

fn take(read: &mut BytesMut, body: &mut BytesMut, left: &mut u64, limit: usize) {
    let room = limit - body.len();
    let wanted = usize::try_from(*left).unwrap_or(usize::MAX);
    let taken = read.len().min(room).min(wanted);
    body.extend_from_slice(&read[..taken]);
    read.advance(taken);
    *left -= taken as u64;
}

/// The next line, without its end.
fn line(read: &mut BytesMut) -> Option<BytesMut> {
    let end = read.iter().position(|byte| *byte == b'\n')?;
    let mut line = read.split_to(end + 1);
    line.truncate(end);
    if line.ends_with(b"\r") {
        line.truncate(end - 1);
    }
    Some(line)
}

/// In hexadecimal digits, before any extension.
fn size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line.split(|byte| *byte == b';').next()?).ok()?.trim();
    if text.starts_with('+') {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(headers: &[(&str, &str)]) -> Framing {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Framing::of(200, false, &headers)
    }

    /// The body of bytes that come in one piece and byte by byte.
    fn read(make: impl Fn() -> Framing, bytes: &str, limit: usize) -> (Progress, String) {
        let ends: Vec<_> = [bytes.len(), 1]
            .map(|step| {
                let (mut framing, mut read, mut body) = (make(), BytesMut::new(), BytesMut::new());
                let mut progress = framing.advance(&mut read, &mut body, limit);
                for part in bytes.as_bytes().chunks(step.max(1)) {
                    if progress == Progress::More {
                        read.extend_from_slice(part);
                        progress = framing.advance(&mut read, &mut body, limit);
                    }
                }
                (progress, String::from_utf8(body.to_vec()).unwrap())
            })
            .into();
        assert_eq!(ends[0], ends[1], "{bytes:?}");
        ends.into_iter().next().unwrap()
    }

    #[test]
    fn where_a_body_ends_is_told_as_the_standard_says() {
        assert_eq!(framing(&[]), Framing::UntilEnd);
        assert_eq!(framing(&[("content-length", "5")]), Framing::Length(5));
        assert_eq!(framing(&[("content-length", "5, 5")]), Framing::Length(5));
        assert_eq!(framing(&[("content-length", "5"), ("content-length", "6")]), Framing::Unreadable);
        for length in ["+5", "-1", "5x", "", "99999999999999999999"] {
            assert_eq!(framing(&[("content-length", length)]), Framing::Unreadable, "{length}");
        }
        let chunked = Framing::Chunked(Chunked::Size);
        assert_eq!(framing(&[("transfer-encoding", "gzip, Chunked"), ("content-length", "5")]), chunked);
        assert_eq!(framing(&[("transfer-encoding", "gzip")]), Framing::UntilEnd);
        for chunked_too in ["chunked,", ", chunked", "Identity, chunked, "] {
            assert_eq!(framing(&[("transfer-encoding", chunked_too)]), chunked, "{chunked_too}");
        }
        for none in ["identity", "", ", Identity,"] {
            let headers = [("transfer-encoding", none), ("content-length", "2")];
            assert_eq!(framing(&headers), Framing::Length(2), "{none}");
        }
        let coded = [("transfer-encoding".to_owned(), "chunked".to_owned())];
        assert_eq!(Framing::of(200, true, &coded), Framing::UntilEnd, "HTTP/1.0 has no chunks");
        assert_eq!([204, 304].map(|status| Framing::of(status, false, &[])), [Framing::Length(0), Framing::Length(0)]);
    }

    #[test]
    fn chunks_are_put_together_however_they_come() {
        let chunked = || Framing::Chunked(Chunked::Size);
        for (bytes, progress, body) in [
            ("3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\nx: y\r\n\r\n", Progress::Complete, "abcde"),
            ("3\nabc\n0\n\n", Progress::Complete, "abc"),
            ("0003 \r\nabc\r\n0\r\n\r\n", Progress::Complete, "abc"),
            ("3\r\nab", Progress::More, "ab"),
            ("3\r\nabcd\r\n", Progress::Unreadable, "abc"),
            ("+3\r\nabc\r\n", Progress::Unreadable, ""),
            ("x\r\n", Progress::Unreadable, ""),
            ("fffffffffffffffff\r\n", Progress::Unreadable, ""),
            ("ffffffffffffffff\r\nabcdefghijk", Progress::Full, "abcdefghij"),
        ] {
            assert_eq!(read(chunked, bytes, 10), (progress, body.to_owned()), "{bytes:?}");
        }
        assert_eq!(read(chunked, &"x".repeat(MAX_LINE_BYTES + 2), 10).0, Progress::Unreadable);
    }

    #[test]
    fn a_body_is_read_up_to_its_end_or_the_bound() {
        assert_eq!(read(|| Framing::Length(3), "abcd", 10), (Progress::Complete, "abc".to_owned()));
        assert_eq!(read(|| Framing::Length(0), "", 10), (Progress::Complete, String::new()));
        assert_eq!(read(|| Framing::Length(11), "abcdefghijk", 10), (Progress::Full, "abcdefghij".to_owned()));
        assert_eq!(read(|| Framing::UntilEnd, "abc", 10), (Progress::More, "abc".to_owned()));
    }
}
