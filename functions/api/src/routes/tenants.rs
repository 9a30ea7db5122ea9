use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::ids::TenantId;
use shared::domain::ids::new_ulid;
use shared::domain::tenant::Tenant;
use shared::ports::StoreError;
use utoipa::ToSchema;

use crate::auth::{InTenant, Operator};
use crate::input::{Body, PageQuery, Query, check_name, limit, segment};
use crate::problem::Problem;
use crate::{Deps, routes};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    /// 1 to 64 of a-z A-Z 0-9 _ -; made when absent.
    #[schema(value_type = Option<String>)]
    id: Option<TenantId>,
    /// For people, up to 200 characters.
    #[serde(default)]
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantChange {
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantView {
    id: String,
    name: String,
    /// RFC 3339
    created_at: String,
    updated_at: String,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name,
            created_at: tenant.created_at.to_string(),
            updated_at: tenant.updated_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    items: Vec<TenantView>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
}

/// Create a tenant
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = NewTenant, responses(
    (status = 201, body = TenantView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, body = Problem, description = "The id is taken"),
    (status = 413, body = Problem), (status = 422, body = Problem)
))]
pub(crate) async fn create(
    _: Operator,
    State(deps): State<Deps>,
    Body(new): Body<NewTenant>,
) -> Result<(StatusCode, Json<TenantView>), Problem> {
    check_name(&new.name)?;
    let now = deps.clock.now();
    let id = match new.id {
        Some(id) => id,
        None => {
            let made = format!("tenant_{}", new_ulid(deps.clock.as_ref(), deps.random.as_ref()));
            made.parse().map_err(|_| Problem::internal())?
        }
    };
    let tenant = Tenant { id, name: new.name, created_at: now, updated_at: now, version: 1 };
    match deps.tenants.create(&tenant).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(tenant.into()))),
        Err(StoreError::Conflict) => Err(Problem::conflict(format!("tenant {} exists already", tenant.id))),
        Err(error) => Err(error.into()),
    }
}

/// List tenants, in order of id
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", params(PageQuery), responses(
    (status = 200, body = TenantList), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)
))]
pub(crate) async fn list(
    _: Operator,
    State(deps): State<Deps>,
    Query(query): Query<PageQuery>,
) -> Result<Json<TenantList>, Problem> {
    let page = deps.tenants.list(limit(query.limit)?, query.cursor.as_deref()).await?;
    Ok(Json(TenantList { items: page.items.into_iter().map(Into::into).collect(), next_cursor: page.next }))
}

/// Read a tenant
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path)), responses(
    (status = 200, body = TenantView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub(crate) async fn get(InTenant(id): InTenant, State(deps): State<Deps>) -> Result<Json<TenantView>, Problem> {
    let tenant = deps.tenants.get(&id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    Ok(Json(tenant.into()))
}

/// Change a tenant
#[utoipa::path(patch, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path)), request_body = TenantChange, responses(
    (status = 200, body = TenantView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 422, body = Problem)
))]
pub(crate) async fn update(
    _: Operator,
    State(deps): State<Deps>,
    params: RawPathParams,
    Body(change): Body<TenantChange>,
) -> Result<Json<TenantView>, Problem> {
    let id: TenantId = segment(&params, "tenant", "tenant")?;
    let mut tenant = deps.tenants.get(&id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    if let Some(name) = change.name {
        check_name(&name)?;
        tenant.name = name;
    }
    tenant.updated_at = deps.clock.now();
    tenant.version += 1;
    deps.tenants.update(&tenant).await?;
    Ok(Json(tenant.into()))
}

/// Delete a tenant with its hooks and keys
///
/// Deliveries that are waiting are settled as skipped.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub(crate) async fn delete(
    _: Operator,
    State(deps): State<Deps>,
    params: RawPathParams,
) -> Result<StatusCode, Problem> {
    let id: TenantId = segment(&params, "tenant", "tenant")?;
    deps.tenants.get(&id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    // The tenant's row goes last, so that a deletion that broke off can be repeated.
    for key in deps.keys.list(&id).await? {
        deps.keys.delete(&id, key.id).await?;
        deps.key_cache.forget(key.id);
    }
    for hook in routes::hooks::all(&deps, &id).await? {
        deps.hooks.delete(&hook).await?;
    }
    deps.tenants.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
