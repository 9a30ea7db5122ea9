//! How each kind of destination is reached. All answer in the form of HTTP: a
//! status, headers and a body, or why there was no answer.

mod http;

use contract::ports::{HttpRequest, HttpResult, SendFault};
use domain::destination::Destination;
use domain::hook::Timeout;
use services::delivery::request::SignedRequest;

use crate::Courier;

/// The request as it goes out, and as it is shown.
pub(crate) fn address(destination: &Destination, request: SignedRequest) -> HttpRequest {
    match destination {
        Destination::Http(url) => http::address(url.clone(), request),
    }
}

/// Whether this destination may be sent to, as a request.
pub(crate) fn question(destination: &Destination, headers: Vec<(String, String)>, timeout: Timeout) -> HttpRequest {
    match destination {
        Destination::Http(url) => http::question(url.clone(), headers, timeout),
    }
}

pub(crate) async fn send(
    courier: &Courier,
    destination: &Destination,
    request: HttpRequest,
) -> Result<HttpResult, SendFault> {
    match destination {
        Destination::Http(_) => courier.sender.send(request).await,
    }
}
