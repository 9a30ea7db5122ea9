//! What was attempted over time, and how it went: charts, and beside each the same as a table.
//! Portal and console show it alike.

use std::collections::{BTreeMap, HashMap};

use api_client::{Calls, Refusal};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::{CountedInterval, Counts};
use crate::components::chart::{self, Bar};
use crate::components::field::Field;
use crate::components::listing::{self, Column};
use crate::components::{notice, time};
use crate::reader::{Language, Reader};
use crate::texts::{Texts, fill};

/// Hours back, by which interval they are counted.
const PERIODS: [(&str, i64, &str); 4] =
    [("24", 24, "hour"), ("168", 168, "hour"), ("720", 720, "day"), ("8760", 8_760, "day")];
const HOUR: i64 = 3_600;
/// Of a group, so many are told apart.
const SHOWN: usize = 20;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    period: String,
}

pub(crate) struct Statistics<'a> {
    pub(crate) api: Calls<'a>,
    pub(crate) tenant: &'a str,
    /// Of this one, or of all.
    pub(crate) hook: Option<&'a str>,
    /// Of hooks, as far as they are known.
    pub(crate) names: HashMap<String, String>,
    /// The page's own address.
    pub(crate) here: &'a str,
    pub(crate) reader: &'a Reader,
    pub(crate) language: Language,
}

impl Statistics<'_> {
    pub(crate) async fn view(&self, filters: &Filters) -> Result<Markup, Refusal> {
        let t = self.language.texts();
        let (chosen, hours, interval) =
            PERIODS.into_iter().find(|(name, ..)| *name == filters.period).unwrap_or(PERIODS[0]);
        let since = self.reader.now - SignedDuration::from_hours(hours - 1);
        let slots = Slots::between(since, self.reader.now, if interval == "hour" { HOUR } else { 24 * HOUR });
        let since = since.to_string();
        let whole = self.counts(interval, &since, None).await?;
        let periods = [t.last_24_hours, t.last_7_days, t.last_30_days, t.last_year];
        let periods: Vec<_> = PERIODS.into_iter().zip(periods).map(|((name, ..), label)| (name, label)).collect();
        let form = html! {
            form.filters action=(self.here) {
                (Field::new("period", t.by_time).select(&periods, chosen))
                button.button { (t.apply) }
            }
        };
        if whole.items.is_empty() {
            return Ok(html! { (form) (notice::empty(t.nothing_found, &html! { p { (t.nothing_attempted) } })) });
        }
        let mut groups = vec![("code", t.by_code), ("type", t.by_type)];
        groups.extend(self.hook.is_none().then_some(("hook", t.by_hook)));
        let mut tables = Vec::new();
        for (group, title) in groups {
            let counts = self.counts(interval, &since, Some(group)).await?;
            tables.push(html! { h2 { (title) } (by_group(title, &self.summed(group, &counts.items), t)) });
        }
        Ok(html! {
            (form)
            @if let Some(at) = &whole.counted_until {
                p.help { (t.counted_until) " " (time::exact(at, self.reader, self.language)) }
            }
            h2 { (t.attempts_over_time) }
            (attempts(&slots, &whole.items, t))
            (self.ends(&slots))
            h2 { (t.durations_over_time) }
            (durations(&slots, &whole.items, t))
            (self.ends(&slots))
            details { summary { (t.as_table) } (self.table(&whole.items)) }
            @for table in &tables { (table) }
        })
    }

    async fn counts(&self, interval: &str, since: &str, group: Option<&str>) -> Result<Counts, Refusal> {
        let mut query = vec![("interval", interval), ("since", since)];
        query.extend(group.map(|group| ("group_by", group)));
        query.extend(self.hook.map(|hook| ("hook", hook)));
        self.api.get(&["v1", "tenants", self.tenant, "counts"], &query).await
    }

    /// Attempts and successes of each over the whole period, the most first.
    fn summed(&self, group: &str, items: &[CountedInterval]) -> Vec<(String, Bar)> {
        let t = self.language.texts();
        let mut sums: BTreeMap<String, Bar> = BTreeMap::new();
        for item in items.iter().filter(|item| item.attempts > 0) {
            let name = match group {
                "code" => item.status_code.map_or_else(|| t.without_answer.to_owned(), |code| code.to_string()),
                "type" => item.event_type.clone().unwrap_or_else(|| t.others.to_owned()),
                _ => match &item.hook_id {
                    Some(hook) => self.names.get(hook).unwrap_or(hook).clone(),
                    None => t.others.to_owned(),
                },
            };
            let sum = sums.entry(name).or_default();
            sum.good += item.succeeded;
            sum.bad += item.attempts.saturating_sub(item.succeeded);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.good + sum.bad));
        if let Some(rest) = sums.get(SHOWN..).filter(|rest| !rest.is_empty()) {
            let sum = |part: fn(&Bar) -> u64| rest.iter().map(|(_, bar)| part(bar)).sum();
            let rest = Bar { good: sum(|bar| bar.good), bad: sum(|bar| bar.bad) };
            sums.truncate(SHOWN);
            sums.push((t.others.to_owned(), rest));
        }
        sums
    }

    /// When the first and the last interval begin.
    fn ends(&self, slots: &Slots) -> Markup {
        let at = |slot: usize| time::exact(&slots.at(slot).to_string(), self.reader, self.language);
        html! { p.axis { span { (at(0)) } span { (at(slots.count - 1)) } } }
    }

    fn table(&self, items: &[CountedInterval]) -> Markup {
        let t = self.language.texts();
        let columns = [
            Column::text(t.begins),
            Column::number(t.attempts),
            Column::number(t.successful),
            Column::number(t.failed_for_good),
            Column::number(t.status_skipped),
            Column::number("p50"),
            Column::number("p95"),
            Column::number("p99"),
        ];
        let took = |time: Option<u64>| time.map_or_else(|| "–".to_owned(), time::took);
        listing::table(
            t.attempts_over_time,
            &columns,
            &html! {
                @for item in items {
                    tr {
                        td { (time::exact(&item.at, self.reader, self.language)) }
                        td.number { (item.attempts) }
                        td.number { (item.succeeded) }
                        td.number { (item.failed) }
                        td.number { (item.skipped) }
                        @for time in [item.duration_ms.p50, item.duration_ms.p95, item.duration_ms.p99] { td.number { (took(time)) } }
                    }
                }
            },
        )
    }
}

/// The intervals of a period, also those in which nothing happened.
struct Slots {
    /// In seconds of Unix time, as is the width.
    first: i64,
    width: i64,
    count: usize,
}

impl Slots {
    /// Hours and days are of UTC.
    fn between(since: Timestamp, until: Timestamp, width: i64) -> Self {
        let floor = |at: Timestamp| at.as_second().div_euclid(width) * width;
        let (first, last) = (floor(since), floor(until));
        Self { first, width, count: usize::try_from((last - first) / width).unwrap_or(0) + 1 }
    }

    fn at(&self, slot: usize) -> Timestamp {
        let seconds = i64::try_from(slot).unwrap_or(0) * self.width;
        Timestamp::from_second(self.first + seconds).unwrap_or(Timestamp::MAX)
    }

    fn fill<T: Clone>(&self, items: &[CountedInterval], nothing: &T, of: impl Fn(&CountedInterval) -> T) -> Vec<T> {
        let mut filled = vec![nothing.clone(); self.count];
        for item in items {
            let Ok(at) = item.at.parse::<Timestamp>() else { continue };
            let slot = usize::try_from((at.as_second() - self.first) / self.width).ok();
            if let Some(place) = slot.and_then(|slot| filled.get_mut(slot)) {
                *place = of(item);
            }
        }
        filled
    }
}

fn attempts(slots: &Slots, items: &[CountedInterval], t: &Texts) -> Markup {
    let bar = |item: &CountedInterval| Bar { good: item.succeeded, bad: item.attempts.saturating_sub(item.succeeded) };
    let bars = slots.fill(items, &Bar::default(), bar);
    let (good, bad): (u64, u64) = (bars.iter().map(|bar| bar.good).sum(), bars.iter().map(|bar| bar.bad).sum());
    let most = bars.iter().map(|bar| bar.good + bar.bad).max().unwrap_or_default();
    let told = fill(
        t.attempts_summed,
        &[("attempts", &(good + bad).to_string()), ("failed", &bad.to_string()), ("most", &most.to_string())],
    );
    html! {
        div.chart { p { (told) } (chart::columns(&bars, &told)) }
        ul.legend { li.good { (t.successful) } li.bad { (t.unsuccessful) } }
    }
}

fn durations(slots: &Slots, items: &[CountedInterval], t: &Texts) -> Markup {
    let of = |part: fn(&CountedInterval) -> Option<u64>| slots.fill(items, &None, part);
    let lines = [
        ("p50", of(|item| item.duration_ms.p50)),
        ("p95", of(|item| item.duration_ms.p95)),
        ("p99", of(|item| item.duration_ms.p99)),
    ];
    let longest = lines.iter().flat_map(|(_, line)| line).flatten().max().copied().unwrap_or_default();
    let told = fill(t.longest_duration, &[("time", &time::took(longest))]);
    html! {
        div.chart { p { (told) } (chart::lines(&lines, &told)) }
        ul.legend { @for (name, _) in &lines { li class=(name) { (name) } } }
    }
}

fn by_group(title: &str, groups: &[(String, Bar)], t: &Texts) -> Markup {
    let all: u64 = groups.iter().map(|(_, bar)| bar.good + bar.bad).sum();
    let columns =
        [Column::text(title), Column::number(t.attempts), Column::number(t.unsuccessful), Column::number(t.share)];
    listing::table(
        title,
        &columns,
        &html! {
            @for (name, bar) in groups {
                tr {
                    td { code { (name) } }
                    td.number { (bar.good + bar.bad) }
                    td.number { (bar.bad) }
                    td.number { (chart::share(*bar, all)) " " (per_cent(bar.good + bar.bad, all)) }
                }
            }
        },
    )
}

/// Never rounded up to all.
pub(crate) fn per_cent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_without_anything_have_their_place() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let days = Slots::between(at("2026-01-30T09:30:00Z"), at("2026-02-01T00:00:00Z"), 24 * HOUR);
        assert_eq!((days.count, days.at(0)), (3, at("2026-01-30T00:00:00Z")));
        let hours = Slots::between(at("2026-01-31T09:59:59Z"), at("2026-01-31T10:00:00Z"), HOUR);
        assert_eq!((hours.count, hours.at(1)), (2, at("2026-01-31T10:00:00Z")));
    }
}
