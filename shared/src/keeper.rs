//! What follows from how hooks fare: circuits open, hooks are disabled, and
//! their owners hear of it.
//!
//! An attempt is logged before it gets here, and nothing here undoes it: when
//! the store fails, a failure goes uncounted and the next one is counted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::{AuditTrail, BY_ITSELF};
use crate::circuits::Circuits;
use crate::domain::health::{Change, Circuit, Failure, Health};
use crate::domain::hook::Hook;
use crate::domain::ids::{EventType, HookId, TenantId, TraceId};
use crate::domain::operational::{self, is_operational};
use crate::domain::settings::Complete;
use crate::herald::Herald;
use crate::metrics::{self, CircuitState};
use crate::ports::{Clock, Documents, Hooks, QueueSender, Random, StoreError, StoreResult};
use crate::rates::Rates;
use crate::stage::causes;
use crate::time::Timestamp;

/// Writers of one hook are few.
const DISABLE_TRIES: usize = 3;

/// What a keeper stands on.
pub struct Foundations {
    /// Nothing else caches these.
    pub documents: Arc<dyn Documents>,
    pub hooks: Arc<dyn Hooks>,
    /// Where operational events go.
    pub events: Arc<dyn QueueSender>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub rates: Rates,
    /// How old a hook's health may be when it is looked at.
    pub fresh_for: Duration,
}

pub struct Keeper {
    pub circuits: Arc<Circuits>,
    pub rates: Rates,
    pub audit: AuditTrail,
    hooks: Arc<dyn Hooks>,
    herald: Herald,
    clock: Arc<dyn Clock>,
}

/// An attempt as it ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    pub trace: TraceId,
    pub event_type: &'a EventType,
    pub at: Timestamp,
    /// None after a success.
    pub failure: Option<Failure>,
    /// The endpoint wants no more requests, ever.
    pub gone: bool,
}

impl Keeper {
    pub fn new(on: Foundations) -> Self {
        let Foundations { documents, hooks, events, clock, random, rates, fresh_for } = on;
        Self {
            circuits: Arc::new(Circuits::new(Arc::clone(&documents), Arc::clone(&clock), fresh_for)),
            rates,
            audit: AuditTrail::new(documents, Arc::clone(&clock), random),
            hooks,
            herald: Herald::new(events),
            clock,
        }
    }

    pub async fn health(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Arc<Health>> {
        self.circuits.health.get(tenant, hook).await
    }

    /// Counts an attempt that is in the log, and does what follows from it.
    pub async fn heed(&self, hook: &Hook, settings: &Complete, ended: Ended<'_>) {
        if let Err(error) = self.try_heed(hook, settings, ended).await {
            tracing::warn!(trace.id = %ended.trace, tenant.id = %hook.tenant, hook.id = %hook.id, error = %causes(&error), "an attempt was not counted in its hook's health");
        }
    }

    async fn try_heed(&self, hook: &Hook, settings: &Complete, ended: Ended<'_>) -> StoreResult<()> {
        let (tenant, id) = (&hook.tenant, hook.id);
        let (changes, health) = match ended.failure {
            Some(failure) => {
                let count = |health: &mut Health| health.fail(failure, settings.circuit_breaker);
                let (changes, health) = self.circuits.change(tenant, id, count).await?;
                if failure.probe && health.circuit != Circuit::Closed {
                    metrics::circuit(CircuitState::Open);
                }
                (changes, health)
            }
            None => {
                if self.health(tenant, id).await?.is_well_known(ended.at) {
                    return Ok(());
                }
                let count = |health: &mut Health| Vec::from_iter(health.succeed(ended.at));
                self.circuits.change(tenant, id, count).await?
            }
        };
        // Of a hook that gets these events itself, another would follow from
        // each that fails.
        let is_told = !is_operational(ended.event_type);
        if is_told {
            for change in changes {
                self.announce(hook, change, &health, ended).await;
            }
        }
        let longest = settings.disable_after.duration();
        let reason = if ended.gone {
            "the endpoint answered 410 Gone"
        } else if ended.failure.is_some() && !longest.is_zero() && health.failing_for(ended.at) >= longest {
            "every request failed for too long"
        } else {
            return Ok(());
        };
        if self.disable(tenant, id, reason).await? && is_told {
            let data =
                json!({ "hook_id": id, "name": hook.name, "reason": reason, "failing_since": health.failing_since });
            self.tell(hook, operational::DISABLED, ended, &data).await;
        }
        Ok(())
    }

    /// Of a hook that was deleted nothing is kept.
    pub async fn forget(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        self.circuits.remove(tenant, hook).await?;
        self.rates.remove(tenant, hook).await?;
        self.audit.remove(tenant, hook).await
    }

    /// The endpoint has returned its key.
    pub async fn verified(&self, hook: &Hook, at: Timestamp) {
        let (tenant, id) = (&hook.tenant, hook.id);
        let noted = match self.circuits.health.change(tenant, id, |health| health.verify(at)).await {
            Ok(_) => self.audit.note(tenant, id, BY_ITSELF, "verified", None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "a verification was not written down");
        }
    }

    /// Whether it was this call that disabled it.
    async fn disable(&self, tenant: &TenantId, id: HookId, reason: &str) -> StoreResult<bool> {
        for _ in 0..DISABLE_TRIES {
            let Some(old) = self.hooks.get(tenant, id).await? else { return Ok(false) };
            if !old.enabled {
                return Ok(false);
            }
            let now = self.clock.now();
            let new = Hook {
                enabled: false,
                disabled_reason: Some(reason.to_owned()),
                disabled_at: Some(now),
                updated_at: now,
                version: old.version + 1,
                ..Hook::clone(&old)
            };
            match self.hooks.update(&old, &new).await {
                Ok(()) => {
                    self.audit.note(tenant, id, BY_ITSELF, "disabled", Some(reason.to_owned())).await?;
                    return Ok(true);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    async fn announce(&self, hook: &Hook, change: Change, health: &Health, ended: Ended<'_>) {
        let event_type = match change {
            Change::Failing => operational::FAILING,
            Change::Recovered => operational::RECOVERED,
            Change::Exhausted => operational::EXHAUSTED,
        };
        let data = json!({
            "hook_id": hook.id,
            "name": hook.name,
            "consecutive_failures": health.consecutive_failures,
            "failing_since": health.failing_since,
            "last_success": health.last_success,
        });
        self.tell(hook, event_type, ended, &data).await;
    }

    /// Publishes an operational event, named after what happened when, so that
    /// telling it twice is telling it once. That it cannot be told is logged.
    async fn tell(&self, hook: &Hook, event_type: &str, ended: Ended<'_>, data: &Value) {
        let Ended { at, trace, .. } = ended;
        let subject = format!("{}:{}", hook.id, at.as_millis());
        if let Err(error) = self.herald.tell(&hook.tenant, event_type, &subject, at, data).await {
            tracing::warn!(trace.id = %trace, tenant.id = %hook.tenant, hook.id = %hook.id, error = %causes(&error), "an event about a hook was not published");
        }
    }
}
