//! Changes come from our own pages: browsers say where a form was sent from, and each form
//! has a token that only who can read a page of the session knows.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::{Url, form_urlencoded};

use crate::cookies::{self, Area};
use crate::failure::Failure;

/// The field of every form that carries [`form_token`].
pub(crate) const TOKEN_FIELD: &str = "form_token";
/// More than a hook with everything in it.
const MAX_FORM_BYTES: usize = 1024 * 1024;

/// Follows from the session's token, which cannot be found by it.
pub(crate) fn form_token(session: &str) -> String {
    let digest = Sha256::new().chain_update("hookline form\n").chain_update(session).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

/// What a form holds, in the order of its fields.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Without white space around it, and nothing where nothing was typed.
    pub(crate) fn typed(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        request.extensions().get::<Self>().cloned().ok_or_else(|| Failure::ours("the form was not read"))
    }
}

/// For what is sent with a session: the origin, and the form's token.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let expected = cookies::session(request.headers(), Area::of(request.uri().path())).map(form_token);
    take(request, next, |form| {
        // Without a session there is nothing to protect; whoever needs one is sent to log in.
        let Some(expected) = expected else { return Ok(()) };
        let given = form.get(TOKEN_FIELD).unwrap_or_default();
        match bool::from(given.as_bytes().ct_eq(expected.as_bytes())) {
            true => Ok(()),
            false => Err(Failure::stale_form()),
        }
    })
    .await
}

/// For what is sent without one, as a login is: the origin.
pub(crate) async fn guard_open(request: Request, next: Next) -> Response {
    take(request, next, |_| Ok(())).await
}

async fn take(request: Request, next: Next, check: impl FnOnce(&Form) -> Result<(), Failure>) -> Response {
    if !is_same_origin(request.headers()) {
        return Failure::elsewhere().into_response();
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_FORM_BYTES).await else {
        return Failure::from_status(StatusCode::PAYLOAD_TOO_LARGE, "the form is too large").into_response();
    };
    let form = Form::read(&body);
    if let Err(failure) = check(&form) {
        return failure.into_response();
    }
    parts.extensions.insert(form);
    next.run(Request::from_parts(parts, Body::empty())).await
}

/// Browsers of today say so themselves; older ones tell the origin, which has to be the host.
/// A proxy may have changed the host, so it is only asked where there is nothing better.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let Some(Ok(origin)) = text(header::ORIGIN).map(Url::parse) else { return false };
    let Some(Ok(host)) = text(header::HOST).map(|host| Url::parse(&format!("{}://{host}", origin.scheme()))) else {
        return false;
    };
    origin.origin().is_tuple() && origin.origin() == host.origin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_change_comes_from_a_page_of_the_same_origin() {
        let is_same = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("hooks.example.com"));
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_same_origin(&headers)
        };
        assert!(is_same(&[("sec-fetch-site", "same-origin")]));
        assert!(is_same(&[("origin", "https://hooks.example.com")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!is_same(&[("sec-fetch-site", site), ("origin", "https://hooks.example.com")]), "{site}");
        }
        for origin in [
            "null",
            "https://evil.example.com",
            "https://hooks.example.com.evil.com",
            "https://hooks.example.com:8443",
            "file://",
        ] {
            assert!(!is_same(&[("origin", origin)]), "{origin}");
        }
        assert!(!is_same(&[]));
    }
}
