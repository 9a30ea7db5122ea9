//! What serde says, in words of JSON. The value is never repeated: it may be a
//! secret.

use super::REPEATED;

/// What is wrong at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) message: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A field of this name.
    Missing(String),
    Unknown(String),
    /// The same, if its `type` is what it says.
    OfAnotherType(String),
    Repeated(String),
    /// The value at the place.
    Value,
}

const INTEGERS: [(&str, u128); 5] = [
    ("u8", u8::MAX as u128),
    ("u16", u16::MAX as u128),
    ("u32", u32::MAX as u128),
    ("u64", u64::MAX as u128),
    ("usize", usize::MAX as u128),
];
/// Begins what is said of a field that goes with another `type` of its object.
pub(crate) const OF_ANOTHER_TYPE: &str = "of another type: ";
pub(super) const UNKNOWN_FIELD: &str = "unknown field";
const WHOLE: &str = "a whole number of 0 or more";

pub(super) fn translate(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&position).unwrap_or(&text);
    let (kind, message) = told(text).unwrap_or_else(|| (Kind::Value, other(text)));
    Fault { kind, message }
}

/// What the derives and the readers of serde say; none of what is not theirs.
fn told(text: &str) -> Option<(Kind, String)> {
    if let Some(text) = text.strip_prefix(OF_ANOTHER_TYPE) {
        return match told(text)? {
            (Kind::Unknown(name), message) => Some((Kind::OfAnotherType(name), message)),
            other => Some(other),
        };
    }
    let named = |prefix: &str| Some(text.strip_prefix(prefix)?.strip_suffix('`')?.to_owned());
    if let Some(name) = named("missing field `") {
        return Some((Kind::Missing(name), "is required".to_owned()));
    }
    if let Some(name) = named("duplicate field `") {
        return Some((Kind::Repeated(name), REPEATED.to_owned()));
    }
    if let Some(rest) = text.strip_prefix("unknown field `") {
        let (name, message) = match rest.rsplit_once("`, expected ") {
            Some((name, names)) => (name, format!("{UNKNOWN_FIELD}; expected {}", one_of(names))),
            None => (rest.strip_suffix("`, there are no fields")?, UNKNOWN_FIELD.to_owned()),
        };
        return Some((Kind::Unknown(name.to_owned()), message));
    }
    let is_range = text.starts_with("invalid value: integer");
    let begins = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
    begins.iter().find(|begin| text.starts_with(**begin))?;
    let (_, wanted) = text.rsplit_once(", expected ")?;
    Some((Kind::Value, format!("expected {}", expected(wanted, is_range))))
}

fn expected(wanted: &str, is_range: bool) -> String {
    if let Some((_, max)) = INTEGERS.iter().find(|(name, _)| *name == wanted) {
        return if is_range { format!("a whole number from 0 to {max}") } else { WHOLE.to_owned() };
    }
    let is = |begins: &[&str]| begins.iter().any(|begin| wanted.starts_with(begin));
    match wanted {
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "a borrowed string" | "str" => "text".to_owned(),
        _ if is(&["a sequence", "sequence", "an array", "a tuple", "tuple "]) => "a list".to_owned(),
        _ if is(&["struct ", "a map", "map"]) => "an object".to_owned(),
        _ if is(&["`", "one of `"]) => one_of(wanted),
        own => own.to_owned(),
    }
}

/// serde names one, two and more than two in three ways.
fn one_of(names: &str) -> String {
    match names.strip_prefix("one of ") {
        Some(names) => format!("one of {names}"),
        None if names.contains("` or `") => format!("one of {}", names.replace("` or `", "`, `")),
        None => names.to_owned(),
    }
}

/// Our own words, and what the parser says of JSON that it cannot hold.
fn other(text: &str) -> String {
    let said = match text {
        "number out of range" => "expected a number that is nearer to zero",
        "recursion limit exceeded" => "is nested too deeply",
        "expected value" => "expected a value of another kind",
        _ if text.contains("surrogate") || text.contains("hex escape") => "contains half of a surrogate pair",
        own => own,
    };
    said.to_owned()
}

/// Why a text is no JSON, and where.
pub fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (said, place) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    let said = match said.strip_prefix("EOF while parsing ") {
        Some("a value") => "it ends where a value is expected".to_owned(),
        Some(part) => format!("it ends within {part}"),
        None => match said {
            "expected ident" | "expected value" => "expected a value".to_owned(),
            "key must be a string" => "expected a name in double quotes".to_owned(),
            "trailing characters" => "something follows after its end".to_owned(),
            "trailing comma" => "a comma is too many".to_owned(),
            own => own.to_owned(),
        },
    };
    if place.is_empty() { said } else { format!("{said} at line {place}") }
}

/// Why a parameter of a query is wrong, and its name where that is known.
pub fn parameter(text: &str) -> (Option<String>, String) {
    // The message begins with the parameter's name where there is one.
    let (name, said) = match text.split_once(": ") {
        Some(("", said)) => (None, said),
        Some((name, said)) if !name.contains(' ') => (Some(name.to_owned()), said),
        _ => (None, text),
    };
    match told(said) {
        Some((
            Kind::Missing(name) | Kind::Unknown(name) | Kind::OfAnotherType(name) | Kind::Repeated(name),
            message,
        )) if !name.is_empty() => (Some(name), message),
        Some((_, message)) => (name, message),
        None => (name, of_text(said).to_owned()),
    }
}

/// What the standard library says of texts that are to be numbers and the like.
fn of_text(said: &str) -> &str {
    match said {
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => "expected a whole number of 0 or more",
        "invalid float literal" | "cannot parse float from empty string" => "expected a number",
        _ if said.starts_with("provided string was not") => "expected true or false",
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::strict::from_slice;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Two {
        #[expect(dead_code, reason = "it is there to be missing")]
        a: u32,
        #[serde(default)]
        #[expect(dead_code, reason = "it is there to be named")]
        b: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Name {
        First,
        Second,
    }

    fn said<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        let fault = translate(&from_slice::<T>(json.as_bytes()).unwrap_err());
        match fault.kind {
            Kind::Value => fault.message,
            Kind::Missing(name) | Kind::Unknown(name) | Kind::OfAnotherType(name) | Kind::Repeated(name) => {
                format!("{name}: {}", fault.message)
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_words_of_json_without_the_value() {
        assert_eq!(said::<Two>("{}"), "a: is required");
        assert_eq!(said::<Two>(r#"{"a":1,"a":2}"#), "a: is given more than once");
        assert_eq!(said::<Two>(r#"{"`, expected `x":1}"#), "`, expected `x: unknown field; expected one of `a`, `b`");
        assert_eq!(said::<Two>("[]"), "expected an object");
        assert_eq!(said::<Two>(r#"{"a":"hush, expected struct"}"#), "expected a whole number of 0 or more");
        assert_eq!(said::<u32>("-1"), "expected a whole number from 0 to 4294967295");
        assert_eq!(said::<f64>("null"), "expected a number");
        assert_eq!(said::<f64>("1e999"), "expected a number that is nearer to zero");
        assert_eq!(said::<String>("{}"), "expected text");
        assert_eq!(said::<String>(r#""\ud800""#), "contains half of a surrogate pair");
        assert_eq!(said::<bool>("1"), "expected true or false");
        assert_eq!(said::<Vec<u8>>("{}"), "expected a list");
        assert_eq!(said::<(u8, u8)>("[1]"), "expected a list");
        assert_eq!(said::<BTreeMap<String, u8>>("[]"), "expected an object");
        for json in ["7", "null", "[]", r#""hush""#, r#"{"first":null}"#] {
            assert_eq!(said::<Name>(json), "expected one of `first`, `second`", "{json}");
        }
    }

    #[test]
    fn why_a_text_is_no_json_is_told_without_the_parsers_words() {
        for (text, told) in [
            (r#"{"id":"#, "it ends where a value is expected at line 1 column 6"),
            (r#"{"id":1"#, "it ends within an object at line 1 column 7"),
            ("[1", "it ends within a list at line 1 column 2"),
            ("[1,]", "a comma is too many at line 1 column 4"),
            ("nope", "expected a value at line 1 column 2"),
            ("{1:2}", "expected a name in double quotes at line 1 column 2"),
            ("{} x", "something follows after its end at line 1 column 4"),
        ] {
            assert_eq!(syntax(&serde_json::from_str::<serde_json::Value>(text).unwrap_err()), told, "{text}");
        }
    }

    #[test]
    fn a_parameter_is_told_by_its_name() {
        let told = |text: &str| {
            let (name, message) = parameter(text);
            format!("{} {message}", name.unwrap_or_default())
        };
        assert_eq!(told("limit: invalid digit found in string"), "limit expected a whole number of 0 or more");
        assert_eq!(told("enabled: provided string was not `true` or `false`"), "enabled expected true or false");
        assert_eq!(told("x: unknown field `x`, expected `a` or `b`"), "x unknown field; expected one of `a`, `b`");
        assert_eq!(told(": unknown field ``, expected `a`"), " unknown field; expected `a`");
        assert_eq!(told("missing field `since`"), "since is required");
    }
}
