//! What refers to what in a schema.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{at, pattern};
use crate::problem::FieldError;

/// What an exact division takes, at most.
const STEPS_TO_DIVIDE: u64 = 200;
/// What it takes to compare a value with all of its kind.
const STEPS_TO_HASH: u64 = 20;
/// Patterns of a schema. Each may take 128 KiB when compiled.
const MAX_PATTERNS: usize = 64;

/// Which schemas look at the same value, and which at the values below it.
#[derive(Default)]
pub(super) struct Graph<'a> {
    /// The first one is the whole schema.
    pub(super) parts: Vec<Part<'a>>,
    known: HashMap<*const Value, usize>,
    anchors: HashMap<&'a str, &'a Value>,
    patterns: usize,
    whole: Option<usize>,
}

#[derive(Default)]
pub(super) struct Part<'a> {
    pointer: String,
    /// Steps of its own keywords.
    pub(super) own: u64,
    /// Those that look at the same value.
    pub(super) same: Vec<usize>,
    /// How often those look again, for keywords that ask what is left over.
    pub(super) again: u64,
    pub(super) members: Below,
    pub(super) items: Below,
    references: Vec<(&'static str, &'a str)>,
}

/// Those that look at a value one level down.
#[derive(Default)]
pub(super) struct Below {
    /// One of them at most looks at any one value.
    pub(super) either: Vec<usize>,
    pub(super) every: Vec<usize>,
}

impl<'a> Graph<'a> {
    /// Refuses references to elsewhere and names for parts.
    pub(super) fn of(root: &'a Value) -> Result<Self, FieldError> {
        let mut graph = Self::default();
        graph.read(root)?;
        Ok(graph)
    }

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
                    part.own += map.keys().map(|pattern| pattern::steps(pattern)).sum::<u64>();
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
                ("pattern", Value::String(text)) => {
                    self.patterns += 1;
                    part.own += pattern::steps(text);
                }
                ("multipleOf", _) => part.own += STEPS_TO_DIVIDE,
                ("uniqueItems", Value::Bool(true)) => part.items.every.push(self.whole()),
                (_, other) => part.own += values(other),
            }
        }
        let id = self.id(schema, &pointer, &mut Vec::new());
        self.parts[id] = Part { pointer, ..part };
        Ok(())
    }

    /// What looks at a value and at everything below it.
    fn whole(&mut self) -> usize {
        if let Some(known) = self.whole {
            return known;
        }
        let id = self.parts.len();
        let again = || Below { either: vec![id], every: Vec::new() };
        self.parts.push(Part { own: STEPS_TO_HASH, members: again(), items: again(), ..Part::default() });
        self.whole = Some(id);
        id
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
    pub(super) fn inner_first(&self) -> Result<Vec<usize>, FieldError> {
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
