pub(crate) mod deletion;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::ports::StoreError;
use domain::ids::{TenantId, new_ulid};
use domain::key::KeyHash;
use domain::metadata::Metadata;
use domain::settings::Settings;
use domain::strict::{Members, WrongFields};
use domain::tenant::{ID_RESTS_FOR, MAX_RETENTION_DAYS, Tenant, check_attributes};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use domain::whole;
use serde::Deserialize;
use utoipa::IntoParams;

use super::hooks::split;
use super::profiles::check_shared;
use crate::Deps;
use crate::auth::{InTenant, NamedRequest, Operator};
use crate::input::{Body, Query, Segments, check_name, limit, open, read, refuse, segment};
use crate::listed::{ListEntry, wanted_rows};
use crate::problem::{FieldError, Problem};
use views::{NewTenant, TenantChange, TenantFields, TenantList, TenantView};

/// Create a tenant
///
/// A request that is sent again with its `Idempotency-Key` makes no other tenant: it is answered with the one it made.
#[utoipa::path(post, path = "/v1/tenants", operation_id = "tenants.create", tag = "tenants",
    request_body(content = Option<NewTenant>, examples(
        ("named" = (summary = "With an id of your own", value = json!({ "id": "shop-17", "name": "Flower shop", "retention_days": 90, "attributes": { "plan": "gold" } }))),
        ("limited" = (summary = "With an id that is made, and rules for its hooks", value = json!({ "name": "Trial", "max_hooks": 5, "rate_limit": 10 })))
    )), responses(
    (status = 201, body = TenantView),
    (status = 409, description = "The id is taken, or was until a moment ago: see `Retry-After`")
))]
pub(crate) async fn create(
    _: Operator,
    NamedRequest { asked_with, key }: NamedRequest,
    State(deps): State<Arc<Deps>>,
    body: Body<Members>,
) -> Result<(StatusCode, Json<TenantView>), Problem> {
    let mut body = body.checked()?;
    let (given, wrong) = match body.remove("id") {
        Some(id) => open(read::<Named>(format!(r#"{{"id":{}}}"#, id.get()).as_bytes())?)?,
        None => Default::default(),
    };
    let now = deps.clock.now();
    let request = key.as_deref().map(|key| asked_with.request(key));
    // Earlier builds knew a request by its key alone, whichever operator's it was.
    let former_id = key.as_deref().filter(|_| given.id.is_none()).map(TenantId::of_request);
    let id = match (given.id, &request) {
        (Some(id), _) => id,
        (None, Some(request)) => TenantId::of_request(request),
        (None, None) => {
            let made = format!("tenant_{}", new_ulid(deps.clock.now(), deps.random.as_ref()));
            made.parse().map_err(|_| Problem::internal())?
        }
    };
    let mut tenant = Tenant {
        id,
        name: String::new(),
        profile: None,
        settings: Settings::default(),
        retention_days: None,
        strict_event_types: false,
        attributes: BTreeMap::new(),
        portal: None,
        metadata: Metadata::default(),
        created_with: request.as_deref().map(KeyHash::of),
        created_at: now,
        updated_at: now,
        version: 1,
        unknown: Unknown::NONE,
    };
    apply(&deps, &mut tenant, &body, &["id"], wrong).await?;
    let is_made = |known: &Tenant| {
        let names = request.iter().chain(&key);
        known.created_with.as_ref().is_some_and(|hash| names.into_iter().any(|name| hash.matches(name)))
    };
    if let Some(id) = former_id
        && let Some(known) = deps.tenants.get(&id).await?.filter(|known| is_made(known))
    {
        return Ok((StatusCode::CREATED, Json(TenantView::from(&*known))));
    }
    make_way(&deps, &tenant.id, now).await?;
    match deps.tenants.create(&tenant).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(TenantView::from(&tenant)))),
        Err(StoreError::Conflict) => match deps.tenants.get(&tenant.id).await? {
            // The same request, sent again.
            Some(known) if is_made(&known) => Ok((StatusCode::CREATED, Json(TenantView::from(&*known)))),
            _ => Err(Problem::conflict(format!("tenant {} exists already", tenant.id))),
        },
        Err(error) => Err(error.into()),
    }
}

/// An id that was a deleted tenant's is free once nobody takes that one for existing any more.
async fn make_way(deps: &Deps, id: &TenantId, now: Timestamp) -> Result<(), Problem> {
    let Some(deleted_at) = deps.tenants.deleted_at(id).await? else { return Ok(()) };
    let wait = deleted_at.saturating_add(ID_RESTS_FOR).since(now);
    // More can only be left where the clock was set back.
    if !wait.is_zero() && wait <= 2 * ID_RESTS_FOR {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = format!("tenant {id} was deleted a moment ago; its id can be taken again in {seconds} s");
        return Err(Problem::conflict(detail).after(Duration::from_secs(seconds)));
    }
    Ok(())
}

#[derive(Default, Deserialize)]
struct Named {
    id: Option<TenantId>,
}

/// Applies all that a body says, or nothing. `own` are names that were taken out of it.
async fn apply(
    deps: &Deps,
    tenant: &mut Tenant,
    body: &Members,
    own: &[&str],
    mut wrong: WrongFields,
) -> Result<(), Problem> {
    let mut split = split::<TenantFields>(body, own)?;
    split.wrong.cannot_change("id");
    wrong.extend(split.wrong);
    let (fields, settings) = (split.fields, split.settings);
    let mut errors = Vec::new();
    // Whose profile cannot be read may be given another one.
    let before = deps.resolved.settle_open(tenant).await.ok();
    if let Some(name) = fields.name {
        check_name(&name, &mut errors);
        tenant.name = name;
    }
    if let Some(profile) = fields.profile {
        if let Some(name) = &profile
            && deps.resolved.find_profile(name).await?.is_none()
        {
            errors.push(FieldError::new("profile", "there is no such profile"));
        }
        tenant.profile = profile;
    }
    if let Some(days) = fields.retention_days {
        whole::check("retention_days", days.unwrap_or(1), 1, MAX_RETENTION_DAYS, &mut errors);
        tenant.retention_days = days;
    }
    if let Some(strict) = fields.strict_event_types {
        tenant.strict_event_types = strict;
    }
    if let Some(attributes) = fields.attributes {
        let attributes = attributes.unwrap_or_default();
        check_attributes(&attributes, "attributes", &mut errors);
        tenant.attributes = attributes;
    }
    if let Some(portal) = fields.portal {
        if let Some(portal) = &portal {
            portal.check(&mut errors);
        }
        tenant.portal = portal;
    }
    if let Some(metadata) = fields.metadata {
        metadata.check("metadata", &mut errors);
        tenant.metadata = metadata;
    }
    settings.check("", &deps.addresses, &mut errors);
    check_shared(&settings, &mut errors);
    for name in split.reset {
        tenant.settings.reset(&name);
    }
    let given = settings.decided();
    tenant.settings = settings.over(&tenant.settings);
    // As they apply to a hook that decides nothing itself. Hooks that decide for themselves are not checked here.
    if errors.is_empty() && !wrong.has("signatures") && !wrong.has("auth") {
        deps.resolved.settle_open(tenant).await?.check(&given, before.as_ref(), &mut errors);
    }
    refuse(wrong, errors)
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantsQuery {
    /// Only tenants whose id or name contains this, in upper or lower case
    search: Option<String>,
    /// 1 to 100, 20 by default
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Tenants that one request looks at, so that none takes long where few are found.
const SEARCHED_AT_ONCE: usize = 1_000;

/// List tenants, in order of id
///
/// With `search`, a page may hold fewer than `limit`, also none, while `next_cursor` says that
/// there are more: one request looks at 1,000 tenants at most.
#[utoipa::path(get, path = "/v1/tenants", operation_id = "tenants.list", tag = "tenants", params(TenantsQuery), responses(
    (status = 200, body = TenantList)
))]
pub(crate) async fn list(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<TenantsQuery>,
) -> Result<Json<TenantList>, Problem> {
    let limit = limit(query.limit)?;
    let search = query.search.map(|text| text.to_lowercase()).unwrap_or_default();
    let is_found = |tenant: &Tenant| {
        tenant.id.as_str().to_lowercase().contains(&search) || tenant.name.to_lowercase().contains(&search)
    };
    let tenants = &deps.tenants;
    let read = |limit, cursor: Option<String>| async move { tenants.list(limit, cursor.as_deref()).await };
    let page = wanted_rows(limit, SEARCHED_AT_ONCE, query.cursor, read, is_found).await?;
    let items = ListEntry::all(page.items, |tenant| TenantView::from(&tenant));
    Ok(Json(TenantList { items, next_cursor: page.next }))
}

/// Read a tenant
#[utoipa::path(get, path = "/v1/tenants/{tenant}", operation_id = "tenants.get", tag = "tenants",
    params(("tenant" = String, Path)), responses((status = 200, body = TenantView)))]
pub(crate) async fn get(InTenant(id): InTenant, State(deps): State<Arc<Deps>>) -> Result<Json<TenantView>, Problem> {
    let tenant = deps.tenants.get(&id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    Ok(Json(TenantView::from(&*tenant)))
}

/// Change a tenant
#[utoipa::path(patch, path = "/v1/tenants/{tenant}", operation_id = "tenants.update", tag = "tenants",
    params(("tenant" = String, Path)), request_body(content = Option<TenantChange>, examples(
        ("renamed" = (summary = "Its name and how long its events are kept", value = json!({ "name": "Acme Ltd.", "retention_days": 30 }))),
        ("portal" = (summary = "How its portal looks", value = json!({
            "portal": { "name": "Acme webhooks", "colours": { "accent": "#0f766e" }, "theme": "auto", "texts": { "help": "Write to help@acme.example" } }
        })))
    )), responses((status = 200, body = TenantView)))]
pub(crate) async fn update(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Members>,
) -> Result<Json<TenantView>, Problem> {
    let id: TenantId = segment(&params, "tenant", "tenant")?;
    let tenant = deps.tenants.get(&id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    let tenant = changed(&deps, &tenant, &body.checked()?).await?;
    deps.tenants.update(&tenant).await?;
    Ok(Json(TenantView::from(&tenant)))
}

/// The tenant as a change would leave it.
pub(crate) async fn changed(deps: &Deps, tenant: &Tenant, body: &Members) -> Result<Tenant, Problem> {
    let mut tenant = tenant.clone();
    apply(deps, &mut tenant, body, &[], WrongFields::default()).await?;
    tenant.updated_at = deps.clock.now();
    tenant.version += 1;
    Ok(tenant)
}
