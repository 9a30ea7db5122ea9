//! When a page cannot be shown: what happened, whose fault it is, and what helps.

use std::any::Any;

use api_client::Refusal;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use crate::cookies::Area;
use crate::headers::Policy;
use crate::page::{self, Shell};
use crate::reader::Language;
use crate::texts::Texts;

/// Seconds after which a page is asked for again that could not be had.
const TRY_AGAIN: u64 = 5;

/// Why there is no page; it is made where the frame around it is known.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    cause: Cause,
    retry_after: Option<HeaderValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// As the status says.
    Status,
    /// A form was sent from another site.
    Elsewhere,
    /// A form is of another session.
    StaleForm,
    /// The session would travel in the clear.
    PlainHttp,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, detail, retry_after, .. } = refusal;
        Self { status, detail, cause: Cause::Status, retry_after }
    }
}

impl Failure {
    pub(crate) fn from_status(status: StatusCode, detail: &str) -> Self {
        Self { status, detail: detail.to_owned(), cause: Cause::Status, retry_after: None }
    }

    pub(crate) fn ours(detail: &str) -> Self {
        Self::from_status(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::from_status(StatusCode::NOT_FOUND, "")
    }

    pub(crate) fn elsewhere() -> Self {
        Self { cause: Cause::Elsewhere, ..Self::from_status(StatusCode::FORBIDDEN, "") }
    }

    pub(crate) fn stale_form() -> Self {
        Self { cause: Cause::StaleForm, ..Self::from_status(StatusCode::FORBIDDEN, "") }
    }

    pub(crate) fn plain_http() -> Self {
        Self { cause: Cause::PlainHttp, ..Self::from_status(StatusCode::FORBIDDEN, "") }
    }

    /// Nobody is logged in, or no longer.
    pub(crate) fn is_of_no_session(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(crate) fn title(&self, t: &Texts) -> &'static str {
        match (self.cause, self.status.as_u16()) {
            (Cause::Elsewhere, _) => t.failure_elsewhere,
            (Cause::StaleForm, _) => t.failure_stale_form,
            (Cause::PlainHttp, _) => t.failure_plain_http,
            (_, 403) => t.failure_forbidden,
            (_, 404 | 405) => t.failure_not_found,
            (_, 409) => t.failure_conflict,
            (_, 429) => t.failure_too_many,
            (_, 503) => t.failure_unavailable,
            (_, 400..=499) => t.failure_request,
            _ => t.failure_ours,
        }
    }

    fn help(&self, t: &Texts) -> &'static str {
        match (self.cause, self.status.as_u16()) {
            (Cause::Elsewhere, _) => t.help_elsewhere,
            (Cause::StaleForm, _) => t.help_stale_form,
            (Cause::PlainHttp, _) => t.help_plain_http,
            (_, 403) => t.help_forbidden,
            (_, 404 | 405) => t.help_not_found,
            (_, 409) => t.help_conflict,
            (_, 429) => t.help_too_many,
            (_, 503) => t.help_unavailable,
            (_, 400..=499) => t.help_request,
            _ => t.help_ours,
        }
    }

    pub(crate) fn main(&self, t: &Texts, area: Area, address: &str) -> Markup {
        // Details of the API are for programmers and in English; of our own faults they tell nobody anything.
        let detail = Some(self.detail.as_str()).filter(|detail| !detail.is_empty() && self.status.is_client_error());
        html! {
            section.empty role="alert" {
                p.failure-status { (self.status.as_u16()) }
                h1 { (self.title(t)) }
                @if let Some(detail) = detail { p.detail lang="en" { (detail) } }
                p { (self.help(t)) }
                p.actions {
                    @if self.status == StatusCode::SERVICE_UNAVAILABLE { a.button.primary href=(address) { (t.try_again) } }
                    a.button href=(area.root()) { (t.to_the_start) }
                }
            }
        }
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::REFRESH, HeaderValue::from(TRY_AGAIN));
        }
        if let Some(retry_after) = &self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after.clone());
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(crate) async fn no_such_page() -> Failure {
    Failure::not_found()
}

pub(crate) async fn method_not_allowed() -> Failure {
    Failure::from_status(StatusCode::METHOD_NOT_ALLOWED, "")
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over so")]
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    let error = text.unwrap_or("no text");
    tracing::error!(error, "a page cannot be shown, for an error in the program: {error}");
    Failure::ours("").into_response()
}

/// For who serves pages and has no router at the moment: says so, and asks again by itself.
pub fn unavailable() -> Response {
    let t = Language::English.texts();
    let failure = Failure::from_status(StatusCode::SERVICE_UNAVAILABLE, "");
    let main = failure.main(t, Area::Console, "");
    let text = page::document(&Shell::bare(Language::English, failure.title(t)), &main).into_string();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = failure.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Policy::default().write(headers);
    failure.write(headers);
    response
}
