//! Queues as SQS has them: at least once, in any order, with leases that run
//! out, counts that can be too low, and delays of 15 minutes at most.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::messages::{DeliveryMessage, EventMessage, EventRequest};
use contract::ports::{Outgoing, QueueError, QueueSender, Received};
use domain::time::Timestamp;

use crate::sim::{Blow, Sim, State, Task, Turn, What};

/// Outlasts every attempt that nothing holds up.
pub(crate) const LEASE: Duration = Duration::from_secs(180);
/// The longest `DelaySeconds` of SQS.
const LONGEST_DELAY: Duration = Duration::from_secs(900);
/// The longest visibility time-out of SQS.
pub(crate) const LONGEST_INVISIBLE: Duration = Duration::from_secs(43_200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Events,
    Deliveries,
    Retries,
    Redeliveries,
}

impl Name {
    pub(crate) const ALL: [Self; 4] = [Self::Events, Self::Deliveries, Self::Retries, Self::Redeliveries];
}

#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) messages: Vec<Held>,
}

/// A message in its queue, visible from a time on.
pub(crate) struct Held {
    /// In the order in which they were sent, over all queues.
    pub(crate) number: u64,
    id: String,
    body: Bytes,
    pub(crate) visible_at: Timestamp,
    receive_count: u32,
    /// Whoever took it last settles it for sure; earlier ones with luck.
    receipt: usize,
    /// It will be handed out again at once, and maybe not counted.
    twin: bool,
}

/// The sending end.
pub(crate) struct SimQueue {
    pub(crate) sim: Arc<Sim>,
    pub(crate) name: Name,
}

#[async_trait]
impl QueueSender for SimQueue {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        self.sim.pause("queue.send").await;
        let results = {
            let now = self.sim.now();
            let mut state = self.sim.lock();
            let blow = state.blow("queue.send");
            let mut send = |message: &Outgoing| {
                let (copies, answered) = match blow {
                    None => (1, true),
                    // Of a batch, some arrive and some do not.
                    Some(Blow::FailsBefore) if messages.len() > 1 && state.dice.one_in(2) => (1, true),
                    Some(Blow::FailsBefore) => (0, false),
                    Some(Blow::Repeats) => (2, true),
                    Some(_) => (1, false),
                };
                (0..copies).for_each(|_| state.enqueue(self.name, message, now));
                if answered { Ok(()) } else { Err(QueueError::Unavailable("struck".into())) }
            };
            messages.iter().map(&mut send).collect()
        };
        self.sim.pause("queue.send").await;
        results
    }
}

impl State {
    pub(crate) fn enqueue(&mut self, queue: Name, message: &Outgoing, now: Timestamp) {
        self.messages_sent += 1;
        let number = self.messages_sent;
        let id = format!("message-{number}");
        if queue == Name::Events {
            self.accept(&id, &message.body);
        }
        let wait = message.due.map_or(Duration::ZERO, |due| due.since(now).min(LONGEST_DELAY));
        self.put(queue, number, id, message.body.clone(), now.saturating_add(wait));
    }

    fn put(&mut self, queue: Name, number: u64, id: String, body: Bytes, earliest: Timestamp) {
        let late = if self.is_struck() { Duration::from_secs(self.dice.below(400)) } else { self.latency() };
        let visible_at = earliest.saturating_add(late);
        let held = Held { number, id, body, visible_at, receive_count: 0, receipt: usize::MAX, twin: false };
        self.queues[queue as usize].messages.push(held);
    }

    /// From here on it may not be lost.
    fn accept(&mut self, id: &str, body: &Bytes) {
        let message: EventMessage = serde_json::from_slice(body).expect("publishers of these runs write well");
        if message.continuation.is_none() {
            let id = message.id.clone().unwrap_or_else(|| id.parse().expect("a message's id is an event's as well"));
            self.accepted.entry(id).or_insert(message);
        }
    }

    /// Hands out the message at `index` to a new task of `process`.
    pub(crate) fn hand_out(
        &mut self,
        queue: Name,
        index: usize,
        process: (usize, u32),
        now: Timestamp,
    ) -> (usize, Received) {
        let twice = self.is_struck();
        let soon = self.latency();
        let counted = self.dice.one_in(2);
        let task = self.tasks.len();
        let held = &mut self.queues[queue as usize].messages[index];
        let (before, was_twin) = (held.receipt, held.twin);
        held.receive_count += u32::from(held.receive_count == 0 || !was_twin || counted);
        held.receipt = task;
        held.twin = twice;
        held.visible_at = now.saturating_add(if twice { soon } else { LEASE });
        let message = Received {
            id: held.id.clone(),
            body: held.body.clone(),
            content: None,
            receive_count: held.receive_count,
            is_due: false,
            sent_at: None,
            queue: format!("{queue:?}").into(),
            receipt: task.to_string(),
        };
        let number = held.number;
        let (what, unwarned) = read(queue, &message);
        self.note("receive", |_| format!("{what:?} as task {task} of process {process:?}, {queue:?} {number}"));
        self.tasks.push(Task {
            what,
            process: Some(process),
            message: number,
            unwarned,
            started: self.order,
            started_at: now,
            read: None,
            ended: None,
            died: false,
            struck: false,
        });
        if was_twin {
            self.suffer(before, Blow::HandsOutTwice);
        } else if self.tasks.get(before).is_some_and(|task| task.ended.is_none()) {
            self.suffer(before, Blow::LeaseEnds);
        }
        (task, message)
    }

    /// Forgets a message. Who took it before somebody else did may not be heard.
    pub(crate) fn forget(&mut self, queue: Name, number: u64, task: usize) {
        let heard = self.dice.one_in(2);
        let messages = &mut self.queues[queue as usize].messages;
        messages.retain(|held| held.number != number || (held.receipt != task && !heard));
    }

    pub(crate) fn defer(&mut self, queue: Name, number: u64, task: usize, until: Timestamp) {
        let messages = &mut self.queues[queue as usize].messages;
        if let Some(held) = messages.iter_mut().find(|held| held.number == number && held.receipt == task) {
            held.visible_at = until;
            held.twin = false;
        }
    }

    /// What a schedule does when its time has come. It can be made again under
    /// the same name, and then it is still one.
    pub(crate) fn schedule(&mut self, number: u64, body: Bytes, due: Timestamp) {
        let id = format!("schedule-{number}");
        let redeliveries = &self.queues[Name::Redeliveries as usize];
        if !redeliveries.messages.iter().any(|held| held.id == id) {
            self.messages_sent += 1;
            self.put(Name::Redeliveries, self.messages_sent, id, body, due);
        }
    }
}

fn read(queue: Name, message: &Received) -> (What, bool) {
    if queue == Name::Events {
        let what = match EventMessage::parse(&message.body) {
            Ok(EventRequest::Publish(publication)) => publication.id.or_else(|| message.id.parse().ok()),
            Ok(EventRequest::Continue(resumption)) => Some(resumption.id),
            Err(_) => None,
        };
        return (what.map_or(What::Unreadable, What::Fanout), false);
    }
    let Ok(parsed) = DeliveryMessage::parse(&message.body) else { return (What::Unreadable, false) };
    let (id, turn) = (parsed.delivery_id(), Turn::of(&parsed));
    let unwarned = turn == Turn::First && message.receive_count == 1 && !parsed.check_log;
    if queue == Name::Retries { (What::Requeue(id), false) } else { (What::Deliver(id, turn), unwarned) }
}
