//! Instants and durations as the domain sees them: milliseconds, UTC.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in milliseconds since the Unix epoch, written as RFC 3339 in UTC
/// with three decimals (`2026-01-31T09:30:00.000Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last instant that has a date in the year 9999 in every time zone, and
    /// so the largest that the calendar's library can write.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// Clamped to the years 1970–9999, which RFC 3339 and ULIDs can both express.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn as_secs(self) -> i64 {
        self.0 / 1000
    }

    /// Reads RFC 3339 with any offset. Fractions below a millisecond are cut.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        let millis = parsed.as_millisecond();
        if !(0..=Self::MAX.0).contains(&millis) {
            return Err(TimestampError);
        }
        Ok(Self(millis))
    }

    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// `millis` milliseconds later, or earlier when they are negative.
    pub fn shifted(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// How long from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// An hour of UTC, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

impl Hour {
    const MILLIS: i64 = 3_600_000;

    pub const fn of(at: Timestamp) -> Self {
        Self(at.0 / Self::MILLIS)
    }

    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(Self::MILLIS))
    }

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("expected an RFC 3339 time such as 2026-01-31T09:30:00Z, from 1970 to 9999")]
pub struct TimestampError;

/// How it is written. A delivery writes nine of them, so this asks the library
/// for the calendar only and puts the digits down by itself.
struct Text([u8; 24]);

impl Text {
    fn of(time: Timestamp) -> Self {
        let mut text = Self(*b"0000-00-00T00:00:00.000Z");
        let time = jiff::Timestamp::from_millisecond(time.0).expect("no time is beyond the largest");
        let time = jiff::tz::Offset::UTC.to_datetime(time);
        text.put(0..4, time.year().unsigned_abs());
        for (place, number) in
            [(5, time.month()), (8, time.day()), (11, time.hour()), (14, time.minute()), (17, time.second())]
        {
            text.put(place..place + 2, number.unsigned_abs().into());
        }
        text.put(20..23, time.millisecond().unsigned_abs());
        text
    }

    fn put(&mut self, places: Range<usize>, mut number: u16) {
        for place in places.rev() {
            self.0[place] = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and signs are ASCII")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(*self).as_str())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rfc3339;
        impl de::Visitor<'_> for Rfc3339 {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time such as 2026-01-31T09:30:00Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Rfc3339)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_instant_is_written_as_the_library_would(millis in 0..=Timestamp::MAX.0) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(time.to_string(), format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap()));
            prop_assert_eq!(serde_json::to_value(time).unwrap(), time.to_string());
            prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
        }
    }

    #[test]
    fn both_ends_of_time_can_be_written() {
        assert_eq!(Timestamp::default().to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59Z").ok(), None);
    }

    #[test]
    fn an_offset_is_turned_into_utc() {
        let parsed = Timestamp::parse("2026-01-31T10:30:00.1239+01:00").unwrap();
        assert_eq!(parsed.to_string(), "2026-01-31T09:30:00.123Z");
    }

    #[test]
    fn what_rfc_3339_or_a_ulid_cannot_express_is_refused() {
        for text in ["", "yesterday", "2026-01-31", "1969-12-31T23:59:59Z", "2026-01-31T09:30:00"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::default().saturating_sub(Duration::MAX), Timestamp::default());
        assert_eq!(Timestamp::default().since(Timestamp::MAX), Duration::ZERO);
    }
}
