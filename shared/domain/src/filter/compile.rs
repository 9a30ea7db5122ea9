//! From a filter's JSON to the pattern that is matched, with every mistake.

use serde_json::value::RawValue;

use super::evaluate::{Field, Leaf, Pattern, Step, Test};
use super::leaves::LeafSet;
use super::rule::Rule;
use super::{MAX_BYTES, MAX_COMBINATIONS, MAX_DEPTH, MAX_NAMES, MAX_RULES, join, operator};
use crate::invalid::FieldError;
use crate::json::{self, Kind};

/// A filter, ready to be held against `data`.
pub(super) struct Compiled {
    /// As it is written.
    pub(super) pattern: Pattern,
    pub(super) leaves: Vec<Leaf>,
    /// The leaves by their paths.
    pub(super) steps: Step,
    /// Each is enough, when all of its leaves are met together.
    pub(super) combinations: Vec<LeafSet>,
}

/// None when anything is wrong; what, is pushed.
pub(super) fn compile(raw: &RawValue, field: &str, errors: &mut Vec<FieldError>) -> Option<Compiled> {
    if raw.get().len() > MAX_BYTES {
        errors.push(FieldError::new(field, format!("expected at most {MAX_BYTES} bytes of JSON")));
        return None;
    }
    if json::has_half_a_pair(raw) {
        errors.push(FieldError::new(field, r"has half of a surrogate pair (\ud800 to \udfff); write both or none"));
        return None;
    }
    let before = errors.len();
    let mut compiler = Compiler { errors, whole: raw, path: Vec::new(), leaves: Vec::new(), rules: 0 };
    let (pattern, combinations) = compiler.pattern(raw, field, 1);
    let Compiler { leaves, rules, errors, .. } = compiler;
    if rules > MAX_RULES {
        errors.push(FieldError::new(field, format!("expected at most {MAX_RULES} rules, not {rules}")));
    }
    if combinations > MAX_COMBINATIONS {
        let message = format!("expected at most {MAX_COMBINATIONS} combinations of the alternatives of $or");
        errors.push(FieldError::new(field, message));
    }
    if errors.len() > before {
        return None;
    }
    let mut steps = Step::default();
    for (number, leaf) in leaves.iter().enumerate() {
        steps.at(&leaf.path).leaves.push(number);
    }
    Some(Compiled { combinations: pattern.combinations(), pattern, leaves, steps })
}

struct Compiler<'e> {
    errors: &'e mut Vec<FieldError>,
    whole: &'e RawValue,
    /// The names from the root of `data` to here.
    path: Vec<String>,
    leaves: Vec<Leaf>,
    rules: usize,
}

impl Compiler<'_> {
    fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }

    /// One object of the filter, and into how many combinations its
    /// alternatives multiply.
    fn pattern(&mut self, raw: &RawValue, field: &str, depth: usize) -> (Pattern, usize) {
        let mut pattern = Pattern::default();
        let mut combinations = 1_usize;
        let Some(members) = json::members(raw) else {
            self.wrong(field, "expected an object of fields");
            return (pattern, combinations);
        };
        if depth > MAX_DEPTH {
            self.wrong(field, format!("expected at most {MAX_DEPTH} levels"));
            return (pattern, combinations);
        }
        if members.is_empty() && depth > 1 {
            self.wrong(field, "expected at least one field; only the whole filter may be empty");
        }
        for (n, (name, value)) in members.iter().enumerate() {
            let field = join(field, name);
            if members[..n].iter().any(|(earlier, _)| earlier == name) {
                self.wrong(&field, "this field is given twice");
                continue;
            }
            if name == "$or" {
                let (group, sum) = self.alternatives(value, &field, depth);
                pattern.either.push(group);
                combinations = combinations.saturating_mul(sum);
                continue;
            }
            let before = self.path.len();
            self.path.extend(name.split('.').map(str::to_owned));
            let test = match json::kind(value) {
                Kind::Array => Test::Leaf(self.leaf(value, &field)),
                Kind::Object => {
                    let (below, product) = self.pattern(value, &field, depth + 1);
                    combinations = combinations.saturating_mul(product);
                    Test::Below(below)
                }
                _ => {
                    self.wrong(&field, "expected a list of rules such as [\"running\"], or an object of fields");
                    Test::Below(Pattern::default())
                }
            };
            self.path.truncate(before);
            pattern.fields.push(Field { name: name.clone().into_owned(), test });
        }
        (pattern, combinations)
    }

    fn alternatives(&mut self, raw: &RawValue, field: &str, depth: usize) -> (Vec<Pattern>, usize) {
        let alternatives = json::elements(raw).unwrap_or_default();
        if alternatives.len() < 2 {
            self.wrong(field, "expected a list of at least two objects");
        }
        let mut sum = 0_usize;
        let mut group = Vec::new();
        for (n, alternative) in alternatives.into_iter().enumerate() {
            let (pattern, product) = self.pattern(alternative, &format!("{field}[{n}]"), depth + 1);
            sum = sum.saturating_add(product);
            group.push(pattern);
        }
        (group, sum)
    }

    fn leaf(&mut self, raw: &RawValue, field: &str) -> usize {
        if self.path.len() > MAX_NAMES {
            self.wrong(field, format!("expected at most {MAX_NAMES} names in a path"));
        }
        let entries = json::elements(raw).unwrap_or_default();
        if entries.is_empty() {
            self.wrong(field, "expected at least one rule");
        }
        let mut rules = Vec::new();
        for (n, entry) in entries.into_iter().enumerate() {
            match operator::rule(entry, &format!("{field}[{n}]")) {
                Ok(rule) => {
                    self.rules += weight(&rule);
                    rules.push(rule);
                }
                Err(error) => self.errors.push(error),
            }
        }
        let start = (raw.get().as_ptr() as usize).saturating_sub(self.whole.get().as_ptr() as usize);
        self.leaves.push(Leaf { path: self.path.clone(), rules, written: start..start + raw.get().len() });
        self.leaves.len() - 1
    }
}

/// A list in `anything-but` is as much work as its entries.
fn weight(rule: &Rule) -> usize {
    match rule {
        Rule::AnythingBut(rules) => rules.len(),
        _ => 1,
    }
}
