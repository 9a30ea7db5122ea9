//! Requests to addresses that strangers chose, over hyper.
//!
//! reqwest stands on the same connections. But it parses each URL twice more and
//! copies each request twice, a sixth of all instructions for an event and its
//! delivery, and it resolves names without knowing for which port.

mod connection;
mod dial;
mod failure;
mod pool;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use contract::ports::{HttpRequest, HttpResponse, HttpResult, HttpSender, MAX_RESPONSE_BYTES, SendFailure};
use domain::address::AddressPolicy;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Response, Uri};
use url::{Position, Url};

use connection::{Connection, WireRequest};
use dial::Dialler;
use pool::{Endpoint, Pool};

/// As many as may be under way at once: closing some after each burst costs more
/// than the requests.
const IDLE_PER_ENDPOINT: usize = 512;

#[derive(Debug, thiserror::Error)]
#[error("cannot use this machine's root certificates")]
pub struct SenderError(#[source] rustls::Error);

/// Follows no redirect and no proxy variable, and dials only vetted addresses.
pub struct HyperSender {
    policy: Arc<AddressPolicy>,
    dialler: Dialler,
    pool: Pool,
}

impl HyperSender {
    /// Fails when the platform's root certificates cannot be used.
    pub fn new(policy: AddressPolicy) -> Result<Self, SenderError> {
        let policy = Arc::new(policy);
        let dialler = Dialler::new(Arc::clone(&policy)).map_err(SenderError)?;
        Ok(Self { policy, dialler, pool: Pool::new(IDLE_PER_ENDPOINT) })
    }

    async fn exchange(&self, mut request: HttpRequest) -> Result<HttpResponse, SendFailure> {
        self.policy.check_parsed(&request.url).map_err(|refusal| failure::refused(&refusal))?;
        let title_case = request.headers.iter().any(|(name, _)| name.bytes().any(|byte| byte.is_ascii_uppercase()));
        let endpoint = Endpoint::of(&request.url, title_case);
        let mut message = message(&mut request).ok_or_else(failure::not_built)?;
        let (mut connection, response) = loop {
            let idle = self.pool.take(&endpoint);
            let is_reused = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                None => {
                    let stream = self.dialler.dial(&request.url, request.timeout.connect.duration()).await?;
                    Connection::new(stream, endpoint.title_case).await.map_err(|error| failure::of_exchange(&error))?
                }
            };
            match connection.send(message).await {
                Ok(response) => break (connection, response),
                Err(mut error) => match error.take_message() {
                    // It was closed meanwhile, and the endpoint has seen nothing.
                    Some(unsent) if is_reused => message = unsent,
                    _ => return Err(failure::of_exchange(&error.into_error())),
                },
            }
        };
        let (status, headers) = (response.status().as_u16(), read_headers(response.headers()));
        let (body, is_whole) = read_body(&mut connection, response).await?;
        if is_whole {
            self.pool.give(endpoint, connection);
        }
        Ok(HttpResponse { status, headers, body })
    }
}

/// None when the hook's settings make no valid request.
fn message(request: &mut HttpRequest) -> Option<WireRequest> {
    let target = PathAndQuery::try_from(&request.url[Position::BeforePath..Position::AfterQuery]).ok()?;
    let mut message = WireRequest::new(Full::new(request.body.clone()));
    *message.method_mut() = Method::from_bytes(request.method.as_bytes()).ok()?;
    *message.uri_mut() = Uri::from(target);
    let headers = message.headers_mut();
    headers.reserve(request.headers.len() + 3);
    for (name, value) in std::mem::take(&mut request.headers) {
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    if !headers.contains_key(header::HOST) {
        headers.insert(header::HOST, host(&request.url)?);
    }
    Some(message)
}

fn host(url: &Url) -> Option<HeaderValue> {
    // The port is there when it is not the usual one.
    HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]).ok()
}

fn read_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}

/// What fits, and whether that is all; the rest is left unread.
async fn read_body(connection: &mut Connection, response: Response<Incoming>) -> Result<(Bytes, bool), SendFailure> {
    let (mut rest, mut body) = (response.into_body(), BytesMut::new());
    while let Some(chunk) = connection.chunk(&mut rest).await {
        let chunk = chunk.map_err(|error| failure::of_exchange(&error))?;
        let room = MAX_RESPONSE_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            return Ok((body.freeze(), false));
        }
    }
    Ok((body.freeze(), true))
}

#[async_trait]
impl HttpSender for HyperSender {
    async fn send(&self, request: HttpRequest) -> HttpResult {
        let started = Instant::now();
        let total = request.timeout.total.duration();
        // Pinned where it is: it is large, and a time-out would move it.
        let exchange = pin!(self.exchange(request));
        let answer = tokio::time::timeout(total, exchange).await;
        let answer = answer.unwrap_or_else(|_| Err(failure::timed_out(total)));
        HttpResult { answer, duration: started.elapsed() }
    }
}

#[cfg(test)]
mod tests;
