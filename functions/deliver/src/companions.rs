//! A batch that is sent again is the same request: the same events in the same
//! order, under the same id.
//!
//! Each of its deliveries has a message of its own. Whichever comes first takes
//! the others along and logs for them how it went; their messages find that in
//! the log. So that one comes first, each is due a while after the one before it.

use contract::messages::DeliveryMessage;
use contract::stage::{Fault, Outcome};
use domain::delivery::{Delivery, Trigger};
use domain::event::Event;
use domain::ids::{DeliveryId, EventSeq, HookId};
use domain::time::Timestamp;
use services::delivery::claim::Claim;
use services::delivery::request::EventToSend;

use crate::claimed::{ASIDE, Claimed};
use crate::{Deps, Step};

/// Another delivery of the batch.
pub(crate) struct Companion {
    event: Event,
    /// None for one that is not in its turn: its data travels all the same, so that
    /// the request is the one that its id stands for.
    claimed: Option<Claimed>,
}

/// A batch as it is sent again, without the delivery that takes it along.
pub(crate) struct Companions {
    before: Vec<Companion>,
    after: Vec<Companion>,
}

/// By how much later than the first of its batch a delivery is due.
pub(crate) fn turn(row: &Delivery, due: Timestamp) -> Timestamp {
    due.saturating_add(ASIDE * row.place_in_batch())
}

impl Claimed {
    /// Lets those go first that come before it in its batch, where a replay asks
    /// for all of them at once.
    pub(crate) async fn let_others_first(self, deps: &Deps) -> Step<Self> {
        let now = deps.clock.now();
        let place = self.row().map_or(now, |row| turn(row, now));
        if self.message().trigger != Trigger::Replay || self.message().check_log || place == now {
            return Ok(self);
        }
        let (message, _, _guard) = self.release();
        let later = DeliveryMessage { due_at: Some(place), waits_since: Some(now), check_log: true, ..message };
        deps.retries.send_one(later.to_outgoing()).await?;
        Err(Outcome::Done)
    }
}

impl Companions {
    pub(crate) fn none() -> Self {
        Self { before: Vec::new(), after: Vec::new() }
    }

    /// Those of `batch` but for `leader` that can still be sent.
    pub(crate) async fn of(deps: &Deps, leader: &Claimed, batch: &[EventSeq], now: Timestamp) -> Result<Self, Fault> {
        let mut companions = Self::none();
        let mut is_before = true;
        for event in batch {
            if *event == leader.message().event_seq {
                is_before = false;
                continue;
            }
            let Some(companion) = Companion::of(deps, leader, *event, now).await? else { continue };
            if is_before { &mut companions.before } else { &mut companions.after }.push(companion);
        }
        Ok(companions)
    }

    /// All that travels, in its order.
    pub(crate) fn subjects<'a>(&'a self, leader: &'a Claimed) -> Vec<EventToSend<'a>> {
        let hook = leader.message().hook;
        let before = self.before.iter().filter_map(|companion| companion.subject(hook));
        let own = EventToSend::of(leader.message(), leader.data());
        before.chain([own]).chain(self.after.iter().filter_map(|companion| companion.subject(hook))).collect()
    }

    /// Those in whose log it belongs.
    pub(crate) fn into_claimed(self) -> Vec<Claimed> {
        self.before.into_iter().chain(self.after).filter_map(|companion| companion.claimed).collect()
    }
}

impl Companion {
    async fn of(deps: &Deps, leader: &Claimed, event: EventSeq, now: Timestamp) -> Result<Option<Self>, Fault> {
        let message = leader.message();
        let id = DeliveryId { event, hook: message.hook };
        // Before the log is asked: whoever else holds it may be writing there.
        let guard = deps.in_flight.enter_soon(id).await;
        let Some(row) = deps.log.get(&message.tenant, id).await? else { return Ok(None) };
        let found = deps.events.get(&message.tenant, &row.event_id).await?;
        // Who asks for it by hand or by a replay means also what has expired.
        let is_asked_for = matches!(message.trigger, Trigger::Manual | Trigger::Replay);
        let is_in_time = |found: &Event| is_asked_for || found.not_after.is_none_or(|end| now < end);
        let is_sent = |found: &Event| found.seq == event && is_in_time(found);
        // What its hook now says in another way travels for itself.
        let payload = &leader.hook().settings.payload;
        let shape = payload.shape(&message.event_type);
        let is_alike = |found: &Event| payload.shape(&found.event_type) == shape;
        let Some(event) = found.filter(is_sent).filter(is_alike) else { return Ok(None) };
        let Some(data) = event.data.clone() else { return Ok(None) };
        let own = DeliveryMessage {
            step: message.step,
            due_at: message.due_at,
            request: message.request.clone(),
            ..DeliveryMessage::of(&event, message.hook, message.trigger)
        };
        let claimed = match (Claim::of(&own, Some(row)), guard) {
            (Claim::Due(Some(row)), Some(guard)) => {
                Some(Claimed::with(leader, own, row, data, guard)).filter(|claimed| !claimed.is_over(now))
            }
            _ => None,
        };
        Ok(Some(Self { event, claimed }))
    }

    fn subject(&self, hook: HookId) -> Option<EventToSend<'_>> {
        let event = &self.event;
        Some(EventToSend {
            delivery: DeliveryId { event: event.seq, hook },
            event_id: &event.id,
            event_type: &event.event_type,
            event_timestamp: event.timestamp,
            channels: &event.channels,
            data: event.data.as_deref()?,
        })
    }
}
