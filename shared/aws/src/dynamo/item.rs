//! Writing and reading the attributes of one row.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use ulid::Ulid;

use contract::ports::{StoreError, StoreResult};
use contract::rows;
use domain::payload::Json;
use domain::time::Timestamp;
use domain::unknown::Unknown;

pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";
/// When DynamoDB may remove the row, in Unix seconds.
pub(super) const TTL: &str = "ttl";
/// When the row counts as gone, in milliseconds.
pub(super) const EXPIRY: &str = "x";
/// A domain value as JSON, for the rows of which only the keys matter.
const DOCUMENT: &str = "doc";

/// A row on its way in or out. Names of attributes are short where rows are
/// many, because they are stored and paid for with each of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Item(pub HashMap<String, AttributeValue>);

impl Item {
    pub(super) fn new(pk: String, sk: String) -> Self {
        Self::default().text(PK, pk).text(SK, sk)
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(super) fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.with(name, AttributeValue::S(value.into()))
    }

    pub(super) fn maybe_text(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn number(self, name: &str, value: impl ToString + Copy) -> Self {
        self.with(name, AttributeValue::N(value.to_string()))
    }

    pub(super) fn maybe_number(self, name: &str, value: Option<impl ToString + Copy>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self,
        }
    }

    pub(super) fn time(self, name: &str, value: Timestamp) -> Self {
        self.number(name, value.as_millis())
    }

    pub(super) fn bytes(self, name: &str, value: Vec<u8>) -> Self {
        self.with(name, AttributeValue::B(Blob::new(value)))
    }

    pub(super) fn ulids(self, name: &str, ids: impl Iterator<Item = Ulid>) -> Self {
        self.bytes(name, ids.flat_map(|id| id.to_bytes()).collect())
    }

    pub(super) fn maybe_ulids(self, name: &str, mut ids: impl Iterator<Item = Ulid>) -> Self {
        match ids.next() {
            Some(first) => self.ulids(name, std::iter::once(first).chain(ids)),
            None => self,
        }
    }

    pub(super) fn map(self, name: &str, value: Self) -> Self {
        self.with(name, AttributeValue::M(value.0))
    }

    /// Rounded up, so that DynamoDB never removes a row that still counts.
    pub(super) fn expiring(self, at: Timestamp) -> Self {
        self.time(EXPIRY, at).number(TTL, at.as_secs() + 1)
    }

    pub(super) fn document(self, value: &impl Serialize) -> Self {
        let json = serde_json::to_string(value).expect("domain values hold nothing that JSON cannot express");
        self.text(DOCUMENT, json)
    }

    /// One of a small set of values, under the name it has in JSON.
    pub(super) fn word(self, name: &str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(word)) => self.text(name, word),
            other => unreachable!("{name} is no plain word: {other:?}"),
        }
    }

    pub(super) fn is_live(&self, now: Timestamp) -> StoreResult<bool> {
        Ok(self.get_time(EXPIRY)? > now)
    }

    pub(super) fn find_text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(super) fn get_text(&self, name: &str) -> StoreResult<&str> {
        self.find_text(name).ok_or_else(|| missing(name))
    }

    /// A text that has to be what its type asks for.
    pub(super) fn get_parsed<T>(&self, name: &str) -> StoreResult<T>
    where
        T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.get_text(name)?.parse().map_err(corrupt)
    }

    pub(super) fn find_number<T: std::str::FromStr>(&self, name: &str) -> StoreResult<Option<T>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_n().ok().and_then(|n| n.parse().ok());
                number.map(Some).ok_or_else(|| missing(name))
            }
        }
    }

    pub(super) fn get_number<T: std::str::FromStr>(&self, name: &str) -> StoreResult<T> {
        self.find_number(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn find_time(&self, name: &str) -> StoreResult<Option<Timestamp>> {
        Ok(self.find_number(name)?.map(Timestamp::from_millis))
    }

    pub(super) fn get_time(&self, name: &str) -> StoreResult<Timestamp> {
        self.find_time(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn find_bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name)?.as_b().ok().map(AsRef::as_ref)
    }

    pub(super) fn get_ulids(&self, name: &str) -> StoreResult<Vec<Ulid>> {
        self.find_ulids(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn find_ulids(&self, name: &str) -> StoreResult<Option<Vec<Ulid>>> {
        let Some(bytes) = self.find_bytes(name) else { return Ok(None) };
        let (ids, rest) = bytes.as_chunks::<16>();
        if rest.is_empty() { Ok(Some(ids.iter().copied().map(Ulid::from_bytes).collect())) } else { Err(missing(name)) }
    }

    pub(super) fn find_map(&self, name: &str) -> Option<Self> {
        self.0.get(name)?.as_m().ok().cloned().map(Self)
    }

    /// The attributes that this version does not know, as DynamoDB writes them
    /// in JSON.
    pub(super) fn unknown(&self, known: &[&str]) -> Unknown {
        let is_known = |name: &str| known.contains(&name) || [PK, SK, TTL, EXPIRY].contains(&name);
        let mut fields: Vec<_> = self.0.iter().filter(|(name, _)| !is_known(name)).collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        let field = |(name, value): (&String, &AttributeValue)| {
            let json = RawValue::from_string(attribute_json(value)?.to_string()).ok()?;
            Some((name.as_str().into(), Json::from(Arc::from(json))))
        };
        Unknown::new(fields.into_iter().filter_map(field).collect())
    }

    pub(super) fn with_unknown(mut self, unknown: &Unknown) -> Self {
        for (name, json) in unknown.fields() {
            if let Some(value) = serde_json::from_str(json.get()).ok().and_then(|json| read_attribute(&json)) {
                self = self.with(name, value);
            }
        }
        self
    }

    pub(super) fn get_document<T: DeserializeOwned>(&self) -> StoreResult<T> {
        rows::from_json(self.get_text(DOCUMENT)?.as_bytes())
    }

    /// How long the document is; zero without one.
    pub(super) fn document_bytes(&self) -> usize {
        self.find_text(DOCUMENT).map_or(0, str::len)
    }

    pub(super) fn get_word<T: DeserializeOwned>(&self, name: &str) -> StoreResult<T> {
        serde_json::from_value(self.get_text(name)?.into()).map_err(corrupt)
    }
}

/// None for a kind of attribute that the SDK does not know either.
fn attribute_json(value: &AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(all) => json!({ "BS": all.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() }),
        AttributeValue::L(items) => json!({ "L": items.iter().map(attribute_json).collect::<Option<Vec<_>>>()? }),
        AttributeValue::M(fields) => {
            let member = |(name, value): (&String, &AttributeValue)| Some((name.clone(), attribute_json(value)?));
            json!({ "M": fields.iter().map(member).collect::<Option<Map<_, _>>>()? })
        }
        _ => return None,
    })
}

fn read_attribute(json: &Value) -> Option<AttributeValue> {
    let (kind, value) = json.as_object()?.iter().next()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let blob = |value: &Value| STANDARD.decode(value.as_str()?).ok().map(Blob::new);
    Some(match kind.as_str() {
        "S" => AttributeValue::S(text(value)?),
        "N" => AttributeValue::N(text(value)?),
        "B" => AttributeValue::B(blob(value)?),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(true),
        "SS" => AttributeValue::Ss(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        "NS" => AttributeValue::Ns(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        "BS" => AttributeValue::Bs(value.as_array()?.iter().map(blob).collect::<Option<_>>()?),
        "L" => AttributeValue::L(value.as_array()?.iter().map(read_attribute).collect::<Option<_>>()?),
        "M" => {
            let member = |(name, value): (&String, &Value)| Some((name.clone(), read_attribute(value)?));
            AttributeValue::M(value.as_object()?.iter().map(member).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

pub(super) fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt(Box::new(error))
}

fn missing(name: &str) -> StoreError {
    StoreError::Corrupt(format!("attribute {name} is missing or of another type").into())
}
