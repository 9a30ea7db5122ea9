//! Fields of a newer version. Rows and messages keep those that they do not
//! know, and write them back as they were read.
//!
//! A type that is stored or sent from stage to stage has a field `unknown` which
//! serde skips, derives with `remote = "Self"`, and is named in
//! [`keeps_unknown!`]. What strangers send is read by [`super::strict`], which
//! refuses such fields before anything can be kept.

use std::fmt;
use std::sync::Arc;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{Error as _, Impossible, SerializeMap, SerializeStruct, Serializer};

use super::json::Json;

type Field = (Box<str>, Json);

/// The fields of one object that this version does not know. Without any it
/// allocates nothing.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown(Option<Arc<[Field]>>);

impl Unknown {
    pub const NONE: Self = Self(None);

    pub fn new(fields: Vec<Field>) -> Self {
        Self(if fields.is_empty() { None } else { Some(fields.into()) })
    }

    pub fn fields(&self) -> &[Field] {
        self.0.as_deref().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields().iter().map(|(name, _)| name)).finish()
    }
}

/// Reads and writes types with what they do not know. Each has a field
/// `unknown: Unknown`, and derives with `#[serde(remote = "Self")]`.
#[macro_export]
macro_rules! keeps_unknown {
    ($($type:ident),+ $(,)?) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.unknown.is_empty() {
                    true => Self::serialize(self, serializer),
                    false => Self::serialize(self, $crate::unknown::Add::new(serializer, &self.unknown)),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut fields = Vec::new();
                let mut value = Self::deserialize($crate::unknown::Keep::new(deserializer, &mut fields))?;
                value.unknown = $crate::unknown::Unknown::new(fields);
                Ok(value)
            }
        }
    )+};
}
pub use keeps_unknown;

/// Hands a struct the fields it knows, and puts the others aside.
pub struct Keep<'a, D> {
    inner: D,
    unknown: &'a mut Vec<Field>,
}

impl<'a, D> Keep<'a, D> {
    pub fn new(inner: D, unknown: &'a mut Vec<Field>) -> Self {
        Self { inner, unknown }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Keep<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, KeepVisitor { visitor, fields, unknown: self.unknown })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("only structs keep what they do not know"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct KeepVisitor<'a, V> {
    visitor: V,
    fields: &'static [&'static str],
    unknown: &'a mut Vec<Field>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for KeepVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(KeepMap { inner, fields: self.fields, unknown: self.unknown })
    }
}

struct KeepMap<'a, A> {
    inner: A,
    fields: &'static [&'static str],
    unknown: &'a mut Vec<Field>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for KeepMap<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, mut seed: K) -> Result<Option<K::Value>, A::Error> {
        loop {
            match self.inner.next_key_seed(KeySeed { seed, fields: self.fields })? {
                None => return Ok(None),
                Some(Key::Known(key)) => return Ok(Some(key)),
                Some(Key::Unknown(unused, name)) => {
                    seed = unused;
                    self.unknown.push((name, self.inner.next_value()?));
                }
            }
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

struct KeySeed<K> {
    seed: K,
    fields: &'static [&'static str],
}

enum Key<K, T> {
    Known(T),
    Unknown(K, Box<str>),
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<K> {
    type Value = Key<K, K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for KeySeed<K> {
    type Value = Key<K, K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if !self.fields.contains(&name) {
            return Ok(Key::Unknown(self.seed, name.into()));
        }
        let name: StrDeserializer<'_, E> = name.into_deserializer();
        self.seed.deserialize(name).map(Key::Known)
    }
}

/// Writes a struct, and after its own fields those that it does not know.
pub struct Add<'a, S> {
    inner: S,
    unknown: &'a Unknown,
}

impl<'a, S> Add<'a, S> {
    pub fn new(inner: S, unknown: &'a Unknown) -> Self {
        Self { inner, unknown }
    }
}

pub struct AddFields<'a, M> {
    map: M,
    unknown: &'a Unknown,
}

impl<M: SerializeMap> SerializeStruct for AddFields<'_, M> {
    type Ok = M::Ok;
    type Error = M::Error;

    fn serialize_field<T: ?Sized + serde::Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), M::Error> {
        self.map.serialize_entry(key, value)
    }

    fn end(mut self) -> Result<M::Ok, M::Error> {
        for (name, value) in self.unknown.fields() {
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}

macro_rules! only_structs {
    ($($method:ident($($type:ty),*))*) => {
        $(fn $method(self, $(_: $type),*) -> Result<S::Ok, S::Error> {
            Err(not_a_struct())
        })*
    };
}

fn not_a_struct<E: serde::ser::Error>() -> E {
    E::custom("only structs keep what they do not know")
}

impl<'a, S: Serializer> Serializer for Add<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeStruct = AddFields<'a, S::SerializeMap>;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = Impossible<S::Ok, S::Error>;

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let map = self.inner.serialize_map(Some(len + self.unknown.fields().len()))?;
        Ok(AddFields { map, unknown: self.unknown })
    }

    only_structs! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8]) serialize_none()
        serialize_unit() serialize_unit_struct(&'static str)
        serialize_unit_variant(&'static str, u32, &'static str)
    }

    fn serialize_some<T: ?Sized + serde::Serialize>(self, _: &T) -> Result<S::Ok, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_newtype_struct<T: ?Sized + serde::Serialize>(self, _: &'static str, _: &T) -> Result<S::Ok, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_newtype_variant<T: ?Sized + serde::Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Err(S::Error::custom("only structs keep what they do not know"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Err(not_a_struct())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Err(not_a_struct())
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::Unknown;
    use crate::strict;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(remote = "Self", deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
        inner: Option<Inner>,
        n: u8,
        #[serde(skip)]
        unknown: Unknown,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(remote = "Self", deny_unknown_fields)]
    struct Inner {
        a: bool,
        #[serde(skip)]
        unknown: Unknown,
    }

    keeps_unknown!(Outer, Inner);

    #[test]
    fn what_is_not_known_is_written_back_byte_for_byte() {
        let text = r#"{"in":{"a":true,"b":1.50},"n":1,"more":{ "x" : [1e400] },"s":"\u00e9"}"#;
        let read: Outer = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let plain: Outer = serde_json::from_str(r#"{"n":1}"#).unwrap();
        assert!(plain.unknown.is_empty() && plain != read);
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"n":1}"#);
    }

    #[test]
    fn strangers_are_refused_by_name_on_any_level() {
        for (text, name) in [(r#"{"n":1,"more":1}"#, "more"), (r#"{"in":{"a":true,"b":1},"n":1}"#, "b")] {
            let error = strict::from_slice::<Outer>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown field `{name}`, expected")), "{error}");
        }
        assert!(serde_json::from_str::<Outer>("[null,1]").is_err(), "an array is no object");
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        let read: Inner = serde_json::from_str(r#"{"a":true,"token":"hush"}"#).unwrap();
        assert_eq!(format!("{:?}", read.unknown), r#"["token"]"#);
    }
}
