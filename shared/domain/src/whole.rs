//! Whole numbers within bounds. Whatever is wrong with one, its own bounds are
//! told, and not those of the type that holds it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

use crate::invalid::FieldError;

/// What is expected of a number from `low` to `high`, both included.
fn range(low: u32, high: u32) -> String {
    format!("a whole number from {low} to {high}")
}

/// Complains when it is not within `low` and `high`, both included.
pub fn check(field: impl Into<String>, value: u32, low: u32, high: u32, errors: &mut Vec<FieldError>) {
    if !(low..=high).contains(&value) {
        errors.push(FieldError::new(field, format!("expected {}", range(low, high))));
    }
}

/// Reads a number that is to be checked. One that fits its type and is out of
/// bounds is read all the same: what is stored was checked when it was written.
pub fn whole<'de, const LOW: u32, const HIGH: u32, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u32(Within::<LOW, HIGH, u32>(PhantomData))
}

/// The same for one that may be null.
pub fn optional<'de, const LOW: u32, const HIGH: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    deserializer.deserialize_option(Within::<LOW, HIGH, Option<u32>>(PhantomData))
}

/// The same, telling null from absence.
pub fn present<'de, const LOW: u32, const HIGH: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<u32>>, D::Error> {
    optional::<LOW, HIGH, D>(deserializer).map(Some)
}

struct Within<const LOW: u32, const HIGH: u32, T>(PhantomData<T>);

impl<'de, const LOW: u32, const HIGH: u32> Visitor<'de> for Within<LOW, HIGH, u32> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&range(LOW, HIGH))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }
}

impl<'de, const LOW: u32, const HIGH: u32> Visitor<'de> for Within<LOW, HIGH, Option<u32>> {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&range(LOW, HIGH))
    }

    fn visit_none<E: Error>(self) -> Result<Option<u32>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<u32>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u32>, D::Error> {
        whole::<LOW, HIGH, D>(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::strict;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Limits {
        #[serde(deserialize_with = "whole::<1, 100, _>")]
        one: u32,
        #[serde(default, deserialize_with = "optional::<1, 100, _>")]
        other: Option<u32>,
    }

    #[test]
    fn whatever_is_wrong_with_a_number_its_own_bounds_are_told() {
        for wrong in ["-1", "4294967296", "1.5", "\"7\"", "[]"] {
            let read = strict::read::<Limits>(format!(r#"{{"one":{wrong},"other":{wrong}}}"#).as_bytes()).unwrap();
            let told = ["one", "other"].map(|field| FieldError::new(field, "expected a whole number from 1 to 100"));
            assert_eq!(read.wrong.and([]), told, "{wrong}");
        }
        let mut errors = Vec::new();
        check("one", 0, 1, 100, &mut errors);
        check("one", 100, 1, 100, &mut errors);
        assert_eq!(errors, [FieldError::new("one", "expected a whole number from 1 to 100")]);
    }

    #[test]
    fn null_is_none_and_what_is_stored_is_read_though_it_is_out_of_bounds() {
        let read: Limits = serde_json::from_str(r#"{"one":101,"other":null}"#).unwrap();
        assert_eq!(read, Limits { one: 101, other: None });
    }
}
