//! The payload of a hook as a form has it: from fields, as published, or as JSON with all there is.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::model::{MAX_ROWS, unix_lines};
use crate::api::{Hook, Mapping};
use crate::components::code::{laid_out, raw};
use crate::components::field::Mistakes;
use crate::same_origin::Form;

/// What the form calls them; whatever else is taken for the first.
pub(crate) const KINDS: [&str; 4] = ["usual", "fields", "raw", "json"];
/// How the API calls the ways to write JSON.
pub(crate) const JSON_FORMS: [&str; 2] = ["as_published", "ecmascript"];

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PayloadForm {
    pub(crate) kind: String,
    pub(crate) rows: Vec<MappingRow>,
    /// How the JSON is written that is made from fields or published.
    pub(crate) json_form: String,
    /// The whole, for who writes it.
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MappingRow {
    pub(crate) field: String,
    pub(crate) from: String,
    pub(crate) value: String,
    pub(crate) template: String,
    /// Kept as it is.
    pub(crate) default: String,
}

impl PayloadForm {
    pub(crate) fn of(hook: &Hook) -> Self {
        let is_own = hook.own_settings.iter().any(|setting| setting == "payload");
        let has_variants = hook.payload.get("variants").is_some();
        let rows = mappings_of(&hook.payload).filter(|_| is_own && !has_variants);
        let kind = match &rows {
            _ if !is_own => "usual",
            Some(_) => "fields",
            None if hook.payload.get("raw") == Some(&json!(true)) && !has_variants => "raw",
            None => "json",
        };
        let json_form = hook.payload.get("json").and_then(Value::as_str).unwrap_or(JSON_FORMS[0]);
        Self {
            kind: kind.to_owned(),
            rows: rows.unwrap_or_default(),
            json_form: json_form.to_owned(),
            text: laid_out(&hook.payload_text),
        }
    }

    pub(crate) fn empty() -> Self {
        Self { kind: KINDS[0].to_owned(), json_form: JSON_FORMS[0].to_owned(), ..Self::default() }
    }

    pub(crate) fn read(form: &Form) -> Self {
        let text = |name: &str| form.get(name).map(str::trim).unwrap_or_default().to_owned();
        let row = |row: usize| {
            let at = |part: &str| format!("payload.mappings[{row}].{part}");
            form.has(&at("field")).then(|| MappingRow {
                field: text(&at("field")),
                from: text(&at("from")),
                value: text(&at("value")),
                // White space at the end of a text is part of it.
                template: unix_lines(form.get(&at("template")).unwrap_or_default()),
                default: text(&at("default")),
            })
        };
        Self {
            kind: text("payload_kind"),
            rows: (0..MAX_ROWS).filter_map(row).filter(|row| *row != MappingRow::default()).collect(),
            json_form: text("payload.json"),
            text: unix_lines(&text("payload_text")),
        }
    }

    /// What the API is asked for; none where it is the same.
    pub(super) fn changed(&self, now: &Self, no_json: &str, mistakes: &mut Mistakes) -> Option<Box<RawValue>> {
        let is_same = self.kind == now.kind
            && match self.kind.as_str() {
                "fields" => self.rows == now.rows && self.json_form == now.json_form,
                "raw" => self.json_form == now.json_form,
                "json" => self.text == now.text,
                _ => true,
            };
        if is_same {
            return None;
        }
        let mut payload = BTreeMap::new();
        match self.kind.as_str() {
            "fields" => drop(payload.insert("mappings", self.rows.iter().map(MappingRow::body).collect::<Value>())),
            "raw" => drop(payload.insert("raw", json!(true))),
            "json" => {
                let parsed = serde_json::from_str(&self.text);
                return parsed.map_err(|error| mistakes.add("payload", &format!("{no_json}: {error}"))).ok();
            }
            // The usual payload, whatever that is.
            _ => return Some(raw(&Value::Null)),
        }
        if self.json_form != JSON_FORMS[0] {
            payload.insert("json", json!(self.json_form));
        }
        Some(raw(&payload))
    }
}

impl MappingRow {
    fn of(mapping: &Mapping) -> Self {
        let text = |value: &Option<Value>| match value {
            Some(Value::String(text)) if reads_back(text) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        Self {
            field: mapping.field.clone(),
            from: mapping.from.clone().unwrap_or_default(),
            value: text(&mapping.value),
            template: unix_lines(mapping.template.as_deref().unwrap_or_default()),
            default: text(&mapping.default),
        }
    }

    /// A value that is no JSON is a text.
    fn body(&self) -> Value {
        let json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let mut body = Map::from_iter([("field".to_owned(), json!(self.field))]);
        for (name, text) in [("from", &self.from), ("template", &self.template)] {
            if !text.is_empty() {
                body.insert(name.to_owned(), json!(text));
            }
        }
        for (name, text) in [("value", &self.value), ("default", &self.default)] {
            if !text.is_empty() {
                body.insert(name.to_owned(), json(text));
            }
        }
        body.into()
    }
}

/// Whether a text that stands in a field as it is comes back as the same text.
fn reads_back(text: &str) -> bool {
    let is_changed = text.is_empty() || text != text.trim() || text.contains(char::is_control);
    !is_changed && serde_json::from_str::<Value>(text).is_err()
}

/// None of a payload that has none, or has mappings with more than a form shows.
fn mappings_of(payload: &Map<String, Value>) -> Option<Vec<MappingRow>> {
    let mappings: Vec<Mapping> = serde_json::from_value(payload.get("mappings")?.clone()).ok()?;
    Some(mappings.iter().map(MappingRow::of).collect())
}
