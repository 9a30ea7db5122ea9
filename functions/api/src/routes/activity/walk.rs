//! Reads activity from the newest on, of one tenant or of all of them.
//!
//! All tenants are read hour by hour, those that were active in an hour in groups of
//! [`GROUP`]: within a group the newest comes first, and what one request looks at stays bounded
//! however many tenants there are.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::cursor;
use contract::ports::{ActivityRange, ActivityRows, Order, StoreError, TimeRange, Unreadable};
use domain::activity::Activity;
use domain::ids::{ActivityId, TenantId};
use domain::time::{Hour, Timestamp};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::Deps;
use crate::problem::Problem;

/// Rows of one tenant that are read at once.
const ROWS: usize = 200;
/// The same of each where many tenants are read together, however many they are.
const ROWS_OF_EACH: usize = 20;
/// Entries that one request looks at.
const MAX_ENTRIES: usize = 5_000;
/// Active tenants of an hour that are read together, and how many of them at a time.
const GROUP: usize = 100;
const AT_A_TIME: usize = 16;
/// Hours without anything that one request passes over.
const MAX_HOURS: usize = 48;
/// How far back all tenants are read where nobody says: the longest that rows may be kept
/// is what their tenants say, so this is where an operator's look ends.
const LONGEST_LOOK_BACK: i64 = 31 * 24;

/// Whose activity is read.
pub(super) enum Scope {
    Tenant(TenantId),
    All,
}

impl Scope {
    fn list_name(&self, what: &str) -> String {
        match self {
            Self::Tenant(tenant) => format!("activity:{what}#{tenant}"),
            Self::All => format!("activity:{what}"),
        }
    }
}

/// An entry, and where it stands.
pub(super) struct Found {
    pub(super) tenant: TenantId,
    pub(super) at: Timestamp,
    pub(super) entry: Result<Activity, Unreadable>,
    place: Place,
}

/// Where reading goes on: behind an entry, or at the beginning of a group of tenants.
#[derive(Clone, Debug)]
struct Place {
    hour: Hour,
    /// The last tenant of the group before; none in the first one.
    group: Option<TenantId>,
    /// The row and how many of its entries were read, the last one first.
    row: Option<(ActivityId, usize)>,
}

impl Place {
    fn write(&self) -> String {
        let group = self.group.as_ref().map(TenantId::as_str).unwrap_or_default();
        let (row, read) = self.row.map_or((String::new(), 0), |(row, read)| (row.to_string(), read));
        // None of these can hold a slash.
        format!("{}/{group}/{row}/{read}", self.hour.0)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut part = || parts.next();
        let hour = Hour(part()?.parse().ok()?);
        let group = Some(part()?).filter(|group| !group.is_empty()).map(str::parse).transpose().ok()?;
        let row = Some(part()?).filter(|row| !row.is_empty()).map(str::parse).transpose().ok()?;
        let read = part()?.parse().ok()?;
        Some(Self { hour, group, row: row.map(|row| (row, read)) })
    }
}

/// Entries one after the other.
pub(super) struct Walk<'a> {
    deps: &'a Deps,
    scope: Scope,
    list: String,
    times: TimeRange,
    ready: VecDeque<Found>,
    /// Where reading goes on once nothing is ready; none at the end.
    next: Option<Place>,
    /// Behind the last entry that was handed out.
    place: Option<Place>,
    entries_left: usize,
    hours_left: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        deps: &'a Deps,
        scope: Scope,
        what: &str,
        times: TimeRange,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        let list = scope.list_name(what);
        let now = deps.clock.now();
        let newest = times.until.map_or(now, |until| until.min(now));
        let start = Place { hour: Hour::of(newest), group: None, row: None };
        let next = match cursor {
            Some(cursor) => {
                let text = cursor::decode(&list, cursor)?;
                let text = String::from_utf8(text).map_err(|_| StoreError::BadCursor)?;
                Place::read(&text).ok_or(StoreError::BadCursor)?
            }
            None => start,
        };
        Ok(Self {
            deps,
            scope,
            list,
            times,
            ready: VecDeque::new(),
            next: Some(next),
            place: None,
            entries_left: MAX_ENTRIES,
            hours_left: MAX_HOURS,
        })
    }

    /// The next entry; none at the end, or when this request has looked at enough.
    pub(super) async fn next(&mut self) -> Result<Option<Found>, Problem> {
        while self.ready.is_empty() {
            if self.entries_left == 0 || self.hours_left == 0 {
                return Ok(None);
            }
            let Some(place) = self.next.take() else { return Ok(None) };
            // What was read and holds nothing for anybody is not read again.
            self.place = Some(place.clone());
            match &self.scope {
                Scope::Tenant(tenant) => {
                    let tenant = tenant.clone();
                    self.read_tenant(tenant, &place).await?;
                }
                Scope::All => self.read_group(&place).await?,
            }
        }
        let found = self.ready.pop_front();
        if let Some(found) = &found {
            self.entries_left = self.entries_left.saturating_sub(1);
            self.place = Some(found.place.clone());
        }
        Ok(found)
    }

    /// Where the following page begins; none when all was read.
    pub(super) fn cursor(&self) -> Option<String> {
        let place = match self.ready.is_empty() {
            true => self.next.as_ref()?,
            false => self.place.as_ref()?,
        };
        Some(cursor::encode(&self.list, place.write().as_bytes()))
    }

    /// The rows that a place leaves, within the times that are asked for.
    fn range(&self, place: &Place, within: TimeRange) -> ActivityRange {
        let times = TimeRange {
            since: self.times.since.into_iter().chain(within.since).max(),
            until: self.times.until.into_iter().chain(within.until).min(),
        };
        let mut range = ActivityRange::within(times);
        if let Some((row, _)) = place.row {
            // The row itself as well: some of its entries may not have been read.
            range.before = range.before.into_iter().chain(row.behind()).min();
        }
        range
    }

    async fn read_tenant(&mut self, tenant: TenantId, place: &Place) -> Result<(), Problem> {
        let range = self.range(place, TimeRange::default());
        let found = self.deps.activity.list(&tenant, range, Order::NewestFirst, ROWS).await?;
        for (row, entries) in found.rows {
            self.push(&tenant, place, row, entries);
        }
        self.next = found.next.map(|row| Place { row: Some((row, usize::MAX)), ..place.clone() });
        Ok(())
    }

    async fn read_group(&mut self, place: &Place) -> Result<(), Problem> {
        let activity = &self.deps.activity;
        let tenants = activity.active_tenants(place.hour, GROUP, place.group.as_ref()).await?;
        let rows_of_each = (ROWS / tenants.len().max(1)).max(ROWS_OF_EACH);
        let hour = TimeRange { since: Some(place.hour.start()), until: Some(place.hour.next().start()) };
        let range = self.range(place, hour);
        let lists: Vec<(TenantId, ActivityRows)> = stream::iter(tenants.clone())
            .map(|tenant| {
                let activity = Arc::clone(activity);
                async move {
                    let found = activity.list(&tenant, range, Order::NewestFirst, rows_of_each).await?;
                    Ok::<_, StoreError>((tenant, found))
                }
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        // Of a tenant that was not read to its end, rows may come between those of others.
        let known_from = lists.iter().filter_map(|(_, found)| found.next).max();
        let mut rows = Vec::new();
        for (tenant, found) in lists {
            rows.extend(found.rows.into_iter().map(|(row, entries)| (row, tenant.clone(), entries)));
        }
        rows.sort_unstable_by(|(row, tenant, _), (other, others, _)| other.cmp(row).then(tenant.cmp(others)));
        for (row, tenant, entries) in rows.into_iter().filter(|(row, ..)| known_from.is_none_or(|from| *row >= from)) {
            self.push(&tenant, place, row, entries);
        }
        self.next = match known_from {
            Some(row) => Some(Place { row: Some((row, usize::MAX)), ..place.clone() }),
            None if tenants.len() == GROUP => {
                Some(Place { group: tenants.last().cloned(), row: None, ..place.clone() })
            }
            None => {
                self.hours_left -= 1;
                let hour = Hour(place.hour.0 - 1);
                let newest = Hour::of(self.deps.clock.now());
                let oldest = self.times.since.map_or(Hour(newest.0 - LONGEST_LOOK_BACK), Hour::of);
                (hour >= oldest).then_some(Place { hour, group: None, row: None })
            }
        };
        Ok(())
    }

    /// Those entries of a row that were not read yet, the last one first.
    fn push(&mut self, tenant: &TenantId, place: &Place, row: ActivityId, entries: Result<Vec<Activity>, Unreadable>) {
        let already = place.row.filter(|(last, _)| *last == row).map_or(0, |(_, read)| read);
        let entries: Vec<Result<Activity, Unreadable>> = match entries {
            Ok(entries) => entries.into_iter().rev().map(Ok).collect(),
            Err(unreadable) => vec![Err(unreadable)],
        };
        for (number, entry) in entries.into_iter().enumerate().skip(already) {
            let place = Place { row: Some((row, number + 1)), ..place.clone() };
            self.ready.push_back(Found { tenant: tenant.clone(), at: row.at(), entry, place });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let row = ActivityId::first_at(Timestamp::from_millis(7));
        for (group, row) in [(None, None), (Some("acme"), None), (None, Some((row, 3))), (Some("a-b"), Some((row, 0)))]
        {
            let place = Place { hour: Hour(491_234), group: group.map(|group| group.parse().unwrap()), row };
            assert_eq!(Place::read(&place.write()).unwrap().write(), place.write());
        }
        for wrong in ["", "x///", "1//", "1//nonsense/0", "1/?//0"] {
            assert!(Place::read(wrong).is_none(), "{wrong}");
        }
    }
}
