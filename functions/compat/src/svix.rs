//! `/api/v1`: Svix's open-source API. An application is a tenant, an endpoint a hook, a message
//! an event.

mod access;
mod answer;
mod applications;
mod attempts;
mod endpoints;
mod event_types;
mod fields;
mod health;
mod ids;
mod messages;
mod page;
mod portal;
mod tasks;

use api_client::ApiClient;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, any, delete, get, post};

/// As the API itself.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Endpoints that are made here send as the other system does.
const PROFILE: &str = "svix";

fn routes() -> Vec<(&'static str, MethodRouter<ApiClient>)> {
    vec![
        ("/app", get(applications::list).post(applications::create)),
        (
            "/app/{app}",
            get(applications::get).put(applications::update).patch(applications::patch).delete(applications::delete),
        ),
        ("/app/{app}/endpoint", get(endpoints::list).post(endpoints::create)),
        (
            "/app/{app}/endpoint/{endpoint}",
            get(endpoints::get).put(endpoints::update).patch(endpoints::patch).delete(endpoints::delete),
        ),
        (
            "/app/{app}/endpoint/{endpoint}/headers",
            get(endpoints::get_headers).put(endpoints::put_headers).patch(endpoints::patch_headers),
        ),
        ("/app/{app}/endpoint/{endpoint}/secret", get(endpoints::get_secret)),
        ("/app/{app}/endpoint/{endpoint}/secret/rotate", post(endpoints::rotate_secret)),
        ("/app/{app}/endpoint/{endpoint}/recover", post(endpoints::recover)),
        ("/app/{app}/endpoint/{endpoint}/replay-missing", post(endpoints::replay_missing)),
        ("/app/{app}/endpoint/{endpoint}/bulk-replay", post(endpoints::bulk_replay)),
        ("/app/{app}/endpoint/{endpoint}/send-example", post(endpoints::send_example)),
        ("/app/{app}/endpoint/{endpoint}/stats", get(endpoints::stats)),
        ("/app/{app}/endpoint/{endpoint}/attempt-stats", get(endpoints::attempt_stats)),
        ("/app/{app}/endpoint/{endpoint}/msg", get(attempts::messages_of_endpoint)),
        ("/app/{app}/msg", get(messages::list).post(messages::create)),
        ("/app/{app}/msg/precheck/active", post(messages::precheck)),
        ("/app/{app}/msg/{msg}", get(messages::get)),
        ("/app/{app}/msg/{msg}/content", delete(messages::expunge)),
        ("/app/{app}/msg/{msg}/attempt", get(attempts::list_by_message)),
        ("/app/{app}/msg/{msg}/attempt/{attempt}", get(attempts::get)),
        ("/app/{app}/msg/{msg}/attempt/{attempt}/content", delete(attempts::expunge)),
        ("/app/{app}/msg/{msg}/endpoint", get(attempts::endpoints_of_message)),
        ("/app/{app}/msg/{msg}/endpoint/{endpoint}/resend", post(attempts::resend)),
        ("/app/{app}/attempt/msg/{msg}", get(attempts::list_by_message)),
        ("/app/{app}/attempt/endpoint/{endpoint}", get(attempts::list_by_endpoint)),
        ("/event-type", get(event_types::list).post(event_types::create)),
        (
            "/event-type/{type}",
            get(event_types::get).put(event_types::update).patch(event_types::patch).delete(event_types::delete),
        ),
        ("/auth/app-portal-access/{app}", post(portal::access)),
        ("/auth/dashboard-access/{app}", post(portal::access)),
        ("/auth/app/{app}/expire-all", post(portal::expire_all)),
        ("/auth/logout", post(portal::logout)),
        ("/background-task", get(tasks::list)),
        ("/background-task/{task}", get(tasks::get)),
        ("/health", get(health::check)),
    ]
}

pub(crate) fn router(api: ApiClient) -> Router {
    let mut router = Router::new();
    for (path, methods) in routes() {
        // Older SDKs end their paths with a slash.
        let methods = methods.fallback(answer::method_not_allowed);
        router = router.route(&format!("/api/v1{path}"), methods.clone()).route(&format!("/api/v1{path}/"), methods);
    }
    router
        .route("/api/v1", any(answer::no_such_route))
        .route("/api/v1/{*rest}", any(answer::no_such_route))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api)
}
