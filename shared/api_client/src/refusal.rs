//! What the API does not do, and why.

use http::response::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

/// An answer that is no success.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    /// What went wrong and what would be right, fit to show.
    pub detail: String,
    /// One entry for each field that is wrong.
    pub errors: Vec<FieldError>,
    pub retry_after: Option<HeaderValue>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

/// The parts of a problem document (RFC 9457) that are told on.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    errors: Vec<FieldError>,
}

impl Refusal {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    pub fn of_fields(status: StatusCode, errors: Vec<FieldError>) -> Self {
        let told: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        Self { errors, ..Self::new(status, told.join("; ")) }
    }

    /// Nothing that the caller could put right.
    pub(crate) fn of_ours(detail: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    pub(crate) fn read(head: &Parts, body: &[u8]) -> Self {
        let Problem { detail, errors } = serde_json::from_slice(body).unwrap_or_default();
        let retry_after = head.headers.get(header::RETRY_AFTER).cloned();
        Self { status: head.status, detail, errors, retry_after }
    }
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}
