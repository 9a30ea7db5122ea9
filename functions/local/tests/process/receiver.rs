//! An endpoint that remembers every request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use bytes::Bytes;
use serde_json::Value;

/// So that some requests are under way at any moment.
const SLOWNESS: Duration = Duration::from_millis(3);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    /// What [`Receiver::enter_round`] said last.
    pub(crate) round: usize,
    pub(crate) fine: bool,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    round: AtomicUsize,
    /// Everything is answered with 500.
    refuses: AtomicBool,
    deliveries: Mutex<Deliveries>,
}

/// By path and number of the event.
type Deliveries = HashMap<(String, u64), Delivery>;

pub(crate) struct Delivery {
    id: String,
    pub(crate) receipts: Vec<Receipt>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Answers well.
    pub(crate) fn steady(&self) -> String {
        format!("http://{}/steady", self.address)
    }

    /// Fails once for each delivery.
    pub(crate) fn flaky(&self) -> String {
        format!("http://{}/flaky", self.address)
    }

    pub(crate) fn enter_round(&self, round: usize) {
        self.shared.round.store(round, Ordering::SeqCst);
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.shared.deliveries.lock().unwrap()
    }

    /// Whether this event arrived at this path, and was answered well.
    pub(crate) fn has(&self, path: &str, number: u64) -> bool {
        let deliveries = self.deliveries();
        deliveries.get(&(path.to_owned(), number)).is_some_and(|delivery| delivery.receipts.iter().any(|r| r.fine))
    }
}

async fn receive(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    let number = event["data"]["number"].as_u64().unwrap();
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let fine = {
        let mut deliveries = receiver.deliveries();
        let delivery = deliveries
            .entry((uri.path().to_owned(), number))
            .or_insert_with(|| Delivery { id: id.clone(), receipts: Vec::new() });
        assert_eq!(delivery.id, id, "the id is the same in every attempt");
        let is_first = delivery.receipts.is_empty();
        let refused = receiver.shared.refuses.load(Ordering::SeqCst) || (uri.path() == "/flaky" && is_first);
        let fine = !refused;
        delivery.receipts.push(Receipt { round: receiver.shared.round.load(Ordering::SeqCst), fine });
        fine
    };
    tokio::time::sleep(SLOWNESS).await;
    if fine { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}
