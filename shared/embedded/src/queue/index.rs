//! Which messages are visible, leased or waiting, and whose turn is next.

mod fair_turns;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::{QueueOptions, QueueStats};
use contract::messages::is_held;
use contract::ports::Content;
use domain::time::Timestamp;
use fair_turns::{FairTurns, Limits, Line};

/// Groups take turns, and one group may hold only a share of the leases, so that a
/// slow endpoint delays nobody but itself.
pub(super) struct Index {
    lease: Duration,
    max_leased_per_group: usize,
    next_number: u64,
    messages: Map<u64, IndexEntry>,
    groups: Map<Arc<str>, Group>,
    /// Groups with something visible and a lease to spare, in turn.
    turns: FairTurns,
    /// Messages not visible yet, and leases, by when that ends.
    waiting: BTreeSet<(Timestamp, u64)>,
    leased: usize,
}

/// The standard library's with a cheaper hash: each message is looked up a dozen times.
type Map<K, V> = std::collections::HashMap<K, V, RandomState>;

/// While few messages wait, small ones are kept in memory, and need not be read
/// back: 2 MiB of bodies at most, and what they say, which takes about as much.
const HELD: usize = 2_048;
const HELD_BODY_BYTES: usize = 1_024;

/// A message that need not be read back.
pub(super) struct Held {
    pub(super) body: Bytes,
    pub(super) content: Option<Content>,
}

/// A message that has become durable.
pub(super) struct Arrival {
    pub(super) number: u64,
    pub(super) visible_at: Timestamp,
    pub(super) group: Arc<str>,
    pub(super) held: Held,
}

/// A message that is leased to whoever took it.
pub(super) struct Taken {
    pub(super) number: u64,
    /// This time included.
    pub(super) receive_count: u32,
    /// It was here until its time came.
    pub(super) is_due: bool,
    /// Absent when it has to be read back.
    pub(super) held: Option<Held>,
}

struct IndexEntry {
    group: Arc<str>,
    received: u32,
    state: State,
    held: Option<Held>,
    /// Its row was written by this process, and never again.
    written_once: bool,
    is_due: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Since then.
    Visible(Timestamp),
    Waiting(Timestamp),
    Leased {
        until: Timestamp,
        /// Where its group stood then.
        line: Line,
    },
}

#[derive(Default)]
struct Group {
    visible: VecDeque<u64>,
    leased: usize,
    members: usize,
    /// Where it waits for its turn.
    turn: Option<Line>,
}

impl Index {
    pub(super) fn new(next_number: u64, options: &QueueOptions) -> Self {
        Self {
            lease: options.lease,
            max_leased_per_group: options.max_leased_per_group,
            next_number,
            messages: Map::default(),
            groups: Map::default(),
            turns: FairTurns::new(Limits { others: options.max_leased_to_others, more: options.max_leased_to_busy }),
            waiting: BTreeSet::new(),
            leased: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.messages.contains_key(&number)
    }

    pub(super) fn stats(&self) -> QueueStats {
        QueueStats { waiting: self.messages.len() - self.leased, leased: self.leased }
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let visible = self.messages.values().filter_map(|entry| match entry.state {
            State::Visible(since) => Some(since),
            State::Waiting(_) | State::Leased { .. } => None,
        });
        visible.min()
    }

    pub(super) fn next_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// A message of an earlier process, which may have been receiving it.
    pub(super) fn recover(&mut self, number: u64, visible_at: Timestamp, group: &str) {
        self.add(number, visible_at, group, 1, None);
    }

    /// A message that was elsewhere, and whose time may still be to come.
    pub(super) fn take_back(&mut self, number: u64, visible_at: Timestamp, group: &str) {
        self.recover(number, visible_at, group);
        if let Some(entry) = self.messages.get_mut(&number) {
            entry.is_due = false;
        }
    }

    pub(super) fn insert(&mut self, arrival: Arrival) {
        let Arrival { number, visible_at, group, held } = arrival;
        let hold = self.messages.len() < HELD && held.body.len() <= HELD_BODY_BYTES;
        self.add(number, visible_at, &group, 0, hold.then_some(held));
    }

    fn add(&mut self, number: u64, visible_at: Timestamp, group: &str, received: u32, held: Option<Held>) {
        // Nobody knows how often an earlier process wrote it.
        let written_once = received == 0;
        let group = match self.groups.get_key_value(group) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(group),
        };
        self.groups.entry(Arc::clone(&group)).or_default().members += 1;
        let state = State::Waiting(visible_at);
        self.messages.insert(number, IndexEntry { group, received, state, held, written_once, is_due: true });
        self.waiting.insert((visible_at, number));
    }

    /// Up to `max` visible messages.
    pub(super) fn take(&mut self, max: usize, now: Timestamp) -> Vec<Taken> {
        self.wake(now);
        let mut taken = Vec::new();
        while taken.len() < max {
            let Some((name, line)) = self.turns.pop() else { break };
            // Who has moved on to a better line leaves its old place behind.
            let Some(group) = self.groups.get_mut(&name).filter(|group| group.turn == Some(line)) else { continue };
            group.turn = None;
            let Some(number) = group.visible.pop_front() else { continue };
            let Some(entry) = self.messages.get_mut(&number) else { continue };
            let until = now.saturating_add(self.lease);
            group.leased += 1;
            self.leased += 1;
            entry.received = entry.received.saturating_add(1);
            entry.state = State::Leased { until, line };
            self.turns.leased(line);
            self.waiting.insert((until, number));
            taken.push(Taken { number, receive_count: entry.received, is_due: entry.is_due, held: entry.held.take() });
            self.offer_turn(&name);
        }
        taken
    }

    /// Whoever took it is the only one, so nobody else is about to defer it.
    pub(super) fn written_once(&self, number: u64) -> bool {
        self.messages.get(&number).is_some_and(|entry| entry.written_once && entry.received == 1)
    }

    pub(super) fn will_be_rewritten(&mut self, number: u64) {
        if let Some(entry) = self.messages.get_mut(&number) {
            entry.written_once = false;
        }
    }

    pub(super) fn remove(&mut self, number: u64, now: Timestamp) {
        self.leave_state(number, now);
        let Some(entry) = self.messages.remove(&number) else { return };
        let empty = self.groups.get_mut(&entry.group).is_some_and(|group| {
            group.members -= 1;
            group.members == 0
        });
        if empty {
            self.groups.remove(&entry.group);
        } else {
            self.offer_turn(&entry.group);
        }
    }

    pub(super) fn defer(&mut self, number: u64, until: Timestamp, now: Timestamp) {
        self.leave_state(number, now);
        let Some(entry) = self.messages.get_mut(&number) else { return };
        entry.state = State::Waiting(until);
        entry.is_due = true;
        let group = Arc::clone(&entry.group);
        self.waiting.insert((until, number));
        self.offer_turn(&group);
    }

    /// The groups of messages that their hooks hold back.
    pub(super) fn held(&self) -> Vec<Arc<str>> {
        self.groups.keys().filter(|group| is_held(group)).map(Arc::clone).collect()
    }

    /// Lets a group wait no longer. Looks at every message.
    pub(super) fn release(&mut self, group: &str, now: Timestamp) -> usize {
        let waits = |entry: &IndexEntry| *entry.group == *group && matches!(entry.state, State::Waiting(_));
        let waiting = self.messages.iter().filter(|(_, entry)| waits(entry));
        let numbers: Vec<u64> = waiting.map(|(number, _)| *number).collect();
        for number in &numbers {
            self.defer(*number, now, now);
        }
        self.wake(now);
        numbers.len()
    }

    /// Whether something can be taken now, as far as time has been looked at.
    pub(super) fn is_any(&self) -> bool {
        self.turns.is_any()
    }

    pub(super) fn next_change(&self) -> Option<Timestamp> {
        match self.is_any() {
            true => Some(Timestamp::default()),
            false => self.waiting.first().map(|(at, _)| *at),
        }
    }

    /// Makes visible whatever has waited long enough, lost leases included.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some(&(at, number)) = self.waiting.first() {
            if at > now {
                break;
            }
            self.leave_state(number, now);
            let Some(entry) = self.messages.get_mut(&number) else { continue };
            entry.state = State::Visible(at);
            let name = Arc::clone(&entry.group);
            if let Some(group) = self.groups.get_mut(&name) {
                group.visible.push_back(number);
            }
            self.offer_turn(&name);
        }
    }

    fn leave_state(&mut self, number: u64, now: Timestamp) {
        let Some(entry) = self.messages.get(&number) else { return };
        match entry.state {
            State::Visible(_) => {
                if let Some(group) = self.groups.get_mut(&entry.group) {
                    group.visible.retain(|other| *other != number);
                }
            }
            State::Waiting(at) => {
                self.waiting.remove(&(at, number));
            }
            State::Leased { until, line } => {
                self.waiting.remove(&(until, number));
                self.leased -= 1;
                let held = now.since(until.saturating_sub(self.lease));
                self.turns.ended(&entry.group, line, held);
                if let Some(group) = self.groups.get_mut(&entry.group) {
                    group.leased -= 1;
                }
            }
        }
    }

    fn offer_turn(&mut self, name: &Arc<str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if group.visible.is_empty() || group.leased >= self.max_leased_per_group {
            return;
        }
        let line = self.turns.line_of(name, group.leased);
        if group.turn.is_none_or(|turn| turn as usize > line as usize) {
            group.turn = Some(line);
            self.turns.push(name, line);
        }
    }
}
