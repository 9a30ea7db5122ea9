//! The least that a durable sender has to do, as a yardstick: an event is written and synced before its 202, in one sync
//! for all who wait; then it is signed and sent to each URL. It matches nothing, keeps no log that anybody could read, and
//! tries nothing twice.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contract::ports::{Clock as _, OsRandom, SystemClock};
use domain::secret::Secret;
use domain::signature::standard_webhooks;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// More than a run writes, so that no sync has to write how long the file is.
const JOURNAL_BYTES: u64 = 128 << 20;
/// Connections to each URL where there is one, and to all of many.
const CONNECTIONS: usize = 16;
const CONNECTIONS_OF_MANY: usize = 4;

pub(crate) async fn run(urls: Vec<Uri>) -> anyhow::Result<()> {
    let journal = Journal::open()?;
    let each = if urls.len() == 1 { CONNECTIONS } else { CONNECTIONS_OF_MANY };
    let mut lanes = Vec::new();
    for url in urls {
        let mut lane = Vec::new();
        for _ in 0..each {
            let (give, take) = mpsc::unbounded_channel();
            tokio::spawn(send(url.clone(), Arc::new(Secret::generate(&OsRandom)), take, Arc::clone(&journal)));
            lane.push(give);
        }
        lanes.push(lane);
    }
    let relay = Arc::new(Relay { journal, lanes, accepted: AtomicUsize::new(0) });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::say(&listener.local_addr()?.to_string());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let relay = Arc::clone(&relay);
        let service = service_fn(move |request| accept(Arc::clone(&relay), request));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

struct Relay {
    journal: Arc<Journal>,
    /// Of each URL.
    lanes: Vec<Vec<mpsc::UnboundedSender<(usize, Bytes)>>>,
    accepted: AtomicUsize,
}

async fn accept(relay: Arc<Relay>, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
    let event = request.into_body().collect().await?.to_bytes();
    relay.journal.append(&event).await?;
    let number = relay.accepted.fetch_add(1, Ordering::Relaxed);
    for lane in &relay.lanes {
        lane[number % lane.len()].send((number, event.clone()))?;
    }
    Ok(Response::builder().status(202).body(Full::from(r#"{"accepted":true}"#))?)
}

/// One request at a time over a connection that is kept. An error ends it, which the measurement sees.
async fn send(
    url: Uri,
    secret: Arc<Secret>,
    mut events: mpsc::UnboundedReceiver<(usize, Bytes)>,
    journal: Arc<Journal>,
) -> anyhow::Result<()> {
    let host = url.authority().map(ToString::to_string).unwrap_or_default();
    let mut connection: Option<SendRequest<Full<Bytes>>> = None;
    while let Some((number, body)) = events.recv().await {
        let open = match connection.take() {
            Some(open) => open,
            None => {
                let stream = TcpStream::connect(&host).await?;
                stream.set_nodelay(true)?;
                let (open, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(driver);
                open
            }
        };
        let open = connection.insert(open);
        let (id, at) = (format!("msg_{number}"), SystemClock.now().as_secs());
        let signature = standard_webhooks([secret.as_ref()], &id, at, &body)?;
        let request = Request::post(url.path())
            .header("host", &host)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature)
            .body(Full::from(body))?;
        open.ready().await?;
        let answer = open.send_request(request).await?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await?;
        journal.note(format!("{number} {status}\n").as_bytes());
    }
    Ok(())
}

/// A file to whose end all write in turn.
struct Journal {
    pending: Mutex<Pending>,
    filled: Condvar,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Journal {
    fn open() -> io::Result<Arc<Self>> {
        let mut file = tempfile::tempfile()?;
        let zeroes = vec![0; 1 << 20];
        for _ in (0..JOURNAL_BYTES).step_by(zeroes.len()) {
            file.write_all(&zeroes)?;
        }
        file.rewind()?;
        file.sync_all()?;
        let journal = Arc::new(Self { pending: Mutex::default(), filled: Condvar::new() });
        let writer = Arc::clone(&journal);
        std::thread::Builder::new().spawn(move || writer.write(file))?;
        Ok(journal)
    }

    /// Until it is on the disk.
    async fn append(&self, event: &[u8]) -> anyhow::Result<()> {
        let (synced, wait) = oneshot::channel();
        {
            let mut pending = self.pending();
            pending.bytes.extend_from_slice(event);
            pending.waiting.push(synced);
        }
        self.filled.notify_one();
        Ok(wait.await?)
    }

    /// Goes to the disk with what somebody waits for.
    fn note(&self, outcome: &[u8]) {
        self.pending().bytes.extend_from_slice(outcome);
    }

    fn write(&self, mut file: File) -> io::Result<()> {
        let mut place = 0;
        loop {
            let pending = self.filled.wait_while(self.pending(), |pending| pending.waiting.is_empty());
            let Pending { bytes, waiting } = std::mem::take(&mut *pending.unwrap_or_else(PoisonError::into_inner));
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if place + length > JOURNAL_BYTES {
                place = file.seek(SeekFrom::Start(0))?;
            }
            file.write_all(&bytes)?;
            file.sync_data()?;
            place += length;
            for synced in waiting {
                let _ = synced.send(());
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
