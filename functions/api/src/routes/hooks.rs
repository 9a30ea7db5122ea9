mod changes;
mod health;
mod list;
mod rules;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::jobs::{Job, JobMessage, PurgeHook};
use contract::ports::{Listed, Outgoing, StoreError};
use domain::capability::Capability;
use domain::filter::Filter;
use domain::health::Health;
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};
use domain::secret::ed25519::public_key;
use domain::settings::{Complete, Settings};
use domain::strict::Members;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use domain::verification::mentions_key;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::auth::{Access, InPortal, Limits, MayManage};
use crate::input::{Body, Query, Segments, segment};
use crate::listed::ListEntry;
use crate::problem::{FieldError, Problem};
use health::HealthView;
use list::{ListQuery, select};
use rules::{GivenSecret, Written, comply, limited_by};
use settings::HookSettings;
pub(crate) use settings::split;

/// Of a text that an endpoint may return unasked.
pub(super) const KEY_PLACED: &str = "contains the hook's verification key, which only its endpoint may return";

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
    /// Which events' `data` it wants; null for all
    filter: Option<Filter>,
    enabled: bool,
    /// Why it was disabled; null while it is enabled
    disabled_reason: Option<String>,
    disabled_at: Option<String>,
    health: HealthView,
    /// The profile it uses
    profile: String,
    /// Which settings the hook decides itself; the others are its profile's,
    /// its tenant's or the standard
    own_settings: Vec<&'static str>,
    /// Every setting as it applies. Secrets in them are masked
    #[serde(flatten)]
    settings: Complete,
    created_at: String,
    updated_at: String,
}

impl HookView {
    pub(super) async fn of(deps: &Deps, tenant: &Tenant, hook: &Hook) -> Result<Self, Problem> {
        let health = deps.hook_health.health(&tenant.id, hook.id).await?;
        Self::with(deps, tenant, hook, &health).await
    }

    async fn with(deps: &Deps, tenant: &Tenant, hook: &Hook, health: &Health) -> Result<Self, Problem> {
        let masked = Hook { settings: hook.settings.clone().masked(), ..hook.clone() };
        let profile = deps.resolved.profile(hook.profile.as_ref(), tenant).await?;
        let settings = deps.resolved.settle(&masked, tenant).await?;
        Ok(Self {
            id: hook.id.to_string(),
            name: hook.name.clone(),
            description: hook.description.clone(),
            url: hook.url.clone(),
            events: hook.events.iter().map(ToString::to_string).collect(),
            channels: hook.channels.iter().map(ToString::to_string).collect(),
            filter: hook.filter.clone(),
            enabled: hook.enabled,
            disabled_reason: hook.disabled_reason.clone(),
            disabled_at: hook.disabled_at.map(|at| at.to_string()),
            profile: profile.name.to_string(),
            own_settings: hook.settings.decided(),
            health: HealthView::new(health, &hook.url, &settings),
            settings: settings.shown(),
            created_at: hook.created_at.to_string(),
            updated_at: hook.updated_at.to_string(),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedHook {
    #[serde(flatten)]
    view: HookView,
    /// What signs the requests; null when nothing does. Also at
    /// `GET …/hooks/{hook}/secret`.
    secret: Option<String>,
    /// What verifies them, where an Ed25519 key signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// What the endpoint has to return, where it has to verify itself. Also at
    /// `GET …/hooks/{hook}/secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct HookList {
    #[schema(inline)]
    items: Vec<ListEntry<HookView>>,
    /// Pass it as `cursor` to read on; null on the last page.
    next_cursor: Option<String>,
    /// Hooks that match the filter, on all pages together.
    total: usize,
}

/// When what a deleted hook left behind is deleted: once nobody can be writing
/// to its log any more.
const PURGE_AFTER: Duration = Duration::from_secs(120);

/// Asks for the deletion of a hook's log. It is asked for before the hook is
/// deleted, and does nothing should that fail.
pub(crate) fn purge(deps: &Deps, tenant: &TenantId, hook: HookId, with_events: bool) -> Outgoing {
    let job = Job::PurgeHook(PurgeHook { hook, with_events, cursor: None, unknown: Unknown::NONE });
    JobMessage::new(tenant, job).to_outgoing(Some(purge_due(deps)))
}

pub(crate) fn purge_due(deps: &Deps) -> Timestamp {
    deps.clock.now().saturating_add(PURGE_AFTER)
}

/// Every hook of a tenant.
pub(crate) async fn all(deps: &Deps, tenant: &TenantId) -> Result<Vec<Listed<Hook>>, Problem> {
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

/// The tenant of the path, as it is.
pub(crate) async fn owner(deps: &Deps, tenant: &TenantId) -> Result<Arc<Tenant>, Problem> {
    deps.tenants.get(tenant).await?.ok_or_else(|| Problem::not_found("tenant"))
}

/// The hook that the path names.
pub(crate) async fn find(deps: &Deps, tenant: &TenantId, params: &Segments) -> Result<Hook, Problem> {
    let id: HookId = segment(params, "hook", "hook")?;
    let hook = deps.hooks.get(tenant, id).await?.ok_or_else(|| Problem::not_found("hook"))?;
    Ok(Hook::clone(&hook))
}

/// Create a hook
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks", tag = "hooks",
    params(("tenant" = String, Path)), request_body = HookSettings, responses(
    (status = 201, body = CreatedHook),
    (status = 409, description = "Limit reached: at most `max_hooks` hooks of a tenant")
))]
pub(crate) async fn create(
    MayManage(tenant): MayManage,
    access: Access,
    State(deps): State<Arc<Deps>>,
    body: Body<Members>,
) -> Result<(StatusCode, Json<CreatedHook>), Problem> {
    let (mut settings, wrong) = HookSettings::read(&body.checked()?)?;
    let tenant = owner(&deps, &tenant).await?;
    let now = deps.clock.now();
    let mut hook = Hook {
        tenant: tenant.id.clone(),
        id: HookId::new(deps.clock.now(), deps.random.as_ref()),
        name: String::new(),
        description: String::new(),
        url: String::new(),
        events: Default::default(),
        channels: Default::default(),
        filter: None,
        enabled: true,
        disabled_reason: None,
        disabled_at: None,
        verification_key: None,
        profile: None,
        settings: Settings::default(),
        secrets: Vec::new(),
        created_at: now,
        updated_at: now,
        version: 1,
        unknown: Unknown::NONE,
    };
    let (secret, mut errors) = (GivenSecret::of(settings.fields.secret.take()), settings.missing());
    let given = settings.apply(&mut hook, &deps.addresses, &mut errors);
    let written = Written { tenant: &tenant, old: None, hook: &mut hook, given, secret, access, may_rotate: true };
    let settled = comply(&deps, written, wrong, errors).await?;
    changes::prepare(&deps, None, &mut hook, &settled, access).await?;
    let most = settled.max_hooks;
    match deps.hooks.create_within(&hook, most).await {
        Ok(()) => {}
        Err(StoreError::LimitReached) => {
            let by = limited_by(&deps, &tenant, &hook, most).await?;
            return Err(Problem::conflict(format!("limit reached: at most {most} hooks, by max_hooks{by}")));
        }
        Err(error) => return Err(error.into()),
    }
    let (secret, public_key) = shown_secrets(&hook);
    let verification_key = hook.verification_key.as_ref().map(|key| key.reveal().to_owned());
    let view = HookView::of(&deps, &tenant, &hook).await?;
    Ok((StatusCode::CREATED, Json(CreatedHook { view, secret, public_key, verification_key })))
}

fn shown_secrets(hook: &Hook) -> (Option<String>, Option<String>) {
    let secret = hook.secrets.first().map(|s| s.secret.reveal().to_owned());
    (secret, hook.secrets.iter().find_map(|s| public_key(&s.secret)))
}

/// List hooks
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks", tag = "hooks",
    params(("tenant" = String, Path), ListQuery), responses((status = 200, body = HookList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<HookList>, Problem> {
    let healths = deps.hook_health.circuits.health.all(&tenant).await?;
    let selected = select(all(&deps, &tenant).await?, &healths, &query)?;
    let unknown = Health::default();
    let tenant = owner(&deps, &tenant).await?;
    let mut items = Vec::with_capacity(selected.items.len());
    for row in selected.items {
        items.push(match row {
            Ok(hook) => {
                let health = healths.get(&hook.id).unwrap_or(&unknown);
                ListEntry::Read(HookView::with(&deps, &tenant, &hook, health).await?)
            }
            Err(unreadable) => unreadable.into(),
        });
    }
    Ok(Json(HookList { items, next_cursor: selected.next, total: selected.total }))
}

/// Read a hook
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses((status = 200, body = HookView)))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<HookView>, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    Ok(Json(HookView::of(&deps, &*owner(&deps, &tenant).await?, &hook).await?))
}

/// Change a hook
///
/// Fields that are absent stay as they are; so do secrets that are blank or
/// masked. A setting that is null is left to the profile again. With a portal session,
/// replacing `secret` takes the capability `rotate` as well.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/hooks/{hook}", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body = Option<HookSettings>, responses(
    (status = 200, body = HookView)
))]
pub(crate) async fn update(
    MayManage(tenant): MayManage,
    access: Access,
    limits: Limits,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    body: Body<Members>,
) -> Result<Json<HookView>, Problem> {
    let body = body.checked()?;
    let (mut settings, wrong) = HookSettings::read(&body)?;
    let old = find(&deps, &tenant, &params).await?;
    let tenant = owner(&deps, &tenant).await?;
    let mut new = old.clone();
    let (secret, mut errors) = (GivenSecret::of(settings.fields.secret.take()), Vec::new());
    if !matches!(secret, GivenSecret::Keep) {
        limits.check(Capability::Rotate)?;
    }
    if let Some(key) = &old.verification_key {
        let named = body.iter().filter(|(_, value)| mentions_key(value.get(), key));
        errors.extend(named.map(|(field, _)| FieldError::new(field, KEY_PLACED)));
    }
    let given = settings.apply(&mut new, &deps.addresses, &mut errors);
    let written = Written {
        tenant: &tenant,
        old: Some(&old),
        hook: &mut new,
        given,
        secret,
        access,
        may_rotate: limits.has_chosen(Capability::Rotate, access),
    };
    let settled = comply(&deps, written, wrong, errors).await?;
    new.updated_at = deps.clock.now();
    new.version += 1;
    changes::prepare(&deps, Some(&old), &mut new, &settled, access).await?;
    deps.hooks.update(&old, &new).await?;
    Ok(Json(HookView::of(&deps, &tenant, &new).await?))
}

/// Delete a hook
///
/// Its log goes with it, and deliveries that are waiting are not sent. A hook
/// that cannot be read is deleted like any other.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/hooks/{hook}", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses((status = 204)))]
pub(crate) async fn delete(
    MayManage(tenant): MayManage,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    let hook: HookId = segment(&params, "hook", "hook")?;
    if !deps.hooks.exists(&tenant, hook).await? {
        return Err(Problem::not_found("hook"));
    }
    deps.jobs.send_one(purge(&deps, &tenant, hook, false)).await?;
    match deps.hooks.delete(&tenant, hook).await? {
        true => {
            deps.hook_health.forget(&tenant, hook).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(Problem::not_found("hook")),
    }
}
