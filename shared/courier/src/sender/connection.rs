//! One HTTP/1.1 connection. It has no task of its own: whoever waits for an
//! answer does its reading and writing, and nobody while it is idle.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::dial::Stream;

pub(super) type WireRequest = Request<Full<Bytes>>;

pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    /// None once it has ended.
    line: Option<Pin<Box<Line>>>,
}

type Line = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

impl Connection {
    pub(super) async fn new(stream: Stream, title_case: bool) -> hyper::Result<Self> {
        let mut settings = http1::Builder::new();
        let handshake = settings.title_case_headers(title_case).handshake(TokioIo::new(stream));
        let (requests, line) = handshake.await?;
        Ok(Self { requests, line: Some(Box::pin(line)) })
    }

    fn go_on(&mut self, context: &mut Context<'_>) {
        if let Some(line) = &mut self.line
            && line.as_mut().poll(context).is_ready()
        {
            self.line = None;
        }
    }

    /// Whether another request can go out, as far as is known by now.
    pub(super) fn is_ready(&mut self) -> bool {
        self.go_on(&mut Context::from_waker(Waker::noop()));
        self.line.is_some() && self.requests.is_ready()
    }

    /// An error gives the message back when nothing of it has gone out.
    pub(super) async fn send(&mut self, message: WireRequest) -> Result<Response<Incoming>, TrySendError<WireRequest>> {
        let mut answer = pin!(self.requests.try_send_request(message));
        let line = &mut self.line;
        poll_fn(|context| {
            if let Some(open) = line
                && open.as_mut().poll(context).is_ready()
            {
                *line = None;
            }
            answer.as_mut().poll(context)
        })
        .await
    }

    /// The next part of the answer's body; none at its end.
    pub(super) async fn chunk(&mut self, body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
        poll_fn(|context| {
            loop {
                self.go_on(context);
                return match Pin::new(&mut *body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => Poll::Ready(Some(Ok(data))),
                        // Trailers are nobody's business.
                        Err(_) => continue,
                    },
                    Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
                    Poll::Ready(None) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                };
            }
        })
        .await
    }
}
