//! Why an event's `data` does not pass a filter: the conditions it does not meet.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::evaluate::{Evaluation, Leaf, Pattern, Test, elements};
use super::join;
use super::node::FilterNode;
use super::rule::Rule;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmet {
    /// None of the rules admits the value
    Refused,
    /// There is no such field
    Missing,
    /// The field is there, and must not be
    Present,
    /// No element of the list meets all that is asked of one
    NoElement,
    /// None of the alternatives of `$or` is met
    NoAlternative,
    /// `data` is not an object, and only the filter `{}` admits that
    NotAnObject,
    /// The filter is not valid, and admits nothing
    InvalidFilter,
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

impl<'a> Evaluation<'a> {
    /// What is not met of `pattern`, which `filter` was compiled to.
    pub(super) fn unmet(&self, pattern: &Pattern, filter: &RawValue) -> Vec<UnmetCondition> {
        self.unmet_below(pattern, Some(filter), Some(self.root()), "data", 0)
    }

    fn unmet_below(
        &self,
        pattern: &Pattern,
        filter: Option<&RawValue>,
        value: Option<&FilterNode<'a>>,
        path: &str,
        arrays: usize,
    ) -> Vec<UnmetCondition> {
        if self.fits(pattern, value, arrays) {
            return Vec::new();
        }
        match elements(value, arrays) {
            Some([only]) => return self.unmet_below(pattern, filter, Some(only), &format!("{path}[0]"), arrays + 1),
            Some(_) => {
                let (rules, value) = (filter.map(ToOwned::to_owned), value.map(|value| shown(value.get())));
                return vec![UnmetCondition { rules, value, ..UnmetCondition::new(path, Unmet::NoElement) }];
            }
            None => {}
        }
        let written = filter.and_then(json::members).unwrap_or_default();
        let find = |name: &str| written.iter().find(|(other, _)| other == name).map(|(_, raw)| *raw);
        let mut unmet = Vec::new();
        for field in &pattern.fields {
            let value = value.and_then(|value| value.member(&field.name));
            if self.holds(&field.test, value) {
                continue;
            }
            let (path, rules) = (join(path, &field.name), find(&field.name));
            match &field.test {
                Test::Below(below) => unmet.extend(self.unmet_below(below, rules, value, &path, 0)),
                Test::Leaf(leaf) => unmet.push(unmet_leaf(leaf, rules, value, &path)),
            }
        }
        let written = find("$or").and_then(json::elements).unwrap_or_default();
        for group in &pattern.either {
            if group.iter().any(|one| self.fits(one, value, arrays)) {
                continue;
            }
            let raw = |n: usize| written.get(n).copied();
            let each = group.iter().enumerate();
            let alternatives = each.map(|(n, one)| self.unmet_below(one, raw(n), value, path, arrays)).collect();
            unmet.push(UnmetCondition { alternatives, ..UnmetCondition::new(path, Unmet::NoAlternative) });
        }
        unmet
    }
}

fn unmet_leaf(leaf: &Leaf, rules: Option<&RawValue>, value: Option<&FilterNode<'_>>, path: &str) -> UnmetCondition {
    let cause = match value {
        _ if leaf.rules == [Rule::Absent] => Unmet::Present,
        None => Unmet::Missing,
        Some(_) => Unmet::Refused,
    };
    let (rules, value) = (rules.map(ToOwned::to_owned), value.map(|value| shown(value.get())));
    UnmetCondition { rules, value, ..UnmetCondition::new(path, cause) }
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
