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
mod entrance;
mod event_validation;
#[cfg(feature = "lambda")]
pub mod gateway;
mod idempotency;
mod input;
mod listed;
mod openapi;
mod operations;
mod path_check;
mod problem;
mod request_check;
mod routes;
mod schema;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use contract::ports::{
    ActivityLog, AuditLog, Clock, DeliveryLog, Doctor, Events, Hooks, Identities, Keys, PortalLinks, PortalSessions,
    Profiles, QueueSender, Readiness, Replays, Tenants,
};
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

use operations::Operations;
use request_check::Checked;

pub use api_client::ClientAddress;
pub use auth::{KeyCache, MIN_OPERATOR_KEY_CHARS, Operator, OperatorKey, Throttle};
use duplicates::Duplicates;
pub use entrance::Entrance;
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

/// The same for Lambda and for the socket.
pub fn service(deps: Deps) -> Entrance {
    let deps = Arc::new(deps);
    let (routes, operations) = operations::all();
    let router = routes
        .route_layer(from_fn_with_state((operations, Arc::clone(&deps)), admit))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(deps);
    Entrance::new(router)
}

/// The same as a router.
pub fn router(deps: Deps) -> Router {
    service(deps).into_router()
}

async fn admit(
    State((operations, deps)): State<(&'static Operations, Arc<Deps>)>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    idempotency::once(deps, request, Checked { operations, path, next }).await
}

async fn not_found() -> Problem {
    Problem::not_found("route")
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method; see /openapi.json")
}
