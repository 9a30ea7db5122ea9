//! Objects of the API's answers, with fields in the order and numbers in the
//! form in which they came.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

#[derive(Default)]
pub(super) struct Record(pub(super) Vec<(String, Box<RawValue>)>);

impl Record {
    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// What is there, however deep: `last_attempt.status_code`. Null is nothing.
    pub(super) fn raw(&self, path: &str) -> Option<Box<RawValue>> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        match rest {
            Some(rest) => Self::parse(value.get()).ok()?.raw(rest),
            None if value.get() == "null" => None,
            None => Some(value.clone()),
        }
    }

    /// For people: texts without quotes, lists of texts with commas, all else as it came.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.raw(path).map(|value| plain(value.get()))
    }

    pub(super) fn record(&self, path: &str) -> Option<Self> {
        self.raw(path).and_then(|value| Self::parse(value.get()).ok())
    }

    pub(super) fn records(&self, path: &str) -> Vec<Self> {
        self.raw(path).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }

    pub(super) fn items(&self) -> serde_json::Result<Vec<Box<RawValue>>> {
        self.raw("items").map_or_else(|| Ok(Vec::new()), |items| serde_json::from_str(items.get()))
    }
}

pub(super) fn plain(json: &str) -> String {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return text;
    }
    match serde_json::from_str::<Vec<String>>(json) {
        Ok(texts) => texts.join(", "),
        Err(_) => json.to_owned(),
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Record(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_numbers_their_form() {
        let record = Record::parse(r#"{"z":1.50,"a":{"b":["x","y"],"c":null}}"#).unwrap();
        assert_eq!(record.0[0].0, "z");
        assert_eq!(record.text("z").unwrap(), "1.50");
        assert_eq!(record.text("a.b").unwrap(), "x, y");
        assert_eq!(record.text("a.c"), None);
        assert_eq!(record.text("a.b.c"), None);
    }
}
