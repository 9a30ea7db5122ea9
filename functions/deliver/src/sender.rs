//! Requests to addresses that strangers chose, over reqwest.

mod failure;
mod resolver;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use quick_cache::sync::Cache;
use reqwest::header::HeaderValue;
use reqwest::{Client, redirect, retry};
use shared::domain::address::AddressPolicy;
use shared::domain::delivery::Outcome;
use shared::domain::hook::Timeout;
use shared::domain::seconds::Seconds;
use shared::ports::{HttpRequest, HttpResponse, HttpResult, HttpSender, MAX_RESPONSE_BYTES, SendFailure};

use resolver::VettedResolver;

/// Distinct shapes of requests that keep a connection pool.
const POOLS: usize = 32;
/// Idle connections to one host, and for how long they are kept. As many as may
/// be under way at once: closing some after each burst costs more than the requests.
const IDLE_PER_HOST: usize = 512;
const IDLE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client")]
pub struct SenderError(#[source] reqwest::Error);

/// What reqwest sets per client and hooks set each for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    connect: Seconds,
    /// Names of headers are written `Like-This`, for receivers that look for
    /// them as they are documented; otherwise `like-this`.
    title_case: bool,
}

impl Shape {
    fn of(request: &HttpRequest) -> Self {
        let title_case = request.headers.iter().any(|(name, _)| name.bytes().any(|byte| byte.is_ascii_uppercase()));
        Self { connect: request.timeout.connect, title_case }
    }
}

/// Follows no redirect and no proxy variable, and dials only vetted addresses.
pub struct ReqwestSender {
    policy: Arc<AddressPolicy>,
    resolver: VettedResolver,
    clients: Cache<Shape, Client>,
}

impl ReqwestSender {
    /// Fails when the platform's root certificates cannot be used.
    pub fn new(policy: AddressPolicy) -> Result<Self, SenderError> {
        let policy = Arc::new(policy);
        let resolver = VettedResolver::new(Arc::clone(&policy));
        let sender = Self { policy, resolver, clients: Cache::new(POOLS) };
        sender.client(Shape { connect: Timeout::default().connect, title_case: false })?;
        Ok(sender)
    }

    fn client(&self, shape: Shape) -> Result<Client, SenderError> {
        self.clients.get_or_insert_with(&shape, || {
            let builder =
                if shape.title_case { Client::builder().http1_title_case_headers() } else { Client::builder() };
            builder
                .connect_timeout(shape.connect.duration())
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .dns_resolver(self.resolver.clone())
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .pool_idle_timeout(IDLE)
                .tcp_nodelay(true)
                // Retries are ours; the default's would keep a copy of each request.
                .retry(retry::never().max_retries_per_request(0))
                .http1_only()
                .build()
                .map_err(SenderError)
        })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, SendFailure> {
        self.policy.check_parsed(&request.url).map_err(|refusal| failure::refused(&refusal))?;
        self.resolver.check_unusual_port(&request.url).await?;
        let client = self
            .client(Shape::of(&request))
            .map_err(|error| SendFailure { outcome: Outcome::InvalidRequest, detail: error.to_string() })?;
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| SendFailure {
            outcome: Outcome::InvalidRequest,
            detail: format!("{} is not an HTTP method", request.method),
        })?;
        let mut builder = client.request(method, request.url).body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(|error| failure::of(&error))?;
        let status = response.status().as_u16();
        let headers = read_headers(&response);
        let body = read_body(&mut response).await?;
        Ok(HttpResponse { status, headers, body })
    }
}

fn read_headers(response: &reqwest::Response) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    response.headers().iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}

/// What fits; the rest is left unread and its connection closed.
async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, SendFailure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::of(&error))? {
        let room = MAX_RESPONSE_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body.freeze())
}

#[async_trait]
impl HttpSender for ReqwestSender {
    async fn send(&self, request: HttpRequest) -> HttpResult {
        let started = Instant::now();
        let total = request.timeout.total.duration();
        let answer = tokio::time::timeout(total, self.exchange(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(failure::timed_out(total)));
        HttpResult { answer, duration: started.elapsed() }
    }
}
