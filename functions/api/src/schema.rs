//! JSON Schemas of event types: compiled once, and cheap enough to be checked
//! while a publisher waits.

mod cost;
mod faults;
mod graph;
mod pattern;
mod warnings;

use std::sync::Arc;

use domain::strict::syntax;
use jsonschema::draft202012::meta;
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::problem::FieldError;
use cost::Cost;

pub(crate) use cost::MAX_STEPS;
pub(crate) use warnings::SchemaWarning;

/// Schemas are small; what is larger is refused.
pub(crate) const MAX_SCHEMA_BYTES: usize = 32 * 1024;
/// Levels of nesting in the text of a schema.
const MAX_SCHEMA_DEPTH: usize = 64;
/// A compiled pattern, in bytes. The engine takes linear time, but memory for
/// repetitions such as `\w{500}`.
const MAX_PATTERN_BYTES: usize = 128 * 1024;
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Text of the schemas that are kept compiled, in bytes. A compiled one takes
/// about ten times as much memory.
const KEPT_BYTES: u64 = 1024 * 1024;
/// Up to this many steps, a violation is told with its place; collecting that
/// takes about 300 bytes a step in the worst case.
const STEPS_WITH_PLACE: u64 = 200_000;
/// The longest explanation, in characters: some repeat parts of the schema.
const MAX_MESSAGE_CHARS: usize = 300;

/// A schema, ready to be used.
pub(crate) struct Schema {
    validator: Validator,
    cost: Cost,
    /// Where other validators are known to differ.
    pub(crate) warnings: Vec<SchemaWarning>,
}

/// Data that can be checked, and an upper bound of the steps that takes.
pub(crate) struct Weighed {
    data: Value,
    pub(crate) steps: u64,
}

/// The schemas in use, by their text.
pub(crate) struct Schemas(Cache<Box<str>, Arc<Schema>, ByText>);

#[derive(Clone)]
struct ByText;

impl Weighter<Box<str>, Arc<Schema>> for ByText {
    fn weight(&self, text: &Box<str>, _: &Arc<Schema>) -> u64 {
        text.len() as u64
    }
}

impl Default for Schemas {
    fn default() -> Self {
        Self(Cache::with_weighter(256, KEPT_BYTES, ByText))
    }
}

impl Schemas {
    /// The schema with this text, compiled now or before. Errors name the place
    /// within it, with `schema` in front.
    pub(crate) fn get(&self, text: &str) -> Result<Arc<Schema>, Vec<FieldError>> {
        if let Some(known) = self.known(text) {
            return Ok(known);
        }
        let schema = Arc::new(Schema::compile(text)?);
        self.0.insert(text.into(), Arc::clone(&schema));
        Ok(schema)
    }

    /// The same, if that takes no work.
    pub(crate) fn known(&self, text: &str) -> Option<Arc<Schema>> {
        self.0.get(text)
    }
}

/// What lies outside of a schema is never fetched.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is not fetched").into())
    }
}

/// Something wrong at a pointer, or a path, below the whole schema.
fn at(pointer: &str, message: impl Into<String>) -> FieldError {
    FieldError::new(format!("schema{pointer}"), message)
}

impl Schema {
    /// Or all that is wrong with it, as far as that can be told at once.
    pub(crate) fn compile(text: &str) -> Result<Self, Vec<FieldError>> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(vec![at("", format!("expected at most {MAX_SCHEMA_BYTES} bytes, got {}", text.len()))]);
        }
        let schema: Value = serde_json::from_str(text).map_err(|error| vec![at("", syntax(&error))])?;
        if !schema.is_object() && !schema.is_boolean() {
            return Err(vec![at("", "expected an object, true or false")]);
        }
        if depth(&schema) > MAX_SCHEMA_DEPTH {
            return Err(vec![at("", format!("expected at most {MAX_SCHEMA_DEPTH} levels of nesting"))]);
        }
        if let Some(dialect) = schema.get("$schema")
            && dialect.as_str().map(|uri| uri.trim_end_matches('#')) != Some(DIALECT)
        {
            return Err(vec![at(".$schema", format!("expected {DIALECT}"))]);
        }
        let mut errors = faults::told("schema", &schema, meta::validator().iter_errors(&schema));
        // References are looked at before they are followed, so that one to elsewhere is refused by name.
        let cost = Cost::of(&schema).map_err(|error| {
            let pointer = error.field.strip_prefix("schema").unwrap_or_default();
            let error = FieldError::new(faults::path("schema", pointer, &schema), error.message);
            errors.push(error);
            std::mem::take(&mut errors)
        })?;
        if !errors.is_empty() {
            return Err(errors);
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(Nowhere)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(&schema)
            .map_err(|error| faults::told("schema", &schema, [error]))?;
        Ok(Self { validator, cost, warnings: warnings::of(&schema) })
    }

    /// Reads `data` to be checked; refuses what would take too much work.
    pub(crate) fn weigh(&self, field: &str, data: &str) -> Result<Weighed, FieldError> {
        let data: Value = serde_json::from_str(data).map_err(|error| {
            FieldError::new(field, format!("cannot be checked against its schema: {}", syntax(&error)))
        })?;
        let steps = self.cost.of_data(&data).map_err(|message| FieldError::new(field, message))?;
        Ok(Weighed { data, steps })
    }

    /// What the data violates, if anything: each place, and what is expected
    /// there. Values are not repeated.
    pub(crate) fn judge(&self, field: &str, Weighed { data, steps }: &Weighed) -> Result<(), Vec<FieldError>> {
        if *steps > STEPS_WITH_PLACE {
            return match self.validator.is_valid(data) {
                true => Ok(()),
                false => {
                    let message = "does not match its schema, and is too large to say where";
                    Err(vec![FieldError::new(field, message)])
                }
            };
        }
        let errors = faults::told(field, data, self.validator.iter_errors(data));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    #[cfg(test)]
    fn check(&self, field: &str, data: &str) -> Result<(), Vec<FieldError>> {
        self.judge(field, &self.weigh(field, data).map_err(|error| vec![error])?)
    }
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(schema: &str) -> FieldError {
        Schema::compile(schema).err().unwrap_or_else(|| panic!("{schema} is taken")).remove(0)
    }

    #[test]
    fn a_violation_names_the_place_and_what_is_expected_and_repeats_no_value() {
        let schema = r#"{"properties":{"posts":{"items":{"properties":{"a/b":{"type":"integer"}}}}}}"#;
        let schema = Schema::compile(schema).unwrap();
        assert_eq!(schema.check("data", r#"{"posts":[{"a/b":1}]}"#), Ok(()));
        let errors = schema.check("data", r#"{"posts":[{},{"a/b":"very secret"}]}"#).unwrap_err();
        assert_eq!(errors, [FieldError::new("data.posts[1].a/b", "expected integer")]);
    }

    #[test]
    fn what_cannot_be_compiled_is_refused_with_its_place() {
        for (schema, place) in [
            (r#"{"properties":{"a":{"type":"nonsense"}}}"#, "schema.properties.a.type"),
            (r#"{"properties":{"a":{"minLength":-1}}}"#, "schema.properties.a.minLength"),
            (r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "schema.$schema"),
            (r#"{"items":{"$ref":"https://example.com/a.json"}}"#, "schema.items.$ref"),
            (r##"{"items":{"$ref":"other.json#/a"}}"##, "schema.items.$ref"),
            (r##"{"items":{"$ref":"#/$defs/none"}}"##, "schema.items.$ref"),
            (r#"{"$defs":{"a":{"$id":"https://example.com/a"}}}"#, "schema.$defs.a.$id"),
            (r#"[]"#, "schema"),
        ] {
            assert_eq!(refused(schema).field, place, "{schema}: {}", refused(schema).message);
        }
        for schema in [r#"{"pattern":"("}"#, r#"{"pattern":"(?=a)b"}"#, r#"{"pattern":"(a){99999999}"}"#] {
            assert!(refused(schema).field.starts_with("schema"), "{schema}");
        }
        assert!(refused(r#"{"$ref":"https://example.com/a.json"}"#).message.contains("https://example.com/a.json"));
    }

    #[test]
    fn size_and_depth_are_bounded() {
        refused(&format!(r#"{{"description":"{}"}}"#, "x".repeat(MAX_SCHEMA_BYTES)));
        refused(&format!("{}true{}", r#"{"not":"#.repeat(100), "}".repeat(100)));
        assert!(Schema::compile(&format!("{}true{}", r#"{"items":"#.repeat(50), "}".repeat(50))).is_ok());
    }

    #[test]
    fn the_same_text_is_compiled_once() {
        let schemas = Schemas::default();
        let (first, second) = (schemas.get("{}").unwrap(), schemas.get("{}").unwrap());
        assert!(Arc::ptr_eq(&first, &second));
    }
}
