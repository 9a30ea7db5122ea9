use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use domain::delivery::AttemptOutcome;
use domain::hook::Timeout;

/// How much of an answer is read, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// One request to a customer's endpoint, complete to the byte.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub method: &'static str,
    pub url: url::Url,
    /// In order, their names as they are to be sent.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub timeout: Timeout,
}

#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: u16,
    /// In order, names in lower case. What is not UTF-8 is read as Latin-1.
    pub headers: Vec<(String, String)>,
    /// At most [`MAX_RESPONSE_BYTES`]; the rest is not read.
    pub body: Bytes,
    /// Why the body is not what the endpoint meant to say, where it broke off.
    pub remark: Option<String>,
}

impl HttpResponse {
    pub fn new(status: u16, headers: Vec<(String, String)>, body: Bytes) -> Self {
        Self { status, headers, body, remark: None }
    }

    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// There was no answer. Data, not an error: it is the receiver's doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFailure {
    pub outcome: AttemptOutcome,
    /// In words, fit to show to the hook's owner.
    pub detail: String,
}

#[derive(Clone, Debug)]
pub struct HttpResult {
    pub answer: Result<HttpResponse, SendFailure>,
    pub duration: Duration,
}

/// Something of ours failed or ran out, so that the endpoint was never asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request could not go out: {0}")]
pub struct SendFault(pub String);

/// Sends requests to addresses that strangers chose.
///
/// - Dials only addresses that were vetted.
/// - Follows no redirect, and knows no proxy but the operator's.
/// - Returns by the request's deadline, whatever the endpoint does.
/// - Reads a bounded part of the answer. Its status counts, whatever becomes of
///   its body.
/// - What is our own doing is never told as the endpoint's.
#[async_trait]
pub trait HttpSender: Send + Sync {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault>;
}
