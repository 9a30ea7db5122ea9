//! What hooks hold back is let go when what holds it changes: a rate limit that
//! is lifted or raised, also by what the endpoint says, a circuit breaker that is
//! turned off, an endpoint that has verified itself. It then asks anew whether it
//! may go out. A hook's settings may come from its profile or tenant
//! as well, so they are compared and no change of one is waited for.

use std::collections::HashMap;
use std::sync::Arc;

use contract::messages::hook_of_group;
use contract::ports::{Clock, StoreResult};
use contract::stage::causes;
use domain::health::Health;
use domain::rate::Limit;
use domain::settings::{CircuitBreaker, Complete, Verification};
use domain::time::Timestamp;
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
    clock: Arc<dyn Clock>,
    known: HashMap<Arc<str>, Option<Holding>>,
}

#[derive(Clone, PartialEq)]
struct Holding {
    limit: Limit,
    breaker: CircuitBreaker,
    verification: Verification,
    is_verified: bool,
    throttled_until: Option<Timestamp>,
}

impl Holding {
    fn of(settings: &Complete, health: &Health, url: &str, now: Timestamp) -> Self {
        Self {
            throttled_until: health.throttled_until(settings, now),
            is_verified: health.verified_at(url).is_some(),
            limit: health.limit(settings, url, now),
            breaker: settings.circuit_breaker.clone(),
            verification: settings.verification.clone(),
        }
    }

    fn can_hold(&self) -> bool {
        let has_limit = self.limit.some().is_some() || self.throttled_until.is_some();
        has_limit || self.breaker.failures > 0 || self.verification.required && !self.is_verified
    }
}

impl HeldBack {
    pub fn new(engine: &Engine) -> Self {
        Self {
            retries: engine.queues.retries.clone(),
            hooks: Arc::clone(&engine.deliver.hooks),
            hook_health: Arc::clone(&engine.api.hook_health),
            clock: Arc::clone(&engine.foundation.clock),
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
        let now = match found {
            Some(found) => {
                let health = self.hook_health.health(&tenant, hook).await?;
                Some(Holding::of(&found.settings, &health, &found.hook.url, self.clock.now()))
            }
            None => None,
        };
        let is_over = match self.known.get(group) {
            Some(before) => *before != now,
            // It may have changed before anybody looked.
            None => now.as_ref().is_none_or(|holding| !holding.can_hold()),
        };
        if is_over {
            // Whoever waited had a turn each, and gets another.
            self.hook_health.rates.forget_turns(&tenant, hook).await?;
            let released = self.retries.release(group);
            tracing::info!(tenant.id = %tenant, hook.id = %hook, released, "{released} deliveries that hook {hook} held back ask anew");
        }
        Ok(now)
    }
}
