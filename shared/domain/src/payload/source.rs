//! What a body can be made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::value::RawValue;

use super::path::{InvalidPath, Step, parse};
use crate::ids::{Channel, DeliveryId, EventId, EventType, HookId, TenantId};
use crate::time::Timestamp;

/// One delivery, as far as its body may tell of it. All of it is the same in
/// every attempt, and so is the body.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub event_id: &'a EventId,
    pub event_type: &'a EventType,
    pub event_timestamp: Timestamp,
    pub channels: &'a BTreeSet<Channel>,
    pub tenant_id: &'a TenantId,
    /// Empty when the tenant has none.
    pub tenant_name: &'a str,
    pub tenant_attributes: &'a BTreeMap<String, String>,
    pub hook_id: HookId,
    /// Empty when the hook has none.
    pub hook_name: &'a str,
    pub delivery_id: DeliveryId,
    /// The bytes that were published.
    pub data: &'a RawValue,
}

/// What a mapping's `from` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    EventId,
    EventType,
    Timestamp,
    TimestampUnix,
    TimestampUnixString,
    TimestampDatetime,
    TimestampSeconds,
    TimestampOffset,
    TimestampMillis,
    TimestampDate,
    Channels,
    TenantId,
    TenantName,
    Attributes,
    /// One of the tenant's, by its name.
    Attribute(String),
    HookId,
    HookName,
    DeliveryId,
    /// Without steps: all of `data`.
    Data(Vec<Step>),
}

/// What the names of all there is begin with.
#[cfg(feature = "templates")]
pub(super) const ROOTS: [&str; 5] = ["event", "tenant", "hook", "delivery", "data"];

/// Every `from` but those into `data` and of one attribute, those with one root together.
const NAMED: [(&str, Origin); 17] = [
    ("event.id", Origin::EventId),
    ("event.type", Origin::EventType),
    ("event.timestamp", Origin::Timestamp),
    ("event.timestamp_unix", Origin::TimestampUnix),
    ("event.timestamp_unix_string", Origin::TimestampUnixString),
    ("event.timestamp_datetime", Origin::TimestampDatetime),
    ("event.timestamp_seconds", Origin::TimestampSeconds),
    ("event.timestamp_offset", Origin::TimestampOffset),
    ("event.timestamp_millis", Origin::TimestampMillis),
    ("event.timestamp_date", Origin::TimestampDate),
    ("event.channels", Origin::Channels),
    ("tenant.id", Origin::TenantId),
    ("tenant.name", Origin::TenantName),
    ("tenant.attributes", Origin::Attributes),
    ("hook.id", Origin::HookId),
    ("hook.name", Origin::HookName),
    ("delivery.id", Origin::DeliveryId),
];

/// Why a `from` names nothing; fit to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidOrigin {
    #[error("{0}")]
    Path(#[from] InvalidPath),
    #[error("a body must be the same in every attempt, so it cannot tell of the attempt")]
    Attempt,
    #[error(
        "expected one of {}, one attribute such as tenant.attributes.plan, data, or a path into data such as data.contact.email",
        named()
    )]
    Unknown,
}

/// What is told of every event.
pub(crate) fn names() -> Vec<&'static str> {
    NAMED.iter().map(|(name, _)| *name).collect()
}

fn named() -> String {
    names().join(", ")
}

impl Origin {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        if let Some((_, from)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(from.clone());
        }
        let mut steps = parse(text)?;
        match steps.first() {
            Some(Step::Key(root)) if root == "data" => {
                steps.remove(0);
                Ok(Self::Data(steps))
            }
            Some(Step::Key(root)) if root == "tenant" => match steps.as_slice() {
                [_, Step::Key(attributes), Step::Key(name)] if attributes == "attributes" => {
                    Ok(Self::Attribute(name.clone()))
                }
                _ => Err(InvalidOrigin::Unknown),
            },
            Some(Step::Key(root)) if root == "attempt" => Err(InvalidOrigin::Attempt),
            _ => Err(InvalidOrigin::Unknown),
        }
    }

    /// Writes what is named, as JSON, or nothing and false for an attribute that there
    /// is not. Paths into `data` are the plan's to find.
    pub(super) fn write(&self, source: &Source<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            // Identifiers and times hold no character that JSON would escape.
            Self::EventId => quoted(out, source.event_id.as_str()),
            Self::EventType => quoted(out, source.event_type.as_str()),
            Self::Timestamp => display(out, format_args!("\"{}\"", source.event_timestamp)),
            Self::TimestampUnix => display(out, format_args!("{}", source.event_timestamp.as_secs())),
            Self::TimestampUnixString => display(out, format_args!("\"{}\"", source.event_timestamp.as_secs())),
            Self::TimestampDatetime => {
                let (date, time) = date_and_time(source.event_timestamp);
                display(out, format_args!("\"{date} {time}\""));
            }
            Self::TimestampSeconds => {
                let (date, time) = date_and_time(source.event_timestamp);
                display(out, format_args!("\"{date}T{time}Z\""));
            }
            Self::TimestampOffset => {
                let (date, time) = date_and_time(source.event_timestamp);
                display(out, format_args!("\"{date}T{time}+00:00\""));
            }
            Self::TimestampMillis => display(out, format_args!("{}", source.event_timestamp.as_millis())),
            Self::TimestampDate => quoted(out, &date_and_time(source.event_timestamp).0),
            Self::Channels => {
                out.push(b'[');
                for (n, channel) in source.channels.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    quoted(out, channel.as_str());
                }
                out.push(b']');
            }
            Self::TenantId => quoted(out, source.tenant_id.as_str()),
            Self::TenantName => escaped(out, source.tenant_name),
            Self::Attributes => {
                serde_json::to_writer(out, source.tenant_attributes).expect("texts can be written to memory");
            }
            Self::Attribute(name) => match source.tenant_attributes.get(name) {
                Some(value) => escaped(out, value),
                None => return false,
            },
            Self::HookId => display(out, format_args!("\"{}\"", source.hook_id)),
            Self::HookName => escaped(out, source.hook_name),
            Self::DeliveryId => display(out, format_args!("\"{}\"", source.delivery_id)),
            Self::Data(_) => out.extend_from_slice(source.data.get().as_bytes()),
        }
        true
    }
}

impl Source<'_> {
    /// All there is as one JSON document, whose members are named as in `from`.
    #[cfg(feature = "templates")]
    pub(super) fn document(&self) -> String {
        let mut out = Vec::with_capacity(self.data.get().len() + 1024);
        let mut open = "";
        for (name, origin) in &NAMED {
            let (root, field) = name.split_once('.').unwrap_or((name, ""));
            match (open, open == root) {
                ("", _) => out.push(b'{'),
                (_, true) => out.push(b','),
                (_, false) => out.extend_from_slice(b"},"),
            }
            if open != root {
                display(&mut out, format_args!("\"{root}\":{{"));
            }
            display(&mut out, format_args!("\"{field}\":"));
            origin.write(self, &mut out);
            open = root;
        }
        display(&mut out, format_args!("}},\"data\":{}}}", self.data.get()));
        String::from_utf8(out).unwrap_or_default()
    }
}

/// `YYYY-MM-DD` and `HH:MM:SS`, in UTC.
fn date_and_time(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let part = |range: Range<usize>| text.get(range).unwrap_or_default().to_owned();
    (part(0..10), part(11..19))
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

pub(super) fn escaped(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string can be written to memory");
}

fn display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    std::io::Write::write_fmt(out, text).expect("memory can be written to");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_listed_where_something_else_was_asked_for() {
        for text in [
            "event",
            "event.id.x",
            "tenant.secret",
            "tenant.attributes.a.b",
            "tenant.attributes[0]",
            "secret",
            "[0]",
            "Data.x",
        ] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin::Unknown), "{text}");
        }
        let message = InvalidOrigin::Unknown.to_string();
        assert!(message.contains("event.timestamp_datetime") && message.contains("delivery.id"), "{message}");
    }

    #[test]
    fn a_body_cannot_tell_of_the_attempt() {
        assert_eq!(Origin::parse("attempt.number"), Err(InvalidOrigin::Attempt));
    }

    #[test]
    fn data_is_followed_by_any_path() {
        assert_eq!(Origin::parse("data"), Ok(Origin::Data(Vec::new())));
        let steps = vec![Step::Position(0), Step::Key("a.b".to_owned())];
        assert_eq!(Origin::parse(r#"data[0]["a.b"]"#), Ok(Origin::Data(steps)));
    }
}
