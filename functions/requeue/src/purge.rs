//! What is left of deleted hooks and tenants goes, a page at a time.
//!
//! - **In:** a step that was asked for before the deletion, and comes after it.
//! - **Out:** rows deleted; the next step while some are left.
//! - **Promise:** whatever still exists is left alone, so a deletion that never
//!   came about deletes nothing. A step that breaks off can be made again.

use contract::jobs::{Job, PurgeEvents, PurgeHook};
use contract::ports::{AuditScope, EventRef, LogFilter, StoreError, TimeRange};
use contract::stage::Outcome;
use domain::ids::DeliveryId;
use domain::tenant::ID_RESTS_FOR;
use domain::time::Timestamp;

use crate::{Deps, Step};

/// Rows of one step. Each takes a few calls of DynamoDB, more where attempts failed.
const PAGE: usize = 50;

pub(crate) async fn hook(deps: &Deps, step: &Step<'_>, job: PurgeHook) -> Result<Outcome, Outcome> {
    let (tenant, hook) = (step.tenant, job.hook);
    if deps.hooks.exists(tenant, hook).await? {
        return Ok(Outcome::Done);
    }
    let page = deps.log.list(tenant, hook, &LogFilter::default(), PAGE, job.cursor.as_deref()).await?;
    let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
    for row in page.items {
        match row {
            Ok(row) => rows.push(row),
            Err(row) => unreadable.push(row),
        }
    }
    let events = rows.iter().map(|row| (EventRef { seq: row.id.event, id: row.event_id.clone() }, row.expires_at));
    let events: Vec<(EventRef, Timestamp)> = events.collect();
    if job.with_events {
        for (event, _) in &events {
            deps.events.delete(tenant, event).await?;
        }
    } else {
        // No log may lead to them any more, and a later hook may want them.
        deps.events.unclaim(tenant, &events).await?;
    }
    deps.log.delete(&rows).await?;
    for row in unreadable {
        // Which event it was of is not known any more; that one expires.
        let id: DeliveryId = row.id.parse().map_err(|_| StoreError::from(row))?;
        deps.log.delete_unreadable(tenant, id).await?;
    }
    if page.next.is_some() {
        step.ask_for_next(deps, Job::PurgeHook(PurgeHook { cursor: page.next, ..job }), None).await?;
        return Ok(Outcome::Done);
    }
    deps.hooks.forget(tenant, hook).await?;
    // Whoever deleted it may have died before; and somebody may have counted on since.
    deps.circuits.remove(tenant, hook).await?;
    deps.rates.remove(tenant, hook).await?;
    deps.trail.remove(tenant, hook).await?;
    loop {
        let replays = deps.replays.list(tenant, hook, PAGE, None).await?;
        for replay in replays.items {
            let id = replay.map_or_else(|row| row.id.parse().map_err(|_| row), |replay| Ok(replay.id));
            deps.replays.delete(tenant, hook, id.map_err(StoreError::from)?).await?;
        }
        if replays.next.is_none() {
            return Ok(Outcome::Done);
        }
    }
}

/// Events that are in no log, of a tenant that was deleted, and what its lists were made of.
pub(crate) async fn events(deps: &Deps, step: &Step<'_>, job: PurgeEvents) -> Result<Outcome, Outcome> {
    let (tenant, until) = (step.tenant, job.until);
    // One that cannot be read may have been there before.
    match deps.tenants.get(tenant).await {
        Ok(tenant) if tenant.as_ref().is_none_or(|tenant| tenant.created_at >= until) => {}
        Ok(_) | Err(StoreError::Unreadable(_)) => return Ok(Outcome::Done),
        Err(error) => return Err(error.into()),
    }
    let times = TimeRange { since: None, until: Some(until) };
    let page = deps.events.unclaimed(tenant, times, PAGE, job.cursor.as_deref()).await?;
    for event in &page.items {
        deps.events.delete(tenant, event).await?;
    }
    let more = deps.activity.delete(tenant, until, PAGE).await?;
    let more = deps.audit.delete(AuditScope::Tenant(tenant), until, PAGE).await? || more;
    if more || page.next.is_some() {
        step.ask_for_next(deps, Job::PurgeEvents(PurgeEvents { cursor: page.next, ..job }), None).await?;
    } else if let Some(at) = deps.tenants.deleted_at(tenant).await?.filter(|at| at.since(until) < ID_RESTS_FOR) {
        // That of this deletion, which was noted at its end: the next one cannot be so soon.
        deps.tenants.forget_deleted(tenant, at).await?;
    }
    Ok(Outcome::Done)
}
