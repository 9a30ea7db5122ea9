//! `hookline listen`: a receiver for development.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use shared::domain::secret::{Secret, whsec_key};
use shared::domain::signature::standard_webhooks;
use shared::ports::{Clock, SystemClock};
use tokio::net::TcpListener;

use crate::cli::ListenOptions;
use crate::serve::stop_signal;

/// Receivers tolerate this much between the timestamp and their own clock
/// (Standard Webhooks 1.0.0).
const TOLERANCE_SECONDS: u64 = 300;
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

struct Receiver {
    secret: Option<Secret>,
    status: StatusCode,
    slow: Duration,
    quiet: bool,
    left_to_fail: AtomicU64,
    received: AtomicU64,
}

pub(crate) async fn run(options: ListenOptions) -> anyhow::Result<()> {
    let (address, server) = start(options).await?;
    tracing::info!("receiving on http://{address}");
    tokio::select! {
        result = server => result?,
        result = stop_signal() => result?,
    }
    Ok(())
}

/// Binds, and gives back what serves.
pub(crate) async fn start(
    options: ListenOptions,
) -> anyhow::Result<(SocketAddr, impl Future<Output = anyhow::Result<()>> + Send)> {
    let secret = options.secret.map(Secret::new);
    if let Some(secret) = &secret {
        whsec_key(secret).context("--secret")?;
    }
    let receiver = Receiver {
        secret,
        status: StatusCode::from_u16(options.status)?,
        slow: Duration::from_millis(options.slow),
        quiet: options.quiet,
        left_to_fail: AtomicU64::new(options.fail),
        received: AtomicU64::new(0),
    };
    let listener =
        TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(receive).with_state(Arc::new(receiver));
    Ok((address, async move { Ok(axum::serve(listener, router).await?) }))
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if !receiver.slow.is_zero() {
        tokio::time::sleep(receiver.slow).await;
    }
    let verified = receiver.secret.as_ref().map(|secret| verify(secret, &head.headers, &body));
    let status = match verified {
        Some(Err(_)) => StatusCode::UNAUTHORIZED,
        _ if receiver.take_failure() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => receiver.status,
    };
    let number = receiver.received.fetch_add(1, Ordering::Relaxed) + 1;
    if !receiver.quiet {
        let signature = match verified {
            None => "not checked (give --secret)",
            Some(Ok(())) => "valid",
            Some(Err(why)) => why,
        };
        print(number, head.method.as_str(), &head.uri.to_string(), &head.headers, &body, signature, status);
    }
    status.into_response()
}

impl Receiver {
    fn take_failure(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.left_to_fail.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

fn verify(secret: &Secret, headers: &HeaderMap, body: &Bytes) -> Result<(), &'static str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return Err("INVALID: a webhook-… header is missing");
    };
    let timestamp: i64 = timestamp.parse().map_err(|_| "INVALID: webhook-timestamp is not a number")?;
    if SystemClock.now().as_secs().abs_diff(timestamp) > TOLERANCE_SECONDS {
        return Err("INVALID: webhook-timestamp is more than 5 minutes off");
    }
    let expected = standard_webhooks([secret], id, timestamp, body).map_err(|_| "INVALID: the secret cannot sign")?;
    match signatures.split(' ').any(|signature| signature == expected) {
        true => Ok(()),
        false => Err("INVALID: no signature matches"),
    }
}

#[expect(clippy::print_stdout, reason = "printing what arrives is what this command is for")]
fn print(number: u64, method: &str, uri: &str, headers: &HeaderMap, body: &Bytes, signature: &str, status: StatusCode) {
    println!("#{number} {method} {uri}");
    for (name, value) in headers {
        println!("   {name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    println!("   {}", String::from_utf8_lossy(body));
    println!("   signature: {signature}");
    println!("   answered: {}\n", status.as_u16());
}
