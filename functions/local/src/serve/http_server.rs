//! The API's socket. Whoever sends nothing, or half of a request, is not waited for:
//! each part of a request has its time, and a stop waits only for whole ones.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::header::EXPECT;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tower::Service;

/// For the next head, from the end of the answer before: longer than the minute for
/// which proxies and load balancers keep idle connections.
const HEAD: Duration = Duration::from_secs(65);
/// For the next part of a body, and for all of it.
const BODY_PART: Duration = Duration::from_secs(30);
const BODY: Duration = Duration::from_secs(120);
/// Of a body that nobody wanted, before the answer that says so. A client that still sends
/// when its connection is closed loses that answer; one that sends more than this may.
const UNREAD_BYTES: usize = 16 << 20;
const UNREAD: Duration = Duration::from_secs(2);
/// At a stop, for what has been answered to go out, and for a request to become whole.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// After the socket could not accept, as where files have run out.
const PAUSE: Duration = Duration::from_secs(1);

/// Until it is stopped, and all whole requests have their answers.
pub(super) async fn serve<S>(listener: TcpListener, service: S, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    let stop = stopped.clone();
    let mut stopping = pin!(until(&mut stopped));
    loop {
        tokio::select! {
            () = &mut stopping => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, service.clone(), stop.clone()));
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "the API accepts no connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn until(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn connection<S>(stream: TcpStream, peer: SocketAddr, service: S, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    // Answers are one small write each; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let is_owed = Arc::new(AtomicBool::new(false));
    let answer = service_fn(|request: hyper::Request<Incoming>| {
        let (mut service, is_owed) = (service.clone(), Arc::clone(&is_owed));
        async move {
            is_owed.store(request.body().is_end_stream(), Ordering::Relaxed);
            let (unread, left) = oneshot::channel();
            let waits = request.headers().contains_key(EXPECT);
            let mut request = request.map(|body| {
                Body::new(RequestBody {
                    body: Some(body),
                    wait: None,
                    end: Instant::now() + BODY,
                    is_whole: Arc::clone(&is_owed),
                    waits,
                    unread: Some(unread),
                })
            });
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = service.call(request).await?;
            is_owed.store(true, Ordering::Relaxed);
            discard(left).await;
            Ok::<_, Infallible>(response.map(|body| ResponseBody { body, is_owed }))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // Who has said all that they had to say may still wait for the answer.
            .half_close(true)
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), answer)
    );
    tokio::select! {
        // It is closed, or broken by the client.
        _ = &mut connection => return,
        () = until(&mut stopped) => connection.as_mut().graceful_shutdown(),
    }
    if tokio::time::timeout(LAST_WORDS, &mut connection).await.is_err() && is_owed.load(Ordering::Relaxed) {
        let _ = connection.await;
    }
}

/// Takes what is left of a body.
async fn discard(mut left: oneshot::Receiver<Incoming>) {
    let Ok(mut body) = left.try_recv() else { return };
    let rest = async {
        let mut taken = 0;
        while taken < UNREAD_BYTES
            && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            taken += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _ = tokio::time::timeout(UNREAD, rest).await;
}

/// What comes of a request's body, in its time.
struct RequestBody {
    /// Absent once it has been let go.
    body: Option<Incoming>,
    /// Made for those that have to be waited for.
    wait: Option<Pin<Box<Sleep>>>,
    end: Instant,
    is_whole: Arc<AtomicBool>,
    /// The client waits for the word to send it, which goes out once it is asked for.
    waits: bool,
    /// Where it goes if it is dropped before its end.
    unread: Option<oneshot::Sender<Incoming>>,
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !self.waits && !body.is_end_stream());
        if let (Some(body), Some(unread)) = (body, self.unread.take()) {
            let _ = unread.send(body);
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        this.waits = false;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) {
            this.wait = None;
            if frame.is_none() || body.is_end_stream() {
                this.is_whole.store(true, Ordering::Relaxed);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let wait = this.wait.get_or_insert_with(|| {
            let until = this.end.min(Instant::now() + BODY_PART);
            Box::pin(tokio::time::sleep_until(until))
        });
        ready!(wait.as_mut().poll(context));
        // It has had its time.
        this.unread = None;
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

/// An answer, which is owed until all of it has been taken.
struct ResponseBody {
    body: Body,
    is_owed: Arc<AtomicBool>,
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.is_owed.store(false, Ordering::Relaxed);
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    struct Server {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        ended: JoinHandle<()>,
        /// Lets `/slow` answer.
        go: Arc<Notify>,
    }

    async fn server() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let go = Arc::new(Notify::new());
        let waited = Arc::clone(&go);
        let length = async |body: Result<Bytes, axum::extract::rejection::BytesRejection>| match body {
            Ok(body) => (StatusCode::OK, body.len().to_string()),
            Err(error) => (StatusCode::REQUEST_TIMEOUT, error.body_text()),
        };
        let slow = async move || {
            waited.notified().await;
            "done"
        };
        let router = Router::new().route("/", post(length)).route("/slow", post(slow));
        let (stop, stopped) = watch::channel(false);
        let ended = tokio::spawn(serve(listener, router, stopped));
        Server { address, stop, ended, go }
    }

    async fn says(server: &Server, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        // A reset ends it as well.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8(text).unwrap()
    }

    const WHOLE: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok";
    const HALF: [&str; 5] = [
        "",
        "POST / HT",
        "POST / HTTP/1.1\r\nhost: a\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha",
    ];

    #[tokio::test(start_paused = true)]
    async fn what_does_not_become_a_whole_request_is_closed_after_a_while() {
        let server = server().await;
        for text in HALF {
            let started = Instant::now();
            let answer = rest(says(&server, text).await).await;
            assert!(started.elapsed() <= HEAD + Duration::from_secs(1), "{text:?}");
            assert_eq!(answer.contains(" 408 "), text.contains("\r\n\r\n"), "{text:?}: {answer}");
        }
        let idle = rest(says(&server, WHOLE).await).await;
        assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
    }

    #[tokio::test]
    async fn who_sends_too_much_hears_of_it_and_goes_on_with_the_connection() {
        let server = server().await;
        let length = 5 << 20;
        const EXPECTS: &str = "expect: 100-continue\r\n";
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        for (path, heads, status) in
            [("/", "", " 408 "), ("/none", "", " 404 "), ("/", EXPECTS, " 408 "), ("/none", EXPECTS, " 404 ")]
        {
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\n{heads}content-length: {length}\r\n\r\n");
            let mut stream = says(&server, &head).await;
            // Nobody asks for the body of what is not there.
            let waits = !heads.is_empty() && path == "/none";
            if !heads.is_empty() && !waits {
                let mut word = [0; CONTINUE.len()];
                stream.read_exact(&mut word).await.unwrap();
                assert_eq!(word, CONTINUE);
            }
            if !waits {
                for part in vec![b'x'; length].chunks(1 << 16) {
                    stream.write_all(part).await.unwrap();
                }
            }
            let mut answer = [0; 13];
            if !heads.is_empty() {
                stream.read_exact(&mut answer).await.unwrap();
                assert!(answer.ends_with(status.as_bytes()), "{path}: {answer:?}");
                continue;
            }
            stream.write_all(WHOLE.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let answers = rest(stream).await;
            assert!(answers[..answer.len()].ends_with(status) && answers.contains("200 OK"), "{answers}");
        }
    }

    #[tokio::test]
    async fn who_has_closed_their_side_is_answered() {
        let server = server().await;
        let mut stream = says(&server, "POST /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        stream.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.go.notify_one();
        let answer = rest(stream).await;
        assert!(answer.ends_with("done"), "{answer}");
    }

    #[tokio::test]
    async fn a_stop_waits_for_whole_requests_and_for_no_others() {
        let server = server().await;
        let mut halves = Vec::new();
        for text in HALF {
            halves.push(says(&server, text).await);
        }
        // Half a request after a whole one.
        let mut second = says(&server, WHOLE).await;
        let mut first_answer = [0; 12];
        second.read_exact(&mut first_answer).await.unwrap();
        second.write_all(b"POST / HT").await.unwrap();
        let slow = says(&server, "POST /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.stop.send(true).unwrap();
        let started = std::time::Instant::now();
        for half in halves {
            assert_eq!(rest(half).await, "");
        }
        rest(second).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(!server.ended.is_finished(), "one has its request whole");
        server.go.notify_one();
        let answer = rest(slow).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        server.ended.await.unwrap();
    }
}
