use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
#[schema(as = Liveness)]
pub(crate) struct Health {
    /// Always `ok`; when it is not, the answer is a problem.
    status: &'static str,
    version: &'static str,
}

/// Whether the service takes work
#[utoipa::path(get, path = "/healthz", operation_id = "health.check", tag = "health", security(()), responses(
    (status = 200, body = Health),
    (status = 503, description = "The disk has failed or is nearly full; `detail` says which")
))]
pub(crate) async fn healthz(State(deps): State<Arc<Deps>>) -> Result<Json<Health>, Problem> {
    deps.readiness.check().map_err(Problem::unavailable)?;
    Ok(Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") }))
}
