//! Why an event's `data` does not pass a filter: the conditions it does not meet.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::evaluate::{Evaluation, MAX_LEVELS, Pattern, Test};
use super::join;
use super::leaves::LeafSet;
use super::node::FilterNode;
use super::rule::Rule;
use crate::choices;
use crate::json;

/// How much is shown of a value, in characters; what is longer ends with `…`.
pub const SHOWN_CHARS: usize = 80;

/// One condition of a filter, and what it met instead.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnmetCondition {
    /// Where in `data`, such as `data.post.state`
    pub path: String,
    pub cause: Unmet,
    /// What the filter says there. Of a list of rules, any one would have done
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub rules: Option<Box<RawValue>>,
    /// What `data` has there, as JSON; its first 80 characters, then `…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Of each alternative of `$or`, in order, what is not met
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub alternatives: Vec<Vec<UnmetCondition>>,
}

choices! {
    /// Why a condition of a filter is not met.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
    pub enum Unmet {
        /// None of the rules admits the value.
        Refused = "refused",
        /// There is no such field.
        Missing = "missing",
        /// The field is there, and must not be.
        Present = "present",
        /// No element of the list meets all that is asked of one.
        NoElement = "no_element",
        /// None of the alternatives of `$or` is met.
        NoAlternative = "no_alternative",
        /// `data` is not an object, and only the filter `{}` admits that.
        NotAnObject = "not_an_object",
        /// The filter is not valid, and admits nothing.
        InvalidFilter = "invalid_filter",
    }
}

impl UnmetCondition {
    fn new(path: &str, cause: Unmet) -> Self {
        Self { path: path.to_owned(), cause, rules: None, value: None, alternatives: Vec::new() }
    }

    pub(super) fn of_invalid() -> Self {
        Self::new("data", Unmet::InvalidFilter)
    }

    pub(super) fn of_no_object(data: &RawValue) -> Self {
        Self { value: Some(shown(data.get())), ..Self::new("data", Unmet::NotAnObject) }
    }
}

/// Where a path leads in `data`.
enum Way<'n, 'a> {
    /// To this place, which may have no value.
    Place(Option<&'n FilterNode<'a>>, String),
    /// To an array of several elements, with the rest of the path below it.
    Crowd(&'n FilterNode<'a>, String, String),
}

/// The only element of an array, or of arrays in one another.
fn alone<'n, 'a>(mut value: Option<&'n FilterNode<'a>>, path: &str) -> (Option<&'n FilterNode<'a>>, String) {
    let mut path = path.to_owned();
    for _ in 0..MAX_LEVELS {
        let Some([only]) = value.and_then(FilterNode::elements) else { break };
        value = Some(only);
        path.push_str("[0]");
    }
    (value, path)
}

fn way<'n, 'a>(from: Option<&'n FilterNode<'a>>, path: &str, name: &str) -> Way<'n, 'a> {
    let (from, path) = &alone(from, path);
    if let Some((crowd, [_, _, ..])) = from.and_then(|from| Some((from, from.elements()?))) {
        return Way::Crowd(crowd, path.clone(), name.to_owned());
    }
    // `a.b` may be one name, or `b` within `a`.
    let dots = name.match_indices('.').map(|(dot, _)| dot);
    for end in std::iter::once(name.len()).chain(dots) {
        let Some(next) = from.and_then(|from| from.member(&name[..end])) else { continue };
        let path = join(path, &name[..end]);
        return match name.get(end + 1..) {
            Some(rest) => way(Some(next), &path, rest),
            None => Way::Place(Some(next), path),
        };
    }
    Way::Place(None, name.split('.').fold(path.clone(), |path, name| join(&path, name)))
}

impl<'a> Evaluation<'a> {
    /// What is not met of the filter, which is written so.
    pub(super) fn unmet(&self, filter: &RawValue) -> Vec<UnmetCondition> {
        self.unmet_below(&self.filter.pattern, filter, filter, Some(&self.root), "data")
    }

    fn unmet_below(
        &self,
        pattern: &Pattern,
        whole: &RawValue,
        filter: &RawValue,
        value: Option<&FilterNode<'a>>,
        path: &str,
    ) -> Vec<UnmetCondition> {
        if self.fits(pattern) {
            return Vec::new();
        }
        let (value, path) = &alone(value, path);
        let value = *value;
        if let Some((list, [_, _, ..])) = value.and_then(|value| Some((value, value.elements()?))) {
            return vec![no_element(path, Some(filter.to_owned()), list)];
        }
        let written = json::members(filter).unwrap_or_default();
        let find = |name: &str| written.iter().find(|(other, _)| other == name).map(|(_, raw)| *raw);
        let mut unmet = Vec::new();
        for field in &pattern.fields {
            let Some(rules) = find(&field.name) else { continue };
            match &field.test {
                Test::Leaf(number) if self.meets(&LeafSet::of(*number)) => {}
                Test::Leaf(number) => unmet.push(self.unmet_leaf(*number, rules, value, path, &field.name)),
                Test::Below(below) if self.fits(below) => {}
                Test::Below(below) => match way(value, path, &field.name) {
                    Way::Crowd(list, path, rest) => unmet.push(no_element(&path, object(&[(rest, rules.get())]), list)),
                    Way::Place(value, path) => unmet.extend(self.unmet_below(below, whole, rules, value, &path)),
                },
            }
        }
        let written = find("$or").and_then(json::elements).unwrap_or_default();
        for group in &pattern.either {
            if group.iter().any(|one| self.fits(one)) {
                continue;
            }
            let each = group.iter().zip(&written);
            let alternatives = each.map(|(one, raw)| self.unmet_below(one, whole, raw, value, path)).collect();
            unmet.push(UnmetCondition { alternatives, ..UnmetCondition::new(path, Unmet::NoAlternative) });
        }
        if unmet.is_empty() {
            unmet.push(self.no_common_element(pattern, whole));
        }
        unmet
    }

    fn unmet_leaf(
        &self,
        number: usize,
        rules: &RawValue,
        value: Option<&FilterNode<'a>>,
        path: &str,
        name: &str,
    ) -> UnmetCondition {
        let leaf = &self.filter.leaves[number];
        let from_here = way(value, path, name);
        // `data` may write the names in one that the filter nests.
        let found = match from_here {
            Way::Place(None, _) => match way(Some(&self.root), "data", &leaf.path.join(".")) {
                Way::Place(None, _) => from_here,
                found => found,
            },
            found => found,
        };
        let (value, path) = match found {
            Way::Crowd(list, path, rest) => return no_element(&path, object(&[(rest, rules.get())]), list),
            Way::Place(value, path) => (value, path),
        };
        let cause = match value {
            _ if leaf.rules == [Rule::Absent] => Unmet::Present,
            None => Unmet::Missing,
            Some(_) => Unmet::Refused,
        };
        let value = value.map(|value| shown(value.get()));
        UnmetCondition { rules: Some(rules.to_owned()), value, ..UnmetCondition::new(&path, cause) }
    }

    /// Each part of the pattern is met, and not all of it in one element of an
    /// array.
    fn no_common_element(&self, pattern: &Pattern, whole: &RawValue) -> UnmetCondition {
        let combinations = pattern.combinations();
        let each_is_met = |leaves: &&LeafSet| leaves.iter().all(|leaf| self.meets(&LeafSet::of(leaf)));
        let closest = combinations.iter().find(each_is_met).or(combinations.first());
        let apart = closest.map(|leaves| self.conflict(leaves)).unwrap_or_default();
        let leaves: Vec<_> = apart.iter().map(|number| &self.filter.leaves[number]).collect();
        let (list, path, above) = self.common_array(leaves.iter().map(|leaf| leaf.path.as_slice()));
        let rules: Vec<_> = leaves
            .iter()
            .filter_map(|leaf| Some((leaf.path.get(above..)?.join("."), whole.get().get(leaf.written.clone())?)))
            .collect();
        no_element(&path, object(&rules), list)
    }

    /// The first array of several elements on the way to all of these paths,
    /// and how many names lead to it.
    fn common_array<'p>(&self, mut paths: impl Iterator<Item = &'p [String]>) -> (&FilterNode<'a>, String, usize) {
        let first = paths.next().unwrap_or_default();
        let common = paths.fold(first.len(), |common, path| {
            common.min(first.iter().zip(path).take_while(|(one, other)| one == other).count())
        });
        let prefix = &first[..common];
        for names in 1..=prefix.len() {
            match way(Some(&self.root), "data", &prefix[..names].join(".")) {
                Way::Place(Some(list), path) if list.elements().is_some_and(|list| list.len() > 1) => {
                    return (list, path, names);
                }
                Way::Crowd(list, path, rest) => return (list, path, names - rest.split('.').count()),
                Way::Place(..) => {}
            }
        }
        (&self.root, "data".to_owned(), 0)
    }
}

fn no_element(path: &str, rules: Option<Box<RawValue>>, list: &FilterNode<'_>) -> UnmetCondition {
    UnmetCondition { rules, value: Some(shown(list.get())), ..UnmetCondition::new(path, Unmet::NoElement) }
}

/// A filter of these fields; where a field is asked for twice, a list of such
/// filters.
fn object(fields: &[(String, &str)]) -> Option<Box<RawValue>> {
    let member = |(name, rules): &(String, &str)| Some(format!("{}:{rules}", serde_json::to_string(name).ok()?));
    let members: Vec<String> = fields.iter().filter_map(member).collect();
    let twice = fields.iter().enumerate().any(|(n, (name, _))| fields[..n].iter().any(|(other, _)| other == name));
    let text = match twice {
        true => format!("[{}]", members.iter().map(|one| format!("{{{one}}}")).collect::<Vec<_>>().join(",")),
        false => format!("{{{}}}", members.join(",")),
    };
    RawValue::from_string(text).ok()
}

fn shown(json: &str) -> String {
    let mut shown: String = json.chars().take(SHOWN_CHARS).collect();
    if shown.len() < json.len() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for UnmetCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, cause, rules, value, alternatives } = self;
        let rules = rules.as_ref().map(|rules| shown(rules.get())).unwrap_or_default();
        let value = value.as_deref().unwrap_or("there");
        match cause {
            Unmet::Refused => write!(f, "{path} is {value}, which none of its rules admits: {rules}"),
            Unmet::Missing => write!(f, "{path} is missing, and the filter asks for {rules}"),
            Unmet::Present => write!(f, "{path} is {value}, and must not be there"),
            Unmet::NoElement => write!(f, "{path} has no element that meets all of {rules}"),
            Unmet::NoAlternative => {
                write!(f, "{path} meets none of the {} alternatives of $or", alternatives.len())
            }
            Unmet::NotAnObject => write!(f, "data is {value}, and only an object can pass a filter"),
            Unmet::InvalidFilter => f.write_str("the filter is not valid and admits nothing"),
        }
    }
}

/// The first condition in words, and how many more there are.
pub fn summary(unmet: &[UnmetCondition]) -> String {
    match unmet {
        [] => "every condition is met".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests;
