//! One step of an expungement: events that lists show lose their payloads, the oldest first.
//!
//! - **In:** a step, named by its number and by a token of the message's own.
//! - **Out:** payloads removed; a job for each event that settles what waits to be sent of it;
//!   the expungement's progress; the next step.
//! - **Promise:** what was counted was removed. A step that breaks off is made again, and
//!   removes and counts what is left.

use std::time::Duration;

use contract::jobs::{Expunge, ExpungeEvents, Job, JobMessage};
use contract::ports::{ActivityRange, Order, StoreError, StoreResult, TimeRange};
use contract::stage::Outcome;
use domain::activity::Activity;
use domain::expungement::{Expungement, ExpungementStatus};
use domain::ids::{EventId, new_ulid};
use domain::unknown::Unknown;

use crate::{Deps, Step};

/// Rows of activity that one step reads, and events that it handles at most.
const ROWS: usize = 300;
const EVENTS: usize = 50;
/// How much later than the expungement an event may be listed that it finds, should it come so far.
const LISTED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) async fn step(deps: &Deps, step: &Step<'_>, job: ExpungeEvents) -> Result<Outcome, Outcome> {
    let tenant = step.tenant;
    let Some(stored) = deps.expungements.get(tenant, job.expungement).await? else { return Ok(Outcome::Done) };
    if !stored.is_running() {
        return Ok(Outcome::Done);
    }
    if stored.step == job.step + 1 && stored.token == job.token {
        // This message made the step, and its process may have died before it asked for the next.
        return ask_for_next(deps, step, &job, &stored).await;
    }
    if stored.step != job.step {
        return Ok(Outcome::Done);
    }
    // So that it ends, however much is listed meanwhile.
    let end = stored.created_at.saturating_add(LISTED_WITHIN);
    let listed = ActivityRange::within(TimeRange { since: stored.since, until: Some(end) });
    let range = ActivityRange { after: stored.read_to.or(listed.after), ..listed };
    let found = deps.activity.list(tenant, range, Order::OldestFirst, ROWS).await?;
    let mut made = Expungement::clone(&stored);
    let mut handled = Vec::new();
    let mut is_cut = false;
    for (row, entries) in found.rows {
        if handled.len() >= EVENTS {
            is_cut = true;
            break;
        }
        for entry in entries.iter().flatten().filter(|entry| is_asked_for(&stored, entry)) {
            if handle(deps, &mut made, &entry.event_id).await? {
                handled.push(entry.event_id.clone());
            }
        }
        made.read_to = Some(row);
    }
    if !is_cut {
        made.read_to = found.next.or(made.read_to);
        if found.next.is_none() {
            made.status = ExpungementStatus::Finished;
        }
    }
    if !made.dry_run && !handled.is_empty() {
        let settle = |event| Job::Expunge(Expunge { event, cursor: None, unknown: Unknown::NONE });
        let jobs: Vec<_> =
            handled.into_iter().map(|event| JobMessage::new(tenant, settle(event)).to_outgoing(None)).collect();
        deps.jobs.send_all(&jobs).await?;
    }
    made.step += 1;
    made.token.clone_from(&job.token);
    made.updated_at = deps.clock.now();
    made.version += 1;
    // A conflict is an error: it was cancelled, or another copy was faster.
    deps.expungements.update(&made).await?;
    if made.is_running() {
        return ask_for_next(deps, step, &job, &made).await;
    }
    tracing::info!(
        tenant.id = %tenant,
        expungement.id = %made.id,
        "expungement finished: {} event(s) found, {} expunged",
        made.found,
        made.expunged
    );
    Ok(Outcome::Done)
}

fn is_asked_for(expungement: &Expungement, entry: &Activity) -> bool {
    let at = entry.event.at();
    entry.lists_event
        && at < expungement.until
        && expungement.since.is_none_or(|since| at >= since)
        && expungement.event_type.as_ref().is_none_or(|pattern| pattern.matches(&entry.event_type))
}

/// Whether the event had a payload, which is gone now unless it is only counted.
async fn handle(deps: &Deps, made: &mut Expungement, id: &EventId) -> StoreResult<bool> {
    let has_payload = match deps.events.get(&made.tenant, id).await {
        Ok(event) => event.is_some_and(|event| event.data.is_some()),
        Err(StoreError::Unreadable(unreadable)) => {
            tracing::error!(tenant.id = %made.tenant, error = %unreadable, "an event is left out of an expungement");
            false
        }
        Err(error) => return Err(error),
    };
    if !has_payload {
        return Ok(false);
    }
    made.found += 1;
    if !made.dry_run && deps.events.expunge(&made.tenant, id).await? {
        made.expunged += 1;
    }
    Ok(true)
}

async fn ask_for_next(
    deps: &Deps,
    step: &Step<'_>,
    job: &ExpungeEvents,
    made: &Expungement,
) -> Result<Outcome, Outcome> {
    let token = new_ulid(deps.clock.now(), deps.random.as_ref()).to_string();
    let next = ExpungeEvents { step: made.step, token, ..job.clone() };
    step.ask_for_next(deps, Job::ExpungeEvents(next), None).await?;
    Ok(Outcome::Done)
}
