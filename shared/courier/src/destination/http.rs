//! An endpoint that is called at its URL.

use bytes::Bytes;
use contract::ports::HttpRequest;
use domain::hook::Timeout;
use domain::settings::Method;
use services::delivery::request::SignedRequest;
use url::Url;

use crate::sender::complete;

pub(super) fn address(mut url: Url, request: SignedRequest) -> HttpRequest {
    let SignedRequest { method, headers, payload, timeout } = request;
    let body = match method {
        Method::Get => {
            add_query(&mut url, &payload);
            Bytes::new()
        }
        Method::Post | Method::Put | Method::Patch => payload.into(),
    };
    let mut request = HttpRequest { method: method.as_str(), url, headers, body, timeout };
    complete(&mut request);
    request
}

pub(super) fn question(url: Url, headers: Vec<(String, String)>, timeout: Timeout) -> HttpRequest {
    let mut request = HttpRequest { method: "OPTIONS", url, headers, body: Bytes::new(), timeout };
    complete(&mut request);
    request
}

/// What the URL's own query says stays in front.
fn add_query(url: &mut Url, payload: &[u8]) {
    let added = String::from_utf8_lossy(payload);
    let query = match url.query() {
        Some(own) if !own.is_empty() => format!("{own}&{added}"),
        _ => added.into_owned(),
    };
    url.set_query(Some(&query));
}
