//! Tells what became of plans, and removes secrets whose overlap has passed.

use std::time::Duration;

use contract::jobs::{AnnouncePlan, EndOverlap};
use contract::ports::StoreError;
use contract::stage::Outcome;
use domain::adjustment::AdjustmentCause;
use domain::hook::Hook;
use domain::operational;
use domain::plan::{Plan, PlanState};
use services::plans::hook_adjusted;
use services::repositories::audit::Deed;

use crate::{Deps, Step};

/// How long whoever asked for it may take to write the plan.
const UNDER_WAY: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What whoever wrote a plan may have died before telling. Told twice, it is told once.
pub(crate) async fn announce(deps: &Deps, step: &Step<'_>, job: AnnouncePlan) -> Result<Outcome, Outcome> {
    let now = deps.clock.now();
    let plan = deps.plans.plans.get(step.tenant, job.plan).await?;
    let has_come_to_it = |event_type: &str| plan.as_ref().is_some_and(|plan| has_come_to(plan, event_type));
    let (true_now, not_yet): (Vec<&String>, Vec<&String>) =
        job.event_types.iter().partition(|event_type| has_come_to_it(event_type));
    if !not_yet.is_empty() && now < job.since.saturating_add(UNDER_WAY) {
        return Ok(Outcome::NotBefore(now.saturating_add(LOOK_AGAIN)));
    }
    if let Some(plan) = &plan {
        for event_type in true_now {
            deps.plans.publish(plan, event_type).await?;
        }
    }
    Ok(Outcome::Done)
}

fn has_come_to(plan: &Plan, event_type: &str) -> bool {
    let state = plan.state;
    match event_type {
        operational::PLAN_CREATED => true,
        operational::PLAN_APPROVED => {
            matches!(state, PlanState::Approved | PlanState::Applied | PlanState::Failed)
        }
        operational::PLAN_APPLIED => state == PlanState::Applied,
        operational::PLAN_FAILED => state == PlanState::Failed,
        operational::PLAN_REJECTED => state == PlanState::Rejected,
        _ => false,
    }
}

const OVERLAP_ENDED: &str = "the overlap of a rotation has passed: the former secret is removed";

pub(crate) async fn end_overlap(deps: &Deps, step: &Step<'_>, job: EndOverlap) -> Result<Outcome, Outcome> {
    let now = deps.clock.now();
    let Some(old) = deps.hooks.get(step.tenant, job.hook).await? else { return Ok(Outcome::Done) };
    let live = old.secrets.iter().filter(|secret| secret.is_live(now)).cloned().collect::<Vec<_>>();
    // Signing falls back on what is there where nothing is live, which cannot come of a rotation.
    if live.len() == old.secrets.len() || live.is_empty() {
        // A queue may hand over a job earlier than was asked for.
        let next = live.iter().filter_map(|secret| secret.expires_at).min();
        return Ok(next.map_or(Outcome::Done, Outcome::NotBefore));
    }
    let new = Hook { secrets: live, updated_at: now, version: old.version + 1, ..Hook::clone(&old) };
    let cause = AdjustmentCause::OverlapEnded;
    let row = hook_adjusted((&old, &new), cause, OVERLAP_ENDED, now, deps.random.as_ref())?;
    match deps.hooks.update_with(&old, &new, &[row]).await {
        Ok(()) => {}
        // Somebody else changes it; what was read here may also be some seconds old.
        Err(StoreError::Conflict) => return Ok(Outcome::NotBefore(now.saturating_add(LOOK_AGAIN))),
        Err(error) => return Err(error.into()),
    }
    let deed = Deed::by_itself("changed", Some(OVERLAP_ENDED.to_owned()));
    deps.trail.note(step.tenant, job.hook, deed).await?;
    Ok(Outcome::Done)
}
