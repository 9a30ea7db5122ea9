//! How many requests a hook gets per second, over all processes together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::{HookId, TenantId};
use crate::domain::rate::{Taken, Window, bucket};
use crate::ports::{Clock, Documents, StoreResult};
use crate::states::States;
use crate::time::Timestamp;

/// A process takes up to this share of a second's requests with one write.
const LEASES_PER_SECOND: u32 = 20;
/// Hooks that are remembered at once; more than this are not busy at once.
const REMEMBERED: usize = 16_384;
/// Nobody else writes what is counted here, unless there is a conflict.
const ALWAYS_FRESH: std::time::Duration = std::time::Duration::MAX;

/// Where requests are counted.
pub enum Rates {
    /// By the only process there is. What it forgets in a restart is one second.
    Own(Mutex<HashMap<(TenantId, HookId), Window>>),
    /// By all processes, each taking several at once.
    Shared(SharedRates),
}

pub struct SharedRates {
    windows: States<Window>,
    /// What this process has taken and not used, and in which bucket.
    leases: Mutex<HashMap<(TenantId, HookId), (i64, u32)>>,
}

impl Rates {
    pub fn own() -> Self {
        Self::Own(Mutex::default())
    }

    pub fn shared(documents: Arc<dyn Documents>, clock: Arc<dyn Clock>) -> Self {
        let windows = States::new(documents, "rate", clock, ALWAYS_FRESH);
        Self::Shared(SharedRates { windows, leases: Mutex::default() })
    }

    /// None when one request may be sent now, else when to come back `in_turn`.
    pub async fn take(
        &self,
        tenant: &TenantId,
        hook: HookId,
        now: Timestamp,
        limit: u32,
        in_turn: bool,
    ) -> StoreResult<Option<Timestamp>> {
        match self {
            Self::Own(windows) => {
                let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
                if windows.len() >= REMEMBERED {
                    windows.retain(|_, window| !window.is_idle(now));
                }
                let window = windows.entry((tenant.clone(), hook)).or_default();
                Ok(later(window.take(now, limit, 1, in_turn)))
            }
            Self::Shared(shared) => shared.take(tenant, hook, now, limit, in_turn).await,
        }
    }
}

impl SharedRates {
    async fn take(
        &self,
        tenant: &TenantId,
        hook: HookId,
        now: Timestamp,
        limit: u32,
        in_turn: bool,
    ) -> StoreResult<Option<Timestamp>> {
        let name = (tenant.clone(), hook);
        if self.spend(&name, now) {
            return Ok(None);
        }
        let want = (limit / LEASES_PER_SECOND).max(1);
        let (taken, _) = self.windows.change(tenant, hook, |window| window.take(now, limit, want, in_turn)).await?;
        if let Taken::Now(given @ 2..) = taken {
            let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
            if leases.len() >= REMEMBERED {
                leases.clear();
            }
            leases.insert(name, (bucket(now), given - 1));
        }
        Ok(later(taken))
    }

    fn spend(&self, name: &(TenantId, HookId), now: Timestamp) -> bool {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        match leases.get_mut(name) {
            Some((of, left)) if *of == bucket(now) && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

fn later(taken: Taken) -> Option<Timestamp> {
    match taken {
        Taken::Now(_) => None,
        Taken::Turn(at) => Some(at),
    }
}
