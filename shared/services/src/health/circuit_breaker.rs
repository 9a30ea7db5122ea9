//! How hooks fare, kept for all processes, and the circuits that hold back
//! what an endpoint cannot take.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::request::LONGEST_ATTEMPT;
use crate::health::failing_hooks::FailingHooks;
use crate::health::hook_states::HookStates;
use crate::repositories::document_kind::DocumentKind;
use crate::runtime::metrics::{self, CircuitState};
use contract::ports::{Clock, Documents, StoreResult};
use domain::health::{Admission, Circuit, Health};
use domain::ids::{HookId, TenantId};
use domain::time::Timestamp;

/// A probe that is not heard of again after this long has died; another is sent.
const PROBE_LEASE: Duration = LONGEST_ATTEMPT.saturating_add(Duration::from_secs(30));
/// Deliveries that wait for a probe come back one after the other, so that an
/// endpoint which has just recovered is not run over: 50 a second.
const APART: Duration = Duration::from_millis(20);
/// Circuits whose queue of waiting deliveries is remembered.
const QUEUES: usize = 4_096;

pub struct CircuitBreakers {
    pub health: HookStates<Health>,
    /// Of all tenants.
    pub failing: FailingHooks,
    /// For each open circuit, when it is probed and how many wait for that.
    waiting: Mutex<HashMap<(TenantId, HookId), (Timestamp, u32)>>,
    /// Those that this process has last seen open.
    open: Mutex<HashSet<(TenantId, HookId)>>,
}

impl CircuitBreakers {
    pub fn new(documents: Arc<dyn Documents>, clock: Arc<dyn Clock>, fresh_for: Duration) -> Self {
        Self {
            failing: FailingHooks::new(Arc::clone(&documents)),
            health: HookStates::new(documents, DocumentKind::Health, clock, fresh_for),
            waiting: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// Asks for a request to go out; when the answer is to probe, nobody else
    /// got that answer. Reads nothing and writes nothing while all is well.
    pub async fn admit(&self, tenant: &TenantId, hook: HookId, now: Timestamp) -> StoreResult<Admission> {
        if self.health.get(tenant, hook).await?.circuit == Circuit::Closed {
            return Ok(Admission::Go);
        }
        let (admission, health) = self.health.change(tenant, hook, |health| health.admit(now, PROBE_LEASE)).await?;
        self.note(tenant, hook, health.circuit);
        Ok(match admission {
            Admission::NotBefore(probe_at) => Admission::NotBefore(self.line_up(tenant, hook, probe_at)),
            Admission::Probe => {
                metrics::circuit(CircuitState::HalfOpen);
                admission
            }
            Admission::Go => admission,
        })
    }

    /// Changes a hook's health, counts what that does to its circuit, and lists it while it fails.
    pub async fn change<R>(
        &self,
        tenant: &TenantId,
        hook: HookId,
        mut change: impl FnMut(&mut Health) -> R,
    ) -> StoreResult<(R, Arc<Health>)> {
        let (mut before, mut power) = (Circuit::Closed, None);
        let change = |health: &mut Health| {
            (before, power) = (health.circuit, health.failing_power());
            change(health)
        };
        let (result, health) = self.health.change(tenant, hook, change).await?;
        self.note(tenant, hook, health.circuit);
        self.failing.follow(tenant, hook, power, health.failing_power()).await;
        match (before, health.circuit) {
            (Circuit::Closed, Circuit::Open { probe_at, .. }) => {
                metrics::circuit(CircuitState::Open);
                tracing::info!(
                    tenant.id = %tenant,
                    hook.id = %hook,
                    "the circuit of hook {hook} of tenant {tenant} is open, to be tried at {probe_at}"
                );
            }
            (Circuit::Open { .. }, Circuit::Closed) => {
                metrics::circuit(CircuitState::Closed);
                tracing::info!(
                    tenant.id = %tenant,
                    hook.id = %hook,
                    "the circuit of hook {hook} of tenant {tenant} is closed again"
                );
            }
            (Circuit::Open { .. }, Circuit::Open { .. }) | (Circuit::Closed, Circuit::Closed) => {}
        }
        Ok((result, health))
    }

    /// How many circuits are open, as far as this process has seen; where it is
    /// the only one, that is all whose hooks had something to send.
    pub fn open(&self) -> usize {
        self.lock_open().len()
    }

    pub async fn remove(&self, tenant: &TenantId, hook: HookId) -> StoreResult<()> {
        self.note(tenant, hook, Circuit::Closed);
        self.health.remove(tenant, hook).await
    }

    fn note(&self, tenant: &TenantId, hook: HookId, circuit: Circuit) {
        let name = (tenant.clone(), hook);
        match circuit {
            Circuit::Open { .. } => self.lock_open().insert(name),
            Circuit::Closed => self.lock_open().remove(&name),
        };
    }

    fn lock_open(&self) -> MutexGuard<'_, HashSet<(TenantId, HookId)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody else probe in the place of a request that is not sent.
    pub async fn give_back(
        &self,
        tenant: &TenantId,
        hook: HookId,
        taken_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<()> {
        let lease_end = taken_at.saturating_add(PROBE_LEASE);
        self.health.change(tenant, hook, |health| health.give_back(lease_end, now)).await?;
        Ok(())
    }

    /// Until when a delivery has to wait, without taking the probe itself.
    pub async fn holds(&self, tenant: &TenantId, hook: HookId, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        let circuit = self.health.get(tenant, hook).await?.circuit;
        if circuit != Circuit::Closed {
            self.note(tenant, hook, circuit);
        }
        Ok(match circuit {
            Circuit::Open { probe_at, .. } if now < probe_at => Some(self.line_up(tenant, hook, probe_at)),
            Circuit::Open { .. } | Circuit::Closed => None,
        })
    }

    /// The first comes when the probe is due, those behind it later and later.
    fn line_up(&self, tenant: &TenantId, hook: HookId, probe_at: Timestamp) -> Timestamp {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= QUEUES {
            waiting.clear();
        }
        let line = waiting.entry((tenant.clone(), hook)).or_insert((probe_at, 0));
        if line.0 != probe_at {
            *line = (probe_at, 0);
        }
        let place = line.1;
        line.1 = place.saturating_add(1);
        probe_at.saturating_add(APART.saturating_mul(place))
    }
}
