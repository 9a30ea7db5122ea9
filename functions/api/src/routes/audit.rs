use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::cursor;
use contract::ports::{AuditScope, StoreError};
use domain::audit::TargetKind;
use domain::ids::AuditId;
use domain::strict::known;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use services::repositories::audit::AuditEntry;
use utoipa::{IntoParams, ToSchema};

use super::hooks::{find, owner};
use crate::Deps;
use crate::auth::{InPortal, InTenant, Operator};
use crate::input::{PageQuery, Query, Segments, limit, page_size};
use crate::listed::ListEntry;
use crate::problem::Problem;

/// Entries that one request looks at, and how many are read at once.
const MAX_ENTRIES: usize = 2_000;
const READ_AT_ONCE: usize = 100;

#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    #[schema(inline)]
    items: Vec<ListEntry<AuditEntry>>,
    /// Pass it as `cursor` to read on; null on the last page. A page may hold fewer than
    /// `limit` entries, also none, while there are more.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only changes of this kind of thing
    #[serde(default, deserialize_with = "known")]
    kind: Option<TargetKind>,
    /// Only changes of what has this id or name
    target: Option<String>,
    /// Only what this one did: `operator`, a key's id, `session:` with a session's id, or
    /// `hookline`
    by: Option<String>,
    /// Only what was done at this time or later, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only what was done before this time, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// 1 to 100, 20 by default
    #[serde(default, deserialize_with = "page_size")]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

impl AuditQuery {
    fn admits(&self, entry: &AuditEntry) -> bool {
        let target = entry.target.as_ref();
        self.kind.is_none_or(|kind| target.is_some_and(|target| target.kind == kind))
            && self.target.as_ref().is_none_or(|id| target.is_some_and(|target| target.id == *id))
            && self.by.as_ref().is_none_or(|by| entry.by == *by)
    }
}

/// Who changed a hook, when and why, and what it was before, the newest change first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/audit", operation_id = "hooks.list_audit", tag = "hooks",
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
    Ok(Json(AuditList { items: ListEntry::all(page.items, AuditEntry::shown), next_cursor: page.next }))
}

/// Who changed what in a tenant, and what it was before, the newest change first
///
/// Changes of hooks, keys, event types and of the tenant itself. Secrets are masked. Entries are
/// kept for 400 days.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/audit", operation_id = "audit.list", tag = "tenants",
    params(("tenant" = String, Path), AuditQuery), responses((status = 200, body = AuditList)))]
pub(crate) async fn of_tenant(
    InTenant(tenant): InTenant,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditList>, Problem> {
    // Another one may have had the id before.
    let present = owner(&deps, &tenant).await?.created_at;
    let query = AuditQuery { since: query.since.into_iter().chain([present]).max(), ..query };
    list_of(&deps, AuditScope::Tenant(&tenant), &query).await
}

/// Who changed what belongs to no tenant, and the tenants themselves, the newest change first
///
/// Changes of tenants, profiles, the operator's keys and the event types of all tenants.
#[utoipa::path(get, path = "/v1/audit", operation_id = "audit.list_all", tag = "tenants", params(AuditQuery),
    responses((status = 200, body = AuditList)))]
pub(crate) async fn of_deployment(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditList>, Problem> {
    list_of(&deps, AuditScope::Deployment, &query).await
}

async fn list_of(deps: &Deps, scope: AuditScope<'_>, query: &AuditQuery) -> Result<Json<AuditList>, Problem> {
    let limit = limit(query.limit)?;
    let name = match scope {
        AuditScope::Tenant(tenant) => format!("audit#{tenant}"),
        AuditScope::Deployment => "audit".to_owned(),
    };
    let mut before = match &query.cursor {
        Some(cursor) => Some(cursor::decode_as::<AuditId>(&name, cursor)?),
        None => query.until.map(AuditId::first_at),
    };
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = deps.audit.list(scope, READ_AT_ONCE, before).await?;
        for (id, entry) in page.rows {
            if query.since.is_some_and(|since| id.at() < since) {
                return Ok(Json(AuditList { items, next_cursor: None }));
            }
            if items.len() == limit || looked_at == MAX_ENTRIES {
                let at = before.ok_or(StoreError::BadCursor)?;
                let next_cursor = Some(cursor::encode(&name, at.to_string().as_bytes()));
                return Ok(Json(AuditList { items, next_cursor }));
            }
            looked_at += 1;
            before = Some(id);
            match entry {
                Ok(entry) if query.admits(&entry) => items.push(ListEntry::Read(entry.shown())),
                Ok(_) => {}
                Err(unreadable) => items.push(unreadable.into()),
            }
        }
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(Json(AuditList { items, next_cursor: None })),
        }
    }
}
