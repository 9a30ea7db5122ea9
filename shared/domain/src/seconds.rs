//! Spans of time as people write them: a number of seconds, with decimals.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::invalid::FieldError;

/// A span of time, kept in milliseconds and written in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u64);

impl Seconds {
    pub const fn new(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Complains when it is not within `low` and `high`, both included.
    pub fn check(self, field: &str, low: Self, high: Self, errors: &mut Vec<FieldError>) {
        if !(low..=high).contains(&self) {
            let (low, high) = (low.0 as f64 / 1_000.0, high.0 as f64 / 1_000.0);
            errors.push(FieldError::new(field, format!("expected a number of seconds from {low} to {high}")));
        }
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1_000 {
            0 => serializer.serialize_u64(self.0 / 1_000),
            _ => serializer.serialize_f64(self.0 as f64 / 1_000.0),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    /// What is out of any range becomes the largest, which every check refuses.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        match seconds >= 0.0 {
            true => Ok(Self((seconds * 1_000.0).round() as u64)),
            false => Ok(Self(u64::MAX)),
        }
    }
}

impl utoipa::PartialSchema for Seconds {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        f64::schema()
    }
}

impl utoipa::ToSchema for Seconds {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_written_whole_and_parts_as_decimals() {
        assert_eq!(serde_json::to_string(&[Seconds::new(5), Seconds::from_millis(250)]).unwrap(), "[5,0.25]");
        let read: Vec<Seconds> = serde_json::from_str("[5, 0.25, 1e1]").unwrap();
        assert_eq!(read, [Seconds::new(5), Seconds::from_millis(250), Seconds::new(10)]);
    }

    #[test]
    fn what_is_no_span_fails_every_check() {
        for text in ["-1", "1e300", "-0.001"] {
            let mut errors = Vec::new();
            let read: Seconds = serde_json::from_str(text).unwrap();
            read.check("delay", Seconds::new(0), Seconds::new(604_800), &mut errors);
            assert_eq!(errors.len(), 1, "{text}");
        }
    }
}
