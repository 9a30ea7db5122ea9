//! Looks at a tenant's hooks, their health and the counts of a month, and proposes plans.
//!
//! It reads counts and no log: what it costs grows with hours and hooks, not with deliveries. A look is one
//! step, unless the store is slow or there are very many hooks: then it ends early, and says where to go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::jobs::Advise;
use contract::ports::{Clock, Hooks, Listed, Page, StoreResult};
use contract::stage::Fault;
use domain::advice::{self, Advice, AdviceKind, HookHistory, TenantHistory, TenantRecord};
use domain::audit::AuditEntry;
use domain::hook::Hook;
use domain::ids::{HookId, PlanId, TenantId};
use domain::plan::{Plan, PlannedChange};
use domain::tenant::Tenant;
use domain::time::{Hour, Timestamp};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::StepTime;
use crate::delivery::counts::ActivityCounts;
use crate::delivery::resolved_hook::ResolvedHooks;
use crate::health::circuit_breaker::CircuitBreakers;
use crate::plans::{Plans, Proposal, fields_now, is_full};
use crate::repositories::audit::{AuditTrail, BY_ITSELF};
use crate::repositories::documents::StoredAdvisors;
use crate::repositories::snapshots;

/// Plans that one look proposes to a tenant.
const MOST_AT_ONCE: u32 = 5;
const DAYS: i64 = 30;
const HOURS_OF_DAY: i64 = 24;
/// Steps of counting that one look makes for what nobody has counted yet.
const STEPS: u32 = 200;
/// Hooks that one step looks at.
const MOST_HOOKS: usize = 20_000;
/// Few enough that reading something of each ends soon.
const READ_AT_ONCE: usize = 100;
/// Days of counts, or audits of hooks, that are read at the same time.
const READS_AT_A_TIME: usize = 16;
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

/// What came of one step.
pub struct Proposed {
    pub plans: Vec<Plan>,
    /// What is left of the look.
    pub next: Option<Advise>,
}

impl Advisor {
    /// Proposes what there is to propose, and returns it.
    pub async fn advise(&self, tenant: &Tenant, at: Advise, time: &StepTime<'_>) -> Result<Proposed, Fault> {
        let nothing = Ok(Proposed { plans: Vec::new(), next: None });
        let now = self.clock.now();
        let off = self.settings.get(&tenant.id).await?.off;
        let known = self.plans.newest(&tenant.id).await?;
        if is_full(&known, now) || AdviceKind::ALL.iter().all(|kind| off.contains(kind)) {
            return nothing;
        }
        let first = self.hooks.list(&tenant.id, READ_AT_ONCE, at.cursor.as_deref()).await?;
        // Whoever has no hooks is told nothing, so nothing is counted either.
        if first.items.is_empty() && first.next.is_none() {
            return nothing;
        }
        let counted = self.count(&tenant.id, at.counted, time).await?;
        if counted > at.counted && time.is_over() {
            return Ok(Proposed { plans: Vec::new(), next: Some(Advise { counted, ..at }) });
        }
        let record = self.record(&tenant.id, now).await?;
        let (hooks, next) = self.histories(tenant, &off, first, time).await?;
        let has_all_hooks = at.cursor.is_none() && next.is_none();
        let advice = advice::all(&TenantHistory { tenant, record: &record, hooks: &hooks, has_all_hooks, now });
        let is_wanted =
            |advice: &Advice| !off.contains(&advice.kind) && advice::answered_by(advice, &known, now).is_none();
        let (most, mut plans) = (MOST_AT_ONCE - MOST_AT_ONCE.min(at.proposed), Vec::new());
        let so_far = |plans: &[Plan]| at.proposed.saturating_add(u32::try_from(plans.len()).unwrap_or(u32::MAX));
        for (index, advice) in advice.into_iter().filter(is_wanted).take(most as usize).enumerate() {
            if index > 0 && time.is_over() {
                // The same hooks once more: what was proposed is known by then.
                let next = Advise { counted, proposed: so_far(&plans), ..at };
                return Ok(Proposed { plans, next: Some(next) });
            }
            let plan = self.plan(tenant, advice.clone(), &hooks, now);
            match self.plans.propose(&plan, |known| advice::answered_by(&advice, known, now)).await? {
                Proposal::Made => plans.push(plan),
                // By another run at the same time.
                Proposal::Known(_) => {}
                Proposal::Full => return Ok(Proposed { plans, next: None }),
            }
        }
        let proposed = so_far(&plans);
        let next = next.filter(|_| proposed < MOST_AT_ONCE);
        let next = next.map(|cursor| Advise { cursor: Some(cursor), counted, proposed, ..at });
        Ok(Proposed { plans, next })
    }

    /// Counts what nobody has counted yet, after so many steps; as many as there may be where nothing is left.
    async fn count(&self, tenant: &TenantId, before: u32, time: &StepTime<'_>) -> StoreResult<u32> {
        let mut counted = before;
        while counted < STEPS && !(counted > before && time.is_over()) {
            let has_more = self.counts.settle_some(tenant, &|| time.is_over()).await?;
            counted = if has_more { counted + 1 } else { STEPS };
        }
        Ok(counted)
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

    /// What is known of the hooks of a page, and of those behind it while there is time; and where others
    /// follow.
    async fn histories(
        &self,
        tenant: &Tenant,
        off: &[AdviceKind],
        first: Page<Listed<Hook>>,
        time: &StepTime<'_>,
    ) -> StoreResult<(BTreeMap<HookId, HookHistory>, Option<String>)> {
        let mut healths = self.circuits.health.all(&tenant.id).await?;
        let (mut found, mut page) = (BTreeMap::new(), first);
        let next = loop {
            let hooks: Vec<Hook> = page.items.into_iter().flatten().collect();
            let secrets_since = match off.contains(&AdviceKind::OldSecret) {
                true => vec![None; hooks.len()],
                false => self.secrets_since(&hooks).await?,
            };
            for (hook, secret_since) in hooks.into_iter().zip(secrets_since) {
                let settings = self.resolved.settle(&hook, tenant).await?;
                let health = healths.remove(&hook.id).unwrap_or_default();
                let id = hook.id;
                let history = HookHistory { hook: Arc::new(hook), settings, health, secret_since, answers_https: None };
                found.insert(id, history);
            }
            let Some(next) = page.next else { break None };
            if found.len() >= MOST_HOOKS || time.is_over() {
                break Some(next);
            }
            page = self.hooks.list(&tenant.id, READ_AT_ONCE, Some(&next)).await?;
        };
        if !off.contains(&AdviceKind::Https) {
            self.try_https(&mut found).await;
        }
        Ok((found, next))
    }

    /// All at the same time: one that does not answer costs what a single one does.
    async fn try_https(&self, hooks: &mut BTreeMap<HookId, HookHistory>) {
        let Some(probe) = &self.probe else { return };
        let is_http = |history: &&mut HookHistory| history.hook.enabled && history.hook.url.starts_with("http://");
        let tried = hooks.values_mut().filter(is_http).take(MOST_TRIED);
        let tries = tried.map(async |history| history.answers_https = probe.answers(&history.hook).await);
        futures::future::join_all(tries).await;
    }

    async fn secrets_since(&self, hooks: &[Hook]) -> StoreResult<Vec<Option<Timestamp>>> {
        let reads: Vec<_> = hooks.iter().map(|hook| self.secret_since(hook)).collect();
        stream::iter(reads).buffered(READS_AT_A_TIME).try_collect().await
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
        let last = Hour::of(now);
        let mut from = Hour(last.0 - DAYS * HOURS_OF_DAY);
        let mut days = Vec::new();
        while from <= last {
            let to = Hour((from.0 + HOURS_OF_DAY - 1).min(last.0));
            days.push(self.counts.stored(tenant, from, to));
            from = to.next();
        }
        // In their order, which outages are told from.
        let mut days = stream::iter(days).buffered(READS_AT_A_TIME);
        while let Some(hours) = days.try_next().await? {
            for (hour, counting) in hours {
                record.add(hour, &counting, now);
            }
        }
        Ok(record)
    }
}
