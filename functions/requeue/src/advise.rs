//! The daily look at what hooks need: of all tenants, and of one.

use contract::jobs::{Advise, AdviseAll, Job, JobMessage};
use contract::stage::Outcome;
use services::StepTime;
use services::advisor::Proposed;

use crate::{Deps, Step};

/// Tenants that one step asks for.
const AT_ONCE: usize = 100;

pub(crate) async fn all(deps: &Deps, step: &Step<'_>, job: AdviseAll) -> Result<Outcome, Outcome> {
    let page = deps.tenants.list(AT_ONCE, job.cursor.as_deref()).await?;
    let ask =
        |tenant: &domain::tenant::Tenant| JobMessage::new(&tenant.id, Job::Advise(Advise::default())).to_outgoing(None);
    let asked: Vec<_> = page.items.iter().flatten().map(ask).collect();
    if !asked.is_empty() {
        deps.jobs.send_all(&asked).await?;
    }
    if let Some(cursor) = page.next {
        step.ask_for_next(deps, Job::AdviseAll(AdviseAll { cursor: Some(cursor), ..job }), None).await?;
    }
    Ok(Outcome::Done)
}

pub(crate) async fn tenant(deps: &Deps, step: &Step<'_>, job: Advise) -> Result<Outcome, Outcome> {
    let time = StepTime::begin(deps.clock.as_ref());
    let Some(tenant) = deps.tenants.get(step.tenant).await? else { return Ok(Outcome::Done) };
    let Proposed { plans, next } = deps.advisor.advise(&tenant, job, &time).await?;
    if !plans.is_empty() {
        tracing::info!(tenant.id = %tenant.id, plans = plans.len(), "{} plan(s) proposed to tenant {}", plans.len(), tenant.id);
    }
    match next {
        Some(next) => step.ask_for_next(deps, Job::Advise(next), None).await?,
        None => deps.plans.forget_old(&tenant.id, &time).await?,
    }
    Ok(Outcome::Done)
}
