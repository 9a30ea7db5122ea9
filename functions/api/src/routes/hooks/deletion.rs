//! What an endpoint hears of the end of its hook. Nobody waits for it: `deliver` tells it.

use contract::ports::{StoreError, StoreResult};
use contract::stage::causes;
use domain::hook::Hook;
use serde::Deserialize;
use services::delivery::ended_hook::{self, EndReason};
use utoipa::IntoParams;

use crate::Deps;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeletionQuery {
    /// Whether an endpoint that has returned a challenge is told; true by default
    pub(super) tell: Option<bool>,
}

/// Of a hook whose endpoint is to be told: the version that is to be deleted. The one before it signs.
pub(super) async fn stop(deps: &Deps, hook: &Hook, version: Option<u64>) -> StoreResult<Option<Hook>> {
    let Some(owner) = deps.tenants.get(&hook.tenant).await? else { return Ok(None) };
    let settings = match deps.resolved.settle(hook, &owner).await {
        Ok(settings) => settings,
        // Its profile cannot be read, which keeps nobody from deleting it.
        Err(StoreError::Unreadable(_) | StoreError::Corrupt(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let health = deps.hook_health.health(&hook.tenant, hook.id).await?;
    if !ended_hook::is_told(hook, &settings, &health) {
        return Ok(None);
    }
    // Sealed as it is: nothing of it changes but that it is disabled.
    let Some(stored) = deps.stored_hooks.get(&hook.tenant, hook.id).await? else { return Ok(None) };
    if version.is_some_and(|version| version != stored.version) {
        return Err(StoreError::Conflict);
    }
    match ended_hook::stop(deps.stored_hooks.as_ref(), &stored, deps.clock.now()).await {
        Ok(stopped) => Ok(Some(stopped)),
        // Whoever asks for no version deletes whatever is there.
        Err(StoreError::Conflict) if version.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Best effort: the hook is gone, whatever comes of this.
pub(super) async fn tell(deps: &Deps, stopped: &Hook) {
    let message = ended_hook::message(stopped, EndReason::Deleted, deps.clock.now(), deps.random.as_ref());
    let Some(message) = message else { return };
    if let Err(error) = deps.redeliveries.send_one(message).await {
        let (tenant, id) = (&stopped.tenant, stopped.id);
        tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "the endpoint of hook {id} is not told that it has ended");
    }
}
