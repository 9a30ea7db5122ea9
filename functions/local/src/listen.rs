//! `hookline listen`: a receiver for development.

mod consent;
mod expected;
mod verify;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::ports::{Clock as _, SystemClock};
use domain::settings::VerificationKind;
use expected::Expected;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use verify::{Received, Verifier};

use crate::cli::ListenOptions;
use crate::serve::{BadConfig, stop_signal};

const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

struct ListenReceiver {
    verifier: Option<Verifier>,
    answer: Answer,
    verification: VerificationKind,
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
    let receiver = ListenReceiver::new(&options).map_err(|error| BadConfig(vec![format!("{error:#}")]))?;
    let listener =
        TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(receive).with_state(Arc::new(receiver));
    Ok((address, async move { Ok(axum::serve(listener, router).await?) }))
}

async fn receive(State(receiver): State<Arc<ListenReceiver>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if !receiver.slow.is_zero() {
        tokio::time::sleep(receiver.slow).await;
    }
    let now = SystemClock.now().as_secs();
    let received = Received::new(head.method.as_str(), head.uri.query(), &head.headers, &body, now);
    // Nobody signs a question of OPTIONS.
    let asked = consent::to_options(&head.method, &head.headers);
    let verifier = receiver.verifier.as_ref().filter(|_| asked.is_none());
    let checked = verifier.map(|verifier| verifier.check(&received));
    let is_forged = matches!(checked, Some((false, _)));
    let consent = asked.or_else(|| consent::to_challenge(receiver.verification, &body).filter(|_| !is_forged));
    let status = match &checked {
        _ if consent.is_some() => StatusCode::OK,
        Some((false, _)) => StatusCode::UNAUTHORIZED,
        _ if receiver.take_failure() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => receiver.status,
    };
    let number = receiver.received.fetch_add(1, Ordering::Relaxed) + 1;
    if !receiver.quiet {
        let signature = checked.as_ref().map_or("not checked (give --secret)", |(_, words)| words);
        print(number, head.method.as_str(), &head.uri.to_string(), &head.headers, &body, signature, status);
    }
    if let Some(consent) = consent {
        return consent;
    }
    if status == receiver.status { receiver.answer.with(status) } else { status.into_response() }
}

/// What is returned beside the status.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn new(options: &ListenOptions, verification_header: &str) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        let key = options.verification_key.as_deref();
        if let Some(key) = key {
            let name: HeaderName = verification_header.parse().context("the profile's verification header")?;
            headers.insert(name, HeaderValue::from_str(key).context("--verification-key")?);
        }
        let body = match &options.answer {
            Some(answer) => {
                RawValue::from_string(answer.clone()).context("--answer: expected JSON")?;
                Some(answer.clone())
            }
            None => key.map(|key| json!({ "verification_key": key }).to_string()),
        };
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(Self { headers, body: body.unwrap_or_default().into() })
    }

    fn with(&self, status: StatusCode) -> Response {
        (status, self.headers.clone(), self.body.clone()).into_response()
    }
}

impl ListenReceiver {
    fn new(options: &ListenOptions) -> anyhow::Result<Self> {
        let expected = Expected::of_profile(options.profile.as_deref())?;
        Ok(Self {
            verifier: expected.verifier(options)?,
            answer: Answer::new(options, &expected.verification_header)?,
            verification: expected.verification,
            status: StatusCode::from_u16(options.status)?,
            slow: Duration::from_millis(options.slow),
            quiet: options.quiet,
            left_to_fail: AtomicU64::new(options.fail),
            received: AtomicU64::new(0),
        })
    }

    fn take_failure(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.left_to_fail.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
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
