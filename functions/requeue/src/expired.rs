//! Hooks whose time is over are removed.
//!
//! - **In:** a step that was asked for when the hook was given its end.
//! - **Out:** the hook deleted, with its log, as by whoever looks after it.
//! - **Promise:** a hook that was given another end since stays. By the time of the step nobody can
//!   give it one any more: the API does not know it then.

use std::time::Duration;

use contract::jobs::{Job, RemoveExpired};
use contract::stage::Outcome;

use crate::{Deps, Step, removed};

/// A queue keeps a message for some days only.
const SENT_ANEW_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);
const EXPIRED: &str = "its expires_at has passed";

pub(crate) async fn remove(deps: &Deps, step: &Step<'_>, job: RemoveExpired) -> Result<Outcome, Outcome> {
    let (tenant, now) = (step.tenant, deps.clock.now());
    let Some(hook) = deps.hooks.get(tenant, job.hook).await? else { return Ok(Outcome::Done) };
    let Some(due) = RemoveExpired::due(&hook) else { return Ok(Outcome::Done) };
    if job.end.is_some_and(|end| hook.expires_at != Some(end)) {
        return Ok(Outcome::Done);
    }
    // A queue may hand over a job earlier than was asked for.
    if !hook.is_to_be_removed(now) {
        if step.sent_at.is_some_and(|at| now.since(at) > SENT_ANEW_AFTER) {
            let job = RemoveExpired { end: hook.expires_at, ..job };
            step.ask_for_next(deps, Job::RemoveExpired(job), Some(due)).await?;
            return Ok(Outcome::Done);
        }
        return Ok(Outcome::NotBefore(due));
    }
    removed::hook(deps, &hook, EXPIRED).await?;
    Ok(Outcome::Done)
}
