//! What a template sees: published JSON as values that print as they were published.
//!
//! Integers of up to 38 digits are numbers. Any other number, with a fraction or an
//! exponent, is kept as its text, for the engine's own numbers would print `1.50` as
//! `1.5`. Comparing such a text would be silently wrong, so it is noticed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, Output, State, Value};
use serde_json::value::RawValue;

use crate::json::{self, Kind};
use crate::payload::source::Source;

/// What is nested deeper is its JSON as a text. Each level is read once more.
const MAX_LEVELS: usize = 32;

pub(super) const COMPARED: &str =
    "a number with a fraction or an exponent is kept as it was published: use |float or |int before comparing it";

pub(super) fn context(source: &Source<'_>, compared: &Arc<AtomicBool>) -> Value {
    match RawValue::from_string(source.document()) {
        Ok(document) => value(&document, 0, compared),
        Err(_) => Value::UNDEFINED,
    }
}

/// Prints a value: null as nothing, and all else as JSON has it, without quotes.
pub(super) fn print(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    // A decimal must not be asked for its kind.
    if value.as_object().is_none() && value.kind() == ValueKind::Bool {
        return Ok(out.write_str(if value.is_true() { "true" } else { "false" })?);
    }
    Ok(write!(out, "{value}")?)
}

fn value(raw: &RawValue, level: usize, compared: &Arc<AtomicBool>) -> Value {
    let text = raw.get();
    match json::kind(raw) {
        Kind::Null => Value::from(()),
        Kind::Bool => Value::from(text == "true"),
        Kind::String => json::text(raw).map_or_else(|| Value::from(text), |text| Value::from(text.as_ref())),
        Kind::Number => number(text, compared),
        Kind::Object | Kind::Array if level == MAX_LEVELS => Value::from(text),
        Kind::Object => {
            let mut object = Members { text: text.into(), keys: Vec::new(), values: HashMap::new() };
            for (name, member) in json::members(raw).unwrap_or_default() {
                let member = value(member, level + 1, compared);
                let name: Arc<str> = name.into();
                if object.values.insert(Arc::clone(&name), member).is_none() {
                    object.keys.push(name);
                }
            }
            Value::from_object(object)
        }
        Kind::Array => {
            let elements = json::elements(raw).unwrap_or_default();
            let elements = elements.into_iter().map(|element| value(element, level + 1, compared)).collect();
            Value::from_object(Elements { text: text.into(), elements })
        }
    }
}

fn number(text: &str, compared: &Arc<AtomicBool>) -> Value {
    match text.parse::<i128>() {
        Ok(number) if number.to_string() == text => match i64::try_from(number) {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(number),
        },
        _ => Value::from_object(Decimal { text: text.into(), compared: Arc::clone(compared) }),
    }
}

/// An object, whose members come in their order.
struct Members {
    text: Box<str>,
    keys: Vec<Arc<str>>,
    values: HashMap<Arc<str>, Value>,
}

/// An array.
struct Elements {
    text: Box<str>,
    elements: Vec<Value>,
}

/// A number that is kept as its text.
pub(super) struct Decimal {
    pub(super) text: Box<str>,
    compared: Arc<AtomicBool>,
}

impl Object for Members {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.values.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.keys.iter().map(|key| Value::from(Arc::clone(key))).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.keys.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Object for Elements {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.elements.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.elements.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Decimal {
    pub(super) fn number(&self) -> f64 {
        self.text.parse().unwrap_or(f64::INFINITY)
    }
}

impl Object for Decimal {
    /// Asked for where values of several kinds are put in order, and not to print it.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        self.compared.store(true, Ordering::Relaxed);
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.number() != 0.0
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

macro_rules! shown_as_text {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    )*};
}

shown_as_text!(Members, Elements, Decimal);
