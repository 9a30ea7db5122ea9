//! Filters beside those that the engine brings.

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, tests};

use super::values::Decimal;

pub(super) fn register(engine: &mut Environment<'_>) {
    engine.add_filter("slack", |state: &State<'_, '_>, value: &Value| each(state, value, slack));
    engine.add_filter("markdown", |state: &State<'_, '_>, value: &Value| each(state, value, markdown));
    engine.add_filter("truncate", truncate);
    engine.add_filter("string", text);
    engine.add_filter("float", float);
    engine.add_filter("int", int);
    // The engine would ask a decimal for its kind, which is taken for a comparison.
    engine.add_test("mapping", |value: &Value| decimal(value).is_none() && tests::is_mapping(value));
    engine.add_test("sequence", |value: &Value| decimal(value).is_none() && tests::is_sequence(value));
    engine.add_test("iterable", |value: &Value| decimal(value).is_none() && tests::is_iterable(value));
    engine.add_test("string", |value: &Value| decimal(value).is_none() && tests::is_string(value));
    engine.add_test("boolean", |value: &Value| decimal(value).is_none() && tests::is_boolean(value));
    engine.add_test("number", |value: &Value| decimal(value).is_some() || tests::is_number(value));
    engine.add_test("float", |value: &Value| decimal(value).is_some() || tests::is_float(value));
}

fn decimal(value: &Value) -> Option<&Decimal> {
    value.downcast_object_ref()
}

/// The text of a value as it prints, which is charged for.
fn text(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        // The engine knows what is missing.
        filters::string(state, value)?;
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let text = match () {
        () if value.is_none() => String::new(),
        () if value.as_object().is_none() && value.kind() == minijinja::value::ValueKind::Bool => {
            value.is_true().to_string()
        }
        () => value.to_string(),
    };
    state.consume_fuel(1 + text.len() as u64 / 64)?;
    Ok(text)
}

fn each(state: &State<'_, '_>, value: &Value, write: fn(char, bool, &mut String)) -> Result<String, Error> {
    let text = text(state, value)?;
    let mut written = String::with_capacity(text.len());
    let mut begins_line = true;
    for char in text.chars() {
        write(char, begins_line, &mut written);
        begins_line = char == '\n' || (begins_line && char == ' ');
    }
    Ok(written)
}

/// <https://docs.slack.dev/messaging/formatting-message-text>: three characters, and no others.
fn slack(char: char, _: bool, out: &mut String) {
    match char {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        char => out.push(char),
    }
}

/// A backslash before what Markdown reads as a sign (<https://spec.commonmark.org>).
fn markdown(char: char, begins_line: bool, out: &mut String) {
    let is_sign = matches!(char, '\\' | '`' | '*' | '_' | '~' | '|' | '[' | ']' | '(' | ')' | '<' | '>');
    if is_sign || (begins_line && matches!(char, '#' | '+' | '-')) {
        out.push('\\');
    }
    out.push(char);
}

/// At most `length` characters as JavaScript counts them, for so do those whose limits
/// it is for; the last one is `…` where something was cut off.
fn truncate(state: &State<'_, '_>, value: &Value, length: usize) -> Result<String, Error> {
    let text = text(state, value)?;
    if text.chars().map(char::len_utf16).sum::<usize>() <= length {
        return Ok(text);
    }
    let mut room = length;
    let fits = |char: &char| {
        // One for the sign that something is missing.
        let fits = room > char.len_utf16();
        room = room.saturating_sub(char.len_utf16());
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    Ok(if length == 0 { kept } else { kept + "…" })
}

fn float(state: &State<'_, '_>, value: &Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    match decimal(value) {
        Some(decimal) => Ok(Value::from(decimal.number())),
        None => filters::float(state, value, default, options),
    }
}

fn int(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    match decimal(value) {
        Some(decimal) => filters::int(state, &Value::from(decimal.number().trunc()), default, base, options),
        None => filters::int(state, value, default, base, options),
    }
}
