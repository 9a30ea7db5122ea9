//! Errors as RFC 9457 problem details: public words, private cause.

mod code;
mod quota;

use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contract::ports::{QueueError, SendFault, StoreError, Unreadable};
use contract::stage::{Fault, causes};
use domain::event::Fingerprint;
pub use domain::invalid::FieldError;
use domain::invalid::join;
use domain::strict::MAX_FOUND;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use code::ProblemCode;
pub(crate) use quota::Quota;

/// What a client is told to wait when we are the ones who cannot.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same for what takes longer to pass, such as a full disk.
const RETRY_LATER: Duration = Duration::from_secs(10);

/// An RFC 9457 problem document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:hookline:problem:` and the code.
    #[serde(rename = "type")]
    kind: &'static str,
    code: ProblemCode,
    /// The status in words.
    title: String,
    status: u16,
    /// What went wrong and what would be right.
    detail: String,
    /// One entry for each field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Where another event has an id: what both say.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprints: Option<Box<Fingerprints>>,
    #[serde(skip)]
    wait: Option<Box<Wait>>,
}

/// How long to wait, for headers.
#[derive(Debug, Clone)]
struct Wait {
    /// For `Retry-After`.
    after: Duration,
    /// For `RateLimit` and `RateLimit-Policy`.
    quota: Option<Quota>,
}

/// SHA-256 of two events that were published under one id, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Fingerprints {
    /// Of the event that has the id.
    known: String,
    /// Of the one that was refused.
    given: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let code = ProblemCode::of(status);
        Self {
            kind: code.urn(),
            code,
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            fingerprints: None,
            wait: None,
        }
    }

    /// Whether the same may go through when what is there now is looked at.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.code == ProblemCode::Overtaken
    }

    /// Whether something that it needs is stored and cannot be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.code == ProblemCode::Unreadable
    }

    /// 422, or 400 where a parameter outside the body is wrong. Of each field
    /// the first that is wrong is told.
    pub fn invalid(status: StatusCode, mut errors: Vec<FieldError>) -> Self {
        let mut told = HashSet::new();
        errors.retain(|error| told.insert(error.field.clone()));
        name_once(&mut errors);
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            many if many.len() >= MAX_FOUND => format!("{} fields are wrong, and more may be", many.len()),
            many => format!("{} fields are wrong", many.len()),
        };
        Self { errors, ..Self::new(status, detail) }
    }

    pub fn bad_body(errors: Vec<FieldError>) -> Self {
        Self::invalid(StatusCode::UNPROCESSABLE_ENTITY, errors)
    }

    pub fn bad_parameter(name: &str, message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, vec![FieldError::new(name, message)])
    }

    /// The same for what does not exist and for what belongs to others.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("no such {what}"))
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub fn limit_reached(detail: impl Into<String>) -> Self {
        Self::conflict(detail).with_code(ProblemCode::LimitReached)
    }

    #[must_use]
    pub(crate) fn with_code(self, code: ProblemCode) -> Self {
        Self { kind: code.urn(), code, ..self }
    }

    /// The same of what was given as the field `prefix`; what is wrong with `patch` as a whole
    /// is told of that.
    #[must_use]
    pub(crate) fn within(mut self, prefix: &str) -> Self {
        if self.errors.is_empty() {
            return self;
        }
        for error in &mut self.errors {
            error.field = match error.field.as_str() {
                "" => prefix.to_owned(),
                name => join(prefix, name),
            };
        }
        let errors = std::mem::take(&mut self.errors);
        self.of(errors)
    }

    /// The same, told of these fields.
    #[must_use]
    pub(crate) fn of(self, errors: Vec<FieldError>) -> Self {
        let Self { detail, errors, .. } = Self::invalid(self.status(), errors);
        Self { detail, errors, ..self }
    }

    #[must_use]
    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    #[must_use]
    pub(crate) fn with_fingerprints(self, known: Fingerprint, given: Fingerprint) -> Self {
        let fingerprints = Some(Box::new(Fingerprints { known: known.to_string(), given: given.to_string() }));
        Self { fingerprints, ..self }.with_code(ProblemCode::IdTaken)
    }

    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { wait: Some(Box::new(Wait { after: wait, quota: None })), ..self }
    }

    pub(crate) fn too_many(detail: &str, retry_after: Duration, quota: Quota) -> Self {
        let wait = Some(Box::new(Wait { after: retry_after, quota: Some(quota) }));
        Self { wait, ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).after(RETRY_LATER)
    }

    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side; the log says what")
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }
}

/// The names that an object takes are listed where the first unknown one is told.
fn name_once(errors: &mut [FieldError]) {
    let mut told = HashSet::new();
    for error in errors {
        if let Some((unknown, _)) = error.message.split_once("; expected ")
            && unknown == "unknown field"
            && !told.insert(error.message.clone())
        {
            error.message = unknown.to_owned();
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let is_unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
        let usual = || is_unavailable.then(|| Box::new(Wait { after: RETRY_AFTER, quota: None }));
        let wait = self.wait.clone().or_else(usual);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = wait {
            let seconds = wait.after.as_secs().max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            if let Some(quota) = wait.quota {
                quota.write(seconds, headers);
            }
        }
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // RFC 9110, section 12.5.3.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(r#"Bearer, Basic realm="hookline""#);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict => {
                Self::conflict("somebody else changed it at the same time; read it again and retry")
                    .with_code(ProblemCode::Overtaken)
            }
            StoreError::BadCursor => Self::bad_parameter("cursor", "expected the next_cursor of an earlier answer"),
            StoreError::LimitReached => Self::limit_reached("limit reached: no more can be created"),
            StoreError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too large for the store"),
            StoreError::Unavailable(_) => {
                let error = causes(&error);
                tracing::error!(%error, "a request is answered with 503: {error}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; try again")
            }
            StoreError::Corrupt(_) => {
                let error = causes(&error);
                tracing::error!(%error, "a request is answered with 500: {error}");
                Self::internal()
            }
            StoreError::Unreadable(unreadable) => Self::from(unreadable.clone()),
        }
    }
}

impl From<SendFault> for Problem {
    fn from(fault: SendFault) -> Self {
        tracing::error!(error = %fault, "a request to an endpoint could not go out: {fault}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the request could not go out, and that is our own fault; try again")
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        tracing::error!(error = %unreadable, "a request is answered with 500: {unreadable}");
        let advice =
            "if a newer version of Hookline wrote it, run that version; else put it back from a backup, or delete it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{unreadable}; {advice}"))
            .with_code(ProblemCode::Unreadable)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error.into(),
            Fault::Queue(error) => error.into(),
            Fault::Internal(error) => {
                let error = causes(error.as_ref());
                tracing::error!(%error, "a request is answered with 500: {error}");
                Self::internal()
            }
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match &error {
            QueueError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the event is too large for the queue"),
            QueueError::Full => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many events are waiting; nothing was accepted, try again",
            ),
            QueueError::NoRoom => Self::unavailable("the disk is nearly full; nothing was accepted, try again"),
            QueueError::Unavailable(_) => {
                let error = causes(&error);
                tracing::error!(%error, "a request is answered with 503: {error}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the queue does not answer; try again")
            }
        }
    }
}
