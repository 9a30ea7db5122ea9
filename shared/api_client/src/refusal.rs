//! What the API does not do, and why.

use http::response::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

/// An answer that is no success.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    /// What kind of problem it is, such as `limit_reached`, and the same in every release. Empty where
    /// nothing of the kind was told.
    pub code: String,
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
    code: String,
    detail: String,
    errors: Vec<FieldError>,
}

impl Refusal {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, code: String::new(), detail: detail.into(), errors: Vec::new(), retry_after: None }
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
        let Problem { code, detail, errors } = serde_json::from_slice(body).unwrap_or_default();
        let retry_after = head.headers.get(header::RETRY_AFTER).cloned();
        Self { status: head.status, code, detail, errors, retry_after }
    }

    /// Whether something has that name already. Where a wait is told it has none any more, and the name is not
    /// free yet.
    pub fn is_taken(&self) -> bool {
        self.code == "conflict" && self.retry_after.is_none()
    }
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn read(status: u16, wait: Option<&str>, body: &str) -> Refusal {
        let mut response = Response::builder().status(status);
        if let Some(wait) = wait {
            response = response.header(header::RETRY_AFTER, wait);
        }
        Refusal::read(&response.body(()).unwrap().into_parts().0, body.as_bytes())
    }

    #[test]
    fn conflicts_are_told_apart_by_their_codes_and_by_how_long_they_last() {
        for (wait, code, is_taken) in [
            (None, "conflict", true),
            (Some("30"), "conflict", false),
            (None, "limit_reached", false),
            (None, "overtaken", false),
            (Some("2"), "request_under_way", false),
        ] {
            let refusal = read(409, wait, &format!(r#"{{"code":"{code}","detail":"why","errors":[]}}"#));
            assert_eq!((&*refusal.code, &*refusal.detail, refusal.is_taken()), (code, "why", is_taken));
        }
        let unreadable = read(502, None, "<html>");
        assert_eq!((&*unreadable.code, &*unreadable.detail), ("", ""));
    }
}
