//! The daily look at what hooks need: of all tenants, and of one.

use contract::jobs::{Advise, AdviseAll, Job, JobMessage};
use contract::stage::Outcome;
use domain::unknown::Unknown;

use crate::{Deps, Step};

/// Tenants that one step asks for.
const AT_ONCE: usize = 100;

pub(crate) async fn all(deps: &Deps, step: &Step<'_>, job: AdviseAll) -> Result<Outcome, Outcome> {
    let page = deps.tenants.list(AT_ONCE, job.cursor.as_deref()).await?;
    let ask = |tenant: &domain::tenant::Tenant| {
        JobMessage::new(&tenant.id, Job::Advise(Advise { unknown: Unknown::NONE })).to_outgoing(None)
    };
    let asked: Vec<_> = page.items.iter().flatten().map(ask).collect();
    if !asked.is_empty() {
        deps.jobs.send_all(&asked).await?;
    }
    if let Some(cursor) = page.next {
        step.ask_for_next(deps, Job::AdviseAll(AdviseAll { cursor: Some(cursor), ..job }), None).await?;
    }
    Ok(Outcome::Done)
}

pub(crate) async fn tenant(deps: &Deps, step: &Step<'_>) -> Result<Outcome, Outcome> {
    let Some(tenant) = deps.tenants.get(step.tenant).await? else { return Ok(Outcome::Done) };
    deps.plans.forget_old(&tenant.id).await?;
    let proposed = deps.advisor.advise(&tenant).await?;
    if !proposed.is_empty() {
        tracing::info!(tenant.id = %tenant.id, plans = proposed.len(), "{} plan(s) proposed to tenant {}", proposed.len(), tenant.id);
    }
    Ok(Outcome::Done)
}
