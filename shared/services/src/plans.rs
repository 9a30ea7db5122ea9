//! Plans and adjustments as the stages write them, and the events that tell of them.

use std::sync::Arc;
use std::time::Duration;

use contract::jobs::{AnnouncePlan, Job, JobMessage};
use contract::ports::{Clock, Documents, PlacedDocument, QueueError, QueueSender, StoreError, StoreResult};
use contract::stage::{Fault, causes};
use domain::adjustment::{Adjustment, AdjustmentCause, before_and_after};
use domain::audit::{Snapshot, Target, TargetKind, fields_of, json_of};
use domain::hook::Hook;
use domain::ids::{AdjustmentId, PlanId, TenantId};
use domain::operational;
use domain::payload::Json;
use domain::plan::{ChangeKind, Evidence, Impact, Plan, PlanState, PlannedChange};
use domain::random::Random;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::StepTime;
use crate::health::operational_events::OperationalEvents;
use crate::repositories::audit::{BY_ITSELF, KEPT_FOR};
use crate::repositories::documents::{NewestFirst, StoredProposals, beside, next_proposal};
use crate::repositories::snapshots;

/// Pending plans of a tenant at one time.
pub const MAX_PENDING: usize = 200;
/// Of a tenant's plans, those among which pending and similar ones are looked for.
const KNOWN: usize = 2_000;
/// How often a plan is proposed where others propose at the same time.
const TRIES: usize = 10;
/// When a plan is told of at the latest that was written.
const SURE: Duration = Duration::from_secs(10);
const READ_AT_ONCE: usize = 200;

pub struct Plans {
    pub plans: NewestFirst<Plan>,
    pub adjustments: NewestFirst<Adjustment>,
    proposals: StoredProposals,
    events: OperationalEvents,
    /// The queue `retries`.
    jobs: Arc<dyn QueueSender>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What was changed, by what and how.
pub struct Adjusted<'a> {
    pub cause: AdjustmentCause,
    pub by: &'a str,
    pub target: (TargetKind, String),
    pub plan: Option<PlanId>,
    pub reason: Option<String>,
    pub before: &'a Snapshot,
    pub after: &'a Snapshot,
}

impl Adjusted<'_> {
    pub fn entry(self, tenant: &TenantId, now: Timestamp, random: &dyn Random) -> Adjustment {
        let (before, after, only_changes) = before_and_after(self.before, self.after);
        let (kind, id) = self.target;
        Adjustment {
            tenant: tenant.clone(),
            id: AdjustmentId::new(now, random),
            at: now,
            cause: self.cause,
            by: self.by.to_owned(),
            target: Target { kind, id, unknown: Unknown::NONE },
            plan: self.plan,
            reason: self.reason,
            before,
            after,
            only_changes,
            unknown: Unknown::NONE,
        }
    }
}

/// The entry of a change that Hookline makes to a hook by itself, to be written with it.
pub fn hook_adjusted(
    (old, new): (&Hook, &Hook),
    cause: AdjustmentCause,
    reason: &str,
    now: Timestamp,
    random: &dyn Random,
) -> StoreResult<PlacedDocument> {
    let (before, after) = (snapshots::of_hook(old), snapshots::of_hook(new));
    let adjusted = Adjusted {
        cause,
        by: BY_ITSELF,
        target: (TargetKind::Hook, new.id.to_string()),
        plan: None,
        reason: Some(reason.to_owned()),
        before: &before,
        after: &after,
    };
    beside(&adjusted.entry(&new.tenant, now, random))
}

/// `data` of the events about plans.
#[derive(Serialize)]
struct ToldPlan<'a> {
    plan_id: PlanId,
    title: &'a str,
    change: &'a PlannedChange,
    evidence: &'a [Evidence],
    impact: Option<&'a Impact>,
    proposed_by: &'a str,
    expires_at: Timestamp,
    decided_by: Option<&'a str>,
    reason: Option<&'a str>,
    adjustment_id: Option<AdjustmentId>,
}

impl Plans {
    pub fn new(
        documents: Arc<dyn Documents>,
        events: OperationalEvents,
        jobs: Arc<dyn QueueSender>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let (plans, adjustments) = (NewestFirst::new(Arc::clone(&documents)), NewestFirst::new(Arc::clone(&documents)));
        Self { plans, adjustments, proposals: StoredProposals::new(documents), events, jobs, clock, random }
    }

    /// Writes a new plan and tells of it, unless `same` finds among those there are, the newest first, one
    /// that proposes this already.
    pub async fn propose(
        &self,
        plan: &Plan,
        same: impl for<'a> Fn(&'a [Plan]) -> Option<&'a Plan>,
    ) -> Result<Proposal, Fault> {
        let (now, mut is_announced) = (self.clock.now(), false);
        for tries in 1.. {
            let count = self.proposals.count(&plan.tenant).await?;
            let known = self.newest(&plan.tenant).await?;
            if let Some(same) = same(&known) {
                return Ok(Proposal::Known(Box::new(same.clone())));
            }
            if is_full(&known, now) {
                return Ok(Proposal::Full);
            }
            if !is_announced {
                self.announce(&plan.tenant, plan.id, &[operational::PLAN_CREATED]).await?;
                is_announced = true;
            }
            match self.plans.put_with(plan, &[next_proposal(&plan.tenant, count)?]).await {
                Ok(()) => break,
                // Somebody else proposes: perhaps the same, perhaps the last that there is room for.
                Err(StoreError::Conflict) if tries < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.tell(plan, &[operational::PLAN_CREATED]).await;
        Ok(Proposal::Made)
    }

    /// Asks for events to be told in any case, before what they tell is written.
    pub async fn announce(&self, tenant: &TenantId, plan: PlanId, event_types: &[&str]) -> Result<(), QueueError> {
        let now = self.clock.now();
        let event_types = event_types.iter().map(|event_type| (*event_type).to_owned()).collect();
        let job = AnnouncePlan { plan, event_types, since: now, unknown: Unknown::NONE };
        let message = JobMessage::new(tenant, Job::AnnouncePlan(job));
        self.jobs.send_one(message.to_outgoing(Some(now.saturating_add(SURE)))).await
    }

    /// Publishes the events now. What fails is told a little later, as was asked for before.
    pub async fn tell(&self, plan: &Plan, event_types: &[&str]) {
        for event_type in event_types {
            if let Err(error) = self.publish(plan, event_type).await {
                tracing::warn!(tenant.id = %plan.tenant, plan.id = %plan.id, error = %causes(&error), "{event_type} of plan {} is told later", plan.id);
            }
        }
    }

    /// The same of the same is told once, however often this is called.
    pub async fn publish(&self, plan: &Plan, event_type: &str) -> Result<(), QueueError> {
        let at = match event_type {
            operational::PLAN_CREATED => plan.created_at,
            operational::PLAN_APPLIED | operational::PLAN_FAILED => plan.finished_at.unwrap_or(plan.created_at),
            _ => plan.decided_at.unwrap_or(plan.created_at),
        };
        let is_decided = event_type != operational::PLAN_CREATED;
        let told = ToldPlan {
            plan_id: plan.id,
            title: &plan.title,
            change: &plan.change,
            evidence: &plan.evidence,
            impact: plan.impact.as_ref(),
            proposed_by: &plan.proposed_by,
            expires_at: plan.expires_at,
            decided_by: plan.decided_by.as_deref().filter(|_| is_decided),
            reason: plan.reason.as_deref().filter(|_| is_decided),
            adjustment_id: plan.adjustment,
        };
        let data = serde_json::to_string(&told).map_err(|error| QueueError::Unavailable(error.into()))?;
        self.events.publish_json(&plan.tenant, event_type, &plan.id.to_string(), at, data).await
    }

    /// The newest 2,000 plans of a tenant, the newest first.
    pub async fn newest(&self, tenant: &TenantId) -> StoreResult<Vec<Plan>> {
        let (mut found, mut cursor, mut looked_at) = (Vec::new(), None, 0);
        loop {
            let page = self.plans.list(tenant, READ_AT_ONCE, cursor.as_deref()).await?;
            looked_at += page.items.len();
            // What cannot be read is shown by lists.
            found.extend(page.items.into_iter().flatten());
            cursor = page.next;
            if cursor.is_none() || looked_at >= KNOWN {
                return Ok(found);
            }
        }
    }

    /// Deletes what is older than lists tell of, as far as there is time for it.
    pub async fn forget_old(&self, tenant: &TenantId, time: &StepTime<'_>) -> StoreResult<()> {
        let end = self.clock.now().saturating_sub(KEPT_FOR);
        let mut cursor = None;
        while !time.is_over() {
            let page = self.plans.list(tenant, READ_AT_ONCE, cursor.as_deref()).await?;
            for plan in page.items.iter().flatten().filter(|plan| plan.created_at < end) {
                if time.is_over() {
                    return Ok(());
                }
                self.plans.delete(tenant, plan.id).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        while !time.is_over() {
            let page = self.adjustments.list(tenant, READ_AT_ONCE, cursor.as_deref()).await?;
            for adjustment in page.items.iter().flatten().filter(|adjustment| adjustment.at < end) {
                if time.is_over() {
                    return Ok(());
                }
                self.adjustments.delete(tenant, adjustment.id).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Deletes all of a tenant.
    pub async fn clear(&self, tenant: &TenantId) -> StoreResult<()> {
        self.plans.clear(tenant).await?;
        self.adjustments.clear(tenant).await?;
        self.proposals.clear(tenant).await
    }

    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }
}

/// The fields that a plan changes, as they are; of a rotation, the secrets there are.
pub fn fields_now(planned: &PlannedChange, before: &Snapshot) -> Option<Json> {
    let null = || Json::from(Arc::<RawValue>::from(RawValue::NULL.to_owned()));
    let value = |name: String| {
        let value = before.masked().get(&name).cloned().unwrap_or_else(null);
        (name, value)
    };
    let names = match (&planned.kind, &planned.patch) {
        (ChangeKind::HookSecret, _) => vec!["secrets".to_owned()],
        (_, Some(patch)) => fields_of(patch.get()).into_keys().collect(),
        _ => return None,
    };
    Some(json_of(&names.into_iter().map(value).collect()))
}

/// Whether as many of them as may wait for a decision do.
pub fn is_full(plans: &[Plan], now: Timestamp) -> bool {
    plans.iter().filter(|plan| plan.state_at(now) == PlanState::Pending).count() >= MAX_PENDING
}

/// What became of a plan that was to be proposed.
pub enum Proposal {
    Made,
    /// This one proposes it already.
    Known(Box<Plan>),
    /// As many as may wait for a decision do.
    Full,
}

/// A row that a list shows.
pub fn is_kept(at: Timestamp, now: Timestamp) -> bool {
    at >= now.saturating_sub(KEPT_FOR)
}
