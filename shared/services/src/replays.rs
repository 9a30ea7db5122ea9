//! Replays that are kept of a hook.

use contract::ports::{Replays, StoreResult};
use domain::ids::{HookId, TenantId};

/// So many of a hook are remembered.
pub const KEPT: usize = 100;

/// Makes room for one more: the oldest that is over goes, or one that cannot be read. False where all
/// of them are running.
pub async fn make_room(replays: &dyn Replays, tenant: &TenantId, hook: HookId) -> StoreResult<bool> {
    let known = replays.list(tenant, hook, KEPT, None).await?.items;
    if known.len() < KEPT {
        return Ok(true);
    }
    let oldest = known.iter().find_map(|row| match row {
        Ok(replay) => (!replay.is_running()).then_some(replay.id),
        Err(unreadable) => unreadable.id.parse().ok(),
    });
    let Some(oldest) = oldest else { return Ok(false) };
    replays.delete(tenant, hook, oldest).await?;
    Ok(true)
}
