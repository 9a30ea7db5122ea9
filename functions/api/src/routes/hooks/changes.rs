//! What follows from a change to a hook, besides the change itself.

use contract::jobs::{CatchUp, Job, JobMessage, RemoveExpired};
use contract::ports::Outgoing;
use domain::health::Health;
use domain::hook::{DISABLED_BY_REQUEST, Hook};
use domain::secret::SigningSecret;
use domain::settings::Complete;
use domain::time::Timestamp;
use domain::unknown::Unknown;

use crate::Deps;
use crate::auth::Access;
use crate::problem::Problem;

/// Completes `new` before it is stored in the place of `old`, and lets its
/// health start anew where it has to: counters kept from before would disable a
/// hook again at its first failure.
pub(super) async fn prepare(
    deps: &Deps,
    old: Option<&Hook>,
    new: &mut Hook,
    settings: &Complete,
    access: Access,
) -> Result<(), Problem> {
    if old.is_some_and(|old| new.places_other_text_than(old)) {
        new.renew_verification_key(deps.random.as_ref());
    }
    if settings.verification.required {
        new.provide_verification_key(deps.random.as_ref(), settings.verification.kind);
    }
    let is_new = |secret: &SigningSecret| {
        secret.created_at.is_none()
            && old.is_none_or(|old| old.secrets.iter().all(|former| former.secret != secret.secret))
    };
    let now = deps.clock.now();
    new.secrets.iter_mut().filter(|secret| is_new(secret)).for_each(|secret| secret.created_at = Some(now));
    let was_enabled = old.is_none_or(|old| old.enabled);
    if new.enabled {
        (new.disabled_reason, new.disabled_at) = (None, None);
    } else if was_enabled {
        new.disabled_reason = Some(DISABLED_BY_REQUEST.to_owned());
        new.disabled_at = Some(deps.clock.now());
    }
    if was_enabled && !new.enabled && old.is_some() {
        let now = deps.clock.now();
        let pause = |health: &mut Health| health.pause(now, settings.disable_after.duration());
        deps.hook_health.circuits.change(&new.tenant, new.id, pause).await?;
    }
    let moved = old.is_some_and(|old| old.url != new.url);
    if moved || !was_enabled && new.enabled {
        let now = deps.clock.now();
        let renew = |health: &mut Health| {
            match access {
                Access::Portal => health.reset_by_owner(now, &settings.circuit_breaker, !was_enabled),
                Access::Full => health.reset(now, &settings.circuit_breaker),
            }
            if moved {
                health.unverify();
            }
        };
        deps.hook_health.circuits.change(&new.tenant, new.id, renew).await?;
    }
    Ok(())
}

/// Asks for a hook to be removed once its time is over, before it is given that end: should that fail, the
/// step finds nothing to remove.
pub(super) async fn ask_for_removal(deps: &Deps, old: Option<&Hook>, new: &Hook) -> Result<(), Problem> {
    if let Some(job) = RemoveExpired::of(new).filter(|_| old.is_none_or(|old| old.expires_at != new.expires_at)) {
        let job = JobMessage::new(&new.tenant, Job::RemoveExpired(job));
        deps.jobs.send_one(job.to_outgoing(RemoveExpired::due(new))).await?;
    }
    Ok(())
}

/// Asks for what has waited for a hook that is enabled from this version on.
pub(super) fn catch_up(hook: &Hook, due: Option<Timestamp>) -> Outgoing {
    let (id, hook_version, since) = (hook.id, hook.version, hook.updated_at);
    let job = Job::CatchUp(CatchUp { hook: id, hook_version, since, unknown: Unknown::NONE });
    JobMessage::new(&hook.tenant, job).to_outgoing(due)
}
