//! Who asks: a key as bearer token, as the SDKs send it.

use api_client::{ApiClient, Caller, Calls, single_headers};
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

use super::answer::Refused;

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

    pub(crate) fn idempotency_key(&self) -> Option<&[u8]> {
        self.idempotency_key.as_ref().map(HeaderValue::as_bytes)
    }
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
