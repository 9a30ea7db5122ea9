//! Holding a filter against the `data` of one event.
//!
//! Fields are met by their path, names with dots between them, whether filter
//! and `data` nest objects or write the dots. What is asked of the fields
//! below an array has to be met by one element of it.

use serde_json::value::RawValue;

use super::compile::Compiled;
use super::leaves::LeafSet;
use super::node::FilterNode;
use super::rule::{Rule, Value};
use super::support::Support;

/// How many levels of objects and arrays of `data` are looked into. It bounds
/// the work, and the stack, on hostile data.
pub(super) const MAX_LEVELS: usize = 128;

/// All of it must hold together.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    pub(super) fields: Vec<Field>,
    /// Of each group, one alternative.
    pub(super) either: Vec<Vec<Pattern>>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    /// As it is written, dots included.
    pub(super) name: String,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Below(Pattern),
    /// The number of a leaf.
    Leaf(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The names that lead to it from the root of `data`.
    pub(super) path: Vec<String>,
    pub(super) rules: Vec<Rule>,
    /// Where its rules are in the text of the filter.
    pub(super) written: std::ops::Range<usize>,
}

/// What is asked at one path and below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) leaves: Vec<usize>,
    /// Sorted by name.
    pub(super) below: Vec<(String, Step)>,
}

impl Step {
    pub(super) fn at(&mut self, path: &[String]) -> &mut Self {
        let Some((name, rest)) = path.split_first() else { return self };
        let place = match self.below.binary_search_by(|(other, _)| other.cmp(name)) {
            Ok(place) => place,
            Err(place) => {
                self.below.insert(place, (name.clone(), Self::default()));
                place
            }
        };
        self.below[place].1.at(rest)
    }

    fn named(&self, name: &str) -> Option<&Self> {
        let place = self.below.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        Some(&self.below[place].1)
    }

    /// The step that a member of an object leads to.
    fn after(&self, name: &str) -> Option<&Self> {
        name.split('.').try_fold(self, |step, name| step.named(name))
    }
}

/// One event's `data`, held against one filter.
pub(super) struct Evaluation<'a> {
    pub(super) filter: &'a Compiled,
    pub(super) root: FilterNode<'a>,
    support: Support,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(data: &'a RawValue, filter: &'a Compiled) -> Self {
        let root = FilterNode::new(data);
        let mut present = LeafSet::default();
        let mut support = support(&filter.steps, &root, &filter.leaves, &mut present, 0);
        for (number, leaf) in filter.leaves.iter().enumerate() {
            if !present.contains(number) && leaf.rules.contains(&Rule::Absent) {
                support.give(&LeafSet::of(number));
            }
        }
        Self { filter, root, support }
    }

    pub(super) fn admits(&self) -> bool {
        self.filter.combinations.iter().any(|leaves| self.support.meets(leaves))
    }

    pub(super) fn meets(&self, leaves: &LeafSet) -> bool {
        self.support.meets(leaves)
    }

    /// Whether a part of the filter is met by itself.
    pub(super) fn fits(&self, pattern: &Pattern) -> bool {
        pattern.combinations().iter().any(|leaves| self.support.meets(leaves))
    }

    pub(super) fn conflict(&self, leaves: &LeafSet) -> LeafSet {
        self.support.conflict(leaves)
    }
}

impl Pattern {
    /// All ways to meet it, each as the leaves that have to be met together.
    pub(super) fn combinations(&self) -> Vec<LeafSet> {
        let mut found = vec![LeafSet::default()];
        for field in &self.fields {
            match &field.test {
                Test::Leaf(number) => found.iter_mut().for_each(|leaves| leaves.insert(*number)),
                Test::Below(below) => found = product(&found, &below.combinations()),
            }
        }
        for group in &self.either {
            found = product(&found, &group.iter().flat_map(Self::combinations).collect::<Vec<_>>());
        }
        found
    }
}

fn product(some: &[LeafSet], others: &[LeafSet]) -> Vec<LeafSet> {
    some.iter().flat_map(|one| others.iter().map(|other| one.with(other))).collect()
}

fn support(step: &Step, node: &FilterNode<'_>, leaves: &[Leaf], present: &mut LeafSet, level: usize) -> Support {
    let mut found = Support::default();
    if level > MAX_LEVELS {
        return found;
    }
    if let Some(members) = node.members() {
        for (name, value) in members {
            if let Some(step) = step.after(name) {
                found.join(support(step, value, leaves, present, level + 1));
            }
        }
    } else if let Some(elements) = node.elements() {
        let mut each = Vec::new();
        for element in elements {
            match element.leaf() {
                // A plain value in an array goes with whatever else is chosen.
                Some(value) => found.give(&met(step, value, leaves, present)),
                None => each.push(support(step, element, leaves, present, level + 1)),
            }
        }
        found.choose(each);
    } else if let Some(value) = node.leaf() {
        found.give(&met(step, value, leaves, present));
    }
    found
}

fn met(step: &Step, value: &Value<'_>, leaves: &[Leaf], present: &mut LeafSet) -> LeafSet {
    let mut met = LeafSet::default();
    for number in &step.leaves {
        present.insert(*number);
        if leaves[*number].rules.iter().any(|rule| rule.admits(value)) {
            met.insert(*number);
        }
    }
    met
}
