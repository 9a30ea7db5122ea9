//! One HTTP/1.1 connection. It has no task of its own: whoever waits for an
//! answer does its reading and writing, and nobody while it is idle.
//!
//! hyper writes names of headers in one case of its own, tells no first bytes of
//! what it cannot read, and gives no part of an answer that broke off.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use contract::ports::{ClockReading, MAX_RESPONSE_BYTES};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::answer::{self, Head, InvalidHead, MAX_HEAD_BYTES};
use super::body::{Framing, Progress};
use super::dial::Stream;

/// What is read at once, in bytes.
const READ_BYTES: usize = 4 * 1024;
/// How much of what cannot be read is told, in bytes.
const TOLD_BYTES: usize = 64;

pub(super) struct Connection {
    stream: Stream,
    /// What came and was not used yet.
    read: BytesMut,
    opened_at: ClockReading,
    /// Not everything went out, or something came that nobody asked for.
    is_spent: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Broken {
    /// Whether any byte of an answer came.
    pub(super) is_heard: bool,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    Io(io::Error),
    /// It ended before an answer was complete, which began so.
    Ended(String),
    /// What came is not HTTP, and begins so.
    NotHttp(String),
    /// What came is a frame of HTTP/2.
    Http2,
    /// The head is longer than is read, in bytes or lines.
    LongHead,
}

/// Why there is no more of a body.
#[derive(Debug)]
pub(super) enum Cut {
    Ended,
    Failed,
    /// TLS ended without its farewell, so that nobody knows whether this is all.
    NoFarewell,
    Unreadable,
}

impl Connection {
    pub(super) fn new(stream: Stream, opened_at: ClockReading) -> Self {
        Self { stream, read: BytesMut::new(), opened_at, is_spent: false }
    }

    pub(super) fn opened_at(&self) -> ClockReading {
        self.opened_at
    }

    /// Whether another request can go out, as far as is known by now.
    pub(super) fn is_open(&mut self) -> bool {
        let mut byte = [0];
        let mut unasked = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        !self.is_spent
            && self.read.is_empty()
            && Pin::new(&mut self.stream).poll_read(&mut context, &mut unasked).is_pending()
    }

    /// Sends a request and reads the head of its answer, which may come before all
    /// has gone out.
    pub(super) async fn exchange(&mut self, head: &[u8], body: &[u8]) -> Result<Head, Broken> {
        let mut message = head.chain(body);
        let (mut failed, mut is_flushed, mut scanned, mut heard) = (None, false, 0, 0);
        self.is_spent = true;
        let answer = poll_fn(|context| {
            while failed.is_none() && !is_flushed {
                match self.poll_write(context, &mut message) {
                    Poll::Ready(Ok(true)) => is_flushed = true,
                    Poll::Ready(Ok(false)) => {}
                    // What the endpoint had to say before may still come.
                    Poll::Ready(Err(error)) => failed = Some(error),
                    Poll::Pending => break,
                }
            }
            loop {
                if let Some(answer) = self.take_head(&mut scanned).transpose() {
                    return Poll::Ready(answer);
                }
                match ready!(self.poll_read(context)) {
                    Ok(0) if heard == 0 && failed.is_some() => {
                        return Poll::Ready(Err(Cause::Io(failed.take().unwrap_or_else(ended))));
                    }
                    Ok(0) => return Poll::Ready(Err(Cause::Ended(self.beginning()))),
                    Ok(more) => heard += more,
                    Err(error) => return Poll::Ready(Err(Cause::Io(failed.take().unwrap_or(error)))),
                }
            }
        })
        .await;
        self.is_spent = !is_flushed;
        answer.map_err(|cause| Broken { is_heard: heard > 0, cause })
    }

    /// True when everything has gone out.
    fn poll_write(&mut self, context: &mut Context<'_>, message: &mut impl Buf) -> Poll<io::Result<bool>> {
        let mut stream = Pin::new(&mut self.stream);
        if !message.has_remaining() {
            return stream.poll_flush(context).map_ok(|()| true);
        }
        match ready!(poll_write_buf(stream.as_mut(), context, message))? {
            0 => Poll::Ready(Err(ended())),
            _ => Poll::Ready(Ok(false)),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.read.reserve(READ_BYTES);
        poll_read_buf(Pin::new(&mut self.stream), context, &mut self.read)
    }

    /// The head of the answer, once it is there.
    fn take_head(&mut self, scanned: &mut usize) -> Result<Option<Head>, Cause> {
        loop {
            let blank = self.read.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if *scanned == 0 && blank > 0 {
                self.read.advance(blank);
            }
            let Some(end) = answer::end(&self.read, *scanned) else {
                *scanned = self.read.len();
                let is_http = b"HTTP/".iter().zip(self.read.iter()).all(|(expected, byte)| expected == byte);
                return match is_http {
                    true if self.read.len() <= MAX_HEAD_BYTES => Ok(None),
                    true => Err(Cause::LongHead),
                    false => Err(self.not_http()),
                };
            };
            let head = answer::parse(&self.read[..end]).map_err(|why| match why {
                InvalidHead::NotHttp => self.not_http(),
                InvalidHead::TooManyHeaders => Cause::LongHead,
            })?;
            self.read.advance(end);
            *scanned = 0;
            // An answer before the answer, save for one that ends HTTP.
            if !(100..200).contains(&head.status) || head.status == 101 {
                return Ok(Some(head));
            }
        }
    }

    fn not_http(&self) -> Cause {
        // RFC 9113, sections 4.1 and 6.5: SETTINGS, no flags, stream 0.
        match self.read.get(3..9) {
            Some([4, 0, 0, 0, 0, 0]) => Cause::Http2,
            _ => Cause::NotHttp(self.beginning()),
        }
    }

    fn beginning(&self) -> String {
        self.read[..self.read.len().min(TOLD_BYTES)].escape_ascii().to_string()
    }

    /// Adds to `body` what is kept of it. True when that is all of it.
    pub(super) async fn read_body(&mut self, framing: &mut Framing, body: &mut BytesMut) -> Result<bool, Cut> {
        poll_fn(|context| {
            loop {
                match framing.advance(&mut self.read, body, MAX_RESPONSE_BYTES) {
                    Progress::Complete => return Poll::Ready(Ok(true)),
                    Progress::Full => return Poll::Ready(Ok(false)),
                    Progress::Unreadable => return Poll::Ready(Err(Cut::Unreadable)),
                    Progress::More => {}
                }
                match ready!(self.poll_read(context)) {
                    Ok(0) if framing.may_end() => return Poll::Ready(Ok(true)),
                    Ok(0) => return Poll::Ready(Err(Cut::Ended)),
                    Ok(_) => {}
                    Err(error) if framing.may_end() && error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Poll::Ready(Err(Cut::NoFarewell));
                    }
                    Err(_) => return Poll::Ready(Err(Cut::Failed)),
                }
            }
        })
        .await
    }

    /// Gives back what reading took, for the time that nothing comes.
    pub(super) fn rest(&mut self) {
        if self.read.is_empty() {
            self.read = BytesMut::new();
        }
    }
}

fn ended() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}
