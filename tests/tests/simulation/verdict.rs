//! Whether a run kept its promises, judged from outside: what was accepted, what
//! went over the wire, what the log says, and what went wrong by design.

mod delivery;
mod doubles;
mod fanout;

use std::collections::BTreeMap;

use domain::ids::{DeliveryId, EventId, HookId};

use crate::sim::{State, What};

/// What may not happen, whatever goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Every run comes to rest once its faults have stopped.
    Rests,
    /// Every accepted event is recorded, under one name.
    Recorded,
    /// It goes to every hook that matches, and to each once.
    Matched,
    /// Every delivery ends, in a state that follows from its answers.
    Ends,
    /// Every step of a row follows from the one before and the answer.
    Follows,
    /// There are no dead letters.
    Taken,
    /// Nothing before its time.
    NotEarly,
    /// Each wait is the one that policy and `Retry-After` ask for.
    OnSchedule,
    /// Nothing after its time to live.
    NotExpired,
    /// Nothing to a hook that is off or gone.
    HookIsOn,
    /// What the log tells was sent, and as it tells.
    LogIsTrue,
    /// What was sent is in the log, unless its sender was struck.
    LogIsComplete,
    /// Sent once, unless a fault explains the copy.
    Once,
    /// The same name in every attempt.
    OneName,
    /// Whoever asks for an attempt gets one.
    Manual,
    /// The lists of a tenant show every event, and every delivery as it is.
    Listed,
}

#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) broken: Vec<(Promise, String)>,
    pub(crate) tally: Tally,
    pub(crate) trace: u64,
    pub(crate) lines: Vec<String>,
}

/// How much a run held, so that it can be seen to hold enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) events: usize,
    pub(crate) deliveries: usize,
    pub(crate) requests: usize,
    pub(crate) faults: usize,
    pub(crate) skipped: usize,
    pub(crate) manual: usize,
    /// Requests that are not in the log: their sender was struck before it wrote.
    pub(crate) unlogged: usize,
    /// Copies that followed such a request.
    pub(crate) repeated: usize,
    /// Copies under way at once in two processes.
    pub(crate) overlapping: usize,
    /// Copies of a first attempt that were overtaken by a later copy, which had
    /// been told to look into the log; they had not.
    pub(crate) overtaken: usize,
    /// Copies of an attempt by hand after many others: a row remembers the last.
    pub(crate) forgotten: usize,
    /// Times that a circuit opened or was left open.
    pub(crate) opened: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.requests += other.requests;
        self.faults += other.faults;
        self.skipped += other.skipped;
        self.manual += other.manual;
        self.unlogged += other.unlogged;
        self.repeated += other.repeated;
        self.overlapping += other.overlapping;
        self.overtaken += other.overtaken;
        self.forgotten += other.forgotten;
        self.opened += other.opened;
    }
}

/// A request that the log tells of.
#[derive(Clone, Copy)]
pub(crate) struct Logged {
    delivery: DeliveryId,
    order: u64,
}

pub(crate) struct Judge<'a> {
    state: &'a State,
    logged: BTreeMap<usize, Logged>,
    verdict: Verdict,
}

pub(crate) fn judge(state: &State, came_to_rest: bool) -> Verdict {
    let tally = Tally {
        events: state.accepted.len(),
        deliveries: state.log.len(),
        requests: state.requests.len(),
        faults: state.faults.len(),
        manual: state.manual.len(),
        opened: state.opened,
        ..Tally::default()
    };
    let lines = state.trace.lines.clone().unwrap_or_default();
    let verdict = Verdict { broken: Vec::new(), tally, trace: state.trace.hash, lines };
    let mut judge = Judge { state, logged: BTreeMap::new(), verdict };
    judge.holds(Promise::Rests, came_to_rest, || "something goes in circles".to_owned());
    judge.holds(Promise::Taken, state.dead_letters.is_empty(), || format!("dead letters: {:?}", state.dead_letters));
    judge.fanouts();
    judge.listed();
    for id in state.log.keys() {
        judge.delivery(*id);
    }
    for number in 0..state.requests.len() {
        judge.request(number);
    }
    judge.doubles();
    judge.manual();
    judge.verdict
}

impl Judge<'_> {
    fn holds(&mut self, promise: Promise, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.verdict.broken.push((promise, otherwise()));
        }
    }

    fn event_of(&self, id: DeliveryId) -> Option<&EventId> {
        self.state.events.iter().find(|(_, (event, _))| event.seq == id.event).map(|(id, _)| id)
    }

    fn was_deleted(&self, hook: HookId) -> bool {
        self.state.hooks[&hook].iter().any(|(_, state)| state.is_none())
    }

    fn manual(&mut self) {
        let state = self.state;
        for (id, request) in &state.manual {
            let is_it = |what: &What| matches!(what, What::Deliver(other, crate::sim::Turn::Manual(name)) if other == id && name == request);
            let made = state.requests.iter().any(|made| is_it(&state.tasks[made.task].what));
            let excused = state.hooks[&id.hook].len() > 1;
            self.holds(Promise::Manual, made || excused, || format!("{request} for {id} was never sent"));
        }
    }
}
