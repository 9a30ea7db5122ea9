//! The time that a list is narrowed to: so many hours back, or exact times in the reader's zone.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use super::field::{Field, Mistakes};
use crate::reader::Reader;
use crate::texts::{Texts, fill};

const MOST_HOURS: i64 = 24 * 400;

/// As an address has it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Period {
    /// Hours back from now.
    period: String,
    since: String,
    until: String,
}

/// As the API is asked; empty where there is no bound.
pub(crate) struct Bounds {
    pub(crate) since: String,
    pub(crate) until: String,
    mistakes: Mistakes,
}

impl Period {
    pub(crate) fn query(&self) -> [(&str, &str); 3] {
        [("period", self.period.as_str()), ("since", self.since.trim()), ("until", self.until.trim())]
    }

    /// What cannot be a time bounds nothing, and is told at its field.
    pub(crate) fn bounds(&self, reader: &Reader, t: &Texts) -> Bounds {
        let mut mistakes = Mistakes::default();
        let mut exact = |field: &str, text: &str| match time(text.trim(), reader) {
            Some(at) => at.to_string(),
            None => {
                if !text.trim().is_empty() {
                    mistakes.add(field, t.no_time);
                }
                String::new()
            }
        };
        let (mut since, until) = (exact("since", &self.since), exact("until", &self.until));
        let hours: Option<i64> = self.period.parse().ok().filter(|hours| (1..=MOST_HOURS).contains(hours));
        if let (true, Some(hours)) = (since.is_empty(), hours) {
            since = (reader.now - SignedDuration::from_hours(hours)).to_string();
        }
        Bounds { since, until, mistakes }
    }

    pub(crate) fn field(&self, t: &Texts) -> Markup {
        let periods =
            [("", t.all), ("1", t.last_hour), ("24", t.last_24_hours), ("168", t.last_7_days), ("720", t.last_30_days)];
        Field::new("period", t.by_time).select(&periods, &self.period)
    }

    /// Behind all other fields: it is as wide as they are together.
    pub(crate) fn exact_fields(&self, bounds: &Bounds, reader: &Reader, t: &Texts) -> Markup {
        let zone = fill(t.in_zone, &[("zone", reader.zone.iana_name().unwrap_or("UTC"))]);
        let is_exact = !self.since.trim().is_empty() || !self.until.trim().is_empty();
        let exact = |name: &'static str, label, value: &str| {
            Field::new(name, label).help(&zone).mistakes(&bounds.mistakes).input("datetime-local", value)
        };
        html! {
            details.exact open[is_exact] {
                summary { (t.exact_times) }
                div { (exact("since", t.since, self.since.trim())) (exact("until", t.until, self.until.trim())) }
            }
        }
    }
}

/// With an offset, or as it is where the reader is.
fn time(text: &str, reader: &Reader) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(reader.zone.clone()).ok()?.timestamp())
    })
}
