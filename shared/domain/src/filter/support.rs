//! Which leaves of a filter the `data` of an event can meet together.

use std::cell::Cell;
use std::collections::HashSet;

use super::leaves::LeafSet;

/// How often another way through `data` is tried where several lead to the same
/// path, as with `a.b` beside an `a` that has a `b`.
const MAX_TRIES: usize = 1000;

/// What one value meets.
#[derive(Debug, Default)]
pub(super) struct Support {
    /// Met whichever elements of arrays are chosen.
    given: LeafSet,
    choices: Vec<Choice>,
}

/// An array: what is met in its elements has to be met by one of them.
#[derive(Debug)]
struct Choice {
    /// All that any of them meets.
    reach: LeafSet,
    elements: Vec<Support>,
}

impl Support {
    pub(super) fn give(&mut self, leaves: &LeafSet) {
        self.given = self.given.with(leaves);
    }

    /// Takes in what another member of the same object meets.
    pub(super) fn join(&mut self, other: Self) {
        self.give(&other.given);
        self.choices.extend(other.choices);
    }

    /// Takes in what the elements of an array meet.
    pub(super) fn choose(&mut self, elements: impl IntoIterator<Item = Self>) {
        let mut plain = HashSet::new();
        let mut different: Vec<Self> = elements
            .into_iter()
            .filter(|one| !one.reach().is_empty() && (!one.choices.is_empty() || plain.insert(one.given)))
            .collect();
        if different.len() > 1 {
            let reach = different.iter().fold(LeafSet::default(), |reach, one| reach.with(&one.reach()));
            self.choices.push(Choice { reach, elements: different });
        } else if let Some(only) = different.pop() {
            self.join(only);
        }
    }

    fn reach(&self) -> LeafSet {
        self.choices.iter().fold(self.given, |reach, choice| reach.with(&choice.reach))
    }

    /// Whether all of these can be met together.
    pub(super) fn meets(&self, wanted: &LeafSet) -> bool {
        self.can_meet(wanted, &Cell::new(MAX_TRIES))
    }

    fn can_meet(&self, wanted: &LeafSet, tries: &Cell<usize>) -> bool {
        let rest = wanted.without(&self.given);
        if rest.is_empty() {
            return true;
        }
        let (mut once, mut twice) = (LeafSet::default(), LeafSet::default());
        for choice in &self.choices {
            let mine = rest.within(&choice.reach);
            twice = twice.with(&once.within(&mine));
            once = once.with(&mine);
        }
        if once != rest {
            return false;
        }
        let asked: Vec<LeafSet> =
            self.choices.iter().map(|choice| rest.within(&choice.reach).without(&twice)).collect();
        self.choices.iter().zip(&asked).all(|(choice, asked)| choice.can_meet(asked, tries))
            && self.distribute(&twice.iter().collect::<Vec<_>>(), &asked, tries)
    }

    /// Whether these leaves, each of which several choices reach, find a choice
    /// each that meets it with what is asked of that choice already.
    fn distribute(&self, leaves: &[usize], asked: &[LeafSet], tries: &Cell<usize>) -> bool {
        let Some((leaf, rest)) = leaves.split_first() else { return true };
        self.choices.iter().enumerate().any(|(n, choice)| {
            if !choice.reach.contains(*leaf) || tries.get() == 0 {
                return false;
            }
            tries.set(tries.get() - 1);
            let mut asked = asked.to_vec();
            asked[n].insert(*leaf);
            choice.can_meet(&asked[n], tries) && self.distribute(rest, &asked, tries)
        })
    }

    /// Of leaves that cannot be met together, those that one array would have
    /// to meet in one element.
    pub(super) fn conflict(&self, wanted: &LeafSet) -> LeafSet {
        let rest = wanted.without(&self.given);
        let tries = Cell::new(MAX_TRIES);
        let asked = self.choices.iter().map(|choice| (choice, rest.within(&choice.reach)));
        let failed = asked.into_iter().find(|(choice, asked)| !choice.can_meet(asked, &tries));
        failed.map_or(rest, |(_, asked)| asked)
    }
}

impl Choice {
    fn can_meet(&self, asked: &LeafSet, tries: &Cell<usize>) -> bool {
        asked.is_empty() || self.elements.iter().any(|one| one.can_meet(asked, tries))
    }
}
