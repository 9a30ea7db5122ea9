//! One step of a replay: a bounded number of deliveries, sent again.
//!
//! - **In:** a step, named by its number and by a token of the message's own.
//! - **Out:** deliveries on the retry lane; the replay's progress; the next step.
//! - **Promise:** noted first, then sent, then asked for the next. A message that
//!   comes again sends what it noted, and of each request the copies count once.
//!   Two messages for one step never become two chains of them.

use std::time::Duration;

use contract::jobs::{Job, ReplayStep};
use contract::messages::DeliveryMessage;
use contract::ports::{LogFilter, Outgoing, Page, QueueError, StoreError, StoreResult, TimeRange};
use contract::stage::Outcome;
use domain::delivery::{Delivery, Status, Trigger};
use domain::event::Event;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, new_ulid};
use domain::operational;
use domain::replay::{Place, Replay, ReplayKind, ReplayStatus};
use serde_json::json;

use crate::{Deps, NEWER_WAITS, Step, missing};

/// Deliveries that one step hands over at most.
const MOST_SENT: u32 = 100;
/// Rows that one step looks at; some seconds on DynamoDB.
const MOST_READ: usize = 300;

/// What one reading of the log came to.
pub(crate) struct Found {
    pub(crate) deliveries: Vec<Wanted>,
    /// How many rows were looked at for it.
    pub(crate) read: usize,
    /// None at the end.
    pub(crate) next: Option<Place>,
}

/// A delivery to send again; with its event where that was read already.
pub(crate) struct Wanted {
    pub(crate) event_id: EventId,
    pub(crate) event: Option<Event>,
}

pub(crate) async fn step(deps: &Deps, step: &Step<'_>, job: ReplayStep) -> Result<Outcome, Outcome> {
    let (tenant, hook, id) = (step.tenant, job.hook, job.replay);
    let (number, token) = (job.step, job.token.as_str());
    let Some(replay) = deps.replays.get(tenant, hook, id).await? else { return Ok(Outcome::Done) };
    if replay.step == number + 1 && replay.token == token && replay.status != ReplayStatus::Cancelled {
        // This message made the step, and its process may have died before it sent anything.
        let mut messages = Vec::new();
        let mut scratch = Replay::clone(&replay);
        for event_id in &replay.batch {
            let again = Wanted { event_id: event_id.clone(), event: None };
            messages.extend(prepare(deps, &mut scratch, again, messages.len()).await?.map(|m| m.1));
        }
        return follow_up(deps, step, &job, &replay, messages).await;
    }
    if !replay.is_running() || replay.step != number {
        return Ok(Outcome::Done);
    }
    if let ReplayKind::Unknown(kind) = replay.kind {
        tracing::warn!(replay.id = %id, kind = kind.as_str(), "a replay of a kind that this version does not know waits for a newer one");
        return Ok(Outcome::NotBefore(deps.clock.now().saturating_add(NEWER_WAITS)));
    }
    let hook = match deps.hooks.get(tenant, hook).await? {
        Some(hook) if hook.enabled => hook,
        Some(_) => {
            let ended = replay.ended(ReplayStatus::Failed, Some("the hook is disabled"), deps.clock.now());
            announce(deps, &ended).await?;
            deps.replays.update(&ended).await?;
            return Ok(Outcome::Done);
        }
        None => return Ok(Outcome::Done),
    };
    let mut made = Replay { step: number + 1, token: token.to_owned(), ..Replay::clone(&replay) };
    let (mut messages, mut batch): (Vec<Outgoing>, Vec<EventId>) = Default::default();
    let most = usize::try_from(MOST_SENT.min(replay.rate.saturating_mul(10)).max(1)).unwrap_or(1);
    let (mut place, mut read) = (Some(replay.place.clone()), 0);
    while let Some(from) = place.take_if(|_| read < MOST_READ && messages.len() < most) {
        let limit = if replay.dry_run { MOST_READ } else { most - messages.len() };
        let found = find(deps, &replay, &hook, &from, limit.min(MOST_READ - read)).await?;
        read += found.read.max(1);
        made.found += u64::try_from(found.deliveries.len()).unwrap_or_default();
        if !replay.dry_run {
            for wanted in found.deliveries {
                let prepared = prepare(deps, &mut made, wanted, messages.len()).await?;
                let (ids, outgoing): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
                batch.extend(ids);
                messages.extend(outgoing);
            }
        }
        place = found.next;
    }
    made.sent += u64::try_from(messages.len()).unwrap_or_default();
    made.batch = batch;
    made.updated_at = deps.clock.now();
    made.version += 1;
    match place {
        Some(place) => made.place = place,
        None => made.status = ReplayStatus::Finished,
    }
    // A conflict is an error: it was cancelled, or another copy was faster.
    deps.replays.update(&made).await?;
    follow_up(deps, step, &job, &made, messages).await
}

async fn find(deps: &Deps, replay: &Replay, hook: &Hook, from: &Place, limit: usize) -> StoreResult<Found> {
    let times = TimeRange { since: replay.since, until: Some(replay.until) };
    let cursor = from.cursor.as_deref();
    let of_row = |row: Delivery| Wanted { event_id: row.event_id, event: None };
    match replay.kind {
        ReplayKind::Failed => {
            let marks = deps.log.failed(&replay.tenant, hook.id, times, limit, cursor).await?;
            let mut deliveries = Vec::new();
            for event in &marks.items {
                let name = DeliveryId { event: *event, hook: hook.id };
                let row = match deps.log.get(&replay.tenant, name).await {
                    Err(StoreError::Unreadable(unreadable)) => {
                        tracing::error!(replay.id = %replay.id, error = %unreadable, "a delivery is left out of a replay");
                        None
                    }
                    other => other?,
                };
                deliveries.extend(row.filter(|row| row.status == Status::Failed).map(of_row));
            }
            Ok(found(deliveries, marks.items.len(), marks.next))
        }
        ReplayKind::Range => {
            let filter =
                LogFilter { status: replay.only, since: times.since, until: times.until, ..LogFilter::default() };
            let Page { items, next } = deps.log.list(&replay.tenant, hook.id, &filter, limit, cursor).await?;
            let read = items.len();
            // What is still on its schedule needs no replay, unless it was asked for.
            let settled =
                |row: &Delivery| replay.only.is_some() || !matches!(row.status, Status::Pending | Status::Retrying);
            Ok(found(items.into_iter().flatten().filter(settled).map(of_row).collect(), read, next))
        }
        ReplayKind::Missing => missing::find(deps, replay, hook, from, times, limit).await,
        // Not reached: a step of one waits for the version that knows it.
        ReplayKind::Unknown(_) => Ok(found(Vec::new(), 0, None)),
    }
}

fn found(deliveries: Vec<Wanted>, read: usize, next: Option<String>) -> Found {
    Found { deliveries, read, next: next.map(|cursor| Place { cursor: Some(cursor), ..Place::default() }) }
}

/// The event and the message that sends it, or none when it cannot be sent, which is counted.
async fn prepare(
    deps: &Deps,
    replay: &mut Replay,
    wanted: Wanted,
    position: usize,
) -> StoreResult<Option<(EventId, Outgoing)>> {
    let event = match wanted.event {
        Some(event) => Some(event),
        None => match deps.events.get(&replay.tenant, &wanted.event_id).await {
            Err(StoreError::Corrupt(_) | StoreError::Unreadable(_)) => {
                replay.failed += 1;
                return Ok(None);
            }
            other => other?,
        },
    };
    let Some(event) = event.filter(|event| event.data.is_some()) else {
        replay.skipped += 1;
        return Ok(None);
    };
    let later = position / usize::try_from(replay.rate.max(1)).unwrap_or(1);
    let now = deps.clock.now();
    let due = (later > 0).then(|| now.saturating_add(Duration::from_secs(u64::try_from(later).unwrap_or_default())));
    let message = DeliveryMessage {
        // Asked for by hand: it goes out even when the event has expired.
        not_after: None,
        due_at: due,
        request: Some(replay.id.to_string()),
        ..DeliveryMessage::of(&event, replay.hook, Trigger::Replay)
    };
    Ok(Some((event.id, message.to_outgoing())))
}

/// Sends what a step found, and asks for the next when the rate allows.
async fn follow_up(
    deps: &Deps,
    made: &Step<'_>,
    job: &ReplayStep,
    replay: &Replay,
    messages: Vec<Outgoing>,
) -> Result<Outcome, Outcome> {
    if !messages.is_empty() {
        deps.redeliveries.send_all(&messages).await?;
    }
    if !replay.is_running() {
        announce(deps, replay).await?;
        tracing::info!(tenant.id = %replay.tenant, hook.id = %replay.hook, replay.id = %replay.id, "replay {}: {} sent, {} skipped, {} failed", replay.status.as_str(), replay.sent, replay.skipped, replay.failed);
        return Ok(Outcome::Done);
    }
    let pause = messages.len().div_ceil(usize::try_from(replay.rate.max(1)).unwrap_or(usize::MAX));
    let pause = Duration::from_secs(u64::try_from(pause).unwrap_or_default());
    let due = (!pause.is_zero()).then(|| deps.clock.now().saturating_add(pause));
    let token = new_ulid(deps.clock.now(), deps.random.as_ref()).to_string();
    let next = ReplayStep { step: replay.step, token, ..job.clone() };
    made.ask_for_next(deps, Job::Replay(next), due).await?;
    Ok(Outcome::Done)
}

/// Told once, however often the last step is made.
async fn announce(deps: &Deps, replay: &Replay) -> Result<(), QueueError> {
    let data = json!({
        "replay_id": replay.id, "hook_id": replay.hook, "kind": replay.kind, "dry_run": replay.dry_run,
        "status": replay.status, "progress": replay.progress(),
    });
    let (subject, at) = (replay.id.to_string(), replay.updated_at);
    deps.operational_events.publish(&replay.tenant, operational::REPLAYED, &subject, at, &data).await
}
