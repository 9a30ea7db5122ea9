//! The body a receiver gets: the published `data` as it is, or an object whose
//! fields are mapped from the event and its delivery. Values out of `data` are
//! copied as the bytes that were published; nothing is parsed and written again,
//! but where a receiver checks signatures over what it wrote again itself.

pub mod form;
mod path;
mod plan;
mod schema;
mod source;
mod template;
mod text;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

pub use self::path::{InvalidPath, MAX_DEPTH, MAX_PATH_CHARS};
pub(super) use self::path::{Shown, Step};
use self::plan::Plan;
pub use self::schema::DataSchema;
pub use self::source::Source;
#[cfg(test)]
pub(super) use self::source::names as source_names;
pub use self::template::{MAX_TEMPLATE_BYTES, MAX_TEXT_BYTES, TemplateFailure};
pub use self::text::TextTemplate;
use super::ecmascript;
use super::ids::EventType;
use super::invalid::{FieldError, exactly_one_of};
pub use super::json::Json;
use super::pattern::Pattern;
use super::strict::{REPEATED, repeated_name};
use super::unknown::{Unknown, keeps_unknown};
use crate::choices;
use crate::time::Timestamp;

/// The most mappings of one payload.
pub const MAX_MAPPINGS: usize = 100;
/// The most payloads for events of some types.
pub const MAX_VARIANTS: usize = 20;
/// The longest fixed value or default, in bytes of JSON.
pub const MAX_VALUE_BYTES: usize = 4096;

/// What a request's body is: exactly one of `mappings` and `raw`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Payload {
    /// The fields of the body, at most 100, in the order in which they are
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100)]
    mappings: Option<Vec<Mapping>>,
    /// When true, the body is the published `data`, byte for byte.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    raw: bool,
    /// Other payloads for events of some types, at most 20; the first that names
    /// an event's type is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20, no_recursion)]
    variants: Vec<Variant>,
    /// How the body is written, whatever it is made of; a variant has none of
    /// its own.
    #[serde(default, skip_serializing_if = "JsonForm::is_usual")]
    json: JsonForm,
    #[serde(skip)]
    plan: Compiled,
    #[serde(skip)]
    pub unknown: Unknown,
}

choices! {
    /// How a body's JSON is written.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub enum JsonForm {
        /// Values keep the bytes that were published.
        #[default]
        AsPublished = "as_published",
        /// The bytes of ECMAScript's `JSON.stringify(JSON.parse(body))`, for receivers
        /// that check the signature over those.
        Ecmascript = "ecmascript",
    }
}

impl JsonForm {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_usual(&self) -> bool {
        *self == Self::AsPublished
    }
}

/// The payload of events of some types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Variant {
    /// Event types (`post.published`), prefixes (`post.*`) or `*`.
    #[schema(value_type = Vec<String>)]
    pub events: Vec<Pattern>,
    /// Without variants of its own.
    #[schema(no_recursion)]
    pub payload: Payload,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// One field of the body, and where its value comes from: `from`, `value` or `template`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Mapping {
    /// Where the value goes. Dots nest, `[0]` is a position in an array, and
    /// names that hold such characters are quoted: `a.items[0]["x.y"]`. The
    /// positions of an array appear in order, without a gap.
    #[schema(min_length = 1, max_length = 512)]
    pub field: String,
    /// What the value is: `event.id`, `event.type`, `event.timestamp` (RFC 3339
    /// in UTC, milliseconds), `event.timestamp_unix` (seconds, a number),
    /// `event.timestamp_unix_string`, `event.timestamp_datetime`
    /// (`YYYY-MM-DD HH:MM:SS` in UTC), `event.timestamp_seconds` (RFC 3339 in whole
    /// seconds), `event.timestamp_offset` (the same with `+00:00`),
    /// `event.timestamp_millis` (a number), `event.timestamp_date`, `event.channels`, `tenant.id`,
    /// `tenant.name`, `tenant.attributes`, one of them such as `tenant.attributes.plan`,
    /// `hook.id`, `hook.name`, `delivery.id`, `data`, or a path into it such as
    /// `data.contact.email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub from: Option<String>,
    /// Sent where `data` has no such path, or the tenant no such attribute; without it
    /// the field is left out. Of a template: sent where it prints a value that is
    /// missing. A null in `data` is a value. At most 4 KiB.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    pub default: Option<Json>,
    /// A fixed value, any JSON of at most 4 KiB.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    pub value: Option<Json>,
    /// A text in the template language Jinja, such as `Invoice {{ data.number }}`; it
    /// becomes a string. At most 8 KiB, and its text at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8192)]
    pub template: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Payload, Variant, Mapping);

/// A null is a value here, where `Option` alone would take it for absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl Payload {
    pub(super) fn forget_unknown(&mut self) {
        self.unknown = Unknown::NONE;
        self.mappings.iter_mut().flatten().for_each(|mapping| mapping.unknown = Unknown::NONE);
        for variant in &mut self.variants {
            variant.unknown = Unknown::NONE;
            variant.payload.forget_unknown();
        }
    }

    /// None for a raw payload.
    pub fn mappings(&self) -> Option<&[Mapping]> {
        self.mappings.as_deref()
    }

    pub fn is_raw(&self) -> bool {
        self.raw
    }

    pub fn json(&self) -> JsonForm {
        self.json
    }

    pub fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        if self.variants.len() > MAX_VARIANTS {
            let message = format!("expected at most {MAX_VARIANTS} variants");
            errors.push(FieldError::new(format!("{field}.variants"), message));
        }
        for (index, variant) in self.variants.iter().enumerate() {
            let at = format!("{field}.variants[{index}]");
            if variant.events.is_empty() {
                errors.push(FieldError::new(format!("{at}.events"), "expected at least one"));
            }
            if !variant.payload.variants.is_empty() {
                errors.push(FieldError::new(format!("{at}.payload.variants"), "a variant has none of its own"));
            }
            if !variant.payload.json.is_usual() {
                let message = "set it beside `variants`: it holds for all of them";
                errors.push(FieldError::new(format!("{at}.payload.json"), message));
            }
            variant.payload.check_body(&format!("{at}.payload"), errors);
        }
        self.check_body(field, errors);
    }

    fn check_body(&self, field: &str, errors: &mut Vec<FieldError>) {
        match &self.mappings {
            Some(_) if self.raw => errors.push(FieldError::new(field, exactly_one_of(["mappings", "raw"]))),
            None if !self.raw => errors.push(FieldError::new(field, exactly_one_of(["mappings", "raw"]))),
            None => {}
            Some(mappings) if mappings.len() > MAX_MAPPINGS => {
                let message = format!("expected at most {MAX_MAPPINGS} mappings");
                errors.push(FieldError::new(format!("{field}.mappings"), message));
            }
            Some(mappings) => {
                for (index, mapping) in mappings.iter().enumerate() {
                    for (name, json) in [("default", &mapping.default), ("value", &mapping.value)] {
                        let at = format!("{field}.mappings[{index}].{name}");
                        let repeated = json.as_ref().and_then(|json| repeated_name(&at, json.get()));
                        errors.extend(repeated.map(|at| FieldError::new(at, REPEATED)));
                    }
                }
                Plan::compile(mappings, &format!("{field}.mappings"), errors);
            }
        }
    }

    /// Which of its bodies an event of this type gets; those of one request are alike.
    pub fn shape(&self, event_type: &EventType) -> usize {
        let is_meant = |variant: &Variant| variant.events.iter().any(|events| events.matches(event_type));
        self.variants.iter().position(is_meant).map_or(0, |position| position + 1)
    }

    /// How much its fixed values take at least, as the query of a GET: of the variant
    /// in which they take least.
    pub(super) fn fixed_query_bytes(&self) -> usize {
        let of_one = |payload: &Self| -> usize {
            let values = payload.mappings.iter().flatten().filter_map(|mapping| mapping.value.as_ref());
            values.map(|value| form::form(value.get().as_bytes()).len()).sum()
        };
        self.variants.iter().map(|variant| of_one(&variant.payload)).chain([of_one(self)]).min().unwrap_or_default()
    }

    /// Whether an event of some type gets a text from a template.
    pub fn has_templates(&self) -> bool {
        let own = self.mappings.iter().flatten().any(|mapping| mapping.template.is_some());
        own || self.variants.iter().any(|variant| variant.payload.has_templates())
    }

    /// The one of which an event of this type gets its body.
    fn chosen(&self, event_type: &EventType) -> &Self {
        let is_meant = |variant: &&Variant| variant.events.iter().any(|events| events.matches(event_type));
        self.variants.iter().find(is_meant).map_or(self, |variant| &variant.payload)
    }

    /// Whether an event of this type gets [`standard`]'s body.
    pub fn is_standard_for(&self, event_type: &EventType) -> bool {
        const STANDARD: [(&str, &str); 3] =
            [("type", "event.type"), ("timestamp", "event.timestamp"), ("data", "data")];
        let fields = |mapping: &Mapping| Some((mapping.field.clone(), mapping.from.clone()?));
        let own: Option<Vec<_>> = self.chosen(event_type).mappings.iter().flatten().map(fields).collect();
        own.is_some_and(|own| own == STANDARD.map(|(field, from)| (field.to_owned(), from.to_owned())))
    }

    /// The body of a delivery. Mappings that `check` would refuse are left out.
    pub fn render(&self, source: &Source<'_>) -> Result<Vec<u8>, TemplateFailure> {
        let chosen = self.chosen(source.event_type);
        let body = match &chosen.mappings {
            Some(mappings) if !chosen.raw => chosen.plan.get(mappings).render(source)?,
            _ => source.data.get().as_bytes().to_vec(),
        };
        Ok(match (self.json, std::str::from_utf8(&body)) {
            (JsonForm::Ecmascript, Ok(text)) => {
                let mut written = Vec::new();
                ecmascript::rewrite(text, &mut written);
                written
            }
            _ => body,
        })
    }
}

/// The mappings made ready, once, when the first body is rendered.
#[derive(Clone, Default)]
struct Compiled(OnceLock<Arc<Plan>>);

impl Compiled {
    fn get(&self, mappings: &[Mapping]) -> &Plan {
        self.0.get_or_init(|| Arc::new(Plan::compile(mappings, "", &mut Vec::new())))
    }
}

/// It follows from the mappings, so it makes no difference of its own.
impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Compiled {}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Several bodies as one JSON array, in their order.
pub fn array(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(2 + bodies.iter().map(|body| body.len() + 1).sum::<usize>());
    joined.push(b'[');
    for (n, body) in bodies.iter().enumerate() {
        if n > 0 {
            joined.push(b',');
        }
        joined.extend_from_slice(body);
    }
    joined.push(b']');
    joined
}

/// `{"type","timestamp","data"}`, the envelope Standard Webhooks recommends.
pub fn standard(event_type: &EventType, timestamp: Timestamp, data: &str) -> Vec<u8> {
    // An event type cannot hold a character that JSON would escape.
    format!(r#"{{"type":"{event_type}","timestamp":"{timestamp}","data":{data}}}"#).into_bytes()
}

#[cfg(test)]
mod tests;
