//! What one rule asks of one value.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::value::RawValue;

use super::number::Decimal;
use super::wildcard::Wildcard;
use crate::json::{self, Kind};

/// One entry of a field's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Text(String),
    Number(Decimal),
    Bool(bool),
    Null,
    Prefix(String),
    Suffix(String),
    /// These three hold lower case.
    PrefixIgnoringCase(String),
    SuffixIgnoringCase(String),
    EqualsIgnoringCase(String),
    Wildcard(Wildcard),
    Numeric(NumberRange),
    Cidr(IpNet),
    AnythingBut(Vec<Rule>),
    Exists,
    /// Holds for the whole event rather than for a value.
    Absent,
}

/// Bounds, and whether each is itself within.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberRange {
    pub(super) low: Option<(Decimal, bool)>,
    pub(super) high: Option<(Decimal, bool)>,
}

impl NumberRange {
    fn holds(&self, number: &Decimal) -> bool {
        let above = self.low.as_ref().is_none_or(|(low, within)| number > low || (*within && number == low));
        let below = self.high.as_ref().is_none_or(|(high, within)| number < high || (*within && number == high));
        above && below
    }

    pub(super) fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            (Some((low, low_within)), Some((high, high_within))) => {
                low > high || (low == high && !(*low_within && *high_within))
            }
            _ => false,
        }
    }
}

/// A value that is neither object nor array, read once for all rules.
pub(super) enum Value<'a> {
    Text { text: Cow<'a, str>, lower: OnceCell<String> },
    Number(Decimal),
    Bool(bool),
    Null,
}

impl<'a> Value<'a> {
    pub(super) fn read(raw: &'a RawValue) -> Option<Self> {
        Some(match json::kind(raw) {
            Kind::String => Self::Text { text: json::text(raw)?, lower: OnceCell::new() },
            Kind::Number => Self::Number(Decimal::parse(raw.get())?),
            Kind::Bool => Self::Bool(raw.get() == "true"),
            Kind::Null => Self::Null,
            Kind::Object | Kind::Array => return None,
        })
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    fn lower(&self) -> Option<&str> {
        match self {
            Self::Text { text, lower } => Some(lower.get_or_init(|| lower_case(text))),
            _ => None,
        }
    }
}

/// Lower case letter by letter; `str::to_lowercase` would look at neighbours,
/// and a beginning could then differ from the beginning of the whole.
pub(super) fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl Rule {
    pub(super) fn admits(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Text(text) => value.text().is_some_and(|other| other == text),
            Self::Number(number) => matches!(value, Value::Number(other) if other == number),
            Self::Bool(bool) => matches!(value, Value::Bool(other) if other == bool),
            Self::Null => matches!(value, Value::Null),
            Self::Prefix(prefix) => value.text().is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => value.text().is_some_and(|text| text.ends_with(suffix.as_str())),
            Self::PrefixIgnoringCase(prefix) => value.lower().is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::SuffixIgnoringCase(suffix) => value.lower().is_some_and(|text| text.ends_with(suffix.as_str())),
            Self::EqualsIgnoringCase(lower) => value.lower().is_some_and(|text| text == lower),
            Self::Wildcard(wildcard) => value.text().is_some_and(|text| wildcard.matches(text)),
            Self::Numeric(range) => matches!(value, Value::Number(number) if range.holds(number)),
            Self::Cidr(net) => value.text().is_some_and(|text| is_in(net, text)),
            Self::AnythingBut(rules) => !rules.iter().any(|rule| rule.admits(value)),
            Self::Exists => true,
            Self::Absent => false,
        }
    }
}

/// An IPv4 address may be written as IPv6 does, `::ffff:10.0.0.1`.
fn is_in(net: &IpNet, text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|address| net.contains(&address) || net.contains(&address.to_canonical()))
}
