//! `/v2/webhook` and `/v2/webhook-log`: a tenant is an account, a key of the
//! tenant its API key, and each hook is for one event.

mod account;
mod answer;
mod executions;
mod fields;
mod webhooks;

use api_client::ApiClient;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

/// More than all fields at their longest.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Hooks that are made here send as the other system does.
const PROFILE: &str = "oktopost";

pub(crate) fn router(api: ApiClient) -> Router {
    Router::new()
        .route("/v2/webhook", get(webhooks::list).post(webhooks::create))
        .route("/v2/webhook/{id}", get(webhooks::get).post(webhooks::update).delete(webhooks::delete))
        .route("/v2/webhook-log/{id}", get(executions::list))
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api)
}
