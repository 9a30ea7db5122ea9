use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::ids::KeyId;
use shared::domain::key::{ApiKey, KeyHash, Scope, generate_token};
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::InTenant;
use crate::input::{Body, check_name, segment};
use crate::problem::Problem;

const MAX_KEYS: usize = 100;

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Scope)]
pub(crate) enum ScopeView {
    /// Everything within the tenant.
    Tenant,
    /// Publish events, and nothing else.
    Publish,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// For people, up to 200 characters.
    #[serde(default)]
    name: String,
    scope: ScopeView,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    id: String,
    name: String,
    scope: ScopeView,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself. It is shown here and never again.
    key: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    items: Vec<KeyView>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let scope = match key.scope {
            Scope::Tenant => ScopeView::Tenant,
            Scope::Publish => ScopeView::Publish,
        };
        Self { id: key.id.to_string(), name: key.name, scope, created_at: key.created_at.to_string() }
    }
}

/// Create an API key
#[utoipa::path(post, path = "/v1/tenants/{tenant}/keys", tag = "tenants",
    params(("tenant" = String, Path)), request_body = NewKey, responses(
    (status = 201, body = CreatedKey), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 422, body = Problem)
))]
pub(crate) async fn create(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    check_name(&new.name)?;
    // While a tenant is being deleted its keys still work; none may be added.
    deps.tenants.get(&tenant).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    if deps.keys.list(&tenant).await?.len() >= MAX_KEYS {
        return Err(Problem::conflict(format!("a tenant has at most {MAX_KEYS} keys; delete one first")));
    }
    let id = KeyId::new(deps.clock.as_ref(), deps.random.as_ref());
    let token = generate_token(&tenant, id, deps.random.as_ref());
    let key = ApiKey {
        tenant,
        id,
        name: new.name,
        scope: match new.scope {
            ScopeView::Tenant => Scope::Tenant,
            ScopeView::Publish => Scope::Publish,
        },
        hash: KeyHash::of(token.reveal()),
        created_at: deps.clock.now(),
    };
    deps.keys.create(&key).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { view: key.into(), key: token.reveal().to_owned() })))
}

/// List API keys, the oldest first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/keys", tag = "tenants",
    params(("tenant" = String, Path)), responses(
    (status = 200, body = KeyList), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub(crate) async fn list(InTenant(tenant): InTenant, State(deps): State<Deps>) -> Result<Json<KeyList>, Problem> {
    let keys = deps.keys.list(&tenant).await?;
    Ok(Json(KeyList { items: keys.into_iter().map(Into::into).collect() }))
}

/// Revoke an API key
///
/// On AWS it may publish for up to five seconds more.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/keys/{key}", tag = "tenants",
    params(("tenant" = String, Path), ("key" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub(crate) async fn delete(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    params: RawPathParams,
) -> Result<StatusCode, Problem> {
    let id: KeyId = segment(&params, "key", "key")?;
    let found = deps.keys.delete(&tenant, id).await?;
    deps.key_cache.forget(id);
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("key")) }
}
