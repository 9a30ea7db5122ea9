mod change;
mod changes;
mod deletion;
mod event_patterns;
pub(crate) mod failing;
mod health;
mod list;
mod new_hook;
pub(crate) mod preview;
mod rules;
mod settings;
mod uids;
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use contract::jobs::{Job, JobMessage, PurgeHook};
use contract::ports::{Listed, Outgoing, StoreError};
use domain::capability::Capability;
use domain::health::Health;
use domain::hook::Hook;
use domain::ids::{HookId, TenantId};
use domain::secret::ed25519::public_key;
use domain::strict::Members;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use domain::unknown::Unknown;

use crate::Deps;
use crate::auth::{Access, Actor, InPortal, Limits, MayManage, NamedRequest};
use crate::entity_tag::{IfMatch, IfMatchHeader, Tagged};
use crate::input::{Body, Query, Segments};
use crate::problem::Problem;
pub(crate) use change::{Changer, HookChange};
use deletion::DeletionQuery;
use event_patterns::HookWarning;
use list::{ListQuery, select};
use new_hook::NewHook;
pub(crate) use rules::provide_missing_secrets;
use rules::{GivenSecret, Written, comply, limited_by};
use settings::HookSettings;
pub(crate) use settings::split;
pub(crate) use views::HookView;
use views::{ChangedHook, CreatedHook, HookList};

/// Of a text that an endpoint may return unasked.
pub(super) const KEY_PLACED: &str = "contains the hook's verification key, which only its endpoint may return";

/// So many hooks are ordered by their last executions to the second, more to the minute.
const MOST_ORDERED_EXACTLY: usize = 500;

/// Hooks read at once while a tenant's are gone through.
const READ_AT_ONCE: usize = 500;

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
    let id = uids::named(deps, tenant, params).await?;
    let hook = deps.hooks.get(tenant, id).await?.filter(|hook| !hook.is_to_be_removed(deps.clock.now()));
    Ok(Hook::clone(&*hook.ok_or_else(|| Problem::not_found("hook"))?))
}

/// Create a hook
///
/// A request that is sent again with its `Idempotency-Key` makes no other hook: it is answered with the one it made.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks", operation_id = "hooks.create", tag = "hooks",
    params(("tenant" = String, Path)), request_body(content = NewHook, examples(
        ("shortest" = (summary = "Where to send what", value = json!({ "url": "https://example.com/webhooks", "events": ["post.*"] }))),
        ("filtered" = (summary = "Some events only, and settings of its own", value = json!({
            "url": "https://example.com/webhooks", "events": ["post.published", "post.removed"], "name": "LinkedIn posts", "uid": "linkedin-posts",
            "filter": { "platform": ["linkedin"] }, "headers": [{ "name": "X-Source", "value": "hookline" }],
            "retry": { "delays": [60, 300, 1_800] }, "timeout": { "total": 10 }, "metadata": { "team": "growth" }
        })))
    )), responses(
    (status = 201, body = CreatedHook, headers(("ETag" = String, description = "The version of the hook, for `If-Match`"))),
    (status = 409, description = "Limit reached: at most `max_hooks` hooks of a tenant; or the `uid` is another hook's")
))]
pub(crate) async fn create(
    MayManage(tenant): MayManage,
    access: Access,
    limits: Limits,
    Actor(asker): Actor,
    NamedRequest { asked_with, key }: NamedRequest,
    State(deps): State<Arc<Deps>>,
    body: Body<Members>,
) -> Result<Tagged<CreatedHook>, Problem> {
    let (mut settings, wrong) = HookSettings::read(&body.checked()?)?;
    let tenant = owner(&deps, &tenant).await?;
    let now = deps.clock.now();
    let id = match &key {
        Some(key) => HookId::of_request(&tenant.id, asked_with.as_str(), key),
        None => HookId::new(deps.clock.now(), deps.random.as_ref()),
    };
    // Earlier builds did not tell one operator's key from another.
    let of_operators = key.as_ref().filter(|_| asker != asked_with.as_str());
    let of_operators = of_operators.map(|key| HookId::of_request(&tenant.id, &asker, key));
    for id in key.is_some().then_some(id).into_iter().chain(of_operators) {
        // The same request, sent again.
        if let Some(hook) = deps.hooks.get(&tenant.id, id).await? {
            return created_before(&deps, &tenant, &hook, limits.has_chosen(Capability::RevealSecret, access)).await;
        }
    }
    let mut hook = Hook::new(tenant.id.clone(), id, String::new(), now);
    let (secret, mut errors) = (GivenSecret::of(settings.fields.secret.take()), settings.missing());
    let events = settings.events();
    let given = settings.apply(&mut hook, &deps.addresses, now, &mut errors);
    let events = events.as_slice();
    let written =
        Written { tenant: &tenant, old: None, hook: &mut hook, given, events, secret, access, may_rotate: true };
    let (settled, warnings) = comply(&deps, written, wrong, errors).await?;
    changes::prepare(&deps, None, &mut hook, &settled, access).await?;
    let most = settled.max_hooks;
    changes::ask_for_removal(&deps, None, &hook).await?;
    uids::take(&deps, None, &hook).await?;
    match deps.hooks.create_within(&hook, most).await {
        Ok(()) => {}
        // By the same request, at the same time.
        Err(StoreError::Conflict) if key.is_some() => {
            let hook = deps.hooks.get(&tenant.id, id).await?.ok_or_else(|| Problem::not_found("hook"))?;
            return created_before(&deps, &tenant, &hook, limits.has_chosen(Capability::RevealSecret, access)).await;
        }
        Err(StoreError::LimitReached) => {
            uids::release(&deps, &hook).await?;
            let by = limited_by(&deps, &tenant, &hook, most).await?;
            return Err(Problem::limit_reached(format!("limit reached: at most {most} hooks, by max_hooks{by}")));
        }
        Err(error) => return Err(error.into()),
    }
    created(&deps, &tenant, &hook, warnings).await
}

/// By the same request. Secrets that came later are shown only to whoever may see them at any time.
async fn created_before(
    deps: &Deps,
    tenant: &Tenant,
    hook: &Hook,
    may_reveal: bool,
) -> Result<Tagged<CreatedHook>, Problem> {
    let mut answer = created(deps, tenant, hook, Vec::new()).await?;
    if hook.version > 1 && !may_reveal {
        (answer.body.secret, answer.body.verification_key) = (None, None);
    }
    Ok(answer)
}

async fn created(
    deps: &Deps,
    tenant: &Tenant,
    hook: &Hook,
    warnings: Vec<HookWarning>,
) -> Result<Tagged<CreatedHook>, Problem> {
    let (secret, public_key) = shown_secrets(hook);
    let verification_key = hook.shown_verification_key().map(|key| key.reveal().to_owned());
    let view = HookView::of(deps, tenant, hook).await?;
    Ok(Tagged::created(hook, CreatedHook { view, secret, public_key, verification_key, warnings }))
}

fn shown_secrets(hook: &Hook) -> (Option<String>, Option<String>) {
    let secret = hook.secrets.first().map(|s| s.secret.reveal().to_owned());
    (secret, hook.secrets.iter().find_map(|s| public_key(&s.secret)))
}

/// List hooks
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks", operation_id = "hooks.list", tag = "hooks",
    params(("tenant" = String, Path), ListQuery), responses((status = 200, body = HookList)))]
pub(crate) async fn list(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<HookList>, Problem> {
    let mut healths = deps.hook_health.circuits.health.all(&tenant).await?;
    let orders_all = query.orders_by_execution() && healths.len() <= MOST_ORDERED_EXACTLY;
    if orders_all {
        healths = health::complete_all(&deps, &tenant, healths).await?;
    }
    let selected = select(all(&deps, &tenant).await?, &healths, &query)?;
    if !orders_all {
        let shown: Vec<HookId> = selected.items.iter().flatten().map(|hook| hook.id).collect();
        healths.retain(|hook, _| shown.contains(hook));
        healths = health::complete_all(&deps, &tenant, healths).await?;
    }
    let unknown = Health::default();
    let tenant = owner(&deps, &tenant).await?;
    let mut items = Vec::with_capacity(selected.items.len());
    for row in selected.items {
        items.push(match row {
            Ok(hook) => {
                let health = healths.get(&hook.id).unwrap_or(&unknown);
                HookView::listed(&deps, &tenant, &hook, health).await?
            }
            Err(unreadable) => unreadable.into(),
        });
    }
    Ok(Json(HookList { items, next_cursor: selected.next, total: selected.total }))
}

/// Read a hook
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}", operation_id = "hooks.get", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses(
    (status = 200, body = HookView, headers(("ETag" = String, description = "The version of the hook, for `If-Match`")))
))]
pub(crate) async fn get(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Tagged<HookView>, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    let view = HookView::of(&deps, &*owner(&deps, &tenant).await?, &hook).await?;
    Ok(Tagged::new(&hook, view))
}

/// Change a hook
///
/// Fields that are absent stay as they are; so do secrets that are blank or
/// masked. A setting that is null is left to the profile again. With a portal session,
/// replacing `secret` takes the capability `rotate` as well. With `If-Match`, only that version
/// is changed.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/hooks/{hook}", operation_id = "hooks.update", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path), IfMatchHeader), request_body(content = Option<HookSettings>, examples(
        ("events" = (summary = "Other events", value = json!({ "events": ["post.*", "account.closed"] }))),
        ("paused" = (summary = "Paused", value = json!({ "enabled": false }))),
        ("left_open" = (summary = "No filter any more, and the retries of its profile", value = json!({ "filter": null, "retry": null })))
    )), responses(
    (status = 200, body = ChangedHook, headers(("ETag" = String, description = "The version of the hook, for `If-Match`"))),
    (status = 412, description = "It is another version by now; `errors` names what has changed since")
))]
pub(crate) async fn update(
    MayManage(tenant): MayManage,
    access: Access,
    limits: Limits,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    if_match: IfMatch,
    body: Body<Members>,
) -> Result<Tagged<ChangedHook>, Problem> {
    let body = body.checked()?;
    let old = find(&deps, &tenant, &params).await?;
    let tenant = owner(&deps, &tenant).await?;
    let by = Changer { access, may_rotate: limits.has_chosen(Capability::Rotate, access), limits: Some(&limits) };
    let change = HookChange::of(&deps, &tenant, old, &body, by).await?;
    if_match.check(deps.hooks.as_ref(), &change.old).await?;
    let warnings = change.warnings.clone();
    let new = change.commit(&deps, access, &[], &if_match).await?;
    let view = HookView::of(&deps, &tenant, &new).await?;
    Ok(Tagged::new(&new, ChangedHook { view, warnings }))
}

/// Delete a hook
///
/// Its log goes with it, and deliveries that are waiting are not sent. A hook
/// that cannot be read is deleted like any other, unless `If-Match` asks for a version.
/// An endpoint that has returned a challenge is told of it once, after the answer, unless `tell` is false.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/hooks/{hook}", operation_id = "hooks.delete", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path), DeletionQuery, IfMatchHeader), responses(
    (status = 204),
    (status = 412, description = "It is another version by now; `errors` names what has changed since")
))]
pub(crate) async fn delete(
    MayManage(tenant): MayManage,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(DeletionQuery { tell }): Query<DeletionQuery>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let hook = uids::named(&deps, &tenant, &params).await?;
    // One that cannot be read has left no name; whoever takes it finds nobody there.
    let known = match deps.hooks.get(&tenant, hook).await {
        Ok(found) => {
            let found = found.filter(|hook| !hook.is_to_be_removed(deps.clock.now()));
            Some(found.ok_or_else(|| Problem::not_found("hook"))?)
        }
        Err(StoreError::Unreadable(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match &known {
        Some(known) => if_match.check(deps.hooks.as_ref(), known).await?,
        None => if_match.check_unknown()?,
    }
    deps.jobs.send_one(purge(&deps, &tenant, hook, false)).await?;
    let version = known.as_ref().and_then(|known| if_match.version(known));
    let stopped = match &known {
        Some(known) if tell != Some(false) => {
            deletion::stop(&deps, known, version).await.map_err(|error| if_match.or_conflict(error))?
        }
        _ => None,
    };
    let version = version.map(|version| stopped.as_ref().map_or(version, |stopped| stopped.version));
    match deps.hooks.delete(&tenant, hook, version).await.map_err(|error| if_match.or_conflict(error))? {
        true => {
            if let Some(known) = known {
                uids::release(&deps, &known).await?;
            }
            deps.hook_health.forget(&tenant, hook).await?;
            if let Some(stopped) = stopped {
                deletion::tell(&deps, &stopped).await;
            }
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(Problem::not_found("hook")),
    }
}
