//! What the address of a page says. Whoever follows a link did not write it, so it may hold anything.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Parameters that a page does not know are left alone, as others add them to links.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let detail = "the address of the page has a parameter twice";
        let read = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        read.map(|query| Self(query.0)).map_err(|_| Failure::from_status(StatusCode::BAD_REQUEST, detail))
    }
}

/// Of what was done before a page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Done {
    pub(crate) done: String,
}

/// What the API is asked with: those that say something.
pub(crate) fn given<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().copied().filter(|(_, value)| !value.is_empty()).collect()
}
