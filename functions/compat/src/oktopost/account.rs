//! Whose webhooks a request is about: HTTP Basic with account and API key.

use api_client::{ApiClient, Caller, Calls, single_headers};
use axum::extract::{FromRef, FromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use super::answer::Refused;

pub(crate) struct Account {
    /// The tenant.
    pub(crate) id: String,
    api: ApiClient,
    caller: Caller,
}

impl Account {
    pub(crate) fn api(&self) -> Calls<'_> {
        self.api.on_behalf_of(&self.caller)
    }

    /// `/v1/tenants/{tenant}/…`
    pub(crate) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["v1", "tenants", self.id.as_str()], rest].concat()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Account
where
    ApiClient: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let repeated = single_headers::repeated(&parts.headers, &["Authorization", "Content-Type"]);
        if !repeated.is_empty() {
            return Err(Refused::of_fields(repeated));
        }
        let id = user_name(&parts.headers).ok_or_else(|| {
            Refused::new(StatusCode::UNAUTHORIZED, "expected HTTP Basic with the account's id and an API key")
        })?;
        Ok(Self { id, api: ApiClient::from_ref(state), caller: Caller::of(parts) })
    }
}

fn user_name(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, _) = text.split_once(':')?;
    (!user.is_empty()).then(|| user.to_owned())
}
