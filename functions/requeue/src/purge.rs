//! What is left of deleted hooks and tenants goes, a page at a time.
//!
//! - **In:** a step that was asked for before the deletion, and comes after it.
//! - **Out:** rows deleted; the next step while some are left.
//! - **Promise:** whatever still exists is left alone, so a deletion that never
//!   came about deletes nothing. A step that breaks off can be made again.

use shared::jobs::{Job, PurgeEvents, PurgeHook};
use shared::ports::{EventRef, LogFilter, TimeRange};
use shared::stage::Outcome;
use shared::time::Timestamp;

use crate::{Deps, Step};

/// Rows of one step. Each takes a few calls of DynamoDB, more where attempts failed.
const PAGE: usize = 50;

pub(crate) async fn hook(deps: &Deps, step: &Step<'_>, job: PurgeHook) -> Result<Outcome, Outcome> {
    let (tenant, hook) = (step.tenant, job.hook);
    if deps.hooks.get(tenant, hook).await?.is_some() {
        return Ok(Outcome::Done);
    }
    let page = deps.log.list(tenant, hook, &LogFilter::default(), PAGE, job.cursor.as_deref()).await?;
    let events =
        page.items.iter().map(|row| (EventRef { seq: row.id.event, id: row.event_id.clone() }, row.expires_at));
    let events: Vec<(EventRef, Timestamp)> = events.collect();
    if job.with_events {
        for (event, _) in &events {
            deps.events.delete(tenant, event).await?;
        }
    } else {
        // No log may lead to them any more, and a later hook may want them.
        deps.events.unclaim(tenant, &events).await?;
    }
    deps.log.delete(&page.items).await?;
    if page.next.is_some() {
        step.ask_for_next(deps, Job::PurgeHook(PurgeHook { cursor: page.next, ..job }), None).await?;
        return Ok(Outcome::Done);
    }
    deps.hooks.forget(tenant, hook).await?;
    loop {
        let replays = deps.replays.list(tenant, hook, PAGE, None).await?;
        for replay in &replays.items {
            deps.replays.delete(tenant, hook, replay.id).await?;
        }
        if replays.next.is_none() {
            return Ok(Outcome::Done);
        }
    }
}

/// Events that are in no log, of a tenant that was deleted.
pub(crate) async fn events(deps: &Deps, step: &Step<'_>, job: PurgeEvents) -> Result<Outcome, Outcome> {
    let (tenant, until) = (step.tenant, job.until);
    if deps.tenants.get(tenant).await?.is_some_and(|tenant| tenant.created_at < until) {
        return Ok(Outcome::Done);
    }
    let times = TimeRange { since: None, until: Some(until) };
    let page = deps.events.unclaimed(tenant, times, PAGE, job.cursor.as_deref()).await?;
    for event in &page.items {
        deps.events.delete(tenant, event).await?;
    }
    if page.next.is_some() {
        step.ask_for_next(deps, Job::PurgeEvents(PurgeEvents { cursor: page.next, ..job }), None).await?;
    }
    Ok(Outcome::Done)
}
