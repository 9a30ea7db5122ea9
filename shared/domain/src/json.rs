//! Reading published JSON where it lies: values are slices of the bytes that
//! were published, so that what is passed on stays exactly as it was.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Any JSON, kept as it was written. It can be read from JSON text only, not
/// through a buffering container such as an untagged or flattened one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Arc<RawValue>);

impl Json {
    pub fn get(&self) -> &str {
        self.0.get()
    }

    pub fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl From<Arc<RawValue>> for Json {
    fn from(raw: Arc<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Json {
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(other.get())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

/// What a value is, without reading further than its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

pub(super) fn kind(raw: &RawValue) -> Kind {
    match raw.get().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// Whether a string in it has half of a surrogate pair, which many readers of
/// JSON refuse.
pub(super) fn has_half_a_pair(raw: &RawValue) -> bool {
    let mut high = false;
    let mut rest = raw.get();
    while let Some(at) = rest.find('\\') {
        let unit = rest[at + 1..].strip_prefix('u').and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok());
        let is_low = unit.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        if is_low != (high && at == 0) {
            return true;
        }
        high = unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
        rest = &rest[at + if unit.is_some() { 6 } else { 2 }..];
        if high && !rest.starts_with('\\') {
            return true;
        }
    }
    high
}

/// The text of a JSON string; half of a surrogate pair becomes U+FFFD.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let key = serde_json::from_str::<Key<'_>>(raw.get()).ok()?;
    Some(key.into_text())
}

/// The members of an object, as often and in the order they are written.
pub(super) fn members(raw: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let mut members = Vec::new();
    each_member(raw, |key, value| members.push((key.into_text(), value)))?;
    Some(members)
}

/// The values of the wanted members of an object, in the order of `wanted`;
/// the last one counts where a key is repeated. None for what is no object.
pub(super) fn pick<'a, K: AsRef<str>>(raw: &'a RawValue, wanted: &[K]) -> Option<Vec<Option<&'a RawValue>>> {
    let mut found = vec![None; wanted.len()];
    each_member(raw, |key, value| {
        let bytes = key.0.as_ref();
        for (n, name) in wanted.iter().enumerate() {
            if name.as_ref().as_bytes() == bytes {
                found[n] = Some(value);
            }
        }
    })?;
    Some(found)
}

/// The elements of an array.
pub(super) fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if kind(raw) != Kind::Array {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

/// The elements of an array up to and including position `last`.
pub(super) fn first_elements(raw: &RawValue, last: usize) -> Option<Vec<&RawValue>> {
    struct Upto(usize);
    impl<'de> Visitor<'de> for Upto {
        type Value = Vec<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while found.len() <= self.0 {
                match seq.next_element()? {
                    Some(element) => found.push(element),
                    None => return Ok(found),
                }
            }
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(found)
        }
    }
    if kind(raw) != Kind::Array {
        return None;
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_seq(Upto(last)).ok()
}

fn each_member<'a>(raw: &'a RawValue, mut visit: impl FnMut(Key<'a>, &'a RawValue)) -> Option<()> {
    struct Each<F>(F);
    impl<'de, F: FnMut(Key<'de>, &'de RawValue)> Visitor<'de> for Each<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some((key, value)) = map.next_entry()? {
                (self.0)(key, value);
            }
            Ok(())
        }
    }
    if kind(raw) != Kind::Object {
        return None;
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Each(&mut visit)).ok()
}

/// A string's bytes. JSON allows a lone half of a surrogate pair, which no
/// `str` can hold; as bytes it is one key that matches nothing, and the rest of
/// the object can still be read.
struct Key<'a>(Cow<'a, [u8]>);

impl<'a> Key<'a> {
    fn into_text(self) -> Cow<'a, str> {
        match self.0 {
            Cow::Borrowed(bytes) => with_whole_pairs(bytes),
            Cow::Owned(bytes) => with_whole_pairs(&bytes).into_owned().into(),
        }
    }
}

/// One U+FFFD for each half of a pair, as browsers have it. The reader writes a half
/// as three bytes of the form ED A0..BF xx, of which none is UTF-8.
fn with_whole_pairs(bytes: &[u8]) -> Cow<'_, str> {
    let Err(_) = std::str::from_utf8(bytes) else { return String::from_utf8_lossy(bytes) };
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // Each of the three is a chunk of its own.
        if !chunk.invalid().is_empty() && !matches!(chunk.invalid(), [0x80..=0xbf]) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text.into()
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Key(bytes.into()))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Key(bytes.to_vec().into()))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(text.as_bytes().into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(text.as_bytes().to_vec().into()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_values_keep_their_bytes() {
        let data = raw(r#"{"a":1,"\u0061": 1.10 ,"b":{ "x" : 2 }}"#);
        let found = pick(&data, &["b", "a", "c"]).unwrap();
        assert_eq!(found[0].unwrap().get(), r#"{ "x" : 2 }"#);
        assert_eq!(found[1].unwrap().get(), "1.10");
        assert!(found[2].is_none());
    }

    #[test]
    fn half_a_surrogate_pair_is_found_wherever_it_stands() {
        let has = |text: &str| has_half_a_pair(&RawValue::from_string(text.to_owned()).unwrap());
        for text in
            [r#""\ud800""#, r#""\udc00""#, r#"{"\ud800a":1}"#, r#"["\ud83d\ud83d\ude00"]"#, r#""\ud800\n\udc00""#]
        {
            assert!(has(text), "{text}");
        }
        for text in [r#""\ud83d\ude00""#, r#"{"\u0041":"\\ud800"}"#, r#"["\\","\uffff\n"]"#, "1"] {
            assert!(!has(text), "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_hides_nothing_else() {
        let data = raw(r#"{"\ud800":"\udfff","a":1}"#);
        assert_eq!(pick(&data, &["a"]).unwrap()[0].unwrap().get(), "1");
        let members = members(&data).unwrap();
        assert_eq!(text(members[0].1).unwrap(), "\u{fffd}");
        for (json, expected) in [
            (r#""a\ud83db""#, "a\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(text(&raw(json)).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn deep_nesting_is_no_obstacle() {
        let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(elements(&raw(&deep)).unwrap().len(), 1);
        assert!(pick(&raw(&format!(r#"{{"a":{deep},"b":1}}"#)), &["b"]).unwrap()[0].is_some());
    }

    #[test]
    fn positions_beyond_the_wanted_are_not_kept() {
        assert_eq!(first_elements(&raw("[1,2,3]"), 1).unwrap().len(), 2);
        assert_eq!(first_elements(&raw("[1]"), 1).unwrap().len(), 1);
        assert!(first_elements(&raw("{}"), 1).is_none());
    }
}
