//! Whether the server is well.

use axum::extract::State;
use http::StatusCode;
use http::request::Parts;

use api_client::{ApiClient, Caller};

use super::answer::Refused;

pub(crate) async fn check(State(api): State<ApiClient>, parts: Parts) -> Result<StatusCode, Refused> {
    api.on_behalf_of(&Caller::of(&parts)).get::<serde_json::Value>(&["healthz"], &[]).await?;
    Ok(StatusCode::NO_CONTENT)
}
