use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Liveness)]
pub(crate) struct Health {
    /// Always `ok`: the process answers. It does not say that the store takes writes.
    status: &'static str,
    version: &'static str,
}

/// Whether the service answers
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
