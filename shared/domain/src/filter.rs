//! Which events of the wanted types a hook gets, by their `data`; in the syntax
//! of EventBridge event patterns
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>).
//!
//! A filter looks like the `data` it admits, with lists of rules in the place of
//! values: `{"state":["running",{"prefix":"start"}],"price":[{"numeric":[">",0]}]}`.
//! Every field must be admitted, each by any one of its rules; `$or` holds
//! alternatives. Arrays in `data` are looked into: any element will do, but all
//! that is asked of fields below an array must hold for one and the same element,
//! wherever in the filter it stands. `a.b` is the same field as `b` within `a`.
//!
//! A filter decides as EventBridge's own library does
//! (<https://github.com/aws/event-ruler>, 2.0), apart from the differences that
//! `docs/events.md` lists; a test holds both against each other.

mod compile;
mod evaluate;
mod leaves;
mod node;
mod number;
mod operator;
mod rule;
mod support;
mod unmet;
mod wildcard;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use self::compile::{Compiled, compile};
use self::evaluate::Evaluation;
pub use self::unmet::{SHOWN_CHARS, Unmet, UnmetCondition, summary};
use super::invalid::{FieldError, join};
use super::json::{self, Json, Kind};

/// The longest filter, in bytes of JSON as it is given.
pub const MAX_BYTES: usize = 4096;
/// The most levels of objects, those in `$or` included.
pub const MAX_DEPTH: usize = 10;
/// The most names in one path, however it is written. It bounds the stack.
pub const MAX_NAMES: usize = 64;
/// The most rules in all fields together.
pub const MAX_RULES: usize = 200;
/// The most combinations of alternatives, as EventBridge counts them.
pub const MAX_COMBINATIONS: usize = 1000;

/// A condition on `data`. Any JSON can be read as one; [`Filter::check`] tells
/// what is wrong with it, and one that has anything wrong admits nothing.
#[derive(Clone)]
pub struct Filter {
    json: Json,
    compiled: Option<Arc<Compiled>>,
}

impl Filter {
    fn new(json: Json) -> Self {
        let compiled = compile(json.raw(), "", &mut Vec::new()).map(Arc::new);
        Self { json, compiled }
    }

    pub fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        compile(self.json.raw(), field, errors);
    }

    /// Whether an event with this `data` passes. The filter `{}` admits
    /// everything; any other admits only objects.
    pub fn admits(&self, data: &RawValue) -> bool {
        let Some(compiled) = &self.compiled else { return false };
        let pattern = &compiled.pattern;
        if pattern.fields.is_empty() && pattern.either.is_empty() {
            return true;
        }
        json::kind(data) == Kind::Object && Evaluation::new(data, compiled).admits()
    }

    /// Every condition that `data` does not meet, in the order of the filter; none
    /// exactly when it passes.
    pub fn explain(&self, data: &RawValue) -> Vec<UnmetCondition> {
        if self.admits(data) {
            return Vec::new();
        }
        let Some(compiled) = &self.compiled else { return vec![UnmetCondition::of_invalid()] };
        if json::kind(data) != Kind::Object {
            return vec![UnmetCondition::of_no_object(data)];
        }
        Evaluation::new(data, compiled).unmet(self.json.raw())
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Eq for Filter {}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.json.fmt(f)
    }
}

impl PartialSchema for Filter {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(
                "A condition on an event's `data` in the syntax of EventBridge event patterns, at most 4 KiB, \
                 10 levels and 200 rules. Rules are plain values and the operators exactly, prefix, suffix, \
                 equals-ignore-case, wildcard, anything-but, numeric, exists and cidr; $or holds alternatives.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([serde_json::json!({"platform": ["x", {"prefix": "face"}], "reach": [{"numeric": [">", 100]}]})])
            .into()
    }
}

impl ToSchema for Filter {}

#[cfg(test)]
mod tests;
