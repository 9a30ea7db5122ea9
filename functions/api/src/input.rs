//! Reading requests: bodies, queries and paths, with problems that name the field.

use std::convert::Infallible;
use std::error::Error;
use std::str::FromStr;
use std::{io, iter};

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use bytes::Bytes;
use domain::strict::{self, MAX_FOUND, Read, WrongFields};
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::problem::{FieldError, Problem};

/// The most items of one page.
const MAX_LIMIT: usize = 100;
const DEFAULT_LIMIT: usize = 20;

/// The longest name of anything that has one, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 200;

pub(crate) fn check_name(name: &str, errors: &mut Vec<FieldError>) {
    if name.chars().count() > MAX_NAME_CHARS {
        errors.push(FieldError::new("name", format!("expected at most {MAX_NAME_CHARS} characters")));
    }
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

/// A JSON body, right or wrong. An empty one counts as `{}`.
pub(crate) struct Body<T>(Read<T>);

impl<T> Body<T> {
    /// What it says, for those who have nothing more to check.
    pub(crate) fn checked(self) -> Result<T, Problem> {
        let (value, wrong) = self.open()?;
        refuse(wrong, Vec::new())?;
        Ok(value)
    }

    /// What it says, and what is wrong with it so far. Something stands in for
    /// what is wrong, so that the rest can be checked as well; whoever opens a
    /// body has to end with [`refuse`] before anything is done.
    pub(crate) fn open(self) -> Result<(T, WrongFields), Problem> {
        open(self.0)
    }
}

pub(crate) fn open<T>(read: Read<T>) -> Result<(T, WrongFields), Problem> {
    match read.value {
        Some(value) => Ok((value, read.wrong)),
        None => Err(Problem::bad_body(read.wrong.and([]))),
    }
}

/// Tells all that is wrong with a body, its values among it.
pub(crate) fn refuse(wrong: WrongFields, errors: Vec<FieldError>) -> Result<(), Problem> {
    match wrong.and(errors) {
        none if none.is_empty() => Ok(()),
        all => Err(Problem::bad_body(all)),
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_coding(request.headers())?;
        let bytes = body_bytes(request).await?;
        read(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

/// A whole body, if it is not too large.
pub(crate) async fn body_bytes(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        let status = if has_timed_out(&rejection) { StatusCode::REQUEST_TIMEOUT } else { rejection.status() };
        let detail = match status {
            StatusCode::REQUEST_TIMEOUT => "the body did not come in time".to_owned(),
            StatusCode::PAYLOAD_TOO_LARGE => format!("the body is larger than {} bytes", crate::MAX_BODY_BYTES),
            _ => "the body could not be read".to_owned(),
        };
        Problem::new(status, detail)
    })
}

/// Tells `null` from an absent field.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads JSON, and all that is wrong with it.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Read<T>, Problem> {
    strict::read(strict::without_bom(bytes)).map_err(|error| {
        let hint = if is_utf_16(bytes) { "; it looks like UTF-16, and JSON is UTF-8" } else { "" };
        Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}{hint}"))
    })
}

/// It begins with the mark of UTF-16, or with a brace in it.
fn is_utf_16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..])
}

fn has_timed_out(error: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |&error| error.source());
    causes.any(|error| error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut))
}

/// Bodies are read as they come.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    match codings.all(|coding| coding.is_empty() || coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body has a Content-Encoding, and only identity is taken: send it uncompressed",
        )),
    }
}

/// The longest idempotency key, in bytes.
pub(crate) const MAX_IDEMPOTENCY_KEY_BYTES: usize = 256;

/// `Idempotency-Key`: names a request, so that the same one sent again is known by it.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let text = value.to_str().ok().filter(|text| (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&text.len()));
        let wrong = || {
            let message = format!("expected 1 to {MAX_IDEMPOTENCY_KEY_BYTES} ASCII characters");
            Problem::invalid(StatusCode::BAD_REQUEST, vec![FieldError::new("Idempotency-Key", message)])
        };
        text.map(|text| Self(Some(text.to_owned()))).ok_or_else(wrong)
    }
}

/// `traceparent`: where the request stands in a trace. One that cannot be read is none, as W3C
/// Trace Context has it, and so are several.
pub(crate) struct Traceparent(pub(crate) Option<TraceContext>);

impl<S: Send + Sync> FromRequestParts<S> for Traceparent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all("traceparent").iter();
        let only = values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
        Ok(Self(only.and_then(|text| text.parse().ok())))
    }
}

/// Query parameters; unknown ones are refused by name.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse_query(&parts.uri).map(Self)
    }
}

/// A parameter that is wrong is noted and left out, to learn of the others.
pub(crate) fn parse_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut query = uri.query().unwrap_or_default().to_owned();
    loop {
        let read = Uri::builder().path_and_query(format!("/?{query}")).build().map_err(|error| error.to_string());
        let read = read
            .and_then(|uri| axum::extract::Query::<T>::try_from_uri(&uri).map_err(|rejection| rejection.body_text()));
        let text = match read {
            Ok(found) if errors.is_empty() => return Ok(found.0),
            Ok(_) => break,
            Err(text) => text,
        };
        let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        let (name, mut message) = strict::parameter(text);
        if name.as_deref().is_some_and(|name| has_bare_plus(&query, name)) {
            message.push_str(BARE_PLUS);
        }
        errors.push(FieldError::new(name.as_deref().unwrap_or("query"), message));
        let is_other = |pair: &&str| name.as_deref() != Some(pair.split('=').next().unwrap_or_default());
        let rest = query.split('&').filter(is_other).collect::<Vec<_>>().join("&");
        if rest.len() == query.len() || errors.len() == MAX_FOUND {
            break;
        }
        query = rest;
    }
    Err(Problem::invalid(StatusCode::BAD_REQUEST, errors))
}

/// Of a time whose offset was not encoded: in a query a plus is a space.
const BARE_PLUS: &str = "; it has a space where a plus was meant: write the plus as %2B";

/// Whether the parameter would be a time, had its plus been encoded.
fn has_bare_plus(query: &str, name: &str) -> bool {
    let Ok(uri) = Uri::builder().path_and_query(format!("/?{query}")).build() else { return false };
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
    pairs.is_ok_and(|pairs| {
        let mut values = pairs.0.iter().filter(|(other, _)| other == name);
        values.any(|(_, value)| value.contains(' ') && Timestamp::parse(&value.replace(' ', "+")).is_ok())
    })
}

/// How many items a page is to have; a query has texts only.
pub(crate) fn page_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    number.map(Some).ok_or_else(|| D::Error::custom(format!("expected a whole number from 1 to {MAX_LIMIT}")))
}

/// `limit` as asked for, or the default.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::bad_parameter("limit", format!("expected a whole number from 1 to {MAX_LIMIT}"))),
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

impl Segments {
    /// Whether the route has a part of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().flatten().any(|(key, _)| key == name)
    }
}

/// A part of the path. What cannot be an id names nothing, so it is 404.
pub fn segment<T: FromStr>(segments: &Segments, name: &str, what: &str) -> Result<T, Problem> {
    let raw = segments.0.iter().flatten().find(|(key, _)| *key == name).map(|(_, value)| value);
    raw.and_then(|value| value.parse().ok()).ok_or_else(|| Problem::not_found(what))
}
