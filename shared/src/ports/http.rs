use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::delivery::Outcome;
use crate::domain::hook::Timeout;

/// How much of an answer is read, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// One request to a customer's endpoint, complete to the byte.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub method: &'static str,
    pub url: url::Url,
    /// Lower-case names.
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub timeout: Timeout,
}

#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: u16,
    /// `Retry-After`, when there was one.
    pub retry_after: Option<String>,
    /// At most [`MAX_RESPONSE_BYTES`]; the rest is not read.
    pub body: Bytes,
}

/// There was no answer. Data, not an error: it is the receiver's doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFailure {
    pub outcome: Outcome,
    /// In words, fit to show to the hook's owner.
    pub detail: String,
}

#[derive(Clone, Debug)]
pub struct HttpResult {
    pub answer: Result<HttpResponse, SendFailure>,
    pub duration: Duration,
}

/// Sends requests to addresses that strangers chose.
///
/// - Dials only addresses that were vetted.
/// - Follows no redirect, uses no proxy.
/// - Returns by the request's deadline, whatever the endpoint does.
/// - Reads a bounded part of the answer.
#[async_trait]
pub trait HttpSender: Send + Sync {
    async fn send(&self, request: HttpRequest) -> HttpResult;
}
