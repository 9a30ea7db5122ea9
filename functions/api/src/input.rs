//! Reading requests: bodies, queries and paths, with problems that name the field.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use domain::strict::{self, Strict};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::problem::{FieldError, Problem};

/// The most items of one page.
const MAX_LIMIT: usize = 100;
const DEFAULT_LIMIT: usize = 20;

/// The longest name of anything that has one, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 200;

pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    if name.chars().count() <= MAX_NAME_CHARS {
        return Ok(());
    }
    let message = format!("expected at most {MAX_NAME_CHARS} characters");
    Err(Problem::bad_body(vec![FieldError::new("name", message)]))
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// 1 to 100, 20 by default
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

/// A JSON body. An empty one counts as `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            let detail = match status {
                StatusCode::PAYLOAD_TOO_LARGE => format!("the body is larger than {} bytes", crate::MAX_BODY_BYTES),
                _ => "the body could not be read".to_owned(),
            };
            Problem::new(status, detail)
        })?;
        parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

/// Tells `null` from an absent field.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Parses JSON. Only when that fails it is parsed again to learn where.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    strict::from_slice(bytes).map_err(|error| {
        let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
        match serde_path_to_error::deserialize::<_, T>(Strict(deserializer)) {
            Err(located) if error.is_data() => {
                let path = located.path().to_string();
                let field = if path.is_empty() || path == "." { "body".to_owned() } else { path };
                Problem::bad_body(vec![FieldError::new(field, without_position(&located.into_inner().to_string()))])
            }
            _ => Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")),
        }
    })
}

/// Line and column help with a syntax error, not with a field that has a name.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

/// Query parameters; unknown ones are refused by name.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|found| Self(found.0)).map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            // The message begins with the parameter's name where there is one.
            let named = message.split_once(": ").filter(|(name, _)| !name.is_empty());
            let (name, message) = named.unwrap_or(("query", message));
            Problem::bad_parameter(name, message)
        })
    }
}

/// `limit` as asked for, or the default.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::bad_parameter("limit", format!("expected a number from 1 to {MAX_LIMIT}"))),
    }
}

/// The parts of the path that have a name. One that is not UTF-8 leaves none.
pub struct Segments(Option<RawPathParams>);

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(RawPathParams::from_request_parts(parts, state).await.ok()))
    }
}

/// A part of the path. What cannot be an id names nothing, so it is 404.
pub fn segment<T: FromStr>(segments: &Segments, name: &str, what: &str) -> Result<T, Problem> {
    let raw = segments.0.iter().flatten().find(|(key, _)| *key == name).map(|(_, value)| value);
    raw.and_then(|value| value.parse().ok()).ok_or_else(|| Problem::not_found(what))
}
