//! Who asks, as Hookline knows them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::{Access, Actor, AskedUntil, AskedWith, InPortal, Limits};

#[derive(Serialize, ToSchema)]
pub(crate) struct CallerView {
    /// As the audit log names them: a key, a portal session, or `operator`
    id: String,
    /// The key or session itself: of operators the key's id, or `deployment`
    asked_with: String,
    /// When that key or session ends; null: it does not
    expires_at: Option<String>,
    /// What they may do with the hooks of this tenant
    capabilities: Vec<&'static str>,
    /// The time here
    now: String,
}

/// Read who asks
#[utoipa::path(get, path = "/v1/tenants/{tenant}/caller", operation_id = "caller.get", tag = "tenants",
    params(("tenant" = String, Path)), responses((status = 200, body = CallerView)))]
pub(crate) async fn get(
    InPortal(_tenant): InPortal,
    access: Access,
    limits: Limits,
    Actor(id): Actor,
    asked_with: AskedWith,
    AskedUntil(end): AskedUntil,
    State(deps): State<Arc<Deps>>,
) -> Json<CallerView> {
    let capabilities = limits.capabilities(access).into_iter().map(domain::capability::Capability::as_str).collect();
    let (asked_with, expires_at) = (asked_with.as_str().to_owned(), end.map(|at| at.to_string()));
    Json(CallerView { id, asked_with, expires_at, capabilities, now: deps.clock.now().to_string() })
}
