//! Who reads the document, or what is generated from it, learns what each value of an enum means.

use serde_json::{Value, json};

/// What holds no schemas, but values.
const VALUES: [&str; 4] = ["default", "enum", "example", "examples"];

/// Each value of an enum that nothing explains. `owner` is the schema that has `schema` as a property.
fn unexplained(schema: &Value, owner: &Value, place: &str, found: &mut Vec<String>) -> usize {
    let mut enums = 0;
    if let Some(values) = schema["enum"].as_array() {
        enums += 1;
        let missing = values.iter().enumerate().filter(|(index, value)| !explains(schema, *index, value));
        // A property that tells what the schema is means what the schema means.
        let is_tag = values.len() == 1 && owner["description"].as_str().is_some_and(|text| !text.trim().is_empty());
        found.extend(missing.filter(|_| !is_tag).map(|(_, value)| format!("{place}: {value}")));
    }
    match schema {
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .map(|(index, item)| unexplained(item, owner, &format!("{place}/{index}"), found))
                .sum::<usize>()
                + enums
        }
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| !VALUES.contains(&name.as_str())) {
                let place = format!("{place}/{name}");
                enums += match (name.as_str(), member) {
                    ("properties", Value::Object(properties)) => properties
                        .iter()
                        .map(|(name, property)| unexplained(property, schema, &format!("{place}/{name}"), found))
                        .sum(),
                    _ => unexplained(member, &Value::Null, &place, found),
                };
            }
            enums
        }
        _ => enums,
    }
}

/// In the description, for readers, and in the same words beside it, for generators.
fn explains(schema: &Value, index: usize, value: &Value) -> bool {
    let beginning = format!("- `{}`: ", value.as_str().unwrap_or_default());
    let lines = schema["description"].as_str().unwrap_or_default().lines();
    let meaning = lines.filter_map(|line| line.strip_prefix(&beginning)).next().unwrap_or_default();
    !meaning.trim().is_empty() && schema["x-enum-descriptions"][index] == meaning
}

#[tokio::test]
async fn every_value_of_every_enum_has_a_meaning() {
    let document: Value = serde_json::from_str(&super::document().await).unwrap();
    let mut found = Vec::new();
    let enums = unexplained(&document, &Value::Null, "", &mut found);
    assert!(found.is_empty(), "nothing says what these mean: {found:#?}");
    assert!(enums > 50, "{enums} were found");
}

#[test]
fn a_value_without_a_meaning_is_found() {
    let schema = |meanings: &[&str]| {
        json!({
            "description": "One of two\n\n- `a`: the first\n- `b`: the second", "enum": ["a", "b"],
            "x-enum-descriptions": meanings,
        })
    };
    let tag = |description: &str| json!({ "description": description, "properties": { "type": { "enum": ["c"] } } });
    let document = json!({ "fine": schema(&["the first", "the second"]), "bad": schema(&["the first"]),
        "none": { "enum": ["a", "b"] }, "tagged": tag("A thing"), "untold": tag(""), "example": { "enum": ["x"] } });
    let mut found = Vec::new();
    assert_eq!(unexplained(&document, &Value::Null, "", &mut found), 5);
    found.sort();
    assert_eq!(found, ["/bad: \"b\"", "/none: \"a\"", "/none: \"b\"", "/untold/properties/type: \"c\""]);
}
