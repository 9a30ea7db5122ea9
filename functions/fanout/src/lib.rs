//! Stage 2: an event becomes one delivery for each matching hook.
//!
//! - **In:** `events`: something published, or the continuation of a large fan-out.
//! - **Out:** the event's row; one message per matching hook on `deliveries`
//!   (on `retries` when it is to be sent later, and a row of the log each); a continuation on `events`
//!   while hooks are left.
//! - **Promise:** an event id is fanned out once, also when it is published
//!   twice or concurrently. A crash half-way resumes: copies made by a resumed
//!   fan-out say so, and `deliver` then looks before it sends.

mod wiring;

use std::sync::Arc;
use std::time::Duration;

use contract::messages::{
    Continuation, DeliveryMessage, EventMessage, EventRequest, Publication, Rejection, Resumption, VERSION,
};
use contract::ports::{
    ActivityLog, Clock, DeliveryLog, EventRef, Events, Expected, Outgoing, QueueSender, Recorded, StoreError,
    Subscriptions, Tenants,
};
use contract::stage::{Message, Outcome, settle};
use contract::traces;
use domain::delivery::{Delivery, Trigger};
use domain::event::{Event, FanoutPage};
use domain::hook::Subscription;
use domain::ids::{DeliveryId, EventId, EventSeq, EventType, TenantId};
use domain::operational::{is_for_those_who_name_it, is_operational};
use domain::random::Random;
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use domain::unknown::Unknown;
use futures::future::join_all;
use services::delivery::activity;
use services::runtime::metrics::{self, FanoutResult};

#[cfg(feature = "lambda")]
pub use wiring::Config;
pub use wiring::Queues;

/// Hooks of one page: ten SQS batches, and a row of ids of about 2 KB.
pub const HOOKS_PER_PAGE: usize = 100;

/// Rows of deliveries for later that are written at the same time.
const WRITES_AT_A_TIME: usize = 16;

#[derive(Clone)]
pub struct Deps {
    pub subscriptions: Arc<dyn Subscriptions>,
    pub events: Arc<dyn Events>,
    /// Where deliveries for later are found from now on.
    pub log: Arc<dyn DeliveryLog>,
    pub activity: Arc<dyn ActivityLog>,
    /// Where it says how long a tenant's events are kept.
    pub tenants: Arc<dyn Tenants>,
    /// Where continuations go.
    pub queue: Arc<dyn QueueSender>,
    /// The fresh lane.
    pub deliveries: Arc<dyn QueueSender>,
    /// The clock, for events that are to be sent later.
    pub retries: Arc<dyn QueueSender>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// How long the rows of events are kept whose tenant does not say.
    pub retention: Duration,
}

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(fan_out(deps, message).await)
}

async fn fan_out(deps: &Deps, mut message: Message) -> Result<Outcome, Outcome> {
    match EventMessage::take(&mut message)? {
        EventRequest::Publish(publication) => publish(deps, &message, publication).await,
        EventRequest::Continue(resumption) => resume(deps, &message, resumption).await,
    }
}

async fn publish(deps: &Deps, message: &Message, publication: Publication) -> Result<Outcome, Outcome> {
    let now = deps.clock.now();
    let id = match publication.id {
        Some(id) => id,
        None => {
            message.id.parse().map_err(|error| Rejection(format!("the message's own id is no event id: {error}")))?
        }
    };
    let token = publication.token.as_ref().unwrap_or(&message.id);
    let sent_at = message.sent_at.map_or(now, |sent| sent.min(now));
    // Derived, so that deliveries keep their ids where their event's row was lost.
    let seq = EventSeq::of_publication(&publication.tenant, &id, token, sent_at);
    let tenant = deps.tenants.get(&publication.tenant).await?;
    if tenant.as_ref().is_some_and(|tenant| tenant.succeeds(seq.at())) {
        return Ok(drop_former(seq, &publication.tenant, &id));
    }
    let retention = tenant.map_or(deps.retention, |tenant| tenant.retention(deps.retention));
    let latest = now.saturating_add(retention);
    // What the API has accepted, it has checked.
    if publication.token.is_none() && publication.deliver_at.is_some_and(|at| at > latest) {
        let reason = format!("deliver_at: expected a time up to {latest}, which is how long events are kept");
        return Err(Rejection(reason).into());
    }
    let event = Event {
        seq,
        id,
        timestamp: publication.timestamp.unwrap_or(now),
        tenant: publication.tenant,
        event_type: publication.event_type,
        channels: publication.channels,
        not_after: publication
            .ttl
            .map(|ttl| now.max(publication.deliver_at.unwrap_or(now)).saturating_add(ttl.duration())),
        deliver_at: publication.deliver_at,
        data: Some(publication.data),
        expires_at: now.max(publication.deliver_at.unwrap_or(now)).saturating_add(retention),
        unknown: Unknown::NONE,
    };
    let page = matching_page(deps, token, &event, 0, None).await?;
    let on = On { deliver_at: publication.deliver_at, traceparent: traces::current().or(publication.traceparent) };
    match deps.events.record(&event, &page).await? {
        Recorded::New => {
            metrics::fanned_out(FanoutResult::New);
            send_page(deps, &event, &page, (on, false), Newer::default()).await
        }
        Recorded::Resumed((event, page)) => {
            metrics::fanned_out(FanoutResult::Again);
            send_page(deps, &event, &page, (on, true), Newer::default()).await
        }
        Recorded::Duplicate => {
            metrics::fanned_out(FanoutResult::Duplicate);
            tracing::debug!(trace.id = %event.seq.trace(), tenant.id = %event.tenant, event.id = %event.id, "event was published before, dropped");
            Ok(Outcome::Done)
        }
    }
}

async fn resume(deps: &Deps, message: &Message, resumption: Resumption) -> Result<Outcome, Outcome> {
    let Resumption { tenant, id, from, deliver_at, token, traceparent, unknown } = resumption;
    let on = On { deliver_at, traceparent: traces::current().or(traceparent) };
    let Some(event) = deps.events.get(&tenant, &id).await? else {
        let seq = token.as_ref().and_then(|token| token.split('.').next()?.parse::<EventSeq>().ok());
        let present = deps.tenants.get(&tenant).await?;
        if let (Some(seq), Some(present)) = (seq, present)
            && present.succeeds(seq.at())
        {
            return Ok(drop_former(seq, &tenant, &id));
        }
        return Err(Rejection(format!("continues event {id}, which is not recorded")).into());
    };
    if event.data.is_none() {
        // Expunged meanwhile: whoever was not reached yet gets nothing.
        return Ok(Outcome::Done);
    }
    let token = token.as_ref().unwrap_or(&message.id);
    let page = matching_page(deps, token, &event, from.page, Some(&from.cursor)).await?;
    let newer = Newer { message: unknown, continuation: from.unknown };
    match deps.events.record_page(&event, &page).await? {
        Recorded::New => send_page(deps, &event, &page, (on, false), newer).await,
        Recorded::Resumed(page) => send_page(deps, &event, &page, (on, true), newer).await,
        Recorded::Duplicate => Ok(Outcome::Done),
    }
}

/// It was published for a tenant that was deleted, whose id is somebody else's now.
fn drop_former(seq: EventSeq, tenant: &TenantId, id: &EventId) -> Outcome {
    tracing::warn!(trace.id = %seq.trace(), tenant.id = %tenant, event.id = %id, "event is older than its tenant, dropped");
    Outcome::Done
}

/// The next matching hooks. Disabled ones are among them: `deliver` leaves a
/// trace of what they would have got.
async fn matching_page(
    deps: &Deps,
    token: &str,
    event: &Event,
    number: u32,
    cursor: Option<&str>,
) -> Result<FanoutPage, Outcome> {
    let event_type: &EventType = &event.event_type;
    let found = deps.subscriptions.matching(&event.tenant, event_type, HOOKS_PER_PAGE, cursor).await;
    let found = found.map_err(|error| match error {
        StoreError::BadCursor => Rejection("continuation.cursor is not one of this event".to_owned()).into(),
        other => Outcome::from(other),
    })?;
    let (data, now) = (event.data.as_deref(), deps.clock.now());
    let wants = |subscription: &&Subscription| {
        data.is_some_and(|data| subscription.wants(&event.channels, data))
            && subscription.asks_for(&event.id, event_type)
            && !subscription.has_expired(now)
    };
    for unreadable in found.items.iter().filter_map(|row| row.as_ref().err()) {
        tracing::error!(
            trace.id = %event.seq.trace(),
            tenant.id = %event.tenant,
            hook.id = unreadable.id,
            event.id = %event.id,
            error = %unreadable,
            "a hook gets nothing of an event: its subscription cannot be read"
        );
    }
    let wanted = found.items.iter().flatten().filter(wants);
    Ok(FanoutPage {
        number,
        token: token.to_owned(),
        hooks: wanted.map(|subscription| subscription.hook).collect(),
        next: found.next,
        unknown: Unknown::NONE,
    })
}

/// Deliveries that wait for their time can be seen, sent by hand and cancelled meanwhile.
async fn note_scheduled(deps: &Deps, event: &Event, page: &FanoutPage, at: Timestamp) -> Result<(), Outcome> {
    let now = deps.clock.now();
    for some in page.hooks.chunks(WRITES_AT_A_TIME) {
        let written = some.iter().map(|hook| {
            let id = DeliveryId { event: event.seq, hook: *hook };
            let (tenant, name) = (event.tenant.clone(), event.id.clone());
            let new = Delivery::new(tenant, id, name, event.event_type.clone(), now, Duration::ZERO);
            let row = Delivery { next_attempt_at: Some(at), expires_at: event.expires_at, ..new };
            let log = Arc::clone(&deps.log);
            async move { log.record(&row, Expected::Absent).await }
        });
        for written in join_all(written.collect::<Vec<_>>()).await {
            match written {
                // It was noted by whoever died before it went on, and may have been cancelled since.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// What goes on with each delivery and with the next page.
#[derive(Clone, Copy)]
struct On {
    deliver_at: Option<Timestamp>,
    /// This fan-out, or what the message said.
    traceparent: Option<TraceContext>,
}

/// What a newer version wrote into a continuation, for the one that follows it.
#[derive(Default)]
struct Newer {
    message: Unknown,
    continuation: Unknown,
}

/// Deliveries first, then the continuation: whatever is lost half-way is made
/// again when the message comes back.
async fn send_page(
    deps: &Deps,
    event: &Event,
    page: &FanoutPage,
    (On { deliver_at, traceparent }, resumed): (On, bool),
    newer: Newer,
) -> Result<Outcome, Outcome> {
    let later = deliver_at.filter(|at| *at > deps.clock.now());
    let messages: Vec<Outgoing> = page
        .hooks
        .iter()
        .enumerate()
        .map(|(number, hook)| {
            DeliveryMessage {
                due_at: later,
                // On its way through `requeue` it may be copied by a crash, and
                // the copies arrive like new messages.
                check_log: resumed || later.is_some(),
                traceparent,
                lists_event: page.number == 0 && number == 0 && later.is_none(),
                ..DeliveryMessage::of(event, *hook, Trigger::First)
            }
            .into_outgoing()
        })
        .collect();
    // The log of no hook leads to it, so that a replay has to find it otherwise.
    if page.number == 0 && page.hooks.is_empty() {
        let event_ref = EventRef { seq: event.seq, id: event.id.clone() };
        deps.events.unclaim(&event.tenant, &[(event_ref, event.expires_at)]).await?;
    }
    if let Some(at) = later {
        note_scheduled(deps, event, page, at).await?;
    }
    if !messages.is_empty() {
        let lane = if later.is_some() { &deps.retries } else { &deps.deliveries };
        lane.send_all(&messages).await?;
    }
    if let Some(cursor) = &page.next {
        let continuation = EventMessage {
            version: VERSION,
            tenant: event.tenant.clone(),
            id: Some(event.id.clone()),
            event_type: None,
            timestamp: None,
            channels: Default::default(),
            deliver_at,
            ttl: None,
            data: None,
            // Derived, so that every copy of this continuation resumes the same page.
            token: Some(format!("{}.{}", event.seq, page.number + 1)),
            traceparent,
            continuation: Some(Continuation {
                page: page.number + 1,
                cursor: cursor.clone(),
                unknown: newer.continuation,
            }),
            internal: false,
            unknown: newer.message,
        };
        deps.queue.send_one(continuation.to_outgoing()).await?;
    }
    // Of an event about a hook nobody wants to hear but who asks for it.
    let is_wanted_by_nobody = page.number == 0
        && page.hooks.is_empty()
        && !is_operational(&event.event_type)
        && !is_for_those_who_name_it(&event.id, &event.event_type);
    if later.is_some() || is_wanted_by_nobody {
        activity::note_page(deps.activity.as_ref(), event, page).await?;
    }
    tracing::debug!(
        trace.id = %event.seq.trace(),
        tenant.id = %event.tenant,
        event.id = %event.id,
        page = page.number,
        hooks = page.hooks.len(),
        resumed,
        "event fanned out to {} hook(s)",
        page.hooks.len()
    );
    Ok(Outcome::Done)
}
