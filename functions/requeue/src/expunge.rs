//! An event loses its payload, and what waits to be sent of it is settled.
//!
//! - **In:** a step for one page of the event's hooks.
//! - **Out:** deliveries settled as skipped; the next step while hooks are left.
//! - **Promise:** nothing that looks at its log before it sends is sent
//!   afterwards. Only a first attempt that is on its way already does not look.

use contract::jobs::{Expunge, Job};
use contract::ports::{Expected, StoreError};
use contract::stage::Outcome;
use domain::delivery::{Delivery, Status};
use domain::ids::DeliveryId;
use services::delivery::activity;
use services::delivery::claim::EXPUNGED;

use crate::{Deps, Step, retention};

pub(crate) async fn step(deps: &Deps, step: &Step<'_>, job: Expunge) -> Result<Outcome, Outcome> {
    let (tenant, id) = (step.tenant, &job.event);
    // Whoever asked for it may have died before doing it.
    if !deps.events.expunge(tenant, id).await? {
        return Ok(Outcome::Done);
    }
    let Some(event) = deps.events.get(tenant, id).await? else { return Ok(Outcome::Done) };
    let retention = retention(deps, tenant).await?;
    let page = deps.events.pages(tenant, id, 1, job.cursor.as_deref()).await?;
    for hook in page.items.iter().flatten().flat_map(|page| &page.hooks) {
        let name = DeliveryId { event: event.seq, hook: *hook };
        let row = match deps.log.get(tenant, name).await {
            Err(StoreError::Unreadable(unreadable)) => {
                tracing::error!(tenant.id = %tenant, error = %unreadable, "a delivery of an expunged event is not settled");
                continue;
            }
            other => other?,
        };
        if row.as_ref().is_some_and(|row| !matches!(row.status, Status::Pending | Status::Retrying | Status::Waiting))
            || !deps.hooks.exists(tenant, *hook).await?
        {
            continue;
        }
        let (before, now) = (Expected::of(row.as_ref()), deps.clock.now());
        let new = || Delivery::new(tenant.clone(), name, id.clone(), event.event_type.clone(), now, retention);
        let mut delivery = row.unwrap_or_else(new);
        delivery.skip(EXPUNGED, now);
        deps.log.record(&delivery, before).await?;
        activity::note_skipped(deps.activity.as_ref(), &event, &delivery).await?;
    }
    if page.next.is_some() {
        step.ask_for_next(deps, Job::Expunge(Expunge { cursor: page.next, ..job }), None).await?;
    }
    Ok(Outcome::Done)
}
