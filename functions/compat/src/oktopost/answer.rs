//! Answers: `Result` in each, and what was wrong where it is false.

use std::collections::BTreeMap;

use api_client::{FieldError, Refusal};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

/// What is answered where something was done.
#[derive(Serialize)]
pub(crate) struct Done<T: Serialize> {
    #[serde(rename = "Result")]
    result: bool,
    #[serde(flatten)]
    rest: T,
}

pub(crate) type Answer<T> = Result<Json<Done<T>>, Refused>;

pub(crate) fn done<T: Serialize>(rest: T) -> Answer<T> {
    Ok(Json(Done { result: true, rest }))
}

#[derive(Serialize)]
pub(crate) struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct List<T: Serialize> {
    pub(crate) items: Vec<T>,
    pub(crate) total: usize,
}

pub(crate) struct Refused(Refusal);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed<'a> {
    result: bool,
    error: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<&'a str, &'a str>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, detail: &str) -> Self {
        Self(Refusal::new(status, detail))
    }

    pub(crate) fn of_fields(errors: Vec<FieldError>) -> Self {
        Self(Refusal::of_fields(StatusCode::BAD_REQUEST, errors))
    }
}

/// The API's words, about the fields that were sent.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        if refusal.errors.is_empty() {
            return Self(refusal);
        }
        let renamed = refusal.errors.into_iter().map(|error| FieldError { field: their_name(&error.field), ..error });
        let of_fields = Refusal::of_fields(refusal.status, renamed.collect());
        Self(Refusal { code: refusal.code, retry_after: refusal.retry_after, ..of_fields })
    }
}

fn their_name(field: &str) -> String {
    match field.split(['.', '[']).next().unwrap_or(field) {
        "events" => "event".to_owned(),
        "enabled" => "isEnabled".to_owned(),
        _ => field.to_owned(),
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(Refusal { status, detail, errors, retry_after, .. }) = self;
        let errors = errors.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect();
        let mut response = (status, Json(Failed { result: false, error: &detail, errors })).into_response();
        if let Some(wait) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(r#"Basic realm="hookline""#);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

pub(crate) async fn method_not_allowed() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
}

/// `2026-01-31 09:30:00`, in UTC, of a time as the API writes it.
pub(crate) fn date(at: &str) -> String {
    at.get(..19).unwrap_or(at).replacen('T', " ", 1)
}

/// The same, or a dash where there is none.
pub(crate) fn date_or_dash(at: Option<&str>) -> String {
    at.map_or_else(|| "-".to_owned(), date)
}

/// JSON as it is; text where it is none.
pub(crate) fn raw(text: &str) -> Box<RawValue> {
    let quoted = || serde_json::value::to_raw_value(text).unwrap_or_default();
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| quoted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_in_seconds_without_a_zone() {
        assert_eq!(date("2026-01-31T09:30:00.123Z"), "2026-01-31 09:30:00");
        assert_eq!(date_or_dash(None), "-");
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        assert_eq!(raw(r#"{"a": 1.50}"#).get(), r#"{"a": 1.50}"#);
        assert_eq!(raw("a=1&b=2").get(), r#""a=1&b=2""#);
    }

    #[test]
    fn fields_are_told_by_the_names_that_were_sent() {
        for (ours, theirs) in [("events[0]", "event"), ("enabled", "isEnabled"), ("url", "url"), ("name", "name")] {
            assert_eq!(their_name(ours), theirs);
        }
    }
}
