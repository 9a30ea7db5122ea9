//! Paths of an example: what it has, as it is written.

use serde_json::value::RawValue;

use super::{Found, MAX_EXAMPLE_BYTES, MAX_STEPS};
use crate::json::{self, Kind};
use crate::payload::Step;

pub(super) fn walk(example: &RawValue, found: &mut Found) {
    let mut steps = vec![Step::Key("data".to_owned())];
    value(example, &mut steps, found);
}

fn value(raw: &RawValue, steps: &mut Vec<Step>, found: &mut Found) {
    let Some(field) = found.at(steps) else { return };
    let kind = json::kind(raw);
    field.add_type(match kind {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Bool => "boolean",
        Kind::Null => "null",
        // An integer is a number as well, which its schema may say already.
        Kind::Number if field.types.iter().any(|known| known == "number") => "number",
        Kind::Number if raw.get().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => "integer",
        Kind::Number => "number",
    });
    if raw.get().len() <= MAX_EXAMPLE_BYTES {
        field.example = serde_json::from_str(raw.get()).ok();
    }
    if steps.len() > MAX_STEPS {
        return;
    }
    match kind {
        Kind::Object => {
            for (name, member) in json::members(raw).unwrap_or_default() {
                steps.push(Step::Key(name.into_owned()));
                value(member, steps, found);
                steps.pop();
            }
        }
        Kind::Array => {
            if let Some(first) = json::first_elements(raw, 0).and_then(|elements| elements.into_iter().next()) {
                steps.push(Step::Position(0));
                value(first, steps, found);
                steps.pop();
            }
        }
        _ => {}
    }
}
