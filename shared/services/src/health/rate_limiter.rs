//! How many requests a hook gets per second and per minute, over all processes together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::health::hook_states::HookStates;
use crate::repositories::document_kind::DocumentKind;
use contract::ports::{Clock, Documents, StoreResult};
use domain::ids::{HookId, TenantId};
use domain::rate::{Limit, Taken, Window, bucket};
use domain::time::Timestamp;

/// With one write a process takes at most so large a share of a second's requests.
const LEASES_PER_SECOND: u32 = 20;
/// Hooks that are remembered at once; more than this are not busy at once.
const REMEMBERED: usize = 16_384;
/// Nobody else writes what is counted here, unless there is a conflict.
const ALWAYS_FRESH: std::time::Duration = std::time::Duration::MAX;

/// Where requests are counted.
pub enum RateLimiter {
    /// By the only process there is, in steady time. What it forgets in a restart
    /// is one second, and whose turn is next.
    Own(LocalRateLimiter),
    /// By all processes, each taking several at once.
    Shared(Box<SharedRateLimiter>),
}

pub struct LocalRateLimiter {
    clock: Arc<dyn Clock>,
    windows: Mutex<HashMap<(TenantId, HookId), Window>>,
}

pub struct SharedRateLimiter {
    windows: HookStates<Window>,
    leases: Mutex<HashMap<(TenantId, HookId), Lease>>,
}

/// What this process took last.
#[derive(Clone, Copy)]
struct Lease {
    /// When it has to be used.
    bucket: i64,
    taken: u32,
    left: u32,
}

impl RateLimiter {
    pub fn own(clock: Arc<dyn Clock>) -> Self {
        Self::Own(LocalRateLimiter { clock, windows: Mutex::default() })
    }

    pub fn shared(documents: Arc<dyn Documents>, clock: Arc<dyn Clock>) -> Self {
        let windows = HookStates::new(documents, DocumentKind::RateLimit, clock, ALWAYS_FRESH);
        Self::Shared(Box::new(SharedRateLimiter { windows, leases: Mutex::default() }))
    }

    pub async fn remove(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        match self {
            Self::Own(own) => {
                own.windows.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), hook));
                Ok(())
            }
            Self::Shared(shared) => shared.windows.remove(tenant, hook).await,
        }
    }

    /// Whoever waits gets another turn. What went out still counts.
    pub async fn forget_turns(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        match self {
            Self::Own(own) => {
                let mut windows = own.windows.lock().unwrap_or_else(PoisonError::into_inner);
                windows.get_mut(&(tenant.clone(), hook)).into_iter().for_each(Window::forget_turns);
                Ok(())
            }
            Self::Shared(shared) => shared.windows.change(tenant, hook, Window::forget_turns).await.map(drop),
        }
    }

    /// When the last of those that wait has its turn; none where nobody waits.
    pub async fn waits_until(
        &self,
        tenant: &TenantId,
        hook: HookId,
        now: Timestamp,
        limit: Limit,
    ) -> StoreResult<Option<Timestamp>> {
        match self {
            Self::Own(own) => Ok(own.waits_until(tenant, hook, now, limit)),
            Self::Shared(shared) => Ok(shared.windows.stored(tenant, hook).await?.waits_until(now, limit)),
        }
    }

    /// None when one request may be sent now, else when to come back `in_turn`.
    pub async fn take(
        &self,
        tenant: &TenantId,
        hook: HookId,
        now: Timestamp,
        limit: Limit,
        in_turn: bool,
    ) -> StoreResult<Option<Timestamp>> {
        match self {
            Self::Own(own) => Ok(own.take(tenant, hook, now, limit, in_turn)),
            Self::Shared(shared) => shared.take(tenant, hook, now, limit, in_turn).await,
        }
    }
}

impl LocalRateLimiter {
    fn waits_until(&self, tenant: &TenantId, hook: HookId, now: Timestamp, limit: Limit) -> Option<Timestamp> {
        let steady = self.clock.steady();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = windows.get(&(tenant.clone(), hook))?.waits_until(steady, limit)?;
        Some(now.saturating_add(turn.since(steady)))
    }

    fn take(&self, tenant: &TenantId, hook: HookId, now: Timestamp, limit: Limit, in_turn: bool) -> Option<Timestamp> {
        let steady = self.clock.steady();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= REMEMBERED {
            windows.retain(|_, window| !window.is_idle(steady));
        }
        let window = windows.entry((tenant.clone(), hook)).or_default();
        later(window.take(steady, limit, 1, in_turn)).map(|turn| now.saturating_add(turn.since(steady)))
    }
}

impl SharedRateLimiter {
    async fn take(
        &self,
        tenant: &TenantId,
        hook: HookId,
        now: Timestamp,
        limit: Limit,
        in_turn: bool,
    ) -> StoreResult<Option<Timestamp>> {
        let name = (tenant.clone(), hook);
        let Err(want) = self.spend(&name, now, limit) else { return Ok(None) };
        let (taken, _) = self.windows.change(tenant, hook, |window| window.take(now, limit, want, in_turn)).await?;
        if let Taken::Now(given) = taken {
            let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
            if leases.len() >= REMEMBERED {
                leases.clear();
            }
            leases.insert(name, Lease { bucket: bucket(now), taken: given, left: given - 1 });
        }
        Ok(later(taken))
    }

    /// Uses what is left, or tells how many to take: twice as many each time
    /// within one bucket, so that little is taken in vain.
    fn spend(&self, name: &(TenantId, HookId), now: Timestamp, limit: Limit) -> Result<(), u32> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        match leases.get_mut(name).filter(|lease| lease.bucket == bucket(now)) {
            Some(lease) if lease.left > 0 => {
                lease.left -= 1;
                Ok(())
            }
            Some(lease) => Err(lease.taken.saturating_mul(2).min(limit.in_a_second() / LEASES_PER_SECOND).max(1)),
            None => Err(1),
        }
    }
}

fn later(taken: Taken) -> Option<Timestamp> {
    match taken {
        Taken::Now(_) => None,
        Taken::Turn(at) => Some(at),
    }
}
