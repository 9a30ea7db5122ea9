//! Holding a filter against the `data` of one event.

use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::node::FilterNode;
use super::rule::{Rule, Value};

/// How deep arrays may lie in one another and still be looked into. It bounds
/// the work on hostile data; objects are bounded by the depth of filters.
const MAX_ARRAYS: usize = 16;

/// All of it must hold for one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) fields: Vec<Field>,
    /// Of each group, one alternative must hold for the same object.
    pub(super) either: Vec<Vec<Pattern>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Below(Pattern),
    Leaf(Leaf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Its place among all leaves of the filter.
    pub(super) number: usize,
    /// The names that lead to it from the root of `data`.
    pub(super) path: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

/// One event's `data`, held against one filter.
pub(super) struct Evaluation<'a> {
    root: FilterNode<'a>,
    /// For each leaf, whether the whole of `data` has no such value.
    absent: Vec<OnceCell<bool>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(root: &'a RawValue, leaves: usize) -> Self {
        Self { root: FilterNode::new(root), absent: vec![OnceCell::new(); leaves] }
    }

    pub(super) fn root(&self) -> &FilterNode<'a> {
        &self.root
    }

    pub(super) fn admits(&self, pattern: &Pattern) -> bool {
        self.fits(pattern, Some(&self.root), 0)
    }

    /// Of an array, one element has to hold all of the pattern by itself.
    pub(super) fn fits(&self, pattern: &Pattern, value: Option<&FilterNode<'a>>, arrays: usize) -> bool {
        if let Some(elements) = elements(value, arrays) {
            return elements.iter().any(|element| self.fits(pattern, Some(element), arrays + 1));
        }
        let member = |name: &str| value.and_then(|value| value.member(name));
        pattern.fields.iter().all(|field| self.holds(&field.test, member(&field.name)))
            && pattern.either.iter().all(|group| group.iter().any(|one| self.fits(one, value, arrays)))
    }

    pub(super) fn holds(&self, test: &Test, value: Option<&FilterNode<'a>>) -> bool {
        match test {
            Test::Below(pattern) => self.fits(pattern, value, 0),
            Test::Leaf(leaf) => {
                (leaf.rules.contains(&Rule::Absent) && self.is_absent(leaf))
                    || any_leaf(value, 0, &|value| leaf.rules.iter().any(|rule| rule.admits(value)))
            }
        }
    }

    fn is_absent(&self, leaf: &Leaf) -> bool {
        let look = || !reaches(&leaf.path, &self.root, 0);
        self.absent.get(leaf.number).map_or_else(look, |known| *known.get_or_init(look))
    }
}

/// The elements of an array that may be looked into; an empty array, and one
/// that lies too deep, is like no value at all.
pub(super) fn elements<'n, 'a>(value: Option<&'n FilterNode<'a>>, arrays: usize) -> Option<&'n [FilterNode<'a>]> {
    let elements = value?.elements()?;
    (arrays < MAX_ARRAYS && !elements.is_empty()).then_some(elements)
}

/// Whether a value, or any element of an array at any depth, is a leaf that
/// passes.
fn any_leaf(value: Option<&FilterNode<'_>>, arrays: usize, passes: &dyn Fn(&Value<'_>) -> bool) -> bool {
    match elements(value, arrays) {
        Some(elements) => elements.iter().any(|element| any_leaf(Some(element), arrays + 1, passes)),
        None => value.and_then(FilterNode::leaf).is_some_and(passes),
    }
}

/// Whether `data` has any leaf at this path, in whichever elements of arrays.
fn reaches(path: &[String], value: &FilterNode<'_>, arrays: usize) -> bool {
    let Some((name, rest)) = path.split_first() else { return any_leaf(Some(value), 0, &|_| true) };
    match elements(Some(value), arrays) {
        Some(elements) => elements.iter().any(|element| reaches(path, element, arrays + 1)),
        None => value.member(name).is_some_and(|value| reaches(rest, value, 0)),
    }
}
