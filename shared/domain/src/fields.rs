//! What a mapping, a template or a filter can take from an event: what is told of all
//! events, the tenant's attributes, and paths into `data` as the catalogue knows it.

mod example;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::event_type::EventTypeEntry;
use crate::json::Json;
use crate::payload::{Shown, Step};
use crate::tenant::Tenant;

/// The most paths that are listed of one event type.
pub const MAX_FIELDS: usize = 500;
/// The deepest path, in steps below `data`.
const MAX_STEPS: usize = 8;
const MAX_DESCRIPTION_CHARS: usize = 500;
/// The largest example that is shown, in bytes of JSON.
const MAX_EXAMPLE_BYTES: usize = 500;

/// Something that can be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Field {
    /// As `from` of a mapping takes it: `data.items[0].price`. The first element stands
    /// for all of an array.
    pub path: String,
    /// As a template takes it: `data["first name"]`.
    pub expression: String,
    /// As JSON Schema calls them; empty when nothing is known of it.
    pub types: Vec<String>,
    pub description: String,
    /// Absent where there is none, or a large one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub example: Option<Json>,
}

/// What is told of every event, and its JSON type.
const ALWAYS: [(&str, &str, &str); 17] = [
    ("event.id", "string", "The event's id"),
    ("event.type", "string", "The event's type"),
    ("event.timestamp", "string", "When it happened: RFC 3339 in UTC, with milliseconds"),
    ("event.timestamp_unix", "integer", "The same in seconds since 1970"),
    ("event.timestamp_unix_string", "string", "The same as a text"),
    ("event.timestamp_datetime", "string", "YYYY-MM-DD HH:MM:SS in UTC"),
    ("event.timestamp_seconds", "string", "RFC 3339 in whole seconds"),
    ("event.timestamp_offset", "string", "The same with +00:00"),
    ("event.timestamp_millis", "integer", "In milliseconds since 1970"),
    ("event.timestamp_date", "string", "YYYY-MM-DD in UTC"),
    ("event.channels", "array", "The channels that it was published on"),
    ("tenant.id", "string", "The tenant's id"),
    ("tenant.name", "string", "The tenant's name"),
    ("tenant.attributes", "object", "All attributes of the tenant"),
    ("hook.id", "string", "The hook's id"),
    ("hook.name", "string", "The hook's name"),
    ("delivery.id", "string", "Names the delivery, the same in every attempt"),
];

/// What every event of this tenant has.
pub fn of_tenant(tenant: &Tenant) -> Vec<Field> {
    let always = ALWAYS.iter().map(|(name, kind, description)| Field {
        path: (*name).to_owned(),
        expression: (*name).to_owned(),
        types: vec![(*kind).to_owned()],
        description: (*description).to_owned(),
        example: None,
    });
    let attributes = tenant.attributes.iter().map(|(name, value)| {
        let steps = ["tenant", "attributes", name].map(|name| Step::Key(name.to_owned()));
        Field {
            path: Shown(&steps).to_string(),
            expression: expression(&steps),
            types: vec!["string".to_owned()],
            description: String::new(),
            example: json(&serde_json::Value::from(value.as_str())),
        }
    });
    always.chain(attributes).collect()
}

/// The paths into `data` of this type, as its schema and its example have them; at most
/// [`MAX_FIELDS`].
pub fn of_event_type(entry: &EventTypeEntry) -> Vec<Field> {
    let mut found = Found { fields: Vec::new(), places: HashMap::new() };
    if let Some(schema) = &entry.schema {
        schema::walk(schema, &mut found);
    }
    if let Some(example) = &entry.example {
        example::walk(example.raw(), &mut found);
    }
    found.fields
}

/// The fields so far, each once, in the order in which they were met.
struct Found {
    fields: Vec<Field>,
    places: HashMap<String, usize>,
}

impl Found {
    /// The field of this path, or none where there are too many.
    fn at(&mut self, steps: &[Step]) -> Option<&mut Field> {
        let path = Shown(steps).to_string();
        if !self.places.contains_key(&path) {
            if self.fields.len() == MAX_FIELDS {
                return None;
            }
            self.places.insert(path.clone(), self.fields.len());
            let (types, description) = (Vec::new(), String::new());
            self.fields.push(Field {
                expression: expression(steps),
                path: path.clone(),
                types,
                description,
                example: None,
            });
        }
        self.fields.get_mut(self.places[&path])
    }
}

impl Field {
    fn add_type(&mut self, kind: &str) {
        if !self.types.iter().any(|known| known == kind) {
            self.types.push(kind.to_owned());
        }
    }

    fn describe(&mut self, text: &str) {
        if self.description.is_empty() {
            self.description = text.chars().take(MAX_DESCRIPTION_CHARS).collect();
        }
    }
}

/// A value as an example, unless it is too large.
fn json(value: &serde_json::Value) -> Option<Json> {
    let text = serde_json::to_string(value).ok().filter(|text| text.len() <= MAX_EXAMPLE_BYTES)?;
    serde_json::from_str(&text).ok()
}

/// Steps as the language of templates has them.
fn expression(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Position(at) => text.push_str(&format!("[{at}]")),
            Step::Key(name) if text.is_empty() => text.push_str(name),
            Step::Key(name) if is_name(name) => text.push_str(&format!(".{name}")),
            Step::Key(name) => text.push_str(&format!("[{}]", serde_json::Value::from(name.as_str()))),
        }
    }
    text
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}
