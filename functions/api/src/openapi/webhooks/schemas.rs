//! Schemas that others wrote, where generators look for them: each part that is referred to is a
//! component of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

const PLACE: &str = "#/components/schemas/";
/// Where a schema keeps what it refers to.
const PARTS: [&str; 2] = ["$defs", "definitions"];
/// What would make of it another document.
const OWN: [&str; 3] = ["$schema", "$id", "id"];

/// Components, by their names.
#[derive(Debug, Default)]
pub(crate) struct Components(BTreeMap<String, Value>);

impl Components {
    /// A name that none of them has.
    pub(crate) fn name(&self, wished: &str) -> String {
        let mut name = wished.to_owned();
        let mut number = 1;
        while self.0.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
            number += 1;
            name = format!("{wished}{number}");
        }
        name
    }

    pub(crate) fn insert(&mut self, name: String, schema: Value) {
        self.0.insert(name, schema);
    }

    /// Takes a schema and its parts; what it is now.
    pub(crate) fn adopt(&mut self, name: &str, schema: &Value) -> Value {
        let mut schema = match schema {
            Value::Object(members) => members.clone(),
            Value::Bool(false) => Map::from_iter([("not".to_owned(), json!({}))]),
            _ => Map::new(),
        };
        OWN.iter().for_each(|member| drop(schema.remove(*member)));
        self.insert(name.to_owned(), json!({}));
        let mut places = vec![("#".to_owned(), name.to_owned())];
        let mut parts = Vec::new();
        for place in PARTS {
            let Some(Value::Object(found)) = schema.remove(place) else { continue };
            for (part, schema) in found {
                let own = self.name(&format!("{name}{}", pascal(&part)));
                self.insert(own.clone(), json!({}));
                places.push((format!("#/{place}/{}", part.replace('~', "~0").replace('/', "~1")), own.clone()));
                parts.push((own, schema));
            }
        }
        // The longest first: one place may lie within another.
        places.sort_by_key(|(place, _)| std::cmp::Reverse(place.len()));
        for (own, mut part) in parts {
            relink(&mut part, &places);
            self.insert(own, if part.is_object() { part } else { json!({}) });
        }
        let mut whole = Value::Object(schema);
        relink(&mut whole, &places);
        self.insert(name.to_owned(), whole.clone());
        whole
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }
}

pub(crate) fn link(name: &str) -> Value {
    json!({ "$ref": format!("{PLACE}{name}") })
}

fn relink(schema: &mut Value, places: &[(String, String)]) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some((place, name)) = places.iter().find(|(place, _)| {
                    target.strip_prefix(place.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
            {
                *target = format!("{PLACE}{name}{}", &target[place.len()..]);
            }
            members.values_mut().for_each(|member| relink(member, places));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relink(item, places)),
        _ => {}
    }
}

/// `order.line_added` as `OrderLineAdded`.
pub(crate) fn pascal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    match name.bytes().next() {
        Some(first) if first.is_ascii_alphabetic() => name,
        _ => format!("Event{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_referred_to_become_components() {
        let mut components = Components::default();
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": { "a": { "$ref": "#/$defs/line" }, "b": { "$ref": "#" }, "c": { "$ref": "#/properties/a" } },
            "$defs": { "line": { "properties": { "next": { "$ref": "#/$defs/line" } } }, "any": true },
        });
        components.adopt("OrderPaidData", &schema);
        let expected = json!({
            "OrderPaidData": { "type": "object", "properties": {
                "a": { "$ref": "#/components/schemas/OrderPaidDataLine" },
                "b": { "$ref": "#/components/schemas/OrderPaidData" },
                "c": { "$ref": "#/components/schemas/OrderPaidData/properties/a" },
            } },
            "OrderPaidDataLine": { "properties": { "next": { "$ref": "#/components/schemas/OrderPaidDataLine" } } },
            "OrderPaidDataAny": {},
        });
        assert_eq!(components.into_value(), expected);
    }

    #[test]
    fn names_are_those_of_types_and_none_is_taken_twice() {
        assert_eq!((pascal("order.line_added"), pascal("3d")), ("OrderLineAdded".to_owned(), "Event3d".to_owned()));
        let mut components = Components::default();
        components.insert("OrderPaid".to_owned(), json!({}));
        assert_eq!(components.name("Orderpaid"), "Orderpaid2");
    }
}
