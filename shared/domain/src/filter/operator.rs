//! Reading one rule: a plain value, or an object with one operator.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::value::RawValue;

use super::join;
use super::number::Decimal;
use super::rule::{NumberRange, Rule, lower_case};
use super::wildcard::Wildcard;
use crate::invalid::FieldError;
use crate::json::{self, Kind};

const OPERATORS: &str = "exactly, prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists or cidr";
/// Those that `anything-but` can turn round.
const TEXT_OPERATORS: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// One entry of a field's list of rules.
pub(super) fn rule(raw: &RawValue, field: &str) -> Result<Rule, FieldError> {
    match json::kind(raw) {
        Kind::Array => Err(FieldError::new(field, "expected a value or an object with one operator, not a list")),
        Kind::Object => {
            let (name, operand) = single(raw, field, OPERATORS)?;
            let field = join(field, &name);
            match name.as_str() {
                "exists" => match operand.get() {
                    "true" => Ok(Rule::Exists),
                    "false" => Ok(Rule::Absent),
                    _ => Err(FieldError::new(field, "expected true or false")),
                },
                "exactly" => text(operand, &field).map(Rule::Text),
                "numeric" => numeric(operand, &field),
                "cidr" => cidr(operand, &field),
                "anything-but" => anything_but(operand, &field),
                name => text_rule(name, operand, &field)
                    .unwrap_or_else(|| Err(FieldError::new(field, format!("expected the operator {OPERATORS}")))),
            }
        }
        _ => plain(raw, field),
    }
}

/// A value that has to be met exactly.
fn plain(raw: &RawValue, field: &str) -> Result<Rule, FieldError> {
    let rule = match json::kind(raw) {
        Kind::String => json::text(raw).map(|text| Rule::Text(text.into_owned())),
        Kind::Number => Decimal::parse(raw.get()).map(Rule::Number),
        Kind::Bool => Some(Rule::Bool(raw.get() == "true")),
        Kind::Null => Some(Rule::Null),
        Kind::Object | Kind::Array => None,
    };
    rule.ok_or_else(|| FieldError::new(field, "expected a text, a number, true, false or null"))
}

/// The only member of an object.
fn single<'a>(raw: &'a RawValue, field: &str, expected: &str) -> Result<(String, &'a RawValue), FieldError> {
    let members = json::members(raw).unwrap_or_default();
    match members.as_slice() {
        [(name, operand)] => Ok((name.clone().into_owned(), operand)),
        _ => Err(FieldError::new(field, format!("expected exactly one of {expected}"))),
    }
}

fn text(raw: &RawValue, field: &str) -> Result<String, FieldError> {
    match json::kind(raw) {
        Kind::String => json::text(raw).map(std::borrow::Cow::into_owned),
        _ => None,
    }
    .ok_or_else(|| FieldError::new(field, "expected a text"))
}

/// The operators on texts; none for any other name.
fn text_rule(name: &str, operand: &RawValue, field: &str) -> Option<Result<Rule, FieldError>> {
    let ignoring_case = || -> Result<Option<String>, FieldError> {
        if json::kind(operand) != Kind::Object {
            return Ok(None);
        }
        let (inner, operand) = single(operand, field, "equals-ignore-case")?;
        let field = join(field, &inner);
        match inner.as_str() {
            "equals-ignore-case" => Ok(Some(lower_case(&text(operand, &field)?))),
            _ => Err(FieldError::new(field, "expected a text or the operator equals-ignore-case")),
        }
    };
    Some(match name {
        "prefix" => ignoring_case().and_then(|lower| match lower {
            Some(lower) => Ok(Rule::PrefixIgnoringCase(lower)),
            None => text(operand, field).map(Rule::Prefix),
        }),
        "suffix" => ignoring_case().and_then(|lower| match lower {
            Some(lower) => Ok(Rule::SuffixIgnoringCase(lower)),
            None => text(operand, field).map(Rule::Suffix),
        }),
        "equals-ignore-case" => text(operand, field).map(|text| Rule::EqualsIgnoringCase(lower_case(&text))),
        "wildcard" => text(operand, field).and_then(|pattern| {
            Wildcard::parse(&pattern).map(Rule::Wildcard).map_err(|message| FieldError::new(field, message))
        }),
        _ => return None,
    })
}

/// A value, a list of values, or one operator on texts with one or several.
fn anything_but(raw: &RawValue, field: &str) -> Result<Rule, FieldError> {
    let excluded = |raw: &RawValue, field: &str| match json::kind(raw) {
        Kind::String | Kind::Number => plain(raw, field),
        _ => Err(FieldError::new(field, "expected a text or a number")),
    };
    if json::kind(raw) != Kind::Object {
        return each(raw, field, excluded).map(Rule::AnythingBut);
    }
    let expected = "prefix, suffix, equals-ignore-case or wildcard";
    let (name, operand) = single(raw, field, expected)?;
    let field = join(field, &name);
    let unknown = || FieldError::new(&field, format!("expected the operator {expected}"));
    if !TEXT_OPERATORS.contains(&name.as_str()) {
        return Err(unknown());
    }
    each(operand, &field, |raw, field| text_rule(&name, raw, field).unwrap_or_else(|| Err(unknown())))
        .map(Rule::AnythingBut)
}

/// The entries of a list, or the single value that stands for a list of one.
fn each(
    raw: &RawValue,
    field: &str,
    one: impl Fn(&RawValue, &str) -> Result<Rule, FieldError>,
) -> Result<Vec<Rule>, FieldError> {
    match json::elements(raw) {
        None => Ok(vec![one(raw, field)?]),
        Some(entries) if entries.is_empty() => Err(FieldError::new(field, "expected at least one entry")),
        Some(entries) => entries.into_iter().enumerate().map(|(n, raw)| one(raw, &format!("{field}[{n}]"))).collect(),
    }
}

/// `["=", 5]`, `["<", 10]` or `[">", 0, "<=", 5]`.
fn numeric(raw: &RawValue, field: &str) -> Result<Rule, FieldError> {
    let wrong = |message: &str| FieldError::new(field, message);
    let entries = json::elements(raw).unwrap_or_default();
    if entries.len() != 2 && entries.len() != 4 {
        return Err(wrong("expected a list of one or two bounds, such as [\">\", 0, \"<=\", 5]"));
    }
    let mut range = NumberRange::default();
    for (n, pair) in entries.chunks_exact(2).enumerate() {
        let number = match json::kind(pair[1]) {
            Kind::Number => Decimal::parse(pair[1].get()),
            _ => None,
        };
        let number = number.ok_or_else(|| FieldError::new(format!("{field}[{}]", 2 * n + 1), "expected a number"))?;
        let operator = text(pair[0], field).unwrap_or_default();
        let bound = match operator.as_str() {
            "=" if entries.len() == 2 => {
                range.low = Some((number.clone(), true));
                range.high = Some((number, true));
                continue;
            }
            "=" => return Err(wrong("expected = on its own")),
            ">" | ">=" => &mut range.low,
            "<" | "<=" => &mut range.high,
            _ => return Err(FieldError::new(format!("{field}[{}]", 2 * n), "expected one of = < <= > >=")),
        };
        if bound.replace((number, operator.ends_with('='))).is_some() {
            return Err(wrong("expected one lower and one upper bound"));
        }
    }
    if range.is_empty() {
        return Err(wrong("no number lies within these bounds"));
    }
    Ok(Rule::Numeric(range))
}

/// A network such as `10.0.0.0/24`, or a single address.
fn cidr(raw: &RawValue, field: &str) -> Result<Rule, FieldError> {
    let text = text(raw, field)?;
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.map(Rule::Cidr).map_err(|_| FieldError::new(field, "expected a network such as 10.0.0.0/24 or 2001:db8::/32"))
}
