//! Looks at a tenant's hooks, their health and the counts of a month, and proposes plans.
//!
//! It reads counts and no log: what it costs grows with hours and hooks, not with deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::ports::{Clock, Hooks, StoreResult};
use contract::stage::Fault;
use domain::advice::{self, Advice, AdviceKind, HookHistory, TenantHistory, TenantRecord};
use domain::audit::AuditEntry;
use domain::hook::Hook;
use domain::ids::{HookId, PlanId, TenantId};
use domain::plan::{Plan, PlannedChange};
use domain::tenant::Tenant;
use domain::time::{Hour, Timestamp};

use crate::delivery::counts::ActivityCounts;
use crate::delivery::resolved_hook::ResolvedHooks;
use crate::health::circuit_breaker::CircuitBreakers;
use crate::plans::{Plans, Proposal, fields_now, is_full};
use crate::repositories::audit::{AuditTrail, BY_ITSELF};
use crate::repositories::documents::StoredAdvisors;
use crate::repositories::snapshots;

/// Plans that are proposed to a tenant at one time.
const MOST_AT_ONCE: usize = 5;
const DAYS: i64 = 30;
const HOURS_OF_DAY: i64 = 24;
/// Steps of counting that one run makes for what nobody has counted yet.
const STEPS: usize = 200;
/// Hooks that one run looks at.
const MOST_HOOKS: usize = 20_000;
const READ_AT_ONCE: usize = 500;
/// Addresses that one run tries over https.
const MOST_TRIED: usize = 20;
const AUDIT_ENTRIES: usize = 100;
/// A secret is not older than its hook.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Tries whether an address answers with https.
#[async_trait]
pub trait HttpsProbe: Send + Sync {
    /// None where nobody can tell.
    async fn answers(&self, hook: &Hook) -> Option<bool>;
}

pub struct Advisor {
    pub plans: Arc<Plans>,
    pub settings: Arc<StoredAdvisors>,
    pub hooks: Arc<dyn Hooks>,
    pub resolved: Arc<ResolvedHooks>,
    pub circuits: Arc<CircuitBreakers>,
    pub counts: ActivityCounts,
    pub audit: Arc<AuditTrail>,
    pub clock: Arc<dyn Clock>,
    /// None where no request can be made.
    pub probe: Option<Arc<dyn HttpsProbe>>,
}

impl Advisor {
    /// Proposes what there is to propose, and returns it.
    pub async fn advise(&self, tenant: &Tenant) -> Result<Vec<Plan>, Fault> {
        let now = self.clock.now();
        let off = self.settings.get(&tenant.id).await?.off;
        let known = self.plans.newest(&tenant.id).await?;
        if is_full(&known, now) || AdviceKind::ALL.iter().all(|kind| off.contains(kind)) {
            return Ok(Vec::new());
        }
        let hooks = self.histories(tenant, &off).await?;
        if hooks.is_empty() {
            return Ok(Vec::new());
        }
        let record = self.record(&tenant.id, now).await?;
        let advice = advice::all(&TenantHistory { tenant, record: &record, hooks: &hooks, now });
        let is_wanted =
            |advice: &Advice| !off.contains(&advice.kind) && advice::answered_by(advice, &known, now).is_none();
        let mut proposed = Vec::new();
        for advice in advice.into_iter().filter(is_wanted).take(MOST_AT_ONCE) {
            let plan = self.plan(tenant, advice.clone(), &hooks, now);
            match self.plans.propose(&plan, |known| advice::answered_by(&advice, known, now)).await? {
                Proposal::Made => proposed.push(plan),
                // By another run at the same time.
                Proposal::Known(_) => {}
                Proposal::Full => break,
            }
        }
        Ok(proposed)
    }

    fn plan(&self, tenant: &Tenant, advice: Advice, hooks: &BTreeMap<HookId, HookHistory>, now: Timestamp) -> Plan {
        let cause = Some(advice.cause());
        let of_hook = advice.change.hook.and_then(|id| hooks.get(&id));
        let before = of_hook.and_then(|history| fields_now(&advice.change, &snapshots::of_hook(&history.hook)));
        let before = before.or_else(|| advice.change.before.clone());
        let change = PlannedChange { before, ..advice.change };
        let id = PlanId::new(now, self.plans.random());
        Plan {
            evidence: advice.evidence,
            impact: Some(advice.impact),
            cause,
            ..Plan::new(&tenant.id, id, advice.title, change, BY_ITSELF, now)
        }
    }

    async fn histories(&self, tenant: &Tenant, off: &[AdviceKind]) -> StoreResult<BTreeMap<HookId, HookHistory>> {
        let mut healths = self.circuits.health.all(&tenant.id).await?;
        let (mut found, mut cursor) = (BTreeMap::new(), None);
        loop {
            let page = self.hooks.list(&tenant.id, READ_AT_ONCE, cursor.as_deref()).await?;
            for hook in page.items.into_iter().flatten() {
                let settings = self.resolved.settle(&hook, tenant).await?;
                let secret_since = self.secret_since(&hook).await?;
                let health = healths.remove(&hook.id).unwrap_or_default();
                let id = hook.id;
                let history = HookHistory { hook: Arc::new(hook), settings, health, secret_since, answers_https: None };
                found.insert(id, history);
            }
            cursor = page.next;
            if cursor.is_none() || found.len() >= MOST_HOOKS {
                break;
            }
        }
        if !off.contains(&AdviceKind::Https) {
            self.try_https(&mut found).await;
        }
        Ok(found)
    }

    /// All at the same time: one that does not answer costs what a single one does.
    async fn try_https(&self, hooks: &mut BTreeMap<HookId, HookHistory>) {
        let Some(probe) = &self.probe else { return };
        let is_http = |history: &&mut HookHistory| history.hook.enabled && history.hook.url.starts_with("http://");
        let tried = hooks.values_mut().filter(is_http).take(MOST_TRIED);
        let tries = tried.map(async |history| history.answers_https = probe.answers(&history.hook).await);
        futures::future::join_all(tries).await;
    }

    /// Since when a hook has its secret. Older versions did not note it with the secret: of what
    /// they made, the hook's audit tells.
    async fn secret_since(&self, hook: &Hook) -> StoreResult<Option<Timestamp>> {
        let Some(current) = hook.secrets.first() else { return Ok(None) };
        if current.created_at.is_some() {
            return Ok(current.created_at);
        }
        if self.clock.now().since(hook.created_at) < YEAR {
            return Ok(None);
        }
        let entries = self.audit.list(&hook.tenant, hook.id, AUDIT_ENTRIES, None).await?;
        if entries.next.is_some() {
            return Ok(None);
        }
        let is_change = |entry: &&AuditEntry| {
            entry.what == "secret rotated" || entry.changes.iter().any(|change| change.field == "secrets")
        };
        let readable: Vec<&AuditEntry> = entries.items.iter().flatten().collect();
        let last = readable.iter().copied().find(|entry| is_change(entry)).map(|entry| entry.at);
        Ok(Some(last.unwrap_or(hook.created_at)))
    }

    /// The counts of the last month, a day at a time: an hour may hold thousands of kinds.
    async fn record(&self, tenant: &TenantId, now: Timestamp) -> StoreResult<TenantRecord> {
        let mut record = TenantRecord::default();
        self.counts.settle(tenant, STEPS).await?;
        let last = Hour::of(now);
        let mut from = Hour(last.0 - DAYS * HOURS_OF_DAY);
        while from <= last {
            let to = Hour((from.0 + HOURS_OF_DAY - 1).min(last.0));
            for (hour, counting) in self.counts.stored(tenant, from, to).await? {
                record.add(hour, &counting, now);
            }
            from = to.next();
        }
        Ok(record)
    }
}
