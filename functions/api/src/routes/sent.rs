//! A request as it is shown: by the log, and by a test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use shared::ports::HttpRequest;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct Header {
    name: String,
    value: String,
}

/// A request as it left, save for secrets other than signatures, which are
/// masked, and for `host` and `content-length`, which go without saying.
#[derive(Serialize, ToSchema)]
pub(crate) struct SentRequest {
    method: String,
    url: String,
    /// In the order they are sent
    headers: Vec<Header>,
    /// The exact bytes, as text or in base64
    body: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    body_is_base64: bool,
}

impl Header {
    pub(super) fn of((name, value): &(String, String)) -> Self {
        Self { name: name.clone(), value: value.clone() }
    }
}

/// Shows what it is given: whoever makes a request to be shown masks it first.
impl From<HttpRequest> for SentRequest {
    fn from(request: HttpRequest) -> Self {
        let (body, body_is_base64) = match String::from_utf8(request.body.into()) {
            Ok(text) => (text, false),
            Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
        };
        Self {
            method: request.method.to_owned(),
            url: request.url.to_string(),
            headers: request.headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
            body,
            body_is_base64,
        }
    }
}
