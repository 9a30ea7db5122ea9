//! What an operation does not take is refused by name: parameters where its
//! document names none, and a body where it has none. Whatever is accepted has an
//! effect, and whoever sends `?dry_run=true` to a route without it has to learn that. The same goes
//! for headers of which only one can count.

use api_client::single_headers;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest as _, MatchedPath, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::input::{self, parse_query};
use crate::operations::Operations;
use crate::problem::{FieldError, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The operation of a route, which refuses what it does not take.
pub(crate) struct Checked {
    pub(crate) operations: &'static Operations,
    pub(crate) path: MatchedPath,
    pub(crate) next: Next,
}

impl Checked {
    pub(crate) fn path(&self) -> &str {
        self.path.as_str()
    }

    pub(crate) async fn run(self, request: Request) -> Response {
        match self.check(request).await {
            Ok(request) => self.next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    }

    /// The request as the route may have it.
    async fn check(&self, request: Request) -> Result<Request, Problem> {
        let takes = self.operations.takes(request.method(), self.path());
        if !takes.query && request.uri().query().is_some() {
            parse_query::<Nothing>(request.uri())?;
        }
        if takes.body || request.body().is_end_stream() {
            return Ok(request);
        }
        let (head, body) = request.into_parts();
        let limited = Request::from_parts(head.clone(), body);
        input::Body::<Nothing>::from_request(limited, &()).await?.checked()?;
        Ok(Request::from_parts(head, Body::empty()))
    }
}

/// Before anybody looks for a key in them.
pub(crate) fn repeated_headers(headers: &HeaderMap) -> Vec<FieldError> {
    let repeated = single_headers::repeated(headers, &single_headers::OF_THE_API);
    repeated.into_iter().map(|error| FieldError::new(error.field, error.message)).collect()
}
