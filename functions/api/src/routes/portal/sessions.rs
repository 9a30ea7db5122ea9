//! The sessions of a tenant's portal, for who looks after the tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::ports::Unreadable;
use domain::ids::{LinkId, SessionId, TenantId};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::SessionView;
use crate::Deps;
use crate::audited::{Cleared, note_all_ended, note_session};
use crate::auth::InTenant;
use crate::input::{PageQuery, Query, Segments, limit, segment};
use crate::listed::{ListEntry, id_of};
use crate::problem::Problem;
use crate::routes::subscriptions::{able, end_of_sessions};

#[derive(Serialize, ToSchema)]
pub(crate) struct PortalSessionList {
    #[schema(inline)]
    items: Vec<ListEntry<SessionView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

/// List the sessions of the tenant's portal, the oldest first
///
/// Those that have expired are left out, so a page may hold fewer than `limit`.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/portal-sessions", operation_id = "portal_sessions.list", tag = "portal",
    params(("tenant" = String, Path), PageQuery), responses((status = 200, body = PortalSessionList)))]
pub(crate) async fn list(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<PortalSessionList>, Problem> {
    let page = deps.portal_sessions.list(&tenant, limit(query.limit)?, query.cursor.as_deref()).await?;
    let now = deps.clock.now();
    let live = page.items.into_iter().filter(|row| row.as_ref().map_or(true, |session| !session.is_expired(now)));
    Ok(Json(PortalSessionList { items: ListEntry::all(live.collect(), Into::into), next_cursor: page.next }))
}

/// End a session
///
/// Its next request is answered with 401.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/portal-sessions/{session}", operation_id = "portal_sessions.end", tag = "portal",
    params(("tenant" = String, Path), ("session" = String, Path)), responses((status = 204)))]
pub(crate) async fn end(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    let id: SessionId = segment(&params, "session", "session")?;
    // One that cannot be read is ended all the same.
    let found = deps.portal_sessions.get(&tenant, id).await;
    let listed = match &found {
        Ok(found) => found.as_deref().cloned().map(Ok),
        Err(error) => Some(Err(Unreadable { id: id.to_string(), why: error.to_string() })),
    };
    end_of_sessions(&deps, &tenant, listed.as_ref().and_then(able)).await?;
    let before = found.ok().flatten();
    if !deps.portal_sessions.delete(&tenant, id).await? {
        return Err(Problem::not_found("session"));
    }
    if let Some(session) = before.filter(|session| !session.is_expired(deps.clock.now())) {
        note_session(&deps.hook_health, &session, false).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// End all sessions of the tenant's portal
///
/// Links that were not used end as well: nobody is in, and nobody gets in without a new one.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/portal-sessions", operation_id = "portal_sessions.end_all", tag = "portal",
    params(("tenant" = String, Path)), responses((status = 204)))]
pub(crate) async fn end_all(InTenant(tenant): InTenant, State(deps): State<Arc<Deps>>) -> Result<StatusCode, Problem> {
    let sessions = deps.portal_sessions.all(&tenant).await?;
    end_of_sessions(&deps, &tenant, sessions.iter().filter_map(able)).await?;
    let ended = clear(&deps, &tenant).await?;
    note_all_ended(&deps.hook_health, &tenant, ended).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes every link and every session of a tenant, and counts those that were good. Links go first, since one that is used
/// meanwhile becomes a session.
pub(crate) async fn clear(deps: &Deps, tenant: &TenantId) -> Result<Cleared, Problem> {
    let now = deps.clock.now();
    let mut ended = Cleared::default();
    for link in deps.portal_links.list(tenant).await? {
        ended.links += usize::from(link.as_ref().is_ok_and(|link| link.is_open(now)));
        let id: LinkId = link.map_or_else(|row| id_of(&row), |link| Ok(link.id))?;
        deps.portal_links.delete(tenant, id).await?;
    }
    for session in deps.portal_sessions.all(tenant).await? {
        ended.sessions += usize::from(session.as_ref().is_ok_and(|session| !session.is_expired(now)));
        let id: SessionId = session.map_or_else(|row| id_of(&row), |session| Ok(session.id))?;
        deps.portal_sessions.delete(tenant, id).await?;
    }
    Ok(ended)
}
