//! Whose turn is next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::unsync::Cache;

/// A group whose messages are settled faster than this is quick.
const QUICK: Duration = Duration::from_secs(1);
/// Groups whose pace is remembered while they have no messages.
const REMEMBERED: usize = 16_384;

/// Groups in turn. Those that are known to be quick never wait for the others:
/// the others hold a part of the leases at most, so that any number of slow
/// endpoints leaves room for the quick ones.
pub(super) struct Turns {
    quick: VecDeque<Arc<str>>,
    others: VecDeque<Arc<str>>,
    /// Leases that groups held which were not known to be quick.
    others_leased: usize,
    max_others_leased: usize,
    /// Both kinds have a turn one after the other while both can be served.
    others_next: bool,
    /// How long leases of a group were held of late.
    paces: Cache<Arc<str>, Duration>,
}

impl Turns {
    pub(super) fn new(max_others_leased: usize) -> Self {
        Self {
            quick: VecDeque::new(),
            others: VecDeque::new(),
            others_leased: 0,
            max_others_leased,
            others_next: false,
            paces: Cache::new(REMEMBERED),
        }
    }

    pub(super) fn push(&mut self, group: &Arc<str>) {
        let line = if self.is_quick(group) { &mut self.quick } else { &mut self.others };
        line.push_back(Arc::clone(group));
    }

    /// The next group, and whether its lease counts among the others'.
    pub(super) fn pop(&mut self) -> Option<(Arc<str>, bool)> {
        let others_can = self.others_can();
        let others = others_can && (self.others_next || self.quick.is_empty());
        self.others_next = !others;
        let line = if others { &mut self.others } else { &mut self.quick };
        Some((line.pop_front()?, others))
    }

    /// Whether anybody can be served now.
    pub(super) fn is_any(&self) -> bool {
        !self.quick.is_empty() || self.others_can()
    }

    fn others_can(&self) -> bool {
        !self.others.is_empty() && self.others_leased < self.max_others_leased
    }

    pub(super) fn leased(&mut self, among_others: bool) {
        self.others_leased += usize::from(among_others);
    }

    /// A lease of `group` ended after `held`.
    pub(super) fn ended(&mut self, group: &Arc<str>, among_others: bool, held: Duration) {
        self.others_leased -= usize::from(among_others);
        // The last four or so leases count.
        let pace = self.paces.get(group).map_or(held, |pace| (*pace * 3 + held) / 4);
        self.paces.insert(Arc::clone(group), pace);
    }

    fn is_quick(&self, group: &Arc<str>) -> bool {
        self.paces.get(group).is_some_and(|pace| *pace < QUICK)
    }
}
