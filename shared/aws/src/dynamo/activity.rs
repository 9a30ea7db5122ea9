use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures::future;
use serde::de::DeserializeOwned;

use super::compress::{packed, unpacked};
use super::events::absent_or_expired;
use super::item::{Item, SK};
use super::row_kind::RowKind;
use super::table::{Condition, Consistency, DynamoTable, KeyRange, Rows, SortOrder};
use crate::client::LONGEST_CALL;
use contract::ports::{
    ActivityLog, ActivityRange, ActivityRows, Clock, OfRow as _, Order, OsRandom, StoreResult, TimeRange,
};
use domain::activity::Activity;
use domain::counts::HourCounts;
use domain::ids::{ActivityId, TenantId};
use domain::random::Random;
use domain::time::{Hour, Timestamp};

#[cfg(feature = "lambda")]
mod gathering;

#[cfg(feature = "lambda")]
pub(crate) use gathering::Gathering;

/// A partition takes 1,000 write units a second. Rows of one tenant go to so many of them,
/// each process to one; a list reads them all.
const SHARDS: u8 = 4;
/// How far the clocks of two functions are apart at most.
const CLOCKS_DIFFER: Duration = Duration::from_secs(18);
/// Entries of one row. Each has at most 600 bytes before they are deflated, and an item 400 KB.
const MAX_ENTRIES: usize = 500;

/// Rows of `logs`, each with all that one invocation has to tell of one tenant: ten entries fit
/// into one write unit.
#[derive(Clone)]
pub struct DynamoActivityLog {
    table: DynamoTable,
    clock: Arc<dyn Clock>,
    shard: u8,
    /// The tenants that this process noted as active in this hour.
    active: Arc<Mutex<(Hour, BTreeSet<TenantId>)>>,
}

/// An entry that is to be written, and until when it is kept.
#[derive(Debug)]
struct Entry {
    activity: Activity,
    expires_at: Timestamp,
}

impl DynamoActivityLog {
    pub fn new(client: Client, logs_table: impl Into<String>, clock: Arc<dyn Clock>, random: &dyn Random) -> Self {
        let mut byte = [0];
        random.fill(&mut byte);
        let active = Arc::new(Mutex::new((Hour(0), BTreeSet::new())));
        Self { table: DynamoTable::new(client, logs_table), clock, shard: byte[0] % SHARDS, active }
    }

    async fn write(&self, tenant: &TenantId, entries: Vec<Entry>) -> StoreResult<()> {
        for entries in entries.chunks(MAX_ENTRIES) {
            let expires_at = entries.iter().map(|entry| entry.expires_at).max().unwrap_or_else(|| self.clock.now());
            let activities: Vec<&Activity> = entries.iter().map(|entry| &entry.activity).collect();
            let id = ActivityId::new(self.clock.now(), &OsRandom);
            self.note_active(tenant, Hour::of(id.at()), expires_at).await?;
            let row = Item::new(partition(tenant, self.shard), id.0.to_string()).expiring(expires_at);
            let row = packed(row, &activities);
            self.table.put(row, None).await?;
        }
        Ok(())
    }

    /// Before the row itself, so that none is without it.
    async fn note_active(&self, tenant: &TenantId, hour: Hour, expires_at: Timestamp) -> StoreResult<()> {
        {
            let active = self.active();
            if active.0 == hour && active.1.contains(tenant) {
                return Ok(());
            }
        }
        let row = Item::new(active_partition(hour), tenant.as_str().to_owned()).expiring(expires_at);
        self.table.put(row, None).await?;
        let mut active = self.active();
        if active.0 != hour {
            *active = (hour, BTreeSet::new());
        }
        active.1.insert(tenant.clone());
        Ok(())
    }

    fn active(&self) -> MutexGuard<'_, (Hour, BTreeSet<TenantId>)> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn shard_rows(
        &self,
        tenant: &TenantId,
        range: &KeyRange,
        order: SortOrder,
        limit: usize,
    ) -> StoreResult<Vec<Rows>> {
        let shards = (0..SHARDS).map(|shard| async move {
            let pk = partition(tenant, shard);
            self.table.query(&pk, range.clone(), order, limit, Consistency::Strong).await
        });
        future::try_join_all(shards).await
    }

    fn read<T: DeserializeOwned>(&self, row: &Item) -> StoreResult<Option<T>> {
        if row.is_live(self.clock.now())? { unpacked(row).map(Some) } else { Ok(None) }
    }
}

fn partition(tenant: &TenantId, shard: u8) -> String {
    RowKind::Activity.partition(&[tenant.as_str(), &shard.to_string()])
}

fn active_partition(hour: Hour) -> String {
    RowKind::ActiveTenant.partition(&[&hour_name(hour)])
}

fn counts_partition(tenant: &TenantId) -> String {
    RowKind::HourCounts.partition(&[tenant.as_str()])
}

/// Ten digits hold every hour and sort as hours do.
fn hour_name(hour: Hour) -> String {
    format!("{:010}", hour.0)
}

fn names(range: ActivityRange) -> Option<KeyRange> {
    range.bounds().map(|(first, last)| KeyRange::Between(first.0.to_string(), last.0.to_string()))
}

#[async_trait]
impl ActivityLog for DynamoActivityLog {
    async fn note(&self, tenant: &TenantId, entries: Vec<Activity>, expires_at: Timestamp) -> StoreResult<()> {
        let entries = entries.into_iter().map(|activity| Entry { activity, expires_at }).collect();
        #[cfg(feature = "lambda")]
        if let Some(gathering) = gathering::current() {
            return gathering.write_with_others(self, tenant, entries).await;
        }
        self.write(tenant, entries).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        range: ActivityRange,
        order: Order,
        limit: usize,
    ) -> StoreResult<ActivityRows> {
        let Some(range) = names(range) else { return Ok(ActivityRows::default()) };
        let limit = limit.max(1);
        let order = match order {
            Order::NewestFirst => SortOrder::Descending,
            Order::OldestFirst => SortOrder::Ascending,
        };
        let shards = self.shard_rows(tenant, &range, order, limit).await?;
        let mut named: Vec<(ActivityId, &Item)> = Vec::new();
        // Of a shard that was not read to its end, rows may come between those of others.
        let mut ends: Vec<ActivityId> = Vec::new();
        for rows in &shards {
            for row in &rows.items {
                named.push((ActivityId(row.get_parsed(SK)?), row));
            }
            if rows.more
                && let Some(last) = rows.items.last()
            {
                ends.push(ActivityId(last.get_parsed(SK)?));
            }
        }
        let complete = match order {
            SortOrder::Descending => {
                named.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
                let end = ends.iter().max();
                named.iter().take_while(|(id, _)| end.is_none_or(|end| id >= end)).count()
            }
            SortOrder::Ascending => {
                named.sort_unstable_by_key(|(id, _)| *id);
                let end = ends.iter().min();
                named.iter().take_while(|(id, _)| end.is_none_or(|end| id <= end)).count()
            }
        };
        let shown = complete.min(limit);
        let more = shown < named.len() || !ends.is_empty();
        let mut found =
            ActivityRows { next: named[..shown].last().filter(|_| more).map(|(id, _)| *id), ..ActivityRows::default() };
        for (id, row) in &named[..shown] {
            if let Some(entries) = self.read(row).listed(id)?.transpose() {
                found.rows.push((*id, entries));
            }
        }
        Ok(found)
    }

    async fn active_tenants(&self, hour: Hour, limit: usize, after: Option<&TenantId>) -> StoreResult<Vec<TenantId>> {
        let range = after.map_or(KeyRange::All, |after| KeyRange::After(after.as_str().to_owned()));
        let pk = active_partition(hour);
        let rows = self.table.query(&pk, range, SortOrder::Ascending, limit, Consistency::Strong).await?;
        rows.items.iter().map(|row| row.get_parsed(SK)).collect()
    }

    async fn delete(&self, tenant: &TenantId, until: Timestamp, limit: usize) -> StoreResult<bool> {
        let range = ActivityRange::within(TimeRange { since: None, until: Some(until) });
        let Some(range) = names(range) else { return Ok(false) };
        let share = (limit / usize::from(SHARDS)).max(1);
        let shards = self.shard_rows(tenant, &range, SortOrder::Ascending, share).await?;
        for (shard, rows) in (0..SHARDS).zip(&shards) {
            for row in &rows.items {
                self.table.delete(&partition(tenant, shard), row.get_text(SK)?).await?;
            }
        }
        if shards.iter().any(|rows| rows.more) {
            return Ok(true);
        }
        let pk = counts_partition(tenant);
        for row in self.table.query_all(&pk).await? {
            self.table.delete(&pk, row.get_text(SK)?).await?;
        }
        Ok(false)
    }

    /// A function may be as long in writing a row after it was named, and its clock be behind.
    fn settles_within(&self) -> Duration {
        LONGEST_CALL.saturating_add(CLOCKS_DIFFER)
    }

    async fn counts(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<Vec<(Hour, HourCounts)>> {
        let pk = counts_partition(tenant);
        let (mut low, high) = (hour_name(since), hour_name(until));
        let mut found = Vec::new();
        while low <= high {
            let range = KeyRange::Between(low.clone(), high.clone());
            let rows = self.table.query(&pk, range, SortOrder::Ascending, usize::MAX, Consistency::Strong).await?;
            for row in &rows.items {
                let hour = Hour(row.get_parsed(SK)?);
                // What cannot be read is counted again.
                if let Ok(Some(counts)) = self.read(row) {
                    found.push((hour, counts));
                }
            }
            match rows.items.last().filter(|_| rows.more) {
                Some(last) => low = hour_name(Hour(last.get_parsed::<i64>(SK)?).next()),
                None => break,
            }
        }
        Ok(found)
    }

    async fn put_counts(
        &self,
        tenant: &TenantId,
        hour: Hour,
        counts: &HourCounts,
        expected: Option<ActivityId>,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        let row = Item::new(counts_partition(tenant), hour_name(hour)).expiring(expires_at);
        let row = row.maybe_text("ct", counts.counted_to.map(|to| to.to_string()).as_deref());
        let condition = match expected {
            None => absent_or_expired(self.clock.now()),
            Some(expected) => Condition::of("ct = :ct").text(":ct", &expected.to_string()),
        };
        Ok(self.table.put(packed(row, counts), Some(condition)).await?)
    }
}
