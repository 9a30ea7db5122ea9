//! Who asks: a key as bearer token, as the SDKs send it.

use api_client::{ApiClient, Caller, Calls, single_headers};
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::answer::Refused;
use crate::hex::hex;

/// As the API itself.
const MAX_KEY_BYTES: usize = 256;

pub(crate) struct Access {
    api: ApiClient,
    caller: Caller,
    idempotency_key: Option<HeaderValue>,
}

impl Access {
    pub(crate) fn api(&self) -> Calls<'_> {
        self.api.on_behalf_of(&self.caller)
    }

    /// The same, for what is to be made once however often the request is sent.
    pub(crate) fn once(&self) -> Calls<'_> {
        self.api().once(self.idempotency_key.as_ref())
    }

    /// The key of one of several requests that are made for this one, as each may have another answer.
    pub(crate) fn key_of(&self, part: u8) -> Option<HeaderValue> {
        self.idempotency_key.as_ref().map(|key| part_of_key(key, part))
    }

    pub(crate) fn idempotency_key(&self) -> Option<&[u8]> {
        self.idempotency_key.as_ref().map(HeaderValue::as_bytes)
    }
}

/// Shorter than a key may be, however long this one is. One that cannot be one stays as it is, and is refused.
fn part_of_key(key: &HeaderValue, part: u8) -> HeaderValue {
    let is_key = (1..=MAX_KEY_BYTES).contains(&key.len()) && key.to_str().is_ok();
    let digest = Sha256::digest(key.as_bytes());
    let made = HeaderValue::try_from(format!("{}/{part}", hex(&digest))).ok();
    made.filter(|_| is_key).unwrap_or_else(|| key.clone())
}

impl<S: Send + Sync> FromRequestParts<S> for Access
where
    ApiClient: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        if let Some(wrong) = single_headers::repeated(&parts.headers, &single_headers::OF_THE_API).first() {
            let detail = format!("{}: {}", wrong.field, wrong.message);
            return Err(Refused::new(StatusCode::BAD_REQUEST, "generic_error", detail));
        }
        let scheme = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().get(..7));
        if !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")) {
            let detail = "expected an API key as bearer token";
            return Err(Refused::new(StatusCode::UNAUTHORIZED, "authentication_failed", detail));
        }
        let idempotency_key = parts.headers.get("idempotency-key").cloned();
        Ok(Self { api: ApiClient::from_ref(state), caller: Caller::of(parts), idempotency_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_request_has_a_key_of_its_own_that_is_not_too_long() {
        let key = |text: &str| HeaderValue::try_from(text).unwrap();
        let longest = key(&"a".repeat(MAX_KEY_BYTES));
        for given in [&key("k"), &longest] {
            let (one, two) = (part_of_key(given, 1), part_of_key(given, 2));
            assert!(one != two && one == part_of_key(given, 1) && one.len() <= MAX_KEY_BYTES);
            assert!(one.to_str().is_ok());
        }
        assert_ne!(part_of_key(&key("k"), 1), part_of_key(&key("l"), 1));
        // As the API refuses them.
        for wrong in [key(""), key(&"a".repeat(MAX_KEY_BYTES + 1)), HeaderValue::from_bytes(b"\xe4").unwrap()] {
            assert_eq!(part_of_key(&wrong, 1), wrong);
        }
    }
}
