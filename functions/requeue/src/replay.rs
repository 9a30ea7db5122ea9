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
use contract::ports::{Expected, LogFilter, Outgoing, Page, QueueError, StoreError, StoreResult, TimeRange};
use contract::stage::Outcome;
use domain::delivery::{Delivery, Status, Trigger};
use domain::event::Event;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, EventSeq, new_ulid};
use domain::operational;
use domain::replay::{Place, Replay, ReplayKind, ReplayStatus};
use serde_json::json;
use services::delivery::{activity, claim, paused};

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

/// A delivery to send again; with its event and its row where they were read already.
pub(crate) struct Wanted {
    pub(crate) event_id: EventId,
    pub(crate) event: Option<Event>,
    pub(crate) row: Option<Delivery>,
    /// The request that sends it, where that was noted already.
    pub(crate) request: Option<String>,
}

impl Wanted {
    pub(crate) fn new(event_id: EventId) -> Self {
        Self { event_id, event: None, row: None, request: None }
    }
}

/// A message that sends a delivery again.
struct Prepared {
    event_id: EventId,
    request: String,
    message: Outgoing,
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
            let request = replay.batch_requests.get(event_id).cloned();
            let again = Wanted { request, ..Wanted::new(event_id.clone()) };
            messages.extend(prepare(deps, &mut scratch, again, messages.len()).await?.map(|one| one.message));
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
        Some(hook) if hook.takes_deliveries(deps.clock.now()) => hook,
        Some(hook) => {
            let why = if hook.enabled { "the hook has expired" } else { "the hook is disabled" };
            let ended = replay.ended(ReplayStatus::Failed, Some(why), deps.clock.now());
            announce(deps, &ended).await?;
            deps.replays.update(&ended).await?;
            return Ok(Outcome::Done);
        }
        None => return Ok(Outcome::Done),
    };
    let mut made = Replay { step: number + 1, token: token.to_owned(), ..Replay::clone(&replay) };
    let mut messages = Vec::new();
    (made.batch, made.batch_requests) = Default::default();
    let most = usize::try_from(MOST_SENT.min(replay.rate.saturating_mul(10)).max(1)).unwrap_or(1);
    let (mut place, mut read) = (Some(replay.place.clone()), 0);
    while let Some(from) = place.take_if(|_| read < MOST_READ && messages.len() < most) {
        let limit = if replay.dry_run { MOST_READ } else { most - messages.len() };
        let found = find(deps, &replay, &hook, &from, limit.min(MOST_READ - read)).await?;
        read += found.read.max(1);
        made.found += u64::try_from(found.deliveries.len()).unwrap_or_default();
        if !replay.dry_run {
            for wanted in found.deliveries {
                let Some(one) = prepare(deps, &mut made, wanted, messages.len()).await? else { continue };
                made.batch.push(one.event_id.clone());
                if one.request != id.to_string() {
                    made.batch_requests.insert(one.event_id, one.request);
                }
                messages.push(one.message);
            }
        }
        place = found.next;
    }
    made.sent += u64::try_from(messages.len()).unwrap_or_default();
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
    let of_row = |row: Delivery| {
        let event_id = row.event_id.clone();
        Wanted { row: Some(row), ..Wanted::new(event_id) }
    };
    match replay.kind {
        ReplayKind::Failed => {
            let marks = deps.log.failed(&replay.tenant, hook.id, times, limit, cursor).await?;
            let rows = marked(deps, replay, &marks.items, Status::Failed).await?;
            Ok(found(rows.into_iter().map(of_row).collect(), marks.items.len(), marks.next))
        }
        ReplayKind::Waiting => {
            let marks = deps.log.waiting(&replay.tenant, hook.id, limit, cursor).await?;
            // What was accepted in this very millisecond may wait already.
            let times = replay.since.unwrap_or_default()..=replay.until;
            let is_within = |event: &&EventSeq| times.contains(&event.at());
            let within: Vec<EventSeq> = marks.items.iter().filter(is_within).copied().collect();
            let rows = marked(deps, replay, &within, Status::Waiting).await?;
            Ok(found(rows.into_iter().map(of_row).collect(), marks.items.len(), marks.next))
        }
        ReplayKind::Undelivered => {
            let filter = LogFilter { since: times.since, until: times.until, ..LogFilter::default() };
            let Page { items, next } = deps.log.list(&replay.tenant, hook.id, &filter, limit, cursor).await?;
            let read = items.len();
            Ok(found(items.into_iter().flatten().filter(is_undelivered).map(of_row).collect(), read, next))
        }
        ReplayKind::Range => {
            let filter = LogFilter {
                status: replay.only,
                codes: replay.codes.map(|range| (range.low, range.high)),
                since: times.since,
                until: times.until,
                ..LogFilter::default()
            };
            let Page { items, next } = deps.log.list(&replay.tenant, hook.id, &filter, limit, cursor).await?;
            let read = items.len();
            // What is still on its schedule needs no replay, unless it was asked for.
            let settled =
                |row: &Delivery| replay.only.is_some() || !matches!(row.status, Status::Pending | Status::Retrying);
            let of_type =
                |row: &Delivery| replay.event_types.is_empty() || replay.event_types.contains(&row.event_type);
            let rows = items.into_iter().flatten().filter(settled).filter(of_type).map(of_row).collect();
            Ok(found(on_channels(deps, replay, rows).await?, read, next))
        }
        ReplayKind::Missing => missing::find(deps, replay, hook, from, times, limit).await,
        // Not reached: a step of one waits for the version that knows it.
        ReplayKind::Unknown(_) => Ok(found(Vec::new(), 0, None)),
    }
}

/// Whether it did not arrive and is not tried any more.
fn is_undelivered(row: &Delivery) -> bool {
    matches!(row.status, Status::Failed | Status::Skipped | Status::Waiting)
}

/// The rows of what is marked, as far as they still have that status.
async fn marked(deps: &Deps, replay: &Replay, events: &[EventSeq], status: Status) -> StoreResult<Vec<Delivery>> {
    let mut rows = Vec::new();
    for event in events {
        let name = DeliveryId { event: *event, hook: replay.hook };
        let row = match deps.log.get(&replay.tenant, name).await {
            Err(StoreError::Unreadable(unreadable)) => {
                tracing::error!(replay.id = %replay.id, error = %unreadable, "a delivery is left out of a replay");
                None
            }
            other => other?,
        };
        rows.extend(row.filter(|row| row.status == status));
    }
    Ok(rows)
}

/// Those whose events are on all channels that are asked for. What is known no more is on none.
async fn on_channels(deps: &Deps, replay: &Replay, wanted: Vec<Wanted>) -> StoreResult<Vec<Wanted>> {
    if replay.channels.is_empty() {
        return Ok(wanted);
    }
    let mut chosen = Vec::new();
    for one in wanted {
        let event = match deps.events.get(&replay.tenant, &one.event_id).await {
            Err(StoreError::Corrupt(_) | StoreError::Unreadable(_)) => None,
            other => other?,
        };
        if let Some(event) = event.filter(|event| replay.channels.is_subset(&event.channels)) {
            chosen.push(Wanted { event: Some(event), ..one });
        }
    }
    Ok(chosen)
}

fn found(deliveries: Vec<Wanted>, read: usize, next: Option<String>) -> Found {
    Found { deliveries, read, next: next.map(|cursor| Place { cursor: Some(cursor), ..Place::default() }) }
}

/// None when it cannot be sent, which is counted.
async fn prepare(deps: &Deps, replay: &mut Replay, wanted: Wanted, position: usize) -> StoreResult<Option<Prepared>> {
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
    let Some(event) = event else {
        replay.skipped += 1;
        if let Some(row) = wanted.row.filter(|row| row.status == Status::Waiting) {
            end_wait(deps, None, row, "the event's payload has expired").await?;
        }
        return Ok(None);
    };
    let name = DeliveryId { event: event.seq, hook: replay.hook };
    let row = match (replay.kind, wanted.row) {
        (ReplayKind::Waiting | ReplayKind::Undelivered, None) => deps.log.get(&replay.tenant, name).await?,
        (_, row) => row,
    };
    // It has arrived since it was found.
    if replay.kind == ReplayKind::Undelivered && row.as_ref().is_some_and(|row| !is_undelivered(row)) {
        return Ok(None);
    }
    let waits = row.filter(|row| row.status == Status::Waiting);
    let now = deps.clock.now();
    if event.data.is_none() {
        replay.skipped += 1;
        if let Some(row) = waits {
            end_wait(deps, Some(&event), row, claim::EXPUNGED).await?;
        }
        return Ok(None);
    }
    // Whichever replay asks for it, what waits is sent once.
    let by_wait = || waits.as_ref().map(|row| format!("waiting:{}", row.updated_at.as_millis()));
    let request = wanted.request.or_else(by_wait).unwrap_or_else(|| replay.id.to_string());
    let mut not_after = None;
    if replay.kind == ReplayKind::Waiting {
        // Somebody else has asked for it meanwhile.
        let Some(row) = waits else { return Ok(None) };
        if row.waits_until.is_some_and(|until| until <= now) {
            replay.skipped += 1;
            end_wait(deps, Some(&event), row, paused::WAITED_TOO_LONG).await?;
            return Ok(None);
        }
        not_after = event.not_after;
    }
    let later = position / usize::try_from(replay.rate.max(1)).unwrap_or(1);
    let due = (later > 0).then(|| now.saturating_add(Duration::from_secs(u64::try_from(later).unwrap_or_default())));
    let message = DeliveryMessage {
        // What was asked for by hand goes out even when the event has expired.
        not_after,
        due_at: due,
        request: Some(request.clone()),
        ..DeliveryMessage::of(&event, replay.hook, Trigger::Replay)
    };
    let message = message.to_outgoing();
    Ok(Some(Prepared { event_id: event.id, request, message }))
}

/// What waited for its hook is not sent any more.
async fn end_wait(deps: &Deps, event: Option<&Event>, row: Delivery, reason: &str) -> StoreResult<()> {
    let expected = Expected::of(Some(&row));
    let mut row = row;
    row.skip(reason, deps.clock.now());
    match deps.log.record(&row, expected).await {
        Ok(()) => {}
        // Somebody has sent it meanwhile.
        Err(StoreError::Conflict) => return Ok(()),
        Err(error) => return Err(error),
    }
    match event {
        Some(event) => activity::note_skipped(deps.activity.as_ref(), event, &row).await,
        None => Ok(()),
    }
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
