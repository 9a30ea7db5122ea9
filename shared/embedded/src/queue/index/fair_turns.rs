//! Whose turn is next.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use quick_cache::unsync::Cache;

/// A group whose messages are settled faster than this is quick.
const QUICK: Duration = Duration::from_secs(1);
/// Groups whose pace is remembered while they have no messages.
const REMEMBERED: usize = 16_384;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Known to be quick.
    Quick,
    /// Not known to be, and holds no lease.
    First,
    /// Not known to be, and holds some.
    More,
}

/// Leases that groups may hold together which are not known to be quick.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) others: usize,
    /// Of these, second and further leases of a group.
    pub(super) more: usize,
}

/// Groups in turn. Those that are known to be quick never wait for the others,
/// and a group without a lease comes before those that have one: so any number
/// of slow endpoints leaves room for the quick ones, and very many of them for
/// one that nobody knows yet.
pub(super) struct FairTurns {
    lines: [VecDeque<Arc<str>>; 3],
    /// Who stands in them: nobody twice in one.
    claim: [HashSet<Arc<str>, RandomState>; 3],
    leased: [usize; 3],
    limits: Limits,
    /// The quick and the others have a turn one after the other while both can be served.
    others_next: bool,
    /// How long leases of a group were held of late.
    paces: Cache<Arc<str>, Duration>,
}

impl FairTurns {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            lines: Default::default(),
            claim: Default::default(),
            leased: [0; 3],
            limits,
            others_next: false,
            paces: Cache::new(REMEMBERED),
        }
    }

    /// Where a group belongs that holds this many leases.
    pub(super) fn line_of(&self, group: &Arc<str>, leased: usize) -> Line {
        match leased {
            _ if self.paces.get(group).is_some_and(|pace| *pace < QUICK) => Line::Quick,
            0 => Line::First,
            _ => Line::More,
        }
    }

    pub(super) fn push(&mut self, group: &Arc<str>, line: Line) {
        if self.claim[line as usize].insert(Arc::clone(group)) {
            self.lines[line as usize].push_back(Arc::clone(group));
        }
    }

    /// The next group, and the line it stood in.
    pub(super) fn pop(&mut self) -> Option<(Arc<str>, Line)> {
        let other = self.next_other();
        let line = other.filter(|_| self.others_next || self.lines[Line::Quick as usize].is_empty());
        self.others_next = line.is_none();
        let line = line.unwrap_or(Line::Quick);
        let group = self.lines[line as usize].pop_front()?;
        self.claim[line as usize].remove(&group);
        Some((group, line))
    }

    /// Whether anybody can be served now.
    pub(super) fn is_any(&self) -> bool {
        !self.lines[Line::Quick as usize].is_empty() || self.next_other().is_some()
    }

    fn next_other(&self) -> Option<Line> {
        let [_, first, more] = self.leased;
        let room = first + more < self.limits.others;
        let can = |line: Line| match line {
            Line::More => more < self.limits.more,
            Line::Quick | Line::First => true,
        };
        let waits = |line: Line| !self.lines[line as usize].is_empty();
        [Line::First, Line::More].into_iter().find(|line| room && can(*line) && waits(*line))
    }

    pub(super) fn leased(&mut self, line: Line) {
        self.leased[line as usize] += 1;
    }

    /// A lease of `group` ended after `held`.
    pub(super) fn ended(&mut self, group: &Arc<str>, line: Line, held: Duration) {
        self.leased[line as usize] -= 1;
        // The last four or so leases count.
        let pace = self.paces.get(group).map_or(held, |pace| (*pace * 3 + held) / 4);
        self.paces.insert(Arc::clone(group), pace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_stands_twice_in_a_line() {
        let mut turns = FairTurns::new(Limits { others: 1, more: 0 });
        let group: Arc<str> = Arc::from("slow");
        for _ in 0..3 {
            turns.push(&group, Line::More);
            turns.push(&group, Line::First);
        }
        assert_eq!(turns.pop(), Some((Arc::clone(&group), Line::First)));
        assert_eq!(turns.pop(), None, "no second lease of a group has room");
        turns.push(&group, Line::First);
        assert_eq!(turns.pop(), Some((group, Line::First)));
    }
}
