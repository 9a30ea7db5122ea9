//! A hook as a form has it: text, until the API has looked at it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::payload::{MappingRow, PayloadForm};
use crate::api::Hook;
use crate::components::code::raw;
use crate::components::field::Mistakes;
use crate::same_origin::Form;

/// Rows of headers and mappings that are empty and can be filled in.
const SPARE_ROWS: usize = 2;
/// More than the API takes of either.
pub(super) const MAX_ROWS: usize = 128;

/// Names are the API's, so that its mistakes find their fields.
pub(crate) const AUTH_FIELDS: [(&str, &[&str]); 5] = [
    ("none", &[]),
    ("basic", &["username", "password"]),
    ("bearer", &["token"]),
    ("api_key", &["header", "value"]),
    ("oauth2", &["token_url", "client_id", "client_secret", "scope"]),
];
pub(crate) const SECRET_AUTH_FIELDS: [&str; 4] = ["password", "token", "value", "client_secret"];
/// Of `oauth2`: an object, which is chosen with the API and kept here.
pub(crate) const PARAMETERS: &str = "parameters";

/// What the API is asked for, with what is JSON as it was typed.
pub(crate) type Body = BTreeMap<String, Box<RawValue>>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HookForm {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) method: String,
    pub(crate) content_type: String,
    pub(crate) events: Vec<String>,
    pub(crate) channels: String,
    pub(crate) auth_type: String,
    /// What was typed of each field of each type.
    pub(crate) auth: Map<String, Value>,
    pub(crate) headers: Vec<HeaderRow>,
    pub(crate) rate_limit: String,
    pub(crate) filter: String,
    pub(crate) log_response_body: bool,
    pub(crate) payload: PayloadForm,
    /// Of a hook that is to be made.
    pub(crate) secret: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HeaderRow {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) secret: bool,
    /// What it says of the delivery, or how its text is made or written: chosen with the API and kept here.
    pub(crate) from: String,
    pub(crate) template: String,
    pub(crate) encoding: String,
}

impl HookForm {
    pub(crate) fn of(hook: &Hook) -> Self {
        let auth = hook.auth.as_object().cloned().unwrap_or_default();
        Self {
            name: hook.name.trim().to_owned(),
            url: hook.url.clone(),
            description: lines(&hook.description),
            method: hook.method.clone(),
            content_type: hook.content_type.clone(),
            events: sorted(hook.events.clone()),
            channels: hook.channels.join(", "),
            auth_type: auth.get("type").and_then(Value::as_str).unwrap_or("none").to_owned(),
            auth: auth
                .into_iter()
                .filter(|(name, value)| {
                    let is_shown = value.is_string() && name != "type" && !SECRET_AUTH_FIELDS.contains(&name.as_str());
                    is_shown || name == PARAMETERS
                })
                .collect(),
            headers: hook
                .headers
                .iter()
                .map(|header| HeaderRow {
                    name: header.name.clone(),
                    value: header.value.clone().filter(|_| !header.secret).unwrap_or_default(),
                    secret: header.secret,
                    from: header.from.clone().unwrap_or_default(),
                    template: unix_lines(header.template.as_deref().unwrap_or_default()),
                    encoding: header.encoding.clone().unwrap_or_default(),
                })
                .collect(),
            rate_limit: hook.rate_limit.to_string(),
            filter: hook
                .filter
                .as_ref()
                .and_then(|filter| serde_json::to_string_pretty(filter).ok())
                .unwrap_or_default(),
            log_response_body: hook.log_response_body,
            payload: PayloadForm::of(hook),
            secret: String::new(),
        }
    }

    /// Of a hook that is to be made, with what is usual where it says nothing.
    pub(crate) fn empty() -> Self {
        Self {
            method: "POST".to_owned(),
            content_type: "json".to_owned(),
            auth_type: "none".to_owned(),
            rate_limit: "0".to_owned(),
            payload: PayloadForm::empty(),
            ..Self::default()
        }
    }

    pub(crate) fn read(form: &Form) -> Self {
        let text = |name: &str| form.get(name).map(str::trim).unwrap_or_default().to_owned();
        let lines = |name: &str| lines(form.get(name).unwrap_or_default());
        let mut auth = Map::new();
        for name in AUTH_FIELDS.into_iter().flat_map(|(_, names)| names) {
            if let Some(value) = form.get(&format!("auth.{name}")).filter(|value| !value.is_empty()) {
                auth.insert((*name).to_owned(), json!(value));
            }
        }
        if let Some(parameters) = form.get("auth.parameters").and_then(|text| serde_json::from_str(text).ok()) {
            auth.insert(PARAMETERS.to_owned(), parameters);
        }
        let patterns = lines("patterns");
        let events = form.all("events").chain(patterns.lines()).map(|event| event.trim().to_owned());
        let rows = |list: &str, part: &str| {
            (0..MAX_ROWS).filter(|row| form.has(&format!("{list}[{row}].{part}"))).collect::<Vec<_>>()
        };
        Self {
            name: text("name"),
            url: text("url"),
            description: lines("description"),
            method: text("method"),
            content_type: text("content_type"),
            events: sorted(events.filter(|event| !event.is_empty()).collect()),
            channels: text("channels"),
            auth_type: text("auth.type"),
            auth,
            headers: rows("headers", "name")
                .into_iter()
                .map(|row| HeaderRow {
                    name: text(&format!("headers[{row}].name")),
                    value: text(&format!("headers[{row}].value")),
                    secret: form.has(&format!("headers[{row}].secret")),
                    from: text(&format!("headers[{row}].from")),
                    // White space at the end of a text is part of it.
                    template: unix_lines(form.get(&format!("headers[{row}].template")).unwrap_or_default()),
                    encoding: text(&format!("headers[{row}].encoding")),
                })
                .filter(|row| !row.name.is_empty() || !row.value.is_empty())
                .collect(),
            rate_limit: text("rate_limit"),
            filter: lines("filter"),
            log_response_body: form.has("log_response_body"),
            payload: PayloadForm::read(form),
            secret: text("secret"),
        }
    }

    /// Rows, and some to be filled in.
    pub(crate) fn shown_headers(&self) -> impl Iterator<Item = HeaderRow> {
        self.headers.iter().cloned().chain((0..SPARE_ROWS).map(|_| HeaderRow::default()))
    }

    pub(crate) fn shown_mappings(&self) -> impl Iterator<Item = MappingRow> {
        self.payload.rows.iter().cloned().chain((0..SPARE_ROWS).map(|_| MappingRow::default()))
    }

    /// What the API is asked for: all that differs from what there is, so that what was left
    /// alone stays as it is, and what is inherited stays inherited.
    pub(crate) fn body(&self, now: &Self, no_json: &str) -> Result<Body, Mistakes> {
        let (mut body, mut mistakes) = (Body::new(), Mistakes::default());
        for (field, mine, there) in [
            ("name", &self.name, &now.name),
            ("url", &self.url, &now.url),
            ("description", &self.description, &now.description),
            ("method", &self.method, &now.method),
            ("content_type", &self.content_type, &now.content_type),
        ] {
            if mine != there {
                body.insert(field.to_owned(), raw(mine));
            }
        }
        if self.events != now.events {
            body.insert("events".to_owned(), raw(&self.events));
        }
        if self.channels != now.channels {
            let channels: Vec<_> =
                self.channels.split(',').map(str::trim).filter(|channel| !channel.is_empty()).collect();
            body.insert("channels".to_owned(), raw(&channels));
        }
        if let Some(auth) = self.changed_auth(now) {
            body.insert("auth".to_owned(), raw(&auth));
        }
        if self.headers != now.headers {
            body.insert("headers".to_owned(), raw(&self.headers.iter().map(HeaderRow::body).collect::<Value>()));
        }
        if self.rate_limit != now.rate_limit {
            let rate = self.rate_limit.parse::<u64>().map_or_else(|_| json!(self.rate_limit), |rate| json!(rate));
            body.insert("rate_limit".to_owned(), raw(&rate));
        }
        if self.filter != now.filter {
            let filter =
                if self.filter.is_empty() { Ok(raw(&Value::Null)) } else { serde_json::from_str(&self.filter) };
            match filter {
                Ok(filter) => drop(body.insert("filter".to_owned(), filter)),
                Err(_) => mistakes.add("filter", no_json),
            }
        }
        if self.log_response_body != now.log_response_body {
            body.insert("log_response_body".to_owned(), raw(&self.log_response_body));
        }
        if let Some(payload) = self.payload.changed(&now.payload, no_json, &mut mistakes) {
            body.insert("payload".to_owned(), payload);
        }
        if !self.secret.is_empty() {
            body.insert("secret".to_owned(), raw(&self.secret));
        }
        if mistakes.is_empty() { Ok(body) } else { Err(mistakes) }
    }

    /// None where it is the same. What is secret and was left blank stays.
    fn changed_auth(&self, now: &Self) -> Option<Value> {
        let own = AUTH_FIELDS.into_iter().find(|(kind, _)| *kind == self.auth_type)?.1;
        let has_parameters = self.auth_type == "oauth2";
        let is_same = self.auth_type == now.auth_type
            && (!has_parameters || self.auth.get(PARAMETERS) == now.auth.get(PARAMETERS))
            && own.iter().all(|name| match SECRET_AUTH_FIELDS.contains(name) {
                true => !self.auth.contains_key(*name),
                false => self.auth.get(*name) == now.auth.get(*name),
            });
        if is_same {
            return None;
        }
        let mut auth = Map::from_iter([("type".to_owned(), json!(self.auth_type))]);
        for name in own {
            match self.auth.get(*name) {
                Some(value) => drop(auth.insert((*name).to_owned(), value.clone())),
                None if *name != "scope" => drop(auth.insert((*name).to_owned(), json!(""))),
                None => {}
            }
        }
        if let Some(parameters) = self.auth.get(PARAMETERS).filter(|_| has_parameters) {
            auth.insert(PARAMETERS.to_owned(), parameters.clone());
        }
        Some(auth.into())
    }
}

impl HeaderRow {
    fn body(&self) -> Value {
        let mut body = match (self.from.as_str(), self.template.as_str()) {
            ("", "") => json!({ "name": self.name, "value": self.value, "secret": self.secret }),
            ("", template) => json!({ "name": self.name, "template": template }),
            (from, _) => json!({ "name": self.name, "from": from }),
        };
        if let (false, Some(body)) = (self.encoding.is_empty(), body.as_object_mut()) {
            body.insert("encoding".to_owned(), json!(self.encoding));
        }
        body
    }
}

/// Browsers send lines as HTTP has them.
pub(super) fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn lines(text: &str) -> String {
    unix_lines(text).trim().to_owned()
}

fn sorted(mut events: Vec<String>) -> Vec<String> {
    events.sort();
    events.dedup();
    events
}
