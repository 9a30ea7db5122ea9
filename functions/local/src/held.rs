//! What hooks hold back is let go when what holds it changes: a rate limit that
//! is lifted or raised, a circuit breaker that is turned off. It then asks anew
//! whether it may go out. A hook's settings may come from its profile or tenant
//! as well, so they are compared and no change of one is waited for.

use std::collections::HashMap;
use std::sync::Arc;

use contract::messages::hook_of_group;
use contract::ports::StoreResult;
use contract::stage::causes;
use domain::settings::{CircuitBreaker, Complete, Verification};
use embedded::EmbeddedQueue;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::HookHealth;

use crate::engine::Engine;

/// The hooks of which something is held back, and what held it when that was
/// last looked at.
pub struct HeldBack {
    retries: EmbeddedQueue,
    hooks: Arc<ResolvedHooks>,
    hook_health: Arc<HookHealth>,
    known: HashMap<Arc<str>, Option<Holding>>,
}

#[derive(Clone, PartialEq)]
struct Holding {
    rate_limit: u32,
    breaker: CircuitBreaker,
    verification: Verification,
}

impl Holding {
    fn of(settings: &Complete) -> Self {
        Self {
            rate_limit: settings.rate_limit,
            breaker: settings.circuit_breaker.clone(),
            verification: settings.verification.clone(),
        }
    }

    fn can_hold(&self) -> bool {
        self.rate_limit > 0 || self.breaker.failures > 0 || self.verification.required
    }
}

impl HeldBack {
    pub fn new(engine: &Engine) -> Self {
        Self {
            retries: engine.queues.retries.clone(),
            hooks: Arc::clone(&engine.deliver.hooks),
            hook_health: Arc::clone(&engine.api.hook_health),
            known: HashMap::new(),
        }
    }

    pub async fn look(&mut self) {
        let mut known = HashMap::new();
        for group in self.retries.held() {
            match self.look_at(&group).await {
                Ok(holding) => drop(known.insert(group, holding)),
                Err(error) => {
                    tracing::warn!(group = %group, error = %causes(&error), "whether {group} still holds back its deliveries is not known");
                    known.extend(self.known.remove_entry(&group));
                }
            }
        }
        self.known = known;
    }

    async fn look_at(&self, group: &Arc<str>) -> StoreResult<Option<Holding>> {
        let Some((tenant, hook)) = hook_of_group(group) else { return Ok(None) };
        let found = self.hooks.get(&tenant, hook).await?;
        let now = found.map(|hook| Holding::of(&hook.settings));
        let is_over = match self.known.get(group) {
            Some(before) => *before != now,
            // It may have changed before anybody looked.
            None => now.as_ref().is_none_or(|holding| !holding.can_hold()),
        };
        if is_over {
            // Whoever waited had a turn each, and gets another.
            self.hook_health.rates.remove(&tenant, hook).await?;
            let released = self.retries.release(group);
            tracing::info!(tenant.id = %tenant, hook.id = %hook, released, "{released} deliveries that hook {hook} held back ask anew");
        }
        Ok(now)
    }
}
