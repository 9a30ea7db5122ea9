use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use services::repositories::audit::AuditEntry;
use utoipa::ToSchema;

use super::hooks::find;
use crate::Deps;
use crate::auth::InPortal;
use crate::input::{PageQuery, Query, Segments, limit};
use crate::listed;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    #[schema(inline)]
    items: Vec<listed::ListEntry<AuditEntry>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

/// Who changed a hook, when and why, the newest change first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/audit", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path), PageQuery), responses((status = 200, body = AuditList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(query): Query<PageQuery>,
) -> Result<Json<AuditList>, Problem> {
    let limit = limit(query.limit)?;
    let hook = find(&deps, &tenant, &params).await?;
    let page = deps.hook_health.audit.list(&tenant, hook.id, limit, query.cursor.as_deref()).await?;
    Ok(Json(AuditList { items: listed::ListEntry::all(page.items, AuditEntry::shown), next_cursor: page.next }))
}
