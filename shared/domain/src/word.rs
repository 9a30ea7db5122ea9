//! Words of a newer version: names that an enum of this one does not have.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that this version gives no meaning, shown and written back as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(&'static str);

/// How many are remembered. Versions add a few each; more is damage, and a row
/// with one more of them cannot be read.
const MOST: usize = 256;
const MAX_BYTES: usize = 64;
static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Word {
    /// None when it is too long, or one too many.
    pub fn new(text: &str) -> Option<Self> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = known.get(text) {
            return Some(Self(word));
        }
        if text.len() > MAX_BYTES || known.len() >= MOST {
            return None;
        }
        let word: &'static str = Box::leak(text.into());
        known.insert(word);
        Some(Self(word))
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(WordVisitor { names: &[], of: Self::new })
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An enum of names, each with its text in rows, messages and answers. It reads
/// names of newer versions as `Unknown`; [`strict`](super::strict) refuses them.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        pub enum $type:ident { $($(#[doc = $about:literal])+ $name:ident = $text:literal,)+ }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[doc = $about])* $name,)+
            /// Of a newer version.
            Unknown($crate::word::Word),
        }

        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
            const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name it has in the API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown(word) => word.as_str(),
                }
            }

            fn of(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)+
                    other => $crate::word::Word::new(other).map(Self::Unknown),
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = $crate::word::WordVisitor { names: Self::NAMES, of: Self::of };
                deserializer.deserialize_enum(stringify!($type), Self::NAMES, visitor)
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::choices::schema(&[$($doc),+], &[$(($text, &[$($about),+])),+])
            }
        }

        impl utoipa::ToSchema for $type {}
    };
}
pub(crate) use words;

/// Reads one of some names, or another.
pub(crate) struct WordVisitor<T> {
    pub(crate) names: &'static [&'static str],
    pub(crate) of: fn(&str) -> Option<T>,
}

impl<'de, T> serde::de::Visitor<'de> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of some names")
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, access: A) -> Result<T, A::Error> {
        let (value, content) = access.variant_seed(self)?;
        serde::de::VariantAccess::unit_variant(content)?;
        Ok(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.of)(text).ok_or_else(|| E::unknown_variant(text, self.names))
    }
}

impl<'de, T> serde::de::DeserializeSeed<'de> for WordVisitor<T> {
    type Value = T;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::delivery::Trigger;
    use crate::strict;

    #[test]
    fn a_name_of_a_newer_version_is_written_back_and_strangers_have_none() {
        let known: Trigger = serde_json::from_str(r#""retry""#).unwrap();
        assert_eq!(known, Trigger::Retry);
        let newer: Trigger = serde_json::from_str(r#""on_a_whim""#).unwrap();
        assert_eq!(
            (newer.as_str(), serde_json::to_string(&newer).unwrap()),
            ("on_a_whim", r#""on_a_whim""#.to_owned())
        );
        let error = strict::from_slice::<Trigger>(br#""on_a_whim""#).unwrap_err().to_string();
        assert!(error.starts_with("unknown variant `on_a_whim`, expected one of `first`, `retry`"), "{error}");
        assert!(serde_json::from_str::<Trigger>(&format!(r#""{}""#, "x".repeat(65))).is_err());
    }
}
