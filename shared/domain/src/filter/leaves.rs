//! Sets of the leaves of one filter.

use super::MAX_RULES;

const WORDS: usize = MAX_RULES.div_ceil(64);

/// Some leaves, by their numbers. A leaf has at least one rule, so there are at
/// most as many of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct LeafSet([u64; WORDS]);

impl LeafSet {
    pub(super) fn insert(&mut self, leaf: usize) {
        if let Some(word) = self.0.get_mut(leaf / 64) {
            *word |= 1 << (leaf % 64);
        }
    }

    pub(super) fn of(leaf: usize) -> Self {
        let mut set = Self::default();
        set.insert(leaf);
        set
    }

    pub(super) fn contains(&self, leaf: usize) -> bool {
        self.0.get(leaf / 64).is_some_and(|word| word & (1 << (leaf % 64)) != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    pub(super) fn with(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] | other.0[n]))
    }

    pub(super) fn within(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] & other.0[n]))
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] & !other.0[n]))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..WORDS * 64).filter(|leaf| self.contains(*leaf))
    }
}
