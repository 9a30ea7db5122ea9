//! Hooks by their clients' own names. A name is taken before its hook is written, so that no
//! two hooks have one; one that was taken by whoever then died is free after a while.

use std::time::Duration;

use contract::ports::StoreError;
use domain::hook::Hook;
use domain::ids::{HookId, HookUid, TenantId};
use domain::unknown::Unknown;
use services::repositories::documents::UidHolder;

use crate::Deps;
use crate::input::{Segments, segment};
use crate::problem::Problem;

/// What stands before a uid in a path, in the place of a hook's id.
const PREFIX: &str = "uid:";
/// Longer than anybody takes from taking a name to writing the hook.
const TAKEN_FOR: Duration = Duration::from_secs(60);

/// The hook of the path, by its id or its uid.
pub(super) async fn named(deps: &Deps, tenant: &TenantId, params: &Segments) -> Result<HookId, Problem> {
    let text: String = segment(params, "hook", "hook")?;
    let Some(uid) = text.strip_prefix(PREFIX) else {
        return text.parse().map_err(|_| Problem::not_found("hook"));
    };
    let uid: HookUid = uid.parse().map_err(|_| Problem::not_found("hook"))?;
    let holder = deps.hook_uids.get(tenant, &uid).await?.ok_or_else(|| Problem::not_found("hook"))?;
    match is_held(deps, tenant, &uid, holder.hook).await? {
        true => Ok(holder.hook),
        false => Err(Problem::not_found("hook")),
    }
}

async fn is_held(deps: &Deps, tenant: &TenantId, uid: &HookUid, hook: HookId) -> Result<bool, Problem> {
    let hook = deps.hooks.get(tenant, hook).await?;
    let now = deps.clock.now();
    Ok(hook.is_some_and(|hook| hook.uid.as_ref() == Some(uid) && !hook.is_to_be_removed(now)))
}

/// Takes the uid of `new`, unless `old` has it already.
pub(super) async fn take(deps: &Deps, old: Option<&Hook>, new: &Hook) -> Result<(), Problem> {
    let Some(uid) = new.uid.as_ref().filter(|uid| old.and_then(|old| old.uid.as_ref()) != Some(uid)) else {
        return Ok(());
    };
    let now = deps.clock.now();
    let taken = || Problem::conflict(format!("another hook has the uid {uid}"));
    let version = match deps.hook_uids.get(&new.tenant, uid).await? {
        None => 1,
        Some(holder) if holder.hook == new.id => return Ok(()),
        Some(holder) if is_held(deps, &new.tenant, uid, holder.hook).await? => return Err(taken()),
        Some(holder) if now.since(holder.at) < TAKEN_FOR => {
            return Err(taken().after(TAKEN_FOR.saturating_sub(now.since(holder.at))));
        }
        Some(holder) => holder.version + 1,
    };
    let holder = UidHolder { hook: new.id, at: now, version, unknown: Unknown::NONE };
    match deps.hook_uids.put(&new.tenant, uid, &holder).await {
        Ok(()) => Ok(()),
        // The same request at the same time takes it for the same hook.
        Err(StoreError::Conflict) => match deps.hook_uids.get(&new.tenant, uid).await? {
            Some(holder) if holder.hook == new.id => Ok(()),
            _ => Err(taken()),
        },
        Err(error) => Err(error.into()),
    }
}

/// The uid of a hook that has it no more is free.
pub(super) async fn release(deps: &Deps, hook: &Hook) -> Result<(), Problem> {
    let Some(uid) = &hook.uid else { return Ok(()) };
    if deps.hook_uids.get(&hook.tenant, uid).await?.is_some_and(|holder| holder.hook == hook.id) {
        deps.hook_uids.delete(&hook.tenant, uid).await?;
    }
    Ok(())
}
