//! The receiver's process: notes what arrived when, and answers 200.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use tokio::net::TcpListener;

type Arrivals = Arc<Mutex<Vec<(usize, u64)>>>;

pub(crate) async fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print_address(&listener.local_addr()?.to_string());
    let router = Router::new()
        .route("/hook", post(arrive))
        .route("/hook/{number}", post(arrive))
        .route("/slow/{number}", post(dawdle))
        .route("/arrivals", get(list).delete(reset))
        .route("/arrivals/count", get(count))
        .with_state(Arrivals::default());
    Ok(axum::serve(listener, router).await?)
}

#[expect(clippy::print_stdout, reason = "the parent process reads the address from here")]
fn print_address(address: &str) {
    println!("{address}");
}

#[expect(clippy::disallowed_methods, reason = "two processes compare their readings of the machine's clock")]
pub(super) fn now_nanos() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

async fn arrive(State(arrivals): State<Arrivals>, body: Bytes) {
    let at = now_nanos();
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let number = text.split_once(r#""number":"#).and_then(|(_, rest)| rest.split_once(','));
    if let Some(number) = number.and_then(|(number, _)| number.parse().ok()) {
        arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((number, at));
    }
}

async fn dawdle() {
    tokio::time::sleep(crate::isolation::SLOW).await;
}

async fn count(State(arrivals): State<Arrivals>) -> String {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner).len().to_string()
}

async fn list(State(arrivals): State<Arrivals>) -> Json<Vec<(usize, u64)>> {
    Json(arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn reset(State(arrivals): State<Arrivals>) {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
