//! A request as it is shown: by the log, and by a test.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::secret::Secret;
use domain::settings::{Auth, MASK};
use domain::time::Timestamp;
use serde::Serialize;
use services::delivery::request::{EventToSend, SendContext};
use services::delivery::resolved_hook::ResolvedHook;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct Header {
    name: String,
    value: String,
}

/// A request as it left, save for secrets other than signatures, which are
/// masked.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestView {
    method: String,
    url: String,
    /// In the order they are sent
    headers: Vec<Header>,
    /// The exact bytes, as text or in base64
    body: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    body_is_base64: bool,
}

impl Header {
    pub(super) fn of((name, value): &(String, String)) -> Self {
        Self { name: name.clone(), value: value.clone() }
    }
}

impl RequestView {
    /// What this hook sent then, built once more to the same bytes, save for
    /// what was [`masked`] in it.
    pub(super) fn made_again(
        hook: &ResolvedHook,
        subjects: &[EventToSend<'_>],
        id: &str,
        at: Timestamp,
        form: u64,
        with_key: bool,
    ) -> Result<Self, String> {
        let token = Secret::new(MASK);
        let moment = SendContext { at, token: Some(&token), key: None, form, identity: None };
        let mut request = courier::build(hook, subjects, id, moment, with_key).map_err(|error| error.to_string())?;
        if matches!(hook.settings.auth, Auth::Basic { .. }) {
            // In base64 the mask would not be told from a password.
            let credentials = request.headers.iter_mut().filter(|(name, _)| name == "authorization");
            credentials.for_each(|(_, value)| *value = format!("Basic {MASK}"));
        }
        let (body, body_is_base64) = match String::from_utf8(request.body.into()) {
            Ok(text) => (text, false),
            Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
        };
        Ok(Self {
            method: request.method.to_owned(),
            url: request.url.to_string(),
            headers: request.headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
            body,
            body_is_base64,
        })
    }
}

/// With everything masked that is secret but signs nothing.
pub(super) fn masked(mut hook: ResolvedHook) -> ResolvedHook {
    let headers = hook.settings.headers.iter_mut().filter(|header| header.secret);
    let values = headers.filter_map(|header| header.value.as_mut());
    let key = Arc::make_mut(&mut hook.hook).verification_key.as_mut();
    hook.settings.auth.secret_mut().into_iter().chain(values).chain(key).for_each(|secret| *secret = Secret::new(MASK));
    hook
}
