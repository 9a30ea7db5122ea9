//! Paths of a JSON Schema: what it says of properties and elements, through what it
//! refers to and puts together.

use serde_json::Value;

use super::{Found, MAX_STEPS, json};
use crate::json::Json;
use crate::payload::Step;

/// Schemas that are looked at for one event type: references multiply.
const MAX_VISITS: usize = 5_000;
/// How deep schemas that say nothing of another path lead to one another.
const MAX_DETOURS: usize = 32;
/// Whose schemas are about the same value.
const TOGETHER: [&str; 3] = ["allOf", "oneOf", "anyOf"];
const CONDITIONAL: [&str; 2] = ["then", "else"];

pub(super) fn walk(schema: &Json, found: &mut Found) {
    let Ok(root) = serde_json::from_str::<Value>(schema.get()) else { return };
    let mut walk = Walk { root: &root, found, visits: 0 };
    walk.schema(&root, &mut vec![Step::Key("data".to_owned())], 0);
}

struct Walk<'a> {
    root: &'a Value,
    found: &'a mut Found,
    visits: usize,
}

impl<'a> Walk<'a> {
    /// `detours` counts the schemas since the last step.
    fn schema(&mut self, schema: &'a Value, steps: &mut Vec<Step>, detours: usize) {
        self.visits += 1;
        if self.visits > MAX_VISITS || detours > MAX_DETOURS {
            return;
        }
        let (Value::Object(_), Some(field)) = (schema, self.found.at(steps)) else { return };
        for kind in types(schema) {
            field.add_type(kind);
        }
        let text = ["description", "title"].iter().find_map(|name| schema[*name].as_str());
        field.describe(text.unwrap_or_default());
        if field.example.is_none() {
            field.example = example(schema).and_then(json);
        }
        for name in ["$ref", "$dynamicRef"] {
            if let Some(target) = schema[name].as_str().and_then(|link| self.follow(link)) {
                self.schema(target, steps, detours + 1);
            }
        }
        for one in TOGETHER.iter().filter_map(|name| schema[*name].as_array()).flatten() {
            self.schema(one, steps, detours + 1);
        }
        for one in CONDITIONAL.iter().filter_map(|name| schema.get(*name)) {
            self.schema(one, steps, detours + 1);
        }
        if steps.len() > MAX_STEPS {
            return;
        }
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                steps.push(Step::Key(name.clone()));
                // What is only known to be there is a field as well.
                self.found.at(steps);
                self.schema(property, steps, 0);
                steps.pop();
            }
        }
        let first = schema["prefixItems"].get(0).or_else(|| schema.get("items").filter(|items| items.is_object()));
        if let Some(element) = first {
            steps.push(Step::Position(0));
            self.schema(element, steps, 0);
            steps.pop();
        }
    }

    /// Where a reference within the document leads.
    fn follow(&self, link: &str) -> Option<&'a Value> {
        let fragment = link.strip_prefix('#')?;
        let decoded = percent_decoded(fragment)?;
        match decoded.is_empty() || decoded.starts_with('/') {
            true => self.root.pointer(&decoded),
            false => anchored(self.root, &decoded, 0),
        }
    }
}

/// The schema with this `$anchor`, among those of `$defs` at any depth.
fn anchored<'a>(schema: &'a Value, name: &str, depth: usize) -> Option<&'a Value> {
    if schema["$anchor"] == name || schema["$dynamicAnchor"] == name {
        return Some(schema);
    }
    let definitions = schema["$defs"].as_object().filter(|_| depth < MAX_STEPS)?;
    definitions.values().find_map(|schema| anchored(schema, name, depth + 1))
}

fn types(schema: &Value) -> Vec<&str> {
    let named = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let fixed = schema.get("const").into_iter().chain(schema["enum"].as_array().into_iter().flatten());
    match (named.is_empty(), schema["properties"].is_object(), schema["items"].is_object()) {
        (false, ..) => named,
        (true, true, _) => vec!["object"],
        (true, _, true) => vec!["array"],
        (true, ..) => fixed.map(kind).collect(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn example(schema: &Value) -> Option<&Value> {
    let listed = |name: &str| schema[name].get(0);
    listed("examples").or_else(|| schema.get("const")).or_else(|| listed("enum")).or_else(|| schema.get("default"))
}

/// A fragment of a URI as a text.
fn percent_decoded(text: &str) -> Option<String> {
    let query = format!("={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned())
}
