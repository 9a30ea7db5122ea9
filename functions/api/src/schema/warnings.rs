//! Where validators of JSON Schema are known to differ about a schema: this
//! one, Ajv 8 (`ajv/dist/2020`) and Python's `jsonschema` 4. A test runs all three.

mod pattern;

use domain::strict::MAX_FOUND;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::faults;

/// What a schema may mean to other validators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SchemaWarning {
    /// Where, such as `schema.properties.price.multipleOf`
    pub(crate) field: String,
    pub(crate) message: String,
}

/// All keywords of the draft, and those before it that are still read.
const KEYWORDS: [&str; 63] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
    "id",
    "$recursiveRef",
    "$recursiveAnchor",
];

const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const MAPS: [&str; 6] = ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Names that every object of JavaScript has.
const INHERITED: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// The largest integer up to which JavaScript has all of them.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// The first of them, in the order of the schema.
pub(super) fn of(schema: &Value) -> Vec<SchemaWarning> {
    let mut warnings = Warnings { root: schema, found: Vec::new() };
    warnings.visit(schema, "");
    warnings.found
}

struct Warnings<'a> {
    root: &'a Value,
    found: Vec<SchemaWarning>,
}

impl Warnings<'_> {
    fn warn(&mut self, pointer: &str, message: impl Into<String>) {
        if self.found.len() < MAX_FOUND {
            let field = super::short(&faults::path("schema", pointer, self.root));
            self.found.push(SchemaWarning { field, message: message.into() });
        }
    }

    fn visit(&mut self, schema: &Value, pointer: &str) {
        let Some(members) = schema.as_object() else { return };
        for (keyword, value) in members {
            let place = below(pointer, keyword);
            self.keyword(members, keyword, value, &place);
            match value {
                Value::Object(map) if MAPS.contains(&keyword.as_str()) => {
                    for (name, value) in map {
                        self.visit(value, &below(&place, name));
                    }
                }
                Value::Array(list) if LISTS.contains(&keyword.as_str()) => {
                    for (n, value) in list.iter().enumerate() {
                        self.visit(value, &below(&place, &n.to_string()));
                    }
                }
                _ if ONE.contains(&keyword.as_str()) => self.visit(value, &place),
                _ => {}
            }
        }
    }

    fn keyword(&mut self, schema: &Map<String, Value>, keyword: &str, value: &Value, place: &str) {
        let has = |other: &str| schema.contains_key(other);
        match keyword {
            "dependencies" => self.warn(
                place,
                "is of draft 7: applied here and by Ajv, ignored by Python; use dependentRequired or dependentSchemas",
            ),
            "format" => self.warn(
                place,
                "is a remark here and in Python; Ajv refuses the schema unless it is given ajv-formats, and then \
                 checks it",
            ),
            "nullable" => {
                self.warn(place, r#"is ignored here and by Python; Ajv lets null pass; use "type":["string","null"]"#);
            }
            "id" => self.warn(place, "is ignored here and by Python; Ajv refuses the schema; use $id"),
            "$recursiveRef" | "$recursiveAnchor" => {
                self.warn(place, "is of draft 2019-09, and ignored here and by Python; use $dynamicRef");
            }
            "$anchor" => self.warn(place, "is refused by Ajv; refer to the part by its place, as #/$defs/name"),
            "$dynamicRef" => self.warn(place, "is refused by Ajv where it leads to a part of $defs; use $ref"),
            "if" if !has("then") && !has("else") => self.warn(place, "without then or else is refused by Ajv"),
            "then" | "else" if !has("if") => self.warn(place, "without if is ignored here, and refused by Ajv"),
            "minContains" | "maxContains" if !has("contains") => {
                self.warn(place, "without contains is ignored here, and refused by Ajv");
            }
            "minContains" if value.as_f64() == Some(0.0) && !has("maxContains") => {
                self.warn(place, "of 0 without maxContains is refused by Ajv");
            }
            "multipleOf" => {
                if value.as_f64().is_some_and(|number| number.fract() != 0.0) {
                    self.warn(
                        place,
                        "of a fraction is exact here; Ajv and Python divide as floating point, where 19.99 is no \
                         multiple of 0.01",
                    );
                }
                self.large(value, place);
            }
            "const" | "enum" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                if keyword == "enum" && value.as_array().is_some_and(Vec::is_empty) {
                    self.warn(place, "without a value is refused by Ajv");
                }
                self.large(value, place);
            }
            "required" => {
                for name in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    self.inherited(name, place);
                }
            }
            "properties" | "dependentRequired" | "dependentSchemas" => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    self.inherited(name, &below(place, name));
                }
            }
            "pattern" => {
                for message in value.as_str().map(pattern::warnings).unwrap_or_default() {
                    self.warn(place, message);
                }
            }
            "patternProperties" => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    for message in pattern::warnings(name) {
                        self.warn(&below(place, name), message);
                    }
                }
            }
            _ if !KEYWORDS.contains(&keyword) => {
                self.warn(place, "is no keyword of draft 2020-12: ignored here and by Python, refused by Ajv");
            }
            _ => {}
        }
    }

    fn large(&mut self, value: &Value, place: &str) {
        if has_large(value) {
            self.warn(
                place,
                "has a number beyond 2^53, which Ajv rounds; beyond 2^64 it is rounded here as well; use a string",
            );
        }
    }

    fn inherited(&mut self, name: &str, place: &str) {
        if INHERITED.contains(&name) {
            self.warn(place, format!("names {name}, which Ajv finds in every object"));
        }
    }
}

fn has_large(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_none_or(|number| number.abs() > MAX_SAFE),
        Value::Array(items) => items.iter().any(has_large),
        Value::Object(members) => members.values().any(has_large),
        _ => false,
    }
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
