//! What follows from how hooks fare: circuits open, hooks are disabled, and
//! their owners hear of it.
//!
//! An attempt is logged before it gets here, and nothing here undoes it: when
//! the store fails, a failure goes uncounted and the next one is counted. What
//! owners are to hear of is written down with the count, then told, then
//! forgotten; whoever dies or fails in between leaves it to who gets the
//! delivery's message next.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

pub use crate::health::attempt_summary::AttemptSummary;
use crate::health::circuit_breaker::CircuitBreakers;
use crate::health::failing_hooks::{Trouble, TroubledHook};
use crate::health::operational_events::OperationalEvents;
use crate::health::rate_limiter::RateLimiter;
use crate::health::verification::StoredUnverifiedHosts;
use crate::plans::hook_adjusted;
use crate::repositories::audit::{AuditTrail, Deed};
use crate::runtime::metrics::{self, CircuitState};
use contract::ports::{AuditLog, Clock, Documents, Hooks, QueueError, QueueSender, StoreError, StoreResult};
use contract::stage::{Fault, causes};
use domain::adjustment::AdjustmentCause;
use domain::audit::{Snapshot, changes};
use domain::health::{Circuit, End, Health, HealthChange, PendingNotice, ToldRate};
use domain::hook::Hook;
use domain::ids::{EventType, HookId, TenantId};
use domain::operational::{self, is_operational};
use domain::random::Random;
use domain::settings::{Complete, EndpointRequest};
use domain::time::Timestamp;
use domain::unknown::Unknown;

/// Writers of one hook are few.
const DISABLE_TRIES: usize = 3;

/// What the health of hooks stands on.
pub struct HookHealthDeps {
    /// Nothing else caches these.
    pub documents: Arc<dyn Documents>,
    pub audit: Arc<dyn AuditLog>,
    pub hooks: Arc<dyn Hooks>,
    /// Where operational events go.
    pub events: Arc<dyn QueueSender>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub rates: RateLimiter,
    /// How old a hook's health may be when it is looked at.
    pub fresh_for: Duration,
}

pub struct HookHealth {
    pub circuits: Arc<CircuitBreakers>,
    pub rates: RateLimiter,
    pub unverified: StoredUnverifiedHosts,
    pub audit: Arc<AuditTrail>,
    pub(super) hooks: Arc<dyn Hooks>,
    operational_events: OperationalEvents,
    pub(super) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl HookHealth {
    pub fn new(on: HookHealthDeps) -> Self {
        let HookHealthDeps { documents, audit, hooks, events, clock, random, rates, fresh_for } = on;
        Self {
            circuits: Arc::new(CircuitBreakers::new(Arc::clone(&documents), Arc::clone(&clock), fresh_for)),
            rates,
            unverified: StoredUnverifiedHosts::new(Arc::clone(&documents)),
            audit: Arc::new(AuditTrail::new(documents, audit, Arc::clone(&clock), Arc::clone(&random))),
            hooks,
            operational_events: OperationalEvents::new(events),
            clock,
            random,
        }
    }

    pub async fn health(&self, tenant: &TenantId, hook: HookId) -> StoreResult<Arc<Health>> {
        self.circuits.health.get(tenant, hook).await
    }

    /// Counts an attempt that is in the log, and does what follows from it. Fails
    /// when what follows could not be done, which [`Self::catch_up`] then does;
    /// that an attempt could not be counted is only logged.
    pub async fn record_attempt(
        &self,
        hook: &Hook,
        settings: &Complete,
        attempt: AttemptSummary<'_>,
    ) -> Result<(), Fault> {
        let (end, health) = match self.count(hook, settings, attempt).await {
            Ok(Some(counted)) => counted,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(trace.id = %attempt.trace, tenant.id = %hook.tenant, hook.id = %hook.id, error = %causes(&error), "an attempt was not counted in the health of hook {}", hook.id);
                return Ok(());
            }
        };
        if attempt.failure.is_some_and(|failure| failure.probe) && health.circuit != Circuit::Closed {
            metrics::circuit(CircuitState::Open);
        }
        if let Some(end) = end {
            Box::pin(self.disable(hook, end)).await?;
        }
        Box::pin(self.publish_pending(hook, &health)).await
    }

    /// None when it says nothing new.
    async fn count(
        &self,
        hook: &Hook,
        settings: &Complete,
        attempt: AttemptSummary<'_>,
    ) -> StoreResult<Option<(Option<End>, Arc<Health>)>> {
        let (tenant, id) = (&hook.tenant, hook.id);
        let says_nothing = attempt.failure.is_none() && attempt.end.is_none();
        if says_nothing && self.health(tenant, id).await?.is_well_known(attempt.at, attempt.is_usual) {
            return Ok(None);
        }
        // Not later than now, also when the clock was set back since.
        let attempt = attempt.not_after(self.clock.now());
        let count = |health: &mut Health| {
            let mut changes = match attempt.failure {
                Some(failure) => {
                    health.count_failing(attempt.at, settings.disable_after.duration());
                    if let Some(per_second) = attempt.told_rate {
                        health.told_rate = Some(ToldRate { per_second, at: attempt.at, unknown: Unknown::NONE });
                    }
                    health.fail(failure, &settings.circuit_breaker)
                }
                None => Vec::from_iter(health.succeed(attempt.at, attempt.is_usual)),
            };
            let end = end(attempt, settings, health);
            changes.extend(end.map(HealthChange::Disabled));
            // Of a hook that gets these events itself, another would follow from
            // each that fails.
            if !is_operational(attempt.event_type) {
                health.pending_notices.extend(changes.into_iter().map(|change| PendingNotice {
                    change,
                    at: attempt.at,
                    unknown: Unknown::NONE,
                }));
            }
            end
        };
        self.circuits.change(tenant, id, count).await.map(Some)
    }

    /// Tells that a delivery failed without a last attempt.
    pub async fn record_run_out(&self, hook: &Hook, event_type: &EventType, at: Timestamp) -> Result<(), Fault> {
        if is_operational(event_type) {
            return Ok(());
        }
        let note = |health: &mut Health| {
            let changes = health.run_out();
            health.pending_notices.extend(changes.map(|change| PendingNotice { change, at, unknown: Unknown::NONE }));
        };
        match self.circuits.change(&hook.tenant, hook.id, note).await {
            Ok(((), health)) => self.publish_pending(hook, &health).await,
            Err(error) => {
                tracing::warn!(tenant.id = %hook.tenant, hook.id = %hook.id, error = %causes(&error), "a delivery that failed was not noted in the health of hook {}", hook.id);
                Ok(())
            }
        }
    }

    /// Does what was left undone after an attempt had been counted.
    pub async fn catch_up(&self, hook: &Hook) -> Result<(), Fault> {
        let (tenant, id) = (&hook.tenant, hook.id);
        let health = self.health(tenant, id).await?;
        for notice in &health.pending_notices {
            if let HealthChange::Disabled(end) = notice.change
                && !matches!(end, End::Unknown(_))
                && hook.enabled
                && hook.updated_at <= notice.at
            {
                self.disable(hook, end).await?;
            }
        }
        self.publish_pending(hook, &health).await
    }

    /// Of a hook that was deleted nothing is kept.
    pub async fn forget(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        self.circuits.remove(tenant, hook).await?;
        self.rates.remove(tenant, hook).await?;
        self.audit.remove(tenant, hook).await
    }

    /// What the endpoint asked for holds back what follows.
    pub async fn throttle(&self, hook: &Hook, at: Timestamp, asked: &EndpointRequest) {
        let (tenant, id) = (&hook.tenant, hook.id);
        if asked.pause.is_none() && asked.limit.is_none() {
            return;
        }
        let told = match self.circuits.health.change(tenant, id, |health| health.throttle(at, asked)).await {
            Ok((Some(told), _)) => told,
            Ok((None, _)) => return,
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "what the endpoint of hook {id} asked for was not written down");
                return;
            }
        };
        tracing::info!(tenant.id = %tenant, hook.id = %id, "hook {id} is throttled: {told}");
        self.note(hook, Deed::by_itself("throttled", Some(told))).await;
    }

    async fn note(&self, hook: &Hook, deed: Deed) {
        let (tenant, id) = (&hook.tenant, hook.id);
        if let Err(error) = self.audit.note(tenant, id, deed).await {
            tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "what the endpoint of hook {id} asked for is not in its audit");
        }
    }

    /// An attempt that says nothing of how the hook fares.
    pub async fn note_execution(&self, hook: &Hook, at: Timestamp) {
        let (tenant, id) = (&hook.tenant, hook.id);
        let note = |health: &mut Health| health.last_execution = health.last_execution.max(Some(at));
        if let Err(error) = self.circuits.health.change(tenant, id, note).await {
            tracing::warn!(tenant.id = %tenant, hook.id = %id, error = %causes(&error), "an attempt was not noted in the health of hook {id}");
        }
    }

    /// Unless it has moved to another endpoint since.
    async fn disable(&self, hook: &Hook, end: End) -> StoreResult<()> {
        let (tenant, id) = (&hook.tenant, hook.id);
        for _ in 0..DISABLE_TRIES {
            let stored = self.hooks.get(tenant, id).await?;
            let Some(old) = stored.filter(|old| old.enabled && old.url == hook.url) else { return Ok(()) };
            let now = self.clock.now();
            let new = Hook {
                enabled: false,
                disabled_reason: Some(end.reason().to_owned()),
                disabled_at: Some(now),
                updated_at: now,
                version: old.version + 1,
                ..Hook::clone(&old)
            };
            let cause = match end {
                End::Gone => AdjustmentCause::Gone,
                End::AskedByEndpoint => AdjustmentCause::AskedByEndpoint,
                End::FailedForLong | End::Unknown(_) => AdjustmentCause::DisableAfter,
            };
            let row = hook_adjusted((&old, &new), cause, end.reason(), now, self.random.as_ref())?;
            match self.hooks.update_with(&old, &new, &[row]).await {
                Ok(()) => {
                    tracing::warn!(
                        tenant.id = %tenant,
                        hook.id = %id,
                        "hook {id} of tenant {tenant} was disabled: {}",
                        end.reason()
                    );
                    let enabled = |enabled: bool| json!({ "enabled": enabled });
                    let snapshot = |value: Value| Snapshot::new(&value, &value, &[], &[]);
                    let changes = changes(&snapshot(enabled(true)), &snapshot(enabled(false)));
                    let deed = Deed::by_itself("disabled", Some(end.reason().to_owned()));
                    self.list_disabled(hook, now).await;
                    return self.audit.note(tenant, id, Deed { changes, ..deed }).await;
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// For operators, who look at it whenever they like: what fails is only logged.
    async fn list_disabled(&self, hook: &Hook, at: Timestamp) {
        let row = TroubledHook { tenant: hook.tenant.clone(), hook: hook.id, trouble: Trouble::Disabled(at) };
        if let Err(error) = self.circuits.failing.put(&row).await {
            tracing::warn!(tenant.id = %hook.tenant, hook.id = %hook.id, error = %causes(&error), "hook {} is not in the list of hooks that were disabled", hook.id);
        }
    }

    /// Publishes what is to be told, and forgets it then. What finds the queue
    /// full waits for the next attempt: to hold up this one would fill it further.
    async fn publish_pending(&self, hook: &Hook, health: &Health) -> Result<(), Fault> {
        let mut published = Vec::new();
        for notice in &health.pending_notices {
            match self.publish(hook, health, notice).await {
                Ok(true) => published.push(notice.clone()),
                Ok(false) | Err(Fault::Queue(QueueError::Full | QueueError::NoRoom)) => {}
                Err(fault) => return Err(fault),
            }
        }
        if published.is_empty() {
            return Ok(());
        }
        let forget = |health: &mut Health| health.pending_notices.retain(|notice| !published.contains(notice));
        match self.circuits.health.change(&hook.tenant, hook.id, forget).await {
            // Whoever was faster may tell it again, under the same name.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Publishes an operational event, named after what happened when, so that
    /// telling it twice is telling it once. Whether it was told, or need not be.
    async fn publish(
        &self,
        hook: &Hook,
        health: &Health,
        &PendingNotice { change, at, .. }: &PendingNotice,
    ) -> Result<bool, Fault> {
        let (event_type, at, data) = match change {
            // It stays for the version that can tell it.
            HealthChange::Unknown(_) | HealthChange::Disabled(End::Unknown(_)) => return Ok(false),
            HealthChange::Disabled(end) => {
                // Many may have wanted to disable it. It was disabled once.
                let Some(stored) = self.hooks.get(&hook.tenant, hook.id).await? else { return Ok(true) };
                let Some(disabled_at) = stored.disabled_at.filter(|_| !stored.enabled) else {
                    // Enabled again since; or what was read is older than what happened.
                    return Ok(stored.updated_at > at || stored.url != hook.url);
                };
                let (name, since) = (&hook.name, health.failing_since);
                let data = json!({ "hook_id": hook.id, "name": name, "reason": end.reason(), "failing_since": since });
                (operational::DISABLED, disabled_at, data)
            }
            HealthChange::Failing => (operational::FAILING, at, state(hook, health)),
            HealthChange::Recovered => (operational::RECOVERED, at, state(hook, health)),
            HealthChange::Exhausted => (operational::EXHAUSTED, at, state(hook, health)),
        };
        let subject = format!("{}:{}", hook.id, at.as_millis());
        self.operational_events.publish(&hook.tenant, event_type, &subject, at, &data).await?;
        Ok(true)
    }
}

/// Whether the hook has to be disabled.
fn end(attempt: AttemptSummary<'_>, settings: &Complete, health: &Health) -> Option<End> {
    let longest = settings.disable_after.duration();
    let for_long = || attempt.failure.is_some() && !longest.is_zero() && health.failing_for() >= longest;
    attempt.end.or_else(|| for_long().then_some(End::FailedForLong))
}

fn state(hook: &Hook, health: &Health) -> Value {
    json!({
        "hook_id": hook.id,
        "name": hook.name,
        "consecutive_failures": health.consecutive_failures,
        "failing_since": health.failing_since,
        "last_success": health.last_success,
    })
}
