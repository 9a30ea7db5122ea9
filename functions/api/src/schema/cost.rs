//! How much work a schema can make. References let a small schema look at the
//! same value again and again, twice as often with every level of it; such work
//! is counted beforehand, so that no publisher can occupy the process.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::at;
use crate::problem::FieldError;

/// Steps that one check may take; about 100 ms. A step is one keyword looking
/// at one value, or at 32 bytes of a text.
const MAX_STEPS: u64 = 2_000_000;
const BYTES_PER_STEP: usize = 32;
/// Schemas that lead into each other while one value is checked. Each takes
/// stack, at most about 2 KB of the 2 MB that a thread has.
const MAX_CHAIN: u64 = 400;
/// The deepest data: what serde_json reads.
const MAX_DATA_DEPTH: usize = 128;
/// Data as deep as this must be possible to check.
const LEAST_DEPTH: usize = 4;
/// Patterns of a schema. Each may take 256 KiB when compiled.
const MAX_PATTERNS: usize = 64;

/// Steps for a value at each depth of the data, zero being the whole of it. It
/// ends where checking deeper data would take too much.
pub(super) struct Cost(Vec<u64>);

impl Cost {
    /// Also refuses what must not be in a schema: references to elsewhere or in
    /// circles, and names for its parts.
    pub(super) fn of(schema: &Value) -> Result<Self, FieldError> {
        let mut graph = Graph::default();
        graph.read(schema)?;
        let order = graph.inner_first()?;
        let cost = graph.steps(&order);
        if cost.len() < LEAST_DEPTH {
            return Err(at("", "takes too much work to check: too many parts refer to each other"));
        }
        Ok(Self(cost))
    }

    /// An upper bound of the steps that checking `data` takes.
    pub(super) fn of_data(&self, data: &Value) -> Result<u64, String> {
        let steps = self.sum(data, 0)?;
        if steps > MAX_STEPS {
            return Err("is too large to be checked against its schema".to_owned());
        }
        Ok(steps)
    }

    fn sum(&self, value: &Value, depth: usize) -> Result<u64, String> {
        let Some(steps) = self.0.get(depth) else {
            return Err(format!("is nested too deeply for its schema: expected at most {} levels", self.0.len() - 1));
        };
        let own = |bytes: usize| steps.saturating_mul(1 + (bytes / BYTES_PER_STEP) as u64);
        match value {
            Value::String(text) => Ok(own(text.len())),
            Value::Array(items) => {
                items.iter().try_fold(own(0), |sum, item| Ok(sum.saturating_add(self.sum(item, depth + 1)?)))
            }
            Value::Object(members) => members.iter().try_fold(own(0), |sum, (name, item)| {
                Ok(sum.saturating_add(own(name.len())).saturating_add(self.sum(item, depth + 1)?))
            }),
            _ => Ok(own(0)),
        }
    }
}

/// Which schemas look at the same value, and which at the values below it.
#[derive(Default)]
struct Graph<'a> {
    /// The first one is the whole schema.
    parts: Vec<Part<'a>>,
    known: HashMap<*const Value, usize>,
    anchors: HashMap<&'a str, &'a Value>,
    patterns: usize,
}

#[derive(Default)]
struct Part<'a> {
    pointer: String,
    /// Steps of its own keywords.
    own: u64,
    /// Those that look at the same value.
    same: Vec<usize>,
    /// How often those look again, for keywords that ask what is left over.
    again: u64,
    members: Below,
    items: Below,
    references: Vec<(&'static str, &'a str)>,
}

/// Those that look at a value one level down.
#[derive(Default)]
struct Below {
    /// One of them at most looks at any one value.
    either: Vec<usize>,
    every: Vec<usize>,
}

impl<'a> Graph<'a> {
    fn read(&mut self, root: &'a Value) -> Result<(), FieldError> {
        self.anchors.insert("", root);
        let mut found = Vec::new();
        self.id(root, "", &mut found);
        while let Some((schema, pointer)) = found.pop() {
            self.visit(schema, pointer, &mut found)?;
            // References are followed once every anchor is known.
            if found.is_empty() {
                self.follow(root, &mut found)?;
            }
        }
        if self.patterns > MAX_PATTERNS {
            return Err(at("", format!("expected at most {MAX_PATTERNS} patterns")));
        }
        Ok(())
    }

    fn id(&mut self, schema: &'a Value, pointer: &str, found: &mut Vec<(&'a Value, String)>) -> usize {
        let parts = &mut self.parts;
        *self.known.entry(schema).or_insert_with(|| {
            found.push((schema, pointer.to_owned()));
            parts.push(Part { pointer: pointer.to_owned(), ..Part::default() });
            parts.len() - 1
        })
    }

    fn visit(
        &mut self,
        schema: &'a Value,
        pointer: String,
        found: &mut Vec<(&'a Value, String)>,
    ) -> Result<(), FieldError> {
        let mut part = Part { own: 1, ..Part::default() };
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let place = format!("{pointer}/{}", escaped(keyword));
            part.own += 1;
            match (keyword.as_str(), value) {
                ("allOf" | "anyOf" | "oneOf", Value::Array(list)) => {
                    part.same.extend(self.each(list, &place, found));
                }
                ("not" | "if" | "then" | "else", _) => part.same.push(self.id(value, &place, found)),
                ("dependentSchemas" | "dependencies", Value::Object(map)) => {
                    part.same.extend(self.every(map, &place, found));
                }
                ("properties", Value::Object(map)) => part.members.either.extend(self.every(map, &place, found)),
                ("patternProperties", Value::Object(map)) => {
                    self.patterns += map.len();
                    part.own += map.len() as u64;
                    part.members.every.extend(self.every(map, &place, found));
                }
                ("additionalProperties", _) => part.members.either.push(self.id(value, &place, found)),
                ("propertyNames", _) => part.members.every.push(self.id(value, &place, found)),
                ("unevaluatedProperties", _) => {
                    part.again += 1;
                    part.members.every.push(self.id(value, &place, found));
                }
                ("prefixItems", Value::Array(list)) => part.items.either.extend(self.each(list, &place, found)),
                ("items", _) => part.items.either.push(self.id(value, &place, found)),
                ("contains", _) => part.items.every.push(self.id(value, &place, found)),
                ("unevaluatedItems", _) => {
                    part.again += 1;
                    part.items.every.push(self.id(value, &place, found));
                }
                ("$defs" | "definitions", Value::Object(map)) => drop(self.every(map, &place, found)),
                ("$ref", Value::String(target)) => part.references.push(("$ref", target)),
                ("$dynamicRef", Value::String(target)) => part.references.push(("$dynamicRef", target)),
                ("$anchor" | "$dynamicAnchor", Value::String(name)) => {
                    if self.anchors.insert(name, schema).is_some_and(|other| !std::ptr::eq(other, schema)) {
                        return Err(at(&place, "is the name of another part as well"));
                    }
                }
                ("$id" | "$schema", _) if !pointer.is_empty() => {
                    return Err(at(&place, "only the whole schema can have one"));
                }
                ("pattern", _) => self.patterns += 1,
                (_, other) => part.own += values(other),
            }
        }
        let id = self.id(schema, &pointer, &mut Vec::new());
        self.parts[id] = Part { pointer, ..part };
        Ok(())
    }

    fn each(&mut self, list: &'a [Value], place: &str, found: &mut Vec<(&'a Value, String)>) -> Vec<usize> {
        list.iter().enumerate().map(|(index, value)| self.id(value, &format!("{place}/{index}"), found)).collect()
    }

    fn every(&mut self, map: &'a Map<String, Value>, place: &str, found: &mut Vec<(&'a Value, String)>) -> Vec<usize> {
        map.iter().map(|(name, value)| self.id(value, &format!("{place}/{}", escaped(name)), found)).collect()
    }

    fn follow(&mut self, root: &'a Value, found: &mut Vec<(&'a Value, String)>) -> Result<(), FieldError> {
        for id in 0..self.parts.len() {
            for (keyword, target) in std::mem::take(&mut self.parts[id].references) {
                let place = format!("{}/{keyword}", self.parts[id].pointer);
                let Some(fragment) = target.strip_prefix('#') else {
                    let message = format!("{target} is not fetched; expected a part of this schema, as #/$defs/name");
                    return Err(at(&place, super::short(&message)));
                };
                let schema = match fragment.starts_with('/') {
                    true => root.pointer(&decoded(fragment)),
                    false => self.anchors.get(fragment).copied(),
                };
                let schema = schema.ok_or_else(|| at(&place, super::short(&format!("there is no {target}"))))?;
                let pointer = if fragment.starts_with('/') { fragment } else { "" };
                let known = self.id(schema, pointer, found);
                self.parts[id].same.push(known);
            }
        }
        Ok(())
    }

    /// All parts, each behind those that look at the same value for it.
    fn inner_first(&self) -> Result<Vec<usize>, FieldError> {
        let mut order = Vec::with_capacity(self.parts.len());
        // Zero: not seen. One: under way. Two: done.
        let mut state = vec![0_u8; self.parts.len()];
        for start in 0..self.parts.len() {
            let mut path = vec![(start, 0)];
            while let Some((part, next)) = path.pop() {
                if state[part] == 2 {
                    continue;
                }
                state[part] = 1;
                match self.parts[part].same.get(next) {
                    Some(inner) if state[*inner] == 1 => {
                        return Err(at(&self.parts[*inner].pointer, "refers to itself without going into the data"));
                    }
                    Some(inner) => path.extend([(part, next + 1), (*inner, 0)]),
                    None => {
                        state[part] = 2;
                        order.push(part);
                    }
                }
            }
        }
        Ok(order)
    }

    /// For each depth of data, the steps that one value there takes at most.
    fn steps(&self, order: &[usize]) -> Vec<u64> {
        let count = self.parts.len();
        let mut heights = vec![1_u64; count];
        for part in order {
            let inner = self.parts[*part].same.iter().map(|inner| heights[*inner]).max();
            heights[*part] = 1 + inner.unwrap_or(0);
        }
        let mut below = vec![(0_u64, 0_u64); count];
        let mut found = Vec::new();
        for depth in 0..MAX_DATA_DEPTH {
            // Steps and longest chain, for an object and for an array.
            let mut here = vec![[(0_u64, 0_u64); 2]; count];
            for id in order {
                let part = &self.parts[*id];
                let times = 1 + part.again * heights[*id];
                for (kind, children) in [&part.members, &part.items].into_iter().enumerate() {
                    let (mut steps, mut chain) = if depth == 0 { (part.own, 0) } else { children.among(&below) };
                    for inner in &part.same {
                        let (more, longer) = here[*inner][kind];
                        steps = steps.saturating_add(more.saturating_mul(times));
                        chain = chain.max(longer);
                    }
                    here[*id][kind] = (steps, chain.saturating_add(1));
                }
            }
            below = here.iter().map(|[object, array]| (object.0.max(array.0), object.1.max(array.1))).collect();
            if below[0].0 > MAX_STEPS || below[0].1 > MAX_CHAIN {
                break;
            }
            found.push(below[0].0);
        }
        found
    }
}

impl Below {
    fn among(&self, below: &[(u64, u64)]) -> (u64, u64) {
        let either = self.either.iter().map(|id| below[*id].0).max().unwrap_or(0);
        let steps = self.every.iter().map(|id| below[*id].0).fold(either, u64::saturating_add);
        let chain = self.either.iter().chain(&self.every).map(|id| below[*id].1).max().unwrap_or(0);
        (steps, chain)
    }
}

/// The values within a value, itself included.
fn values(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(values).sum::<u64>(),
        _ => 1,
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A JSON pointer out of the fragment of a URI.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let escape = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escape.unwrap_or(*byte));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::Schema;

    #[test]
    fn trees_of_any_depth_are_checked() {
        let value = r##"{"anyOf":[{"type":["null","number","string"]},{"type":"object","additionalProperties":{"$ref":"#"}},
            {"type":"array","items":{"$ref":"#"}}]}"##;
        let tree = r##"{"properties":{"left":{"$ref":"#"},"right":{"$ref":"#"}}}"##;
        let named = r##"{"$dynamicAnchor":"node","properties":{"children":{"items":{"$dynamicRef":"#node"}}}}"##;
        for (schema, data) in [
            (value, format!("{}1{}", "[".repeat(100), "]".repeat(100))),
            (tree, format!("{}1{}", r#"{"left":"#.repeat(100), "}".repeat(100))),
            (named, format!("{}{{}}{}", r#"{"children":["#.repeat(50), "]}".repeat(50))),
        ] {
            let checked = Schema::compile(schema).unwrap().check("data", &data);
            assert_eq!(checked, Ok(()), "{schema}");
        }
    }

    #[test]
    fn circles_are_refused() {
        for schema in [
            r##"{"$ref":"#"}"##,
            r##"{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#/$defs/a"}}}}"##,
            r##"{"$anchor":"me","if":{"$ref":"#me"}}"##,
        ] {
            let error = Schema::compile(schema).err().unwrap();
            assert!(error.message.contains("refers to itself"), "{schema}: {}", error.message);
        }
    }

    #[test]
    fn work_that_doubles_with_every_reference_is_refused() {
        let mut schema = r##"{"$ref":"#/$defs/a0","$defs":{"##.to_owned();
        for n in 0..40 {
            let _ =
                write!(schema, r##""a{n}":{{"allOf":[{{"$ref":"#/$defs/a{0}"}},{{"$ref":"#/$defs/a{0}"}}]}},"##, n + 1);
        }
        let error = Schema::compile(&format!(r#"{schema}"a40":true}}}}"#)).err().unwrap();
        assert!(error.message.contains("too much work"), "{}", error.message);
    }

    #[test]
    fn data_that_doubles_the_work_with_every_level_is_refused_where_it_is_too_deep() {
        let schema = r##"{"items":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}"##;
        let schema = Schema::compile(schema).unwrap();
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(schema.check("data", &nested(8)), Ok(()));
        let error = schema.check("data", &nested(60)).unwrap_err();
        assert!(error.message.contains("nested too deeply"), "{}", error.message);
    }

    #[test]
    fn data_that_is_checked_does_not_exhaust_the_stack() {
        let mut schema = r##"{"items":{"$ref":"#/$defs/a0"},"$defs":{"##.to_owned();
        for n in 0..2 {
            let _ = write!(schema, r##""a{n}":{{"allOf":[{{"$ref":"#/$defs/a{}"}}]}},"##, n + 1);
        }
        let schema = Schema::compile(&format!(r##"{schema}"a2":{{"items":{{"$ref":"#/$defs/a0"}}}}}}}}"##)).unwrap();
        for levels in [20, 60, 100, 127] {
            let _ = schema.check("data", &format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        }
    }

    #[test]
    fn a_text_counts_by_its_length() {
        let patterns: Vec<_> = (0..60).map(|n| format!(r#"{{"pattern":"x{n}$"}}"#)).collect();
        let schema = Schema::compile(&format!(r#"{{"anyOf":[{},{{"enum":[0]}}]}}"#, patterns.join(","))).unwrap();
        assert!(schema.check("data", &format!(r#""{}x1""#, "y".repeat(1_000))).is_ok());
        let error = schema.check("data", &format!(r#""{}""#, "x".repeat(1_000_000))).unwrap_err();
        assert!(error.message.contains("too large"), "{}", error.message);
    }
}
