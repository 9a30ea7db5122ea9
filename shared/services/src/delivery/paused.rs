//! What becomes of deliveries that come due while their hook is disabled, or after it has expired.
//!
//! Of a hook that its owner has paused they wait: a row and a mark each, until the
//! hook is enabled and a replay sends them. Of one that was disabled by itself they
//! are skipped, as they are where the hook's settings say so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::ports::{DeliveryLog, StoreResult};
use domain::delivery::Delivery;
use domain::hook::Hook;
use domain::ids::{EventSeq, HookId, TenantId};
use domain::settings::{Complete, PausedDeliveries};
use domain::time::Timestamp;

use super::claim::{self, Logs};

const DISABLED: &str = "the hook is disabled";
const HOOK_EXPIRED: &str = "the hook has expired";
const EXPIRED: &str = "the event has expired";
/// Why a delivery is not sent any more that has waited for its hook.
pub const WAITED_TOO_LONG: &str = "it has waited for the paused hook as long as while_paused.max_wait allows";
const TOO_MANY: &str = "the hook is paused, and while_paused.max_waiting deliveries wait for it already";

/// Marks that are read at once while they are counted.
const COUNTED_AT_ONCE: usize = 1_000;
/// The same while the first is looked for.
const LOOKED_AT_ONCE: usize = 50;
/// A count is good for a tenth of the room that it found, and for so many at least.
const LEAST_GOOD_FOR: u32 = 100;
/// Hooks that are remembered at once.
const REMEMBERED: usize = 4_096;

/// How many deliveries wait for hooks, as far as this process has to know. Others
/// count as well, so that a few more than allowed may wait.
#[derive(Debug, Default)]
pub struct WaitingCounts(Mutex<HashMap<(TenantId, HookId), Counted>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    /// Which version of the hook was paused.
    version: u64,
    is_full: bool,
    /// How many more may come until it is counted again.
    good_for: u32,
}

/// A hook that is disabled, and all its settings.
#[derive(Clone, Copy)]
pub struct DisabledHook<'a> {
    pub hook: &'a Hook,
    pub settings: &'a Complete,
    pub retention: Duration,
}

/// Ends a delivery that is due, or lets it wait for its hook. One that waits already, or
/// was asked for by hand, stays as it is.
pub async fn set_aside(
    logs: Logs<'_>,
    counts: &WaitingCounts,
    of: DisabledHook<'_>,
    message: &DeliveryMessage,
    row: Option<Delivery>,
    now: Timestamp,
) -> StoreResult<()> {
    let DisabledHook { hook, settings, retention } = of;
    let paused = &settings.while_paused;
    if hook.has_expired(now) {
        return claim::skip_row(logs, message, row, HOOK_EXPIRED, now, retention).await;
    }
    if !hook.is_paused() || paused.deliveries == PausedDeliveries::Skip {
        return claim::skip_row(logs, message, row, DISABLED, now, retention).await;
    }
    if message.not_after.is_some_and(|end| end <= now) {
        return claim::skip_row(logs, message, row, EXPIRED, now, retention).await;
    }
    if counts.is_full(logs.deliveries, hook, paused.max_waiting).await? {
        return claim::skip_row(logs, message, row, TOO_MANY, now, retention).await;
    }
    let longest = now.saturating_add(paused.max_wait.duration());
    let until = message.not_after.map_or(longest, |end| end.min(longest));
    claim::keep_waiting(logs, message, row, until, now, retention).await
}

impl WaitingCounts {
    async fn is_full(&self, log: &dyn DeliveryLog, hook: &Hook, most: u32) -> StoreResult<bool> {
        let name = (hook.tenant.clone(), hook.id);
        if let Some(is_full) = self.known(&name, hook.version) {
            return Ok(is_full);
        }
        let room = most.saturating_sub(count(log, hook, most).await?);
        // This one is counted as well.
        let good_for = (room / 10).max(LEAST_GOOD_FOR).min(room.max(1)) - 1;
        let is_full = room == 0;
        let good_for = if is_full { LEAST_GOOD_FOR } else { good_for };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(name, Counted { version: hook.version, is_full, good_for });
        Ok(is_full)
    }

    fn known(&self, name: &(TenantId, HookId), version: u64) -> Option<bool> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = known.get_mut(name).filter(|counted| counted.version == version && counted.good_for > 0)?;
        counted.good_for -= 1;
        Some(counted.is_full)
    }
}

/// The oldest that waits. Marks that have expired may still be there and come before it.
pub async fn first(log: &dyn DeliveryLog, tenant: &TenantId, hook: HookId) -> StoreResult<Option<EventSeq>> {
    let mut cursor = None;
    loop {
        let page = log.waiting(tenant, hook, LOOKED_AT_ONCE, cursor.as_deref()).await?;
        if let Some(first) = page.items.first() {
            return Ok(Some(*first));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(None),
        }
    }
}

/// How many wait, up to `most`.
pub async fn count(log: &dyn DeliveryLog, hook: &Hook, most: u32) -> StoreResult<u32> {
    let (mut total, mut cursor) = (0_u32, None);
    while total < most {
        let room = usize::try_from(most - total).unwrap_or(usize::MAX).min(COUNTED_AT_ONCE);
        let page = log.waiting(&hook.tenant, hook.id, room, cursor.as_deref()).await?;
        total = total.saturating_add(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(total)
}
