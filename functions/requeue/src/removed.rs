//! A hook goes by itself, with its log, as if whoever looks after it had deleted it.

use std::time::Duration;

use contract::jobs::{Job, JobMessage, PurgeHook};
use contract::ports::AuditScope;
use contract::stage::Fault;
use domain::audit::TargetKind;
use domain::hook::Hook;
use domain::unknown::Unknown;
use services::repositories::audit::Deed;

use crate::Deps;

/// Once nobody can be writing to its log any more.
const PURGE_AFTER: Duration = Duration::from_secs(120);

/// Deletes this version of the hook, and notes why.
pub(crate) async fn hook(deps: &Deps, hook: &Hook, why: &str) -> Result<(), Fault> {
    let (tenant, id, now) = (&hook.tenant, hook.id, deps.clock.now());
    let purge = Job::PurgeHook(PurgeHook { hook: id, with_events: false, cursor: None, unknown: Unknown::NONE });
    deps.jobs.send_one(JobMessage::new(tenant, purge).to_outgoing(Some(now.saturating_add(PURGE_AFTER)))).await?;
    // Whoever dies in between notes it twice; the other way round nobody would.
    let deed = Deed::by_itself("deleted", Some(why.to_owned()));
    deps.trail.note_of(AuditScope::Tenant(tenant), TargetKind::Hook, &id.to_string(), deed).await?;
    deps.hooks.delete(tenant, id, Some(hook.version)).await?;
    if let Some(uid) = &hook.uid
        && deps.hook_uids.get(tenant, uid).await?.is_some_and(|holder| holder.hook == id)
    {
        deps.hook_uids.delete(tenant, uid).await?;
    }
    Ok(())
}
