//! Finds events that a hook would have got had it been there, as it is now.
//!
//! No list of all events of a tenant is kept: it would cost a write for each.
//! Every event is in the log of each hook that it was made a delivery for, or
//! else among the unclaimed ones. So those are read first, and then the logs of
//! all other hooks one after the other. An event that is in several of them
//! counts in that of the first of its hooks that still exists. One that is to be
//! sent later is not missing yet.

use contract::ports::{EventRef, LogFilter, StoreError, StoreResult, TimeRange};
use domain::event::Event;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventType, HookId};
use domain::replay::{Place, Replay};

use crate::Deps;
use crate::replay::{Found, Wanted};

/// Pages of an event's fan-out that are read at once, of 100 hooks each.
const PAGES: usize = 10;

pub(crate) async fn find(
    deps: &Deps,
    replay: &Replay,
    hook: &Hook,
    from: &Place,
    times: TimeRange,
    limit: usize,
) -> StoreResult<Found> {
    let cursor = from.cursor.as_deref();
    let (candidates, next): (Vec<(EventRef, Option<EventType>)>, _) = match from.log_of {
        None => {
            let page = deps.events.unclaimed(&replay.tenant, times, limit, cursor).await?;
            (page.items.into_iter().map(|event| (event, None)).collect(), page.next)
        }
        Some(other) if other == hook.id => (Vec::new(), None),
        Some(other) => {
            let filter = LogFilter { since: times.since, until: times.until, ..LogFilter::default() };
            let page = deps.log.list(&replay.tenant, other, &filter, limit, cursor).await?;
            let named = |row: domain::delivery::Delivery| {
                (EventRef { seq: row.id.event, id: row.event_id }, Some(row.event_type))
            };
            (page.items.into_iter().flatten().map(named).collect(), page.next)
        }
    };
    let read = candidates.len();
    let mut deliveries = Vec::new();
    let subscription = hook.subscription();
    for (event, event_type) in candidates {
        // A row tells the type, which spares reading most events that are not wanted.
        if event_type.is_some_and(|event_type| !subscription.asks_for(&event.id, &event_type)) {
            continue;
        }
        if let Some(event) = wanted(deps, hook, from.log_of, &event).await? {
            deliveries.push(Wanted { event: Some(event.clone()), ..Wanted::new(event.id) });
        }
    }
    let next = match next {
        Some(cursor) => Some(Place { cursor: Some(cursor), ..from.clone() }),
        None => next_log(deps, replay, from).await?,
    };
    Ok(Found { deliveries, read, next })
}

/// The log to read after this one.
async fn next_log(deps: &Deps, replay: &Replay, from: &Place) -> StoreResult<Option<Place>> {
    if from.log_of.is_some() && from.hooks.is_none() {
        return Ok(None);
    }
    let page = deps.hooks.list(&replay.tenant, 1, from.hooks.as_deref()).await?;
    let other = page.items.first().map(|row| match row {
        Ok(hook) => Ok(hook.id),
        // Its log can be read all the same.
        Err(unreadable) => unreadable.id.parse().map_err(|_| StoreError::from(unreadable.clone())),
    });
    let other = other.transpose()?;
    Ok(other.map(|other| Place { cursor: None, log_of: Some(other), hooks: page.next, unknown: from.unknown.clone() }))
}

/// The event, if the hook would have got it and did not.
async fn wanted(deps: &Deps, hook: &Hook, log_of: Option<HookId>, event: &EventRef) -> StoreResult<Option<Event>> {
    let tenant = &hook.tenant;
    let Some(found) = deps.events.get(tenant, &event.id).await?.filter(|found| found.seq == event.seq) else {
        return Ok(None);
    };
    let wants = |data| hook.subscription().wants(&found.channels, data);
    let is_early = found.deliver_at.is_some_and(|at| at > deps.clock.now());
    if is_early
        || !hook.subscription().asks_for(&event.id, &found.event_type)
        || !found.data.as_deref().is_some_and(wants)
    {
        return Ok(None);
    }
    if deps.log.get(tenant, DeliveryId { event: event.seq, hook: hook.id }).await?.is_some() {
        return Ok(None);
    }
    let mut first = None;
    let mut cursor = None;
    loop {
        let page = deps.events.pages(tenant, &event.id, PAGES, cursor.as_deref()).await?;
        for other in page.items.iter().flatten().flat_map(|page| &page.hooks) {
            if *other == hook.id {
                // A delivery was made for it, and is on its way or has expired.
                return Ok(None);
            }
            if first.is_none() && deps.hooks.exists(tenant, *other).await? {
                first = Some(*other);
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok((first == log_of).then_some(found)),
        }
    }
}
