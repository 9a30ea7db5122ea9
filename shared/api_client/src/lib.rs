//! The API, asked from within its own process.
//!
//! - **In:** who asks, as a request from outside told it, and what is asked.
//! - **Out:** what the API's router answers, as JSON.
//! - **Promise:** whoever goes through here can do what the caller's key can do
//!   over HTTP, and nothing else: there is no other way in, and the router sees
//!   an ordinary request.

mod caller;
mod refusal;
pub mod single_headers;

use std::fmt::Write as _;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;
use url::form_urlencoded;

pub use caller::{Caller, ClientAddress};
pub use refusal::{FieldError, Refusal};

/// More than the largest answer of the API: a page of deliveries with all they sent.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// What stands in a segment as it is (RFC 3986, `unreserved`).
const IN_A_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of the API whose calls leave this process by no way.
#[derive(Clone)]
pub struct ApiClient(Router);

impl ApiClient {
    /// `router` is the API's.
    pub fn new(router: Router) -> Self {
        Self(router)
    }

    /// Calls are made with this caller's rights.
    pub fn on_behalf_of<'a>(&'a self, caller: &'a Caller) -> Calls<'a> {
        Calls { api: self, caller, idempotency_key: None, if_match: None }
    }
}

/// What one caller may ask.
#[derive(Clone, Copy)]
pub struct Calls<'a> {
    api: &'a ApiClient,
    caller: &'a Caller,
    idempotency_key: Option<&'a HeaderValue>,
    if_match: Option<&'a HeaderValue>,
}

impl<'a> Calls<'a> {
    /// The same, where what is made is made once for this key.
    #[must_use]
    pub fn once(self, idempotency_key: Option<&'a HeaderValue>) -> Self {
        Self { idempotency_key, ..self }
    }

    /// The same, where only this version may be changed.
    #[must_use]
    pub fn if_match(self, tag: &'a HeaderValue) -> Self {
        Self { if_match: Some(tag), ..self }
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, Refusal> {
        self.call(Method::GET, path, query, None).await
    }

    /// With the tag of the version that is answered.
    pub async fn get_tagged<T: DeserializeOwned>(&self, path: &[&str]) -> Result<(T, Option<HeaderValue>), Refusal> {
        let (head, answer) = self.send(Method::GET, path, &[], None).await?;
        Ok((read(&answer)?, head.get(header::ETAG).cloned()))
    }

    pub async fn post_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<T, Refusal> {
        self.call(Method::POST, path, query, Some(text(body)?)).await
    }

    /// JSON in the body stays as it is, byte for byte, where it is a raw value.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Refusal> {
        self.call(Method::POST, path, &[], Some(text(body)?)).await
    }

    /// What is ordered is answered with nothing.
    pub async fn order(&self, path: &[&str], body: &(impl Serialize + ?Sized)) -> Result<(), Refusal> {
        self.send(Method::POST, path, &[], Some(text(body)?)).await.map(drop)
    }

    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Refusal> {
        self.call(Method::PATCH, path, &[], Some(text(body)?)).await
    }

    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Refusal> {
        self.call(Method::PUT, path, &[], Some(text(body)?)).await
    }

    /// Nothing is answered.
    pub async fn delete(&self, path: &[&str]) -> Result<(), Refusal> {
        self.delete_with(path, &[]).await
    }

    pub async fn delete_with(&self, path: &[&str], query: &[(&str, &str)]) -> Result<(), Refusal> {
        self.send(Method::DELETE, path, query, None).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<T, Refusal> {
        read(&self.send(method, path, query, body).await?.1)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<(HeaderMap, Bytes), Refusal> {
        let has_body = body.is_some();
        let mut request = Request::new(body.map_or_else(Body::empty, Body::from));
        *request.method_mut() = method;
        *request.uri_mut() = uri(path, query)?;
        if has_body {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = self.idempotency_key {
            request.headers_mut().insert("idempotency-key", key.clone());
        }
        if let Some(tag) = self.if_match {
            request.headers_mut().insert(header::IF_MATCH, tag.clone());
        }
        self.caller.introduce(&mut request);
        let Ok(response) = self.api.0.clone().oneshot(request).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| Refusal::of_ours(format!("an answer of the API cannot be read: {error}")))?;
        if head.status.is_success() { Ok((head.headers, body)) } else { Err(Refusal::read(&head, &body)) }
    }
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(answer).map_err(|error| Refusal::of_ours(format!("an answer of the API is odd: {error}")))
}

fn text(body: &(impl Serialize + ?Sized)) -> Result<String, Refusal> {
    serde_json::to_string(body).map_err(|error| Refusal::of_ours(format!("a body cannot be written: {error}")))
}

/// Each segment is one name, whatever it holds.
fn uri(path: &[&str], query: &[(&str, &str)]) -> Result<Uri, Refusal> {
    let mut text = String::new();
    for segment in path {
        let _ = write!(text, "/{}", utf8_percent_encode(segment, IN_A_SEGMENT));
    }
    if !query.is_empty() {
        text.push('?');
        text.push_str(&form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish());
    }
    text.parse().map_err(|_| Refusal::new(StatusCode::NOT_FOUND, "no such route"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_one_name_whatever_it_holds() {
        let uri = |path: &[&str], query: &[(&str, &str)]| uri(path, query).unwrap().to_string();
        assert_eq!(uri(&["v1", "tenants", "a/b"], &[]), "/v1/tenants/a%2Fb");
        assert_eq!(uri(&["v1", "..", "a?b#c"], &[]), "/v1/../a%3Fb%23c");
        assert_eq!(
            uri(&["v1", "é", ""], &[("name", "a&b=c"), ("x", "ü +")]),
            "/v1/%C3%A9/?name=a%26b%3Dc&x=%C3%BC+%2B"
        );
    }
}
