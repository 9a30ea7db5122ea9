use serde_json::{Value, json};

use super::*;
use crate::payload::source_names;

fn of(entry: &Value) -> Vec<Field> {
    of_event_type(&serde_json::from_str(&entry.to_string()).unwrap())
}

/// Path, types, description and example of each field.
fn shown(entry: &Value) -> Vec<(String, String, String, String)> {
    let text = |json: Option<Json>| json.map(|json| json.get().to_owned()).unwrap_or_default();
    of(entry)
        .into_iter()
        .map(|field| (field.path, field.types.join("|"), field.description, text(field.example)))
        .collect()
}

fn row(path: &str, types: &str, description: &str, example: &str) -> (String, String, String, String) {
    (path.to_owned(), types.to_owned(), description.to_owned(), example.to_owned())
}

#[test]
fn properties_elements_references_and_what_is_put_together_are_listed() {
    let schema = json!({
        "type": "object",
        "properties": {
            "customer": { "$ref": "#/$defs/customer" },
            "lines": { "type": "array", "description": "What was bought", "items": { "properties": { "price": { "type": "number", "examples": [1] } } } },
            "payment": { "oneOf": [ { "properties": { "iban": { "type": "string" } } }, { "$ref": "#card" } ] },
            "state": { "enum": ["paid", null] },
            "anything": true,
        },
        "allOf": [ { "properties": { "number": { "type": ["string", "integer"], "title": "Its number", "default": "A-1" } } } ],
        "$defs": {
            "customer": { "type": "object", "description": "Who pays", "properties": { "first name": { "type": "string" }, "parent": { "$ref": "#/$defs/customer" } } },
            "paid by card": { "$anchor": "card", "properties": { "card": { "const": 7 } } },
        },
    });
    let rows = shown(&json!({ "name": "a", "schema": schema }));
    for expected in [
        row("data", "object", "", ""),
        row("data.customer", "object", "Who pays", ""),
        row("data.customer.first name", "string", "", ""),
        row("data.customer.parent.parent.first name", "string", "", ""),
        row("data.lines", "array", "What was bought", ""),
        row("data.lines[0].price", "number", "", "1"),
        row("data.payment.iban", "string", "", ""),
        row("data.payment.card", "integer", "", "7"),
        row("data.state", "string|null", "", r#""paid""#),
        row("data.anything", "", "", ""),
        row("data.number", "string|integer", "Its number", r#""A-1""#),
    ] {
        assert!(rows.contains(&expected), "{expected:?} in {rows:#?}");
    }
}

#[test]
fn an_example_shows_values_as_they_are_written() {
    let entry = r#"{"name":"a","schema":{"properties":{"total":{"type":"number"}}},"example":{"total":1.50,"n":12345678901234567890,"l":[{"a-b":null},{"c":1}]}}"#;
    let fields = of_event_type(&serde_json::from_str(entry).unwrap());
    let find = |path: &str| fields.iter().find(|field| field.path == path).unwrap();
    assert_eq!(find("data.total").example.as_ref().unwrap().get(), "1.50");
    assert_eq!(
        (find("data.total").types.as_slice(), find("data.n").types.as_slice()),
        (&["number".to_owned()][..], &["integer".to_owned()][..])
    );
    assert_eq!(find("data.l[0].a-b").expression, r#"data.l[0]["a-b"]"#);
    assert_eq!(find("data.l[0].a-b").types, ["null"]);
    assert!(!fields.iter().any(|field| field.path.ends_with(".c")), "the first element stands for all");
}

#[test]
fn what_is_large_or_leads_back_to_itself_is_bounded() {
    let many: serde_json::Map<String, Value> = (0..600).map(|n| (format!("p{n}"), json!({}))).collect();
    assert_eq!(of(&json!({ "name": "a", "schema": { "properties": many } })).len(), MAX_FIELDS);
    let branch = json!({ "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#" } }, "allOf": [{ "$ref": "#" }, { "$ref": "#" }] });
    assert!(of(&json!({ "name": "a", "schema": branch })).len() <= MAX_FIELDS);
    let wide = of(&json!({ "name": "a", "example": { "long": "x".repeat(600) } }));
    assert!(wide.iter().all(|field| field.example.is_none()));
}

#[test]
fn what_is_told_of_every_event_is_what_mappings_and_templates_can_tell() {
    let listed: Vec<&str> = ALWAYS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(listed, source_names());
}
