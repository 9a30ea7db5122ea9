//! What a receiver that wants requests answers to the questions that come before them.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, Method};
use axum::response::{IntoResponse as _, Response};
use domain::settings::VerificationKind;
use serde_json::{Value, json};

/// To one with OPTIONS: whoever asks may send, as often as it likes.
pub(super) fn to_options(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let origin = headers.get("webhook-request-origin").filter(|_| method == Method::OPTIONS)?;
    let name = HeaderName::from_static;
    let mut answer = HeaderMap::from_iter([(name("webhook-allowed-origin"), origin.clone())]);
    if headers.contains_key("webhook-request-rate") {
        answer.insert(name("webhook-allowed-rate"), "*".parse().ok()?);
    }
    Some(answer.into_response())
}

/// To a challenge, where the profile has them.
pub(super) fn to_challenge(kind: VerificationKind, body: &[u8]) -> Option<Response> {
    let body: Value = (kind == VerificationKind::Challenge).then(|| serde_json::from_slice(body).ok())??;
    let challenge = (body["type"] == "verification").then(|| &body["challenge"]).filter(|it| it.is_string())?;
    Some(Json(json!({ "challenge": challenge })).into_response())
}
