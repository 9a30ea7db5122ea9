mod list;
mod settings;

use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use serde::Serialize;
use shared::domain::hook::{Hook, Timeout};
use shared::domain::ids::{HookId, TenantId};
use shared::domain::retry::RetryPolicy;
use shared::domain::secret::{Secret, SigningSecret};
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::InTenant;
use crate::input::{Body, Query, segment};
use crate::problem::Problem;
use list::{ListQuery, select};
use settings::{HookSettings, Retry, TimeoutSettings};

/// Hooks read at once while a tenant's are gone through.
const READ_AT_ONCE: usize = 500;

#[derive(Serialize, ToSchema)]
#[schema(as = Hook)]
pub(crate) struct HookView {
    id: String,
    name: String,
    description: String,
    url: String,
    /// Event types, prefixes such as `post.*`, or `*`
    events: Vec<String>,
    channels: Vec<String>,
    enabled: bool,
    retry: Retry,
    timeout: TimeoutSettings,
    created_at: String,
    updated_at: String,
}

impl From<&Hook> for HookView {
    fn from(hook: &Hook) -> Self {
        Self {
            id: hook.id.to_string(),
            name: hook.name.clone(),
            description: hook.description.clone(),
            url: hook.url.clone(),
            events: hook.events.iter().map(ToString::to_string).collect(),
            channels: hook.channels.iter().map(ToString::to_string).collect(),
            enabled: hook.enabled,
            retry: (&hook.retry).into(),
            timeout: hook.timeout.into(),
            created_at: hook.created_at.to_string(),
            updated_at: hook.updated_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedHook {
    #[serde(flatten)]
    view: HookView,
    /// What signs the requests. Also at `GET …/hooks/{hook}/secret`.
    secret: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct HookList {
    items: Vec<HookView>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
    /// Hooks that match the filter, on all pages together.
    total: usize,
}

/// Every hook of a tenant.
pub(crate) async fn all(deps: &Deps, tenant: &TenantId) -> Result<Vec<Hook>, Problem> {
    let mut hooks = Vec::new();
    let mut cursor = None;
    loop {
        let page = deps.hooks.list(tenant, READ_AT_ONCE, cursor.as_deref()).await?;
        hooks.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(hooks),
        }
    }
}

/// The hook that the path names.
pub(crate) async fn find(deps: &Deps, tenant: &TenantId, params: &RawPathParams) -> Result<Hook, Problem> {
    let id: HookId = segment(params, "hook", "hook")?;
    let hook = deps.hooks.get(tenant, id).await?.ok_or_else(|| Problem::not_found("hook"))?;
    Ok(Hook::clone(&hook))
}

/// Create a hook
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks", tag = "hooks",
    params(("tenant" = String, Path)), request_body = HookSettings, responses(
    (status = 201, body = CreatedHook), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 422, body = Problem)
))]
pub(crate) async fn create(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    Body(settings): Body<HookSettings>,
) -> Result<(StatusCode, Json<CreatedHook>), Problem> {
    settings.require(&["url", "events"])?;
    let now = deps.clock.now();
    let mut hook = Hook {
        tenant,
        id: HookId::new(deps.clock.as_ref(), deps.random.as_ref()),
        name: String::new(),
        description: String::new(),
        url: String::new(),
        events: Default::default(),
        channels: Default::default(),
        enabled: true,
        retry: RetryPolicy::default(),
        timeout: Timeout::default(),
        secrets: vec![SigningSecret { secret: Secret::generate(deps.random.as_ref()), expires_at: None }],
        created_at: now,
        updated_at: now,
        version: 1,
    };
    settings.apply(&mut hook, &deps.addresses)?;
    deps.hooks.create(&hook).await?;
    let secret = hook.secrets.first().map(|s| s.secret.reveal().to_owned()).unwrap_or_default();
    Ok((StatusCode::CREATED, Json(CreatedHook { view: HookView::from(&hook), secret })))
}

/// List hooks
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks", tag = "hooks",
    params(("tenant" = String, Path), ListQuery), responses(
    (status = 200, body = HookList), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub(crate) async fn list(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    Query(query): Query<ListQuery>,
) -> Result<Json<HookList>, Problem> {
    let selected = select(all(&deps, &tenant).await?, &query)?;
    Ok(Json(HookList {
        items: selected.items.iter().map(Into::into).collect(),
        next_cursor: selected.next,
        total: selected.total,
    }))
}

/// Read a hook
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses(
    (status = 200, body = HookView), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)
))]
pub(crate) async fn get(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    params: RawPathParams,
) -> Result<Json<HookView>, Problem> {
    Ok(Json(HookView::from(&find(&deps, &tenant, &params).await?)))
}

/// Change a hook
///
/// Fields that are absent stay as they are; so does the secret when it is blank.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/hooks/{hook}", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body = HookSettings, responses(
    (status = 200, body = HookView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 422, body = Problem)
))]
pub(crate) async fn update(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    params: RawPathParams,
    Body(settings): Body<HookSettings>,
) -> Result<Json<HookView>, Problem> {
    let old = find(&deps, &tenant, &params).await?;
    let mut new = old.clone();
    settings.apply(&mut new, &deps.addresses)?;
    new.updated_at = deps.clock.now();
    new.version += 1;
    deps.hooks.update(&old, &new).await?;
    Ok(Json(HookView::from(&new)))
}

/// Delete a hook
///
/// Deliveries that are waiting for it are settled as skipped.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/hooks/{hook}", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)
))]
pub(crate) async fn delete(
    InTenant(tenant): InTenant,
    State(deps): State<Deps>,
    params: RawPathParams,
) -> Result<StatusCode, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    match deps.hooks.delete(&hook).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("hook")),
    }
}
