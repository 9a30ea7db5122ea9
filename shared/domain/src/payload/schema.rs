//! What a body looks like, as JSON Schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::path::{Step, parse};
use super::source::Origin;
use super::{Mapping, Payload};
use crate::ids::EventType;

/// What `data` looks like.
#[derive(Clone, Copy, Debug)]
pub struct DataSchema<'a> {
    /// Taken where all of it is sent, such as a link.
    pub link: &'a Value,
    /// Looked into for its parts.
    pub schema: &'a Value,
}

/// A part of a body, and whether it is always there.
enum Node {
    Leaf(Value, bool),
    Members(BTreeMap<String, Self>),
    Positions(BTreeMap<usize, Self>),
}

impl Payload {
    /// What the body of an event of this type looks like, before it is written as a form.
    pub fn schema(&self, event_type: &EventType, data: DataSchema<'_>) -> Value {
        let chosen = self.chosen(event_type);
        let Some(mappings) = chosen.mappings.as_ref().filter(|_| !chosen.raw) else { return data.link.clone() };
        let mut root = Node::Members(BTreeMap::new());
        for mapping in mappings {
            if let (Ok(steps), Some(leaf)) = (parse(&mapping.field), leaf(mapping, event_type, data)) {
                root.insert(&steps, leaf);
            }
        }
        root.written()
    }
}

fn leaf(mapping: &Mapping, event_type: &EventType, data: DataSchema<'_>) -> Option<Node> {
    let text = || json!({ "type": "string" });
    if let Some(value) = &mapping.value {
        let value: Value = serde_json::from_str(value.get()).ok()?;
        return Some(Node::Leaf(json!({ "const": value }), true));
    }
    let Some(from) = &mapping.from else { return Some(Node::Leaf(text(), true)) };
    let origin = Origin::parse(from).ok()?;
    let schema = match &origin {
        Origin::EventType => json!({ "type": "string", "enum": [event_type.as_str()] }),
        Origin::Timestamp | Origin::TimestampSeconds | Origin::TimestampOffset => {
            json!({ "type": "string", "format": "date-time" })
        }
        Origin::TimestampDate => json!({ "type": "string", "format": "date" }),
        Origin::TimestampUnix | Origin::TimestampMillis => json!({ "type": "integer" }),
        Origin::TimestampUnixString => json!({ "type": "string", "pattern": "^-?[0-9]+$" }),
        Origin::TimestampDatetime => {
            json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$" })
        }
        Origin::Channels => json!({ "type": "array", "items": text() }),
        Origin::Attributes => json!({ "type": "object", "additionalProperties": text() }),
        Origin::Data(steps) if steps.is_empty() => data.link.clone(),
        Origin::Data(steps) => part(data.schema, steps),
        Origin::EventId
        | Origin::TenantId
        | Origin::TenantName
        | Origin::Attribute(_)
        | Origin::HookId
        | Origin::HookName
        | Origin::DeliveryId => text(),
    };
    let may_lack = match &origin {
        Origin::Data(steps) => !steps.is_empty(),
        Origin::Attribute(_) => true,
        _ => false,
    };
    match &mapping.default {
        // What stands in for it may be of any type.
        Some(_) if may_lack => Some(Node::Leaf(json!({}), true)),
        _ => Some(Node::Leaf(schema, !may_lack)),
    }
}

/// The part of a schema that a path leads to; anything where it does not say.
fn part(schema: &Value, steps: &[Step]) -> Value {
    let mut found = schema;
    for step in steps {
        found = match step {
            Step::Key(name) => &found["properties"][name],
            Step::Position(_) => &found["items"],
        };
    }
    if found.is_object() { found.clone() } else { json!({}) }
}

impl Node {
    fn insert(&mut self, steps: &[Step], leaf: Self) {
        let Some((first, rest)) = steps.split_first() else {
            *self = leaf;
            return;
        };
        let empty = || match rest.first() {
            Some(Step::Position(_)) => Self::Positions(BTreeMap::new()),
            _ => Self::Members(BTreeMap::new()),
        };
        match (first, self) {
            (Step::Key(name), Self::Members(members)) => {
                members.entry(name.clone()).or_insert_with(empty).insert(rest, leaf);
            }
            (Step::Position(at), Self::Positions(positions)) => {
                positions.entry(*at).or_insert_with(empty).insert(rest, leaf);
            }
            // `check` refuses such mappings.
            _ => {}
        }
    }

    fn is_required(&self) -> bool {
        match self {
            Self::Leaf(_, required) => *required,
            Self::Members(members) => members.values().any(Self::is_required),
            Self::Positions(positions) => positions.values().any(Self::is_required),
        }
    }

    fn written(&self) -> Value {
        match self {
            Self::Leaf(schema, _) => schema.clone(),
            Self::Members(members) => {
                let required: Vec<&String> =
                    members.iter().filter(|(_, node)| node.is_required()).map(|(name, _)| name).collect();
                let properties: Map<String, Value> =
                    members.iter().map(|(name, node)| (name.clone(), node.written())).collect();
                json!({ "type": "object", "properties": properties, "required": required })
            }
            Self::Positions(positions) => {
                let items: Vec<Value> = positions.values().map(Self::written).collect();
                json!({ "type": "array", "items": { "anyOf": items } })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(payload: &Value) -> Value {
        let payload: Payload = serde_json::from_value(payload.clone()).unwrap();
        let (link, whole) =
            (json!({ "$ref": "#/components/schemas/Data" }), json!({ "properties": { "id": { "type": "integer" } } }));
        payload.schema(&"a.b".parse().unwrap(), DataSchema { link: &link, schema: &whole })
    }

    #[test]
    fn fields_have_the_type_of_what_they_are_made_of() {
        let mappings = json!([
            { "field": "meta.type", "from": "event.type" },
            { "field": "meta.at", "from": "event.timestamp_unix" },
            { "field": "id", "from": "data.id" },
            { "field": "other", "from": "data.x.y" },
            { "field": "list[0].text", "template": "{{ data.id }}" },
            { "field": "fixed", "value": 1 },
            { "field": "all", "from": "data" },
        ]);
        let expected = json!({
            "type": "object",
            "required": ["all", "fixed", "list", "meta"],
            "properties": {
                "meta": {
                    "type": "object", "required": ["at", "type"],
                    "properties": { "type": { "type": "string", "enum": ["a.b"] }, "at": { "type": "integer" } },
                },
                "id": { "type": "integer" },
                "other": {},
                "list": { "type": "array", "items": { "anyOf": [{
                    "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"],
                }] } },
                "fixed": { "const": 1 },
                "all": { "$ref": "#/components/schemas/Data" },
            },
        });
        assert_eq!(schema(&json!({ "mappings": mappings })), expected);
    }

    #[test]
    fn what_is_sent_raw_looks_like_data_and_a_variant_like_itself() {
        let link = json!({ "$ref": "#/components/schemas/Data" });
        assert_eq!(schema(&json!({ "raw": true })), link);
        let other = json!({ "mappings": [{ "field": "a", "value": null }] });
        let varied = json!({ "raw": true, "variants": [{ "events": ["a.*"], "payload": other }] });
        assert_eq!(schema(&varied)["properties"]["a"], json!({ "const": null }));
    }
}
