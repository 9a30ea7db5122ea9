//! What a subscriber may ask of events of one type: equality of the plain values that their schema names.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::rpc::Failure;

/// The schema keywords of a plain value that are told on and checked.
const KEYWORDS: [&str; 5] = ["type", "enum", "const", "title", "description"];
const PLAIN: [&str; 4] = ["string", "number", "integer", "boolean"];
/// How often a schema may refer to another one.
const MAX_REFERENCES: usize = 8;

/// The properties of a type's schema that are plain values.
fn plain(schema: Option<&Value>) -> Map<String, Value> {
    let Some(schema) = schema else { return Map::new() };
    let named = resolve(schema, schema).and_then(|object| object.get("properties")).and_then(Value::as_object);
    let is_plain = |found: &Value| match found.get("type") {
        Some(Value::String(one)) => PLAIN.contains(&one.as_str()),
        None => found.get("enum").is_some() || found.get("const").is_some(),
        Some(_) => false,
    };
    let told = named.into_iter().flatten().filter_map(|(name, property)| {
        let found = resolve(schema, property).filter(|found| is_plain(found))?;
        let kept = KEYWORDS.iter().filter_map(|key| Some(((*key).to_owned(), found.get(*key)?.clone())));
        Some((name.clone(), Value::Object(kept.collect())))
    });
    told.collect()
}

fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> Option<&'a Value> {
    for _ in 0..MAX_REFERENCES {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => schema = root.pointer(reference.strip_prefix('#')?)?,
            None => return Some(schema),
        }
    }
    None
}

/// What `arguments` may be.
pub(super) fn input_schema(schema: Option<&Value>) -> Value {
    json!({ "type": "object", "properties": plain(schema), "additionalProperties": false })
}

/// What `data` is.
pub(super) fn payload_schema(schema: Option<&Value>) -> Value {
    schema.cloned().unwrap_or_else(|| json!({ "type": "object" }))
}

pub(super) fn check(schema: Option<&Value>, arguments: &Map<String, Value>) -> Result<(), Failure> {
    let known = plain(schema);
    for (name, value) in arguments {
        let wrong = |expected: &str| Err(Failure::invalid_params(format!("arguments.{name}: expected {expected}")));
        let Some(property) = known.get(name) else {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            let expected = if names.is_empty() { "no arguments".to_owned() } else { names.join(", ") };
            return Err(Failure::invalid_params(format!("arguments.{name}: is not known; expected {expected}")));
        };
        let is_of_type = match property.get("type").and_then(Value::as_str) {
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Some("number") => value.is_number(),
            _ => !value.is_object() && !value.is_array(),
        };
        if !is_of_type {
            return wrong(property.get("type").and_then(Value::as_str).unwrap_or("a plain value"));
        }
        let is_one_of = property.get("enum").and_then(Value::as_array).is_none_or(|all| all.contains(value));
        if !is_one_of || property.get("const").is_some_and(|only| only != value) {
            return wrong("one of the values that inputSchema has");
        }
    }
    Ok(())
}

/// The filter that lets through what has all these values; none for anything.
pub(super) fn filter(arguments: &Map<String, Value>) -> Option<Value> {
    let rules = arguments.iter().map(|(name, value)| {
        let rule = match value {
            Value::Number(number) => json!({ "numeric": ["=", number] }),
            other => other.clone(),
        };
        (name.clone(), json!([rule]))
    });
    (!arguments.is_empty()).then(|| Value::Object(rules.collect()))
}

/// Whether `data` has all these values.
pub(super) fn admit(arguments: &Map<String, Value>, data: &Value) -> bool {
    arguments.iter().all(|(name, value)| match (data.get(name), value) {
        (Some(Value::Number(one)), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (found, value) => found == Some(value),
    })
}

/// JSON that is the same for whatever is equal: names in order, numbers that are whole without a point.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::String(name.clone()));
                write_canonical(&members[name], text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Number(number) => match number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15) {
            Some(whole) => {
                let _ = write!(text, "{whole:.0}");
            }
            None => {
                let _ = write!(text, "{number}");
            }
        },
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "id": { "type": "integer" }, "state": { "$ref": "#/$defs/state" }, "paid": { "type": "boolean" },
                "lines": { "type": "array" },
            },
            "$defs": { "state": { "type": "string", "enum": ["open", "closed"], "minLength": 3 } },
        })
    }

    fn checked(arguments: &Value) -> bool {
        check(Some(&schema()), arguments.as_object().unwrap()).is_ok()
    }

    #[test]
    fn plain_properties_of_the_schema_are_arguments_and_nothing_else() {
        let told = input_schema(Some(&schema()));
        assert_eq!(told["properties"]["state"], json!({ "type": "string", "enum": ["open", "closed"] }));
        assert!(told["properties"].get("lines").is_none());
        for right in [json!({}), json!({ "id": 1, "state": "open", "paid": false }), json!({ "id": 1.0 })] {
            assert!(checked(&right), "{right}");
        }
        for wrong in [
            json!({ "id": "1" }),
            json!({ "id": 1.5 }),
            json!({ "state": "lost" }),
            json!({ "lines": [] }),
            json!({ "other": 1 }),
            json!({ "paid": null }),
        ] {
            assert!(!checked(&wrong), "{wrong}");
        }
        assert!(check(None, json!({ "a": 1 }).as_object().unwrap()).is_err());
    }

    #[test]
    fn equal_arguments_are_written_alike() {
        let one = serde_json::from_str(r#"{"b":1.0,"a":{"y":[1,2],"x":"ä"}}"#).unwrap();
        let other = serde_json::from_str(r#"{"a":{"x":"\u00e4","y":[1,2.0]},"b":1}"#).unwrap();
        assert_eq!(canonical(&one), canonical(&other));
        assert_ne!(canonical(&one), canonical(&json!({ "a": 1 })));
    }
}
