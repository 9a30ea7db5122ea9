//! Answers: data, or what was wrong in the shape that the SDKs read.

use api_client::Refusal;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// What is wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    /// Such as `["body", "url"]`.
    pub(crate) loc: Vec<String>,
    pub(crate) msg: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

#[derive(Debug)]
pub(crate) enum Refused {
    Plain { status: StatusCode, code: &'static str, detail: String, retry_after: Option<HeaderValue> },
    Items(Vec<Item>),
}

#[derive(Serialize)]
struct Plain<'a> {
    code: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Items {
    detail: Vec<Item>,
}

impl Item {
    pub(crate) fn new(loc: &[&str], msg: impl Into<String>) -> Self {
        Self { loc: loc.iter().map(|&part| part.to_owned()).collect(), msg: msg.into(), kind: "value_error" }
    }
}

impl Refused {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Plain { status, code, detail: detail.into(), retry_after: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Entity not found")
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// It is asked again by the SDKs themselves.
    pub(crate) fn later(detail: impl Into<String>) -> Self {
        Self::Plain {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "server_error",
            detail: detail.into(),
            retry_after: Some(HeaderValue::from_static("1")),
        }
    }

    pub(crate) fn of(loc: &[&str], msg: impl Into<String>) -> Self {
        Self::Items(vec![Item::new(loc, msg)])
    }
}

/// The API's words, about the fields that were sent.
impl From<Refusal> for Refused {
    fn from(Refusal { status, detail, errors, retry_after, .. }: Refusal) -> Self {
        let by_field = matches!(status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST);
        if by_field && !errors.is_empty() {
            let place = if status == StatusCode::BAD_REQUEST { "query" } else { "body" };
            return Self::Items(
                errors.iter().map(|error| Item::new(&[place, &their_name(&error.field)], &*error.message)).collect(),
            );
        }
        let code = match status {
            StatusCode::UNAUTHORIZED => "authentication_failed",
            StatusCode::FORBIDDEN => "insufficient access",
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::CONFLICT => "conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
            StatusCode::TOO_MANY_REQUESTS => "rate_limited",
            status if status.is_server_error() => "server_error",
            _ => "generic_error",
        };
        Self::Plain { status, code, detail, retry_after }
    }
}

/// What a field of the API is called here.
fn their_name(field: &str) -> String {
    let (name, rest) = field.split_at(field.find(['.', '[']).unwrap_or(field.len()));
    let theirs = match name {
        "id" => "uid",
        "type" | "event_type" => "eventType",
        "events" => "eventTypes",
        "enabled" => "disabled",
        "data" => "payload",
        "rate_limit" => "throttleRate",
        "schema" => "schemas",
        "deliver_at" => "deliverAt",
        "overlap" => "gracePeriodSeconds",
        "session_expires_in" => "expiry",
        other => other,
    };
    format!("{theirs}{rest}")
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Items(detail) => (StatusCode::UNPROCESSABLE_ENTITY, Json(Items { detail })).into_response(),
            Self::Plain { status, code, detail, retry_after } => {
                let mut response = (status, Json(Plain { code, detail: &detail })).into_response();
                if let Some(wait) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, wait);
                }
                if status == StatusCode::UNAUTHORIZED {
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }
}

/// 201 where something was made, and 200 where it was there.
pub(crate) fn made_or<T: Serialize>(made: bool, value: T) -> Response {
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(value)).into_response()
}

pub(crate) async fn no_such_route() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "not_found", "there is no such operation here")
}

pub(crate) async fn method_not_allowed() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method")
}

#[cfg(test)]
mod tests {
    use super::their_name;

    #[test]
    fn fields_are_told_by_the_names_that_were_sent() {
        for (ours, theirs) in [("events[0]", "eventTypes[0]"), ("rate_limit", "throttleRate"), ("url", "url")] {
            assert_eq!(their_name(ours), theirs);
        }
    }
}
