//! What all processes of one run share: the stores, the queues, the endpoint,
//! the time, and the chance that decides what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use contract::messages::{DeliveryMessage, EventMessage};
use contract::ports::{Clock, Document, ManualClock};
use domain::activity::Activity;
use domain::delivery::{Delivery, Trigger};
use domain::event::{Event, FanoutPage};
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, EventSeq, HookId};
use domain::time::Timestamp;

use crate::dice::Dice;
use crate::endpoint::{Answer, Request};
use crate::plan::START;
use crate::queue::Queue;

/// How old the rows may be that an eventually consistent read returns.
pub(crate) const LAG: Duration = Duration::from_secs(2);

pub(crate) struct Sim {
    pub(crate) clock: ManualClock,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) now: Timestamp,
    /// Faults that may still happen, and at one call in how many they do.
    pub(crate) faults_left: u32,
    pub(crate) odds: u64,
    /// One call that always takes so long.
    pub(crate) slow: Option<(&'static str, Duration)>,
    /// One call that a client always repeats by itself.
    pub(crate) doubled: Option<&'static str>,
    /// Counts everything that happens, so that any two things have an order.
    pub(crate) order: u64,
    /// Whose future is being polled.
    pub(crate) running: usize,
    pub(crate) pausing: Option<Timestamp>,
    pub(crate) queues: [Queue; 4],
    pub(crate) messages_sent: u64,
    /// Every state a hook was in, and since when; none once it was deleted.
    pub(crate) hooks: BTreeMap<HookId, History>,
    /// The most subscriptions of one page.
    pub(crate) page_size: usize,
    pub(crate) scripts: BTreeMap<HookId, Vec<Answer>>,
    pub(crate) accepted: BTreeMap<EventId, EventMessage>,
    pub(crate) manual: Vec<(DeliveryId, String)>,
    /// With page zero, which is written together with its event.
    pub(crate) events: BTreeMap<EventId, (Event, FanoutPage)>,
    /// All later pages.
    pub(crate) pages: BTreeMap<(EventId, u32), FanoutPage>,
    /// Events that went to nobody with their first page.
    pub(crate) unclaimed: BTreeSet<EventSeq>,
    pub(crate) activity: Vec<Activity>,
    /// Times that a circuit was open in what was written of it.
    pub(crate) opened: usize,
    /// By partition and name.
    pub(crate) documents: BTreeMap<(String, String), Arc<Document>>,
    /// Every version of every row, the last one being what is stored.
    pub(crate) log: BTreeMap<DeliveryId, Vec<Version>>,
    pub(crate) requests: Vec<Request>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) dead_letters: Vec<String>,
    /// A stage did.
    pub(crate) panicked: bool,
    pub(crate) trace: Trace,
}

pub(crate) type History = Vec<(Timestamp, Option<Arc<Hook>>)>;

pub(crate) struct Version {
    pub(crate) row: Delivery,
    pub(crate) order: u64,
}

/// One message in the hands of one process.
pub(crate) struct Task {
    pub(crate) what: What,
    /// Which process, and which of its lives; none for those who publish.
    pub(crate) process: Option<(usize, u32)>,
    pub(crate) message: u64,
    /// Whether nothing told it to look into the log before it sends.
    pub(crate) unwarned: bool,
    pub(crate) started: u64,
    pub(crate) started_at: Timestamp,
    /// When it last read its row.
    pub(crate) read: Option<u64>,
    pub(crate) ended: Option<u64>,
    pub(crate) died: bool,
    /// A call of it failed.
    pub(crate) struck: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Publish(EventId),
    /// Asks for a manual retry.
    Ask(DeliveryId),
    Fanout(EventId),
    Deliver(DeliveryId, Turn),
    Requeue(DeliveryId),
    Unreadable,
}

/// Which attempt of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    First,
    Retry(u32),
    Manual(String),
}

impl What {
    /// Whether it can have made copies of this delivery, or handled them.
    pub(crate) fn touches(&self, delivery: DeliveryId, event: &EventId) -> bool {
        match self {
            Self::Publish(id) | Self::Fanout(id) => id == event,
            Self::Ask(id) | Self::Deliver(id, _) | Self::Requeue(id) => *id == delivery,
            Self::Unreadable => false,
        }
    }
}

impl Turn {
    pub(crate) fn of(message: &DeliveryMessage) -> Self {
        match message.trigger {
            Trigger::Retry => Self::Retry(message.step),
            Trigger::Manual => Self::Manual(message.request.clone().unwrap_or_default()),
            Trigger::First | Trigger::Replay | Trigger::Test | Trigger::Unknown(_) => Self::First,
        }
    }
}

/// What a call can suffer beside taking its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// An error, and nothing was done.
    FailsBefore,
    /// An error, but it was done: the answer got lost.
    FailsAfter,
    /// The answer got lost, and a client repeated the call by itself.
    Repeats,
    /// The call takes minutes.
    Stalls,
    /// The process died.
    Dies,
    /// A queue handed a message out again although it was in somebody's hands.
    HandsOutTwice,
    /// A lease ran out while its message was under way.
    LeaseEnds,
}

pub(crate) struct Fault {
    pub(crate) blow: Blow,
    pub(crate) task: usize,
}

/// A fingerprint of everything that happened, and the words if somebody reads them.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) hash: u64,
    pub(crate) lines: Option<Vec<String>>,
}

impl Sim {
    pub(crate) fn new(clock: ManualClock, state: State) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One call to something outside the process. What it does happens at once,
    /// some time after the call and some time before the answer; at either
    /// pause others go on, time passes, or the process dies.
    pub(crate) async fn step<T>(
        &self,
        name: &'static str,
        mut effect: impl FnMut(&mut State) -> T,
        failure: impl Fn() -> T,
    ) -> T {
        self.pause(name).await;
        let result = {
            let mut state = self.lock();
            match state.blow(name) {
                None => effect(&mut state),
                Some(Blow::FailsBefore) => failure(),
                Some(Blow::Repeats) => {
                    effect(&mut state);
                    effect(&mut state)
                }
                Some(_) => {
                    effect(&mut state);
                    failure()
                }
            }
        };
        self.pause(name).await;
        result
    }

    pub(crate) async fn pause(&self, name: &'static str) {
        let delay = self.lock().delay(name);
        self.rest(delay).await;
    }

    pub(crate) async fn rest(&self, delay: Duration) {
        Pause { sim: self, until: self.now().saturating_add(delay), asked: false }.await;
    }
}

impl State {
    /// Nothing happened yet, and nothing will go wrong.
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            dice,
            now: START,
            faults_left: 0,
            odds: 1,
            slow: None,
            doubled: None,
            opened: 0,
            order: 0,
            running: 0,
            pausing: None,
            queues: Default::default(),
            messages_sent: 0,
            hooks: BTreeMap::new(),
            page_size: usize::MAX,
            scripts: BTreeMap::new(),
            accepted: BTreeMap::new(),
            manual: Vec::new(),
            events: BTreeMap::new(),
            pages: BTreeMap::new(),
            unclaimed: BTreeSet::new(),
            activity: Vec::new(),
            documents: BTreeMap::new(),
            log: BTreeMap::new(),
            requests: Vec::new(),
            tasks: Vec::new(),
            faults: Vec::new(),
            dead_letters: Vec::new(),
            panicked: false,
            trace: Trace::default(),
        }
    }

    pub(crate) fn note(&mut self, what: &str, detail: impl FnOnce(&Self) -> String) {
        self.order += 1;
        let (running, at) = (self.running as u64, self.now);
        for byte in what.bytes().map(u64::from).chain([running, at.as_millis().unsigned_abs()]) {
            self.trace.hash = (self.trace.hash ^ byte).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if self.trace.lines.is_some() {
            let line = format!("{at} task {running}: {what} {}", detail(self));
            self.trace.lines.get_or_insert_default().push(line);
        }
    }

    pub(crate) fn is_struck(&mut self) -> bool {
        let struck = self.faults_left > 0 && self.dice.one_in(self.odds);
        self.faults_left -= u32::from(struck);
        struck
    }

    pub(crate) fn suffer(&mut self, task: usize, blow: Blow) {
        self.faults.push(Fault { blow, task });
        self.tasks[task].struck |= matches!(blow, Blow::FailsBefore | Blow::FailsAfter);
    }

    /// What this call suffers, if anything.
    pub(crate) fn blow(&mut self, name: &'static str) -> Option<Blow> {
        let blow = match self.doubled {
            Some(doubled) if doubled == name => Some(Blow::Repeats),
            _ => self.is_struck().then(|| self.dice.pick(&[Blow::FailsBefore, Blow::FailsAfter, Blow::Repeats])),
        };
        self.note(name, |_| blow.map_or_else(String::new, |blow| format!("{blow:?}")));
        if let Some(blow) = blow {
            self.suffer(self.running, blow);
        }
        blow
    }

    /// Mostly little, sometimes seconds, and now and then longer than any lease.
    fn delay(&mut self, name: &'static str) -> Duration {
        if self.is_struck() && self.dice.one_in(3) {
            self.note(name, |_| "stalls".to_owned());
            self.suffer(self.running, Blow::Stalls);
            return Duration::from_secs(20 + self.dice.below(400));
        }
        match self.slow {
            Some((slow, delay)) if slow == name => delay,
            _ => self.latency(),
        }
    }

    pub(crate) fn latency(&mut self) -> Duration {
        let most = if self.dice.one_in(16) { 2_000 } else { 20 };
        Duration::from_millis(self.dice.below(most))
    }

    /// What an eventually consistent read may take for the present.
    pub(crate) fn recently(&mut self, now: Timestamp) -> Timestamp {
        let lag = if self.dice.one_in(2) { 0 } else { self.dice.below(LAG.as_millis() as u64) };
        now.saturating_sub(Duration::from_millis(lag))
    }

    pub(crate) fn pages_of(&self, id: &EventId) -> BTreeMap<u32, &FanoutPage> {
        let first = self.events.get(id).map(|(_, page)| (0, page));
        let later = self.pages.iter().filter(|((event, _), _)| event == id).map(|((_, number), page)| (*number, page));
        first.into_iter().chain(later).collect()
    }

    pub(crate) fn forget_event(&mut self, id: &EventId) {
        self.events.remove(id);
        self.pages.retain(|(event, _), _| event != id);
    }

    pub(crate) fn hook_at(&self, id: HookId, at: Timestamp) -> Option<Arc<Hook>> {
        let states = self.hooks.get(&id)?;
        states.iter().rev().find(|(since, _)| *since <= at).and_then(|(_, hook)| hook.clone())
    }
}

/// Gives way to the scheduler, once, for at least so long.
struct Pause<'a> {
    sim: &'a Sim,
    until: Timestamp,
    asked: bool,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.asked {
            return Poll::Ready(());
        }
        self.asked = true;
        self.sim.lock().pausing = Some(self.until);
        Poll::Pending
    }
}
