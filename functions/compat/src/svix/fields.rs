//! Fields of bodies and queries, each at most once, and by a name that is known.

use std::fmt;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::answer::{Item, Refused};

/// What was sent, and what is found to be wrong with it on the way.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Where they stand, such as `["body"]`.
    loc: Vec<&'static str>,
    given: Vec<(String, Box<RawValue>)>,
    errors: Vec<Item>,
}

/// A field that may be absent, and may be null.
#[derive(Debug, PartialEq)]
pub(crate) enum Given<T> {
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// Null counts as absent.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// Those of a JSON body.
pub(crate) struct Body(pub(crate) Fields);

/// Those of a query.
pub(crate) struct Query(pub(crate) Fields);

/// An object's members in order, also those that are there twice.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl Fields {
    fn new(loc: &[&'static str], given: Vec<(String, Box<RawValue>)>) -> Self {
        let mut fields = Self { loc: loc.to_vec(), given: Vec::new(), errors: Vec::new() };
        for (name, value) in given {
            if fields.given.iter().any(|(known, _)| *known == name) {
                fields.refuse(&name, "is given more than once");
            } else {
                fields.given.push((name, value));
            }
        }
        fields
    }

    fn parse(loc: &[&'static str], json: &[u8]) -> Result<Self, Refused> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let json: &[u8] = if json.is_empty() { b"{}" } else { json };
        match serde_json::from_slice::<Members>(json) {
            Ok(Members(given)) => Ok(Self::new(loc, given)),
            Err(error) => Err(Refused::Items(vec![Item {
                kind: "value_error.jsondecode",
                ..Item::new(loc, format!("expected a JSON object: {error}"))
            }])),
        }
    }

    pub(crate) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(Item::new(&[self.loc.as_slice(), &[name]].concat(), message));
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let place = self.given.iter().position(|(given, _)| given == name)?;
        Some(self.given.swap_remove(place).1)
    }

    /// A field, or what is expected of it in words.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Given<T> {
        let Some(json) = self.take(name) else { return Given::Absent };
        if json.get() == "null" {
            return Given::Null;
        }
        match serde_json::from_str(json.get()) {
            Ok(value) => Given::Value(value),
            Err(_) => {
                self.refuse(name, format!("expected {expected}"));
                Given::Absent
            }
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Given<String> {
        self.read(name, "a text")
    }

    /// A field that has two names, of two generations of SDKs.
    pub(crate) fn either<T: DeserializeOwned>(&mut self, name: &str, former: &str, expected: &str) -> Given<T> {
        match (self.read(name, expected), self.read(former, expected)) {
            (Given::Absent, other) | (other, Given::Absent) => other,
            _ => {
                self.refuse(former, format!("is the former name of {name}: send one of them"));
                Given::Absent
            }
        }
    }

    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
        if !self.given.iter().any(|(given, _)| given == name) {
            self.refuse(name, "is required");
        }
        match self.read(name, expected) {
            Given::Value(value) => Some(value),
            Given::Null => {
                self.refuse(name, format!("expected {expected}"));
                None
            }
            Given::Absent => None,
        }
    }

    /// An object of its own, whose fields are taken by `take`.
    pub(crate) fn object<T>(&mut self, name: &'static str, take: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let json = self.take(name).filter(|json| json.get() != "null")?;
        let loc = [self.loc.as_slice(), &[name]].concat();
        match Self::parse(&loc, json.get().as_bytes()) {
            Ok(mut fields) => {
                let taken = take(&mut fields);
                fields.name_unknown("none");
                self.errors.append(&mut fields.errors);
                Some(taken)
            }
            Err(_) => {
                self.refuse(name, "expected an object");
                None
            }
        }
    }

    fn name_unknown(&mut self, known: &str) {
        for (name, _) in std::mem::take(&mut self.given) {
            self.refuse(&name, format!("has no counterpart here; known fields: {known}"));
        }
    }

    /// Tells all that is wrong, among it what nobody took.
    pub(crate) fn end(mut self, known: &str) -> Result<(), Refused> {
        self.name_unknown(known);
        if self.errors.is_empty() { Ok(()) } else { Err(Refused::Items(self.errors)) }
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "Request payload is too large.")
            }
            status => Refused::new(status, "generic_error", "the body could not be read"),
        })?;
        Fields::parse(&["body"], &bytes).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            // `a=1&a=2`, `a[]=1&a[]=2` and `a[0]=1` are lists, as is `a=1,2`.
            let name = name.split_once('[').filter(|(_, rest)| rest.ends_with(']')).map_or(&*name, |(name, _)| name);
            match given.iter_mut().find(|(known, _)| known == name && known == "event_types") {
                Some((_, known)) => {
                    known.push(',');
                    known.push_str(&value);
                }
                None => given.push((name.to_owned(), value.into_owned())),
            }
        }
        let text = |value: String| serde_json::value::to_raw_value(&value).unwrap_or_default();
        Ok(Self(Fields::new(&["query"], given.into_iter().map(|(name, value)| (name, text(value))).collect())))
    }
}

/// Values of queries, which are texts.
impl Fields {
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.text(name).value()?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.refuse(name, "expected true or false");
                None
            }
        }
    }

    pub(crate) fn number(&mut self, name: &str, allowed: &[u16]) -> Option<u16> {
        let number = self.text(name).value()?.parse().ok().filter(|number| allowed.contains(number));
        if number.is_none() {
            let allowed: Vec<String> = allowed.iter().map(u16::to_string).collect();
            self.refuse(name, format!("expected one of {}", allowed.join(", ")));
        }
        number
    }

    /// RFC 3339.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let time = self.text(name).value()?.parse().ok();
        if time.is_none() {
            self.refuse(name, "expected a time as in RFC 3339, with its offset; a plus is written %2B in a query");
        }
        time
    }

    /// Names separated by commas.
    pub(crate) fn names(&mut self, name: &str) -> Option<Vec<String>> {
        let names: Vec<String> = self.text(name).value()?.split(',').map(str::to_owned).collect();
        if names.iter().all(|one| is_name(one)) {
            return Some(names);
        }
        self.refuse(name, NAME);
        None
    }

    pub(crate) fn name(&mut self, name: &str) -> Option<String> {
        let text = self.text(name).value()?;
        if is_name(&text) {
            return Some(text);
        }
        self.refuse(name, NAME);
        None
    }
}

pub(crate) const NAME: &str = "expected 1 to 256 of a-z A-Z 0-9 - _ .";

/// What uids, channels, event types and tags are made of.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: Fields) -> Vec<String> {
        match fields.end("a") {
            Err(Refused::Items(items)) => items.into_iter().map(|item| item.loc.join(".")).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_body_is_told_by_its_place() {
        let json = br#"{"a":1,"a":2,"b":{"c":1,"d":2},"e":null,"filterTypes":["x"],"eventTypes":["y"],"z":1}"#;
        let mut fields = Fields::parse(&["body"], json).unwrap();
        assert_eq!(fields.read::<u8>("a", "a number"), Given::Value(1));
        assert_eq!(fields.object("b", |inner| inner.text("c")), Some(Given::Absent));
        assert_eq!(fields.required::<String>("e", "a text"), None);
        assert_eq!(fields.required::<String>("f", "a text"), None);
        fields.either::<Vec<String>>("eventTypes", "filterTypes", "texts");
        assert_eq!(told(fields), ["body.a", "body.b.c", "body.b.d", "body.e", "body.f", "body.filterTypes", "body.z"]);
    }
}
