//! Subscriptions of the Model Context Protocol end with what they rest on: the key or session that made them, or
//! their event type.
//!
//! - **In:** a step that was asked for before that went, and comes after it.
//! - **Out:** the hooks deleted, and their endpoints told; the next step while hooks are left to look at.
//! - **Promise:** what still stands keeps its subscriptions, so that whoever dies before revoking a key ends nothing.
//!   Whatever a request that was under way has made meanwhile is found by a last look. A step that breaks off can be
//!   made again: each endpoint is told under one name.

use std::time::Duration;

use contract::jobs::{EndSubscriptions, EndSubscriptionsOfAll, Job};
use contract::ports::StoreResult;
use contract::stage::{Fault, Outcome};
use domain::hook::Hook;
use domain::ids::{EventType, SessionId, TenantId};
use domain::portal::SESSION;
use domain::subscription;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use services::StepTime;
use services::delivery::ended_hook::{self, EndReason};

use crate::{Deps, Step, removed};

/// Hooks that one step looks at, and tenants that one asks for.
const AT_ONCE: usize = 100;
/// Longer than any request takes: what has not gone by then stays, and nobody makes a subscription any more with what
/// has.
const SURE_AFTER: Duration = Duration::from_secs(60);

pub(crate) async fn all(deps: &Deps, step: &Step<'_>, job: EndSubscriptionsOfAll) -> Result<Outcome, Outcome> {
    let page = deps.tenants.list(AT_ONCE, job.cursor.as_deref()).await?;
    let mut asked = Vec::new();
    for tenant in page.items {
        match tenant {
            Ok(tenant) => asked.push(job.of_tenant(&tenant.id)),
            Err(unreadable) => {
                tracing::error!(tenant.id = unreadable.id, error = %unreadable, "a tenant cannot be read, and its subscriptions are not ended");
            }
        }
    }
    if !asked.is_empty() {
        deps.jobs.send_all(&asked).await?;
    }
    if page.next.is_some() {
        let next = EndSubscriptionsOfAll { cursor: page.next, ..job };
        step.ask_for_next(deps, Job::EndSubscriptionsOfAll(next), None).await?;
    }
    Ok(Outcome::Done)
}

pub(crate) async fn tenant(deps: &Deps, step: &Step<'_>, job: EndSubscriptions) -> Result<Outcome, Outcome> {
    let (time, now) = (StepTime::begin(deps.clock.as_ref()), deps.clock.now());
    let Some(tenant) = deps.tenants.get(step.tenant).await? else { return Ok(Outcome::Done) };
    let sure = job.since.saturating_add(SURE_AFTER);
    if still_stands(deps, &tenant, &job, now).await? {
        return Ok(if now < sure { Outcome::NotBefore(sure) } else { Outcome::Done });
    }
    let page = deps.hooks.list(&tenant.id, AT_ONCE, job.cursor.as_deref()).await?;
    for hook in page.items {
        match hook {
            Ok(hook) if is_of(&hook, &job) => {
                if time.is_over() {
                    // What is gone by now is not found again.
                    step.ask_for_next(deps, Job::EndSubscriptions(job), None).await?;
                    return Ok(Outcome::Done);
                }
                end(deps, &tenant, &hook, &job).await?;
            }
            Ok(_) => {}
            Err(unreadable) => {
                tracing::error!(tenant.id = %tenant.id, error = %unreadable, "whether a hook of tenant {} is a subscription that ends cannot be read", tenant.id);
            }
        }
    }
    if page.next.is_some() {
        step.ask_for_next(deps, Job::EndSubscriptions(EndSubscriptions { cursor: page.next, ..job }), None).await?;
    } else if !job.last {
        let last = EndSubscriptions { cursor: None, last: true, ..job };
        step.ask_for_next(deps, Job::EndSubscriptions(last), Some(sure)).await?;
    }
    Ok(Outcome::Done)
}

fn is_of(hook: &Hook, job: &EndSubscriptions) -> bool {
    job.principal.as_ref().is_some_and(|principal| subscription::is_of(hook, principal))
        || job.event_type.as_ref().is_some_and(|event_type| subscription::is_to(hook, event_type))
}

/// Whether there is the key, session or event type after all.
async fn still_stands(deps: &Deps, tenant: &Tenant, job: &EndSubscriptions, now: Timestamp) -> StoreResult<bool> {
    match (&job.principal, &job.event_type) {
        (Some(principal), _) => has_access(deps, &tenant.id, principal, now).await,
        (None, Some(event_type)) => is_offered(deps, tenant, event_type).await,
        (None, None) => Ok(true),
    }
}

async fn has_access(deps: &Deps, tenant: &TenantId, principal: &str, now: Timestamp) -> StoreResult<bool> {
    if let Some(id) = principal.strip_prefix(SESSION) {
        let Ok(id) = id.parse::<SessionId>() else { return Ok(true) };
        return Ok(deps.sessions.get(tenant, id).await?.is_some_and(|session| !session.is_expired(now)));
    }
    let Ok(id) = principal.parse() else { return Ok(true) };
    for owner in [Some(tenant), None] {
        if deps.keys.get(owner, id).await?.is_some_and(|key| !key.is_expired(now)) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_offered(deps: &Deps, tenant: &Tenant, event_type: &EventType) -> StoreResult<bool> {
    Ok(deps.catalogue.find(tenant, event_type).await?.is_some_and(|found| !found.entry().archived))
}

async fn end(deps: &Deps, tenant: &Tenant, hook: &Hook, job: &EndSubscriptions) -> Result<(), Fault> {
    let (reason, why) = match &job.principal {
        Some(principal) => (EndReason::AccessRevoked, format!("{principal}, which subscribed, has ended")),
        None => (EndReason::EventTypeGone, "its event type is not offered any more".to_owned()),
    };
    let settings = deps.resolved.settle(hook, tenant).await?;
    let health = deps.circuits.health.stored(&tenant.id, hook.id).await?;
    if !ended_hook::is_told(hook, &settings, &health) {
        return removed::hook(deps, hook, &why).await;
    }
    let now = deps.clock.now();
    let stopped = ended_hook::stop(deps.hooks.as_ref(), hook, now).await?;
    if let Some(message) = ended_hook::message(&stopped, reason, now, deps.random.as_ref()) {
        deps.redeliveries.send_one(message).await?;
    }
    removed::hook(deps, &stopped, &why).await
}
