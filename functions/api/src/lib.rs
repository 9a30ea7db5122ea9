//! Stage 1: the management API, and publishing.
//!
//! - **In:** HTTP, from API Gateway or from a socket; the router is the same.
//! - **Out:** tenants, keys and hooks in the store; events on `events`; manual
//!   retries on the retry lane; the first steps of jobs on `retries`.
//! - **Promise:** 202 only after the event is durable. Publishing is one
//!   durable write, so nothing can be accepted and then forgotten.

mod audited;
mod auth;
mod duplicates;
mod entity_tag;
mod event_validation;
#[cfg(feature = "lambda")]
pub mod gateway;
mod idempotency;
mod input;
mod listed;
mod openapi;
mod path_check;
mod problem;
mod request_check;
mod routes;
mod schema;
mod wiring;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use contract::ports::{
    ActivityLog, AuditLog, Clock, DeliveryLog, Doctor, Events, Hooks, Identities, Keys, PortalLinks, PortalSessions,
    Profiles, QueueSender, Readiness, Replays, Tenants,
};
use contract::runner::panic_text;
use courier::Courier;
use domain::address::AddressPolicy;
use domain::portal::PublicUrl;
use domain::random::Random;
use services::advisor::Advisor;
use services::delivery::counts::ActivityCounts;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::HookHealth;
use services::plans::Plans;
use services::repositories::catalogue::Catalogue;
use services::repositories::documents::{StoredAdvisors, StoredExpungements, StoredHookUids, StoredKeyedRequests};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use path_check::{CheckPath, with_plain_path};
use request_check::Operations;

pub use api_client::ClientAddress;
pub use auth::{KeyCache, MIN_OPERATOR_KEY_CHARS, Operator, OperatorKey, Throttle};
use duplicates::Duplicates;
pub use event_validation::EventValidation;
pub use input::{PageQuery, Query, Segments, limit, segment};
pub use listed::ListEntry;
pub use problem::{FieldError, Problem};
pub use routes::jwks::PublicKeys;
#[cfg(feature = "lambda")]
pub use wiring::Config;
pub use wiring::{Parts, Queues};

/// The largest request body, in bytes. Lambda takes 6 MB, base64 included.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How long a test or a handshake waits for an endpoint: the gateway gives up
/// after 30 s, and a token may have to be fetched first.
pub const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct Deps {
    pub tenants: Arc<dyn Tenants>,
    pub keys: Arc<dyn Keys>,
    pub portal_links: Arc<dyn PortalLinks>,
    pub portal_sessions: Arc<dyn PortalSessions>,
    /// Where links to portals begin; without it none can be made.
    pub public_url: Option<PublicUrl>,
    pub hooks: Arc<dyn Hooks>,
    /// The same as they are stored, for who needs no secret.
    pub stored_hooks: Arc<dyn Hooks>,
    pub profiles: Arc<dyn Profiles>,
    /// Hooks with all that applies to them.
    pub resolved: Arc<ResolvedHooks>,
    /// What is known of event types.
    pub catalogue: Arc<Catalogue>,
    /// Checks what is published against it.
    pub event_validation: EventValidation,
    /// Whether it was published before.
    pub duplicates: Arc<Duplicates>,
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    pub audit: Arc<dyn AuditLog>,
    pub activity: Arc<dyn ActivityLog>,
    pub counts: ActivityCounts,
    pub replays: Arc<dyn Replays>,
    pub expungements: Arc<StoredExpungements>,
    /// Changes that are proposed, and those that were made automatically.
    pub plans: Arc<Plans>,
    /// What tenants ask of the advisor.
    pub advisors: Arc<StoredAdvisors>,
    pub advisor: Arc<Advisor>,
    /// Requests that came with an `Idempotency-Key`.
    pub keyed_requests: Arc<StoredKeyedRequests>,
    /// Which hooks go by clients' own names.
    pub hook_uids: Arc<StoredHookUids>,
    /// Where published events go.
    pub queue: Arc<dyn QueueSender>,
    /// The retry lane, for manual retries.
    pub redeliveries: Arc<dyn QueueSender>,
    /// How hooks fare, and what follows from it.
    pub hook_health: Arc<HookHealth>,
    /// What carries tests and handshakes to endpoints.
    pub courier: Courier,
    /// The queue `retries`, for the steps of jobs.
    pub jobs: Arc<dyn QueueSender>,
    /// How long events are kept whose tenant does not say.
    pub retention: Duration,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Looks at what all of this stands on.
    pub doctor: Arc<dyn Doctor>,
    pub operator: OperatorKey,
    pub key_cache: KeyCache,
    /// What verifies the requests of tenants.
    pub public_keys: PublicKeys,
    /// The keys of the deployment itself.
    pub identity: Arc<dyn Identities>,
    /// Slows down who guesses keys.
    pub throttle: Throttle,
    /// What a hook's URL may be.
    pub addresses: AddressPolicy,
    /// Whether there is reason to take no work.
    pub readiness: Arc<dyn Readiness>,
}

/// Every route, for Lambda and for the socket.
pub fn router(deps: Deps) -> Router {
    let deps = Arc::new(deps);
    let (routes, operations) = &*ROUTES;
    let router = routes
        .clone()
        .route("/openapi.json", axum::routing::get(async || openapi::serve(&DOCUMENT)))
        .route_layer(from_fn_with_state(operations, request_check::check))
        .route_layer(from_fn_with_state(Arc::clone(&deps), idempotency::once))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer((
            axum::middleware::from_fn(tell_panic),
            CatchPanicLayer::custom(panicked),
            DefaultBodyLimit::max(MAX_BODY_BYTES),
            CheckPath,
            axum::middleware::from_fn(request_check::refuse_repeated_headers),
            axum::middleware::from_fn(audited::know_asker),
        ))
        .with_state(deps);
    // Before a route is chosen, which a layer of its own would not be.
    Router::new().fallback_service(router.map_request(with_plain_path))
}

/// Making them describes them as well, which costs more than all else at a start.
static ROUTES: LazyLock<(Router<Arc<Deps>>, Operations)> = LazyLock::new(|| {
    let (routes, document) = documented();
    (routes, Operations::of(&document))
});
/// Most processes are never asked for it.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::finish(documented().1));

fn documented() -> (Router<Arc<Deps>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(routes::health::healthz))
        .routes(routes!(routes::doctor::examine))
        .routes(routes!(routes::tenants::create, routes::tenants::list))
        .routes(routes!(routes::tenants::get, routes::tenants::update, routes::tenants::deletion::delete))
        .routes(routes!(routes::profiles::create, routes::profiles::list))
        .routes(routes!(routes::profiles::preview::preview))
        .routes(routes!(routes::profiles::get, routes::profiles::update, routes::profiles::delete))
        .routes(routes!(routes::event_types::shared::create_shared, routes::event_types::shared::list_shared))
        .routes(routes!(
            routes::event_types::shared::get_shared,
            routes::event_types::shared::update_shared,
            routes::event_types::shared::delete_shared
        ))
        .routes(routes!(routes::catalogue::export_shared, routes::catalogue::import_shared))
        .routes(routes!(routes::event_types::create, routes::event_types::list))
        .routes(routes!(routes::event_types::get, routes::event_types::update, routes::event_types::delete))
        .routes(routes!(routes::catalogue::export, routes::catalogue::import))
        .routes(routes!(routes::fields::of_tenant))
        .routes(routes!(routes::webhooks::describe))
        .routes(routes!(routes::keys::operator::create_operators, routes::keys::operator::list_operators))
        .routes(routes!(routes::keys::operator::delete_operators))
        .routes(routes!(routes::identity::read))
        .routes(routes!(routes::identity::identity_key))
        .routes(routes!(routes::identity::directory))
        .routes(routes!(routes::keys::create, routes::keys::list))
        .routes(routes!(routes::keys::delete))
        .routes(routes!(routes::portal::links::create))
        .routes(routes!(routes::portal::sessions::list, routes::portal::sessions::end_all))
        .routes(routes!(routes::portal::sessions::end))
        .routes(routes!(routes::portal::enter::create))
        .routes(routes!(routes::portal::own_session::get, routes::portal::own_session::end))
        .routes(routes!(routes::portal::own_session::refresh))
        .routes(routes!(routes::hooks::create, routes::hooks::list))
        .routes(routes!(routes::hooks::get, routes::hooks::update, routes::hooks::delete))
        .routes(routes!(routes::hooks::failing::list_all))
        .routes(routes!(routes::fields::of_hook))
        .routes(routes!(routes::hooks::preview::preview))
        .routes(routes!(routes::audit::list))
        .routes(routes!(routes::caller::get))
        .routes(routes!(routes::audit::of_tenant))
        .routes(routes!(routes::audit::of_deployment))
        .routes(routes!(routes::test_send::test))
        .routes(routes!(routes::test_send::verify))
        .routes(routes!(routes::confirm::confirm, routes::confirm::confirm_by_browser))
        .routes(routes!(routes::jwks::jwks))
        .routes(routes!(routes::secrets::reveal))
        .routes(routes!(routes::secrets::rotate))
        .routes(routes!(routes::secrets::cut_over))
        .routes(routes!(routes::activity::events::list_all))
        .routes(routes!(routes::activity::deliveries::list_all))
        .routes(routes!(routes::activity::deliveries::list))
        .routes(routes!(routes::activity::counts::read))
        .routes(routes!(routes::events::publish, routes::activity::events::list))
        .routes(routes!(routes::events::batch::publish_batch))
        .routes(routes!(routes::events::stored::get))
        .routes(routes!(routes::events::stored::expunge))
        .routes(routes!(routes::explain::explain))
        .routes(routes!(routes::expungements::create, routes::expungements::list))
        .routes(routes!(routes::expungements::get, routes::expungements::cancel))
        .routes(routes!(routes::deliveries::of_event))
        .routes(routes!(routes::deliveries::of_hook))
        .routes(routes!(routes::deliveries::get))
        .routes(routes!(routes::deliveries::retry))
        .routes(routes!(routes::deliveries::cancel))
        .routes(routes!(routes::stats::of_hook))
        .routes(routes!(routes::stats::of_tenant))
        .routes(routes!(routes::plans::create, routes::plans::list))
        .routes(routes!(routes::plans::get))
        .routes(routes!(routes::plans::decide::approve))
        .routes(routes!(routes::plans::decide::reject))
        .routes(routes!(routes::plans::decide::applied))
        .routes(routes!(routes::plans::decide::failed))
        .routes(routes!(routes::advice::advise))
        .routes(routes!(routes::advice::get, routes::advice::update))
        .routes(routes!(routes::adjustments::list))
        .routes(routes!(routes::adjustments::get))
        .routes(routes!(routes::adjustments::revert))
        .routes(routes!(routes::replays::create, routes::replays::list))
        .routes(routes!(routes::replays::get, routes::replays::cancel))
        .split_for_parts()
}

async fn not_found() -> Problem {
    Problem::not_found("route")
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method; see /openapi.json")
}

/// Why there is no answer, for [`tell_panic`].
#[derive(Clone)]
struct PanicText(String);

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over so")]
fn panicked(cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let mut response = Problem::internal().into_response();
    response.extensions_mut().insert(PanicText(panic_text(cause.as_ref()).to_owned()));
    response
}

/// Logs which request could not be answered, without its query.
async fn tell_panic(request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    if let Some(PanicText(error)) = response.extensions().get() {
        let path = uri.path();
        tracing::error!(%method, path, error, "{method} {path} is answered with 500, for an error in the program: {error}");
    }
    response
}
