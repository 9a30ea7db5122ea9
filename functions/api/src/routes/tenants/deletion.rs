//! A tenant goes with all that is its.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use contract::jobs::{Job, JobMessage, PurgeEvents};
use contract::ports::StoreError;
use domain::ids::{KeyId, TenantId};
use domain::unknown::Unknown;

use crate::auth::Operator;
use crate::input::{Segments, segment};
use crate::listed::id_of;
use crate::problem::Problem;
use crate::{Deps, routes};

/// Hooks that a deletion takes at a time, so that one that breaks off got somewhere.
const PURGED_AT_ONCE: usize = 100;

/// Delete a tenant with its hooks, keys, event types, events and deliveries
///
/// Deliveries that are waiting are not sent. Events and deliveries are out of
/// sight at once and deleted within some minutes. What cannot be read of it goes
/// as well. The id can be taken again after 30 s.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", operation_id = "tenants.delete", tag = "tenants",
    params(("tenant" = String, Path)), responses((status = 204)))]
pub(crate) async fn delete(
    _: Operator,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<StatusCode, Problem> {
    let id: TenantId = segment(&params, "tenant", "tenant")?;
    match deps.tenants.get(&id).await {
        Ok(None) => return Err(Problem::not_found("tenant")),
        // It can still be deleted.
        Ok(Some(_)) | Err(StoreError::Unreadable(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let mut hooks = Vec::new();
    for row in routes::hooks::all(&deps, &id).await? {
        hooks.push(row.map_or_else(|unreadable| id_of(&unreadable), |hook| Ok(hook.id))?);
    }
    // Asked for before anything is deleted; whatever still exists then is left alone.
    let events = JobMessage::new(
        &id,
        Job::PurgeEvents(PurgeEvents { until: deps.clock.now(), cursor: None, unknown: Unknown::NONE }),
    );
    deps.jobs.send_one(events.to_outgoing(Some(routes::hooks::purge_due(&deps)))).await?;
    // The tenant's row goes last, so that a deletion that broke off can be repeated.
    for key in deps.keys.list(Some(&id)).await? {
        let key: KeyId = key.map_or_else(|unreadable| id_of(&unreadable), |key| Ok(key.id))?;
        deps.keys.delete(Some(&id), key).await?;
        deps.key_cache.forget(key);
    }
    routes::portal::sessions::clear(&deps, &id).await?;
    for some in hooks.chunks(PURGED_AT_ONCE) {
        let purges: Vec<_> = some.iter().map(|hook| routes::hooks::purge(&deps, &id, *hook, true)).collect();
        deps.jobs.send_all(&purges).await?;
        for hook in some {
            deps.hooks.delete(&id, *hook, None).await?;
            deps.hook_health.forget(&id, *hook).await?;
        }
    }
    deps.expungements.clear(&id).await?;
    deps.hook_uids.clear(&id).await?;
    deps.keyed_requests.clear(&id).await?;
    deps.hook_health.unverified.clear(&id).await?;
    deps.plans.clear(&id).await?;
    deps.advisors.clear(&id).await?;
    deps.catalogue.entries.clear(&id).await?;
    // What its audit says of all that goes with it.
    let until = deps.clock.now().saturating_add(Duration::from_millis(1));
    let rest = Job::PurgeEvents(PurgeEvents { until, cursor: None, unknown: Unknown::NONE });
    let rest = JobMessage::new(&id, rest).to_outgoing(Some(routes::hooks::purge_due(&deps)));
    deps.jobs.send_one(rest).await?;
    deps.tenants.delete(&id, deps.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
