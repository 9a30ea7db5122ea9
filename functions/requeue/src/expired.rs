//! Hooks whose time is over are removed.
//!
//! - **In:** a step that was asked for when the hook was given its end.
//! - **Out:** the hook deleted, with its log, as by whoever looks after it.
//! - **Promise:** a hook that was given another end since stays. By the time of the step nobody can
//!   give it one any more: the API does not know it then.

use std::time::Duration;

use contract::jobs::{Job, JobMessage, PurgeHook, RemoveExpired};
use contract::ports::AuditScope;
use contract::stage::Outcome;
use domain::audit::TargetKind;
use domain::unknown::Unknown;
use services::repositories::audit::Deed;

use crate::{Deps, Step};

/// Once nobody can be writing to its log any more.
const PURGE_AFTER: Duration = Duration::from_secs(120);
const EXPIRED: &str = "its expires_at has passed";

pub(crate) async fn remove(deps: &Deps, step: &Step<'_>, job: RemoveExpired) -> Result<Outcome, Outcome> {
    let (tenant, now) = (step.tenant, deps.clock.now());
    let Some(hook) = deps.hooks.get(tenant, job.hook).await? else { return Ok(Outcome::Done) };
    // The change that gave it another end has asked for another step.
    if !hook.is_to_be_removed(now) {
        return Ok(Outcome::Done);
    }
    let purge = Job::PurgeHook(PurgeHook { hook: job.hook, with_events: false, cursor: None, unknown: Unknown::NONE });
    deps.jobs.send_one(JobMessage::new(tenant, purge).to_outgoing(Some(now.saturating_add(PURGE_AFTER)))).await?;
    if deps.hooks.delete(tenant, job.hook, Some(hook.version)).await? {
        let deed = Deed::by_itself("deleted", Some(EXPIRED.to_owned()));
        deps.trail.note_of(AuditScope::Tenant(tenant), TargetKind::Hook, &job.hook.to_string(), deed).await?;
    }
    deps.circuits.remove(tenant, job.hook).await?;
    deps.trail.remove(tenant, job.hook).await?;
    if let Some(uid) = &hook.uid
        && deps.hook_uids.get(tenant, uid).await?.is_some_and(|holder| holder.hook == job.hook)
    {
        deps.hook_uids.delete(tenant, uid).await?;
    }
    Ok(Outcome::Done)
}
