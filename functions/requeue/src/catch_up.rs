//! Sends what has waited for a hook since it was paused.
//!
//! - **In:** asked for before the hook is enabled and once more after, so that no
//!   death in between leaves anything waiting.
//! - **Out:** a replay of what waits, as long as something does.
//! - **Promise:** whoever did not know yet that the hook is enabled, and let a
//!   delivery wait for it, is caught up with as well. A replay that somebody
//!   cancelled is not begun anew.

use std::time::Duration;

use contract::jobs::{CatchUp, Job, JobMessage, ReplayStep};
use contract::stage::Outcome;
use domain::hook::Hook;
use domain::ids::{ReplayId, new_ulid};
use domain::replay::{Replay, ReplayKind, ReplayStatus};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use services::delivery::paused;
use services::replays::{self, KEPT};
use services::repositories::audit::BY_ITSELF;

use crate::{Deps, Step};

/// How long the change that enables the hook may take to be seen here.
const UNDER_WAY: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// What does not know yet that the hook is enabled knows it by then.
const ALL_KNOW: Duration = Duration::from_secs(60);
/// Replays that are begun for one pause at most: what they cannot send stays.
const MOST_REPLAYS: usize = 5;

pub(crate) async fn step(deps: &Deps, step: &Step<'_>, job: CatchUp) -> Result<Outcome, Outcome> {
    let (tenant, now) = (step.tenant, deps.clock.now());
    let Some(hook) = deps.hooks.get(tenant, job.hook).await? else { return Ok(Outcome::Done) };
    if hook.version < job.hook_version {
        let is_under_way = now < job.since.saturating_add(UNDER_WAY);
        return Ok(if is_under_way { Outcome::NotBefore(now.saturating_add(LOOK_AGAIN)) } else { Outcome::Done });
    }
    if !hook.enabled || paused::first(deps.log.as_ref(), tenant, hook.id).await?.is_none() {
        let ends = job.since.saturating_add(ALL_KNOW);
        return Ok(if hook.enabled && now < ends { Outcome::NotBefore(ends) } else { Outcome::Done });
    }
    let known = deps.replays.list(tenant, hook.id, KEPT, None).await?.items;
    let known: Vec<Replay> = known.into_iter().flatten().collect();
    let of_this_pause = || {
        let begun = |replay: &&Replay| replay.kind == ReplayKind::Waiting && !replay.dry_run;
        known.iter().filter(begun).filter(|replay| replay.created_at >= job.since)
    };
    if of_this_pause().any(|replay| replay.status == ReplayStatus::Cancelled) {
        return Ok(Outcome::Done);
    }
    if !of_this_pause().any(Replay::is_running) {
        if of_this_pause().count() >= MOST_REPLAYS {
            tracing::warn!(tenant.id = %tenant, hook.id = %hook.id, "hook {} was caught up with {MOST_REPLAYS} times, and something still waits for it", hook.id);
            return Ok(Outcome::Done);
        }
        if !replays::make_room(deps.replays.as_ref(), tenant, hook.id).await? {
            tracing::warn!(tenant.id = %tenant, hook.id = %hook.id, "hook {} has {KEPT} replays that are running; what waits for it is sent later", hook.id);
            return Ok(Outcome::NotBefore(now.saturating_add(ALL_KNOW)));
        }
        begin(deps, &hook, now).await?;
    }
    Ok(Outcome::NotBefore(now.saturating_add(ALL_KNOW)))
}

async fn begin(deps: &Deps, hook: &Hook, now: Timestamp) -> Result<(), Outcome> {
    let tenant = &hook.tenant;
    let Some(resolved) = deps.resolved.get(tenant, hook.id).await? else { return Ok(()) };
    let name = (tenant.clone(), hook.id, ReplayId::new(now, deps.random.as_ref()));
    let rate = resolved.settings.while_paused.catch_up_rate;
    let replay = Replay::new(name, ReplayKind::Waiting, rate, BY_ITSELF.to_owned(), now);
    let start = |due| {
        let token = new_ulid(now, deps.random.as_ref()).to_string();
        let first = ReplayStep { hook: hook.id, replay: replay.id, step: 0, token, unknown: Unknown::NONE };
        JobMessage::new(tenant, Job::Replay(first)).to_outgoing(due)
    };
    // Should this process die in between, no replay is left that never starts.
    deps.jobs.send_one(start(Some(now.saturating_add(ALL_KNOW)))).await?;
    deps.replays.create(&replay).await?;
    deps.jobs.send_one(start(None)).await?;
    Ok(())
}
