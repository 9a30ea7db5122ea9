use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ulid::Ulid;

use super::codec::{after_prefix, decode_expiring, encode_expiring, key, prefix_range};
use super::names::Names;
use super::row_kind::RowKind;
use super::store::{Store, Table};
use contract::ports::{ActivityLog, ActivityRange, ActivityRows, Listed, OfRow as _, Order, StoreError, StoreResult};
use domain::activity::Activity;
use domain::counts::HourCounts;
use domain::ids::{ActivityId, TenantId};
use domain::random::Random;
use domain::time::{Hour, Timestamp};

/// Rows one call looks at before it returns a short page.
const SCANNED_ROWS: usize = 2_000;
/// Names are given within this process, a moment before their rows are written.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// One entry for each row. Writes do not wait for the disk: until they are there, the message that
/// caused them is.
#[derive(Clone)]
pub struct EmbeddedActivityLog {
    store: Store,
    names: Arc<Names>,
    /// The tenants that were noted as active in this hour.
    active: Arc<Mutex<(Hour, BTreeSet<TenantId>)>>,
}

impl EmbeddedActivityLog {
    pub fn new(store: Store, random: &dyn Random) -> Self {
        Self { store, names: Arc::new(Names::new(random)), active: Arc::new(Mutex::new((Hour(0), BTreeSet::new()))) }
    }

    fn active(&self) -> MutexGuard<'_, (Hour, BTreeSet<TenantId>)> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known_as_active(&self, tenant: &TenantId, hour: Hour) -> bool {
        let active = self.active();
        active.0 == hour && active.1.contains(tenant)
    }

    fn set_active(&self, tenant: &TenantId, hour: Hour) {
        let mut active = self.active();
        if active.0 != hour {
            *active = (hour, BTreeSet::new());
        }
        active.1.insert(tenant.clone());
    }
}

fn row_key(tenant: &TenantId, id: ActivityId) -> Vec<u8> {
    let mut row = key(RowKind::Activity, &[tenant.as_str()]);
    row.extend_from_slice(&id.0.to_bytes());
    row
}

fn name_of(row_key: &[u8]) -> StoreResult<ActivityId> {
    let (_, id) = row_key.split_last_chunk::<16>().ok_or_else(|| StoreError::Corrupt("a short key".into()))?;
    Ok(ActivityId(Ulid::from_bytes(*id)))
}

fn hour_key(kind: RowKind, hour: Hour) -> Vec<u8> {
    let mut row = key(kind, &[]);
    row.extend_from_slice(&hour.0.to_be_bytes());
    row
}

fn active_key(hour: Hour, tenant: &TenantId) -> Vec<u8> {
    let mut row = hour_key(RowKind::ActiveTenant, hour);
    row.extend_from_slice(tenant.as_str().as_bytes());
    row
}

fn counts_key(tenant: &TenantId, hour: Hour) -> Vec<u8> {
    let mut row = key(RowKind::HourCounts, &[tenant.as_str()]);
    row.extend_from_slice(&hour.0.to_be_bytes());
    row
}

#[async_trait]
impl ActivityLog for EmbeddedActivityLog {
    async fn note(&self, tenant: &TenantId, entries: Vec<Activity>, expires_at: Timestamp) -> StoreResult<()> {
        let now = self.store.clock().now();
        let mut rows = Vec::with_capacity(entries.len());
        let mut hour = Hour::of(now);
        for entry in &entries {
            let name = ActivityId(self.names.next(now));
            hour = Hour::of(name.at());
            rows.push((row_key(tenant, name), encode_expiring(entry, expires_at)));
        }
        let is_known = self.is_known_as_active(tenant, hour);
        let active = (!is_known).then(|| (active_key(hour, tenant), encode_expiring(&(), expires_at)));
        let was_known = active.is_none();
        self.store
            .write_in_order(move |tx| {
                for (row, value) in rows.into_iter().chain(active) {
                    tx.put(Table::Logs, row, value);
                }
                Ok(())
            })
            .await?;
        if !was_known {
            self.set_active(tenant, hour);
        }
        Ok(())
    }

    async fn list(
        &self,
        tenant: &TenantId,
        range: ActivityRange,
        order: Order,
        limit: usize,
    ) -> StoreResult<ActivityRows> {
        let mut found = ActivityRows::default();
        let Some((first, last)) = range.bounds() else { return Ok(found) };
        let now = self.store.clock().expiry();
        let range = (Bound::Included(row_key(tenant, first)), Bound::Included(row_key(tenant, last)));
        let mut rows = self.store.range(Table::Logs, range);
        let mut last_read = None;
        for scanned in 0.. {
            let row = match order {
                Order::NewestFirst => rows.next_back(),
                Order::OldestFirst => rows.next(),
            };
            let Some(row) = row else { break };
            if found.rows.len() == limit || scanned == SCANNED_ROWS {
                found.next = last_read;
                break;
            }
            let (row_key, value) = row?;
            let id = name_of(&row_key)?;
            last_read = Some(id);
            let entry: Listed<Option<Activity>> = decode_expiring(&value, now).listed(id)?;
            if let Some(entry) = entry.transpose() {
                found.rows.push((id, entry.map(|entry| vec![entry])));
            }
        }
        Ok(found)
    }

    async fn active_tenants(&self, hour: Hour, limit: usize, after: Option<&TenantId>) -> StoreResult<Vec<TenantId>> {
        let prefix = hour_key(RowKind::ActiveTenant, hour);
        let end = Bound::Excluded(after_prefix(&prefix));
        let start = match after {
            Some(after) => Bound::Excluded(active_key(hour, after)),
            None => Bound::Included(prefix.clone()),
        };
        let mut tenants = Vec::new();
        for row in self.store.range(Table::Logs, (start, end)).take(limit) {
            let (row_key, _) = row?;
            let name = row_key.get(prefix.len()..).and_then(|name| std::str::from_utf8(name).ok());
            tenants.extend(name.and_then(|name| name.parse().ok()));
        }
        Ok(tenants)
    }

    async fn delete(&self, tenant: &TenantId, until: Timestamp, limit: usize) -> StoreResult<bool> {
        let start = key(RowKind::Activity, &[tenant.as_str()]);
        let end = row_key(tenant, ActivityId::first_at(until));
        let mut rows = Vec::new();
        for row in self.store.range(Table::Logs, start..end).take(limit) {
            rows.push(row?.0);
        }
        let more = rows.len() == limit;
        if !more {
            let counts = key(RowKind::HourCounts, &[tenant.as_str()]);
            for row in self.store.range(Table::Logs, prefix_range(counts)) {
                rows.push(row?.0);
            }
        }
        self.store
            .write(move |tx| {
                rows.into_iter().for_each(|row| tx.delete(Table::Logs, row));
                Ok(())
            })
            .await?;
        Ok(more)
    }

    fn settles_within(&self) -> Duration {
        SETTLES_WITHIN
    }

    async fn counts(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<Vec<(Hour, HourCounts)>> {
        let now = self.store.clock().expiry();
        let range = (Bound::Included(counts_key(tenant, since)), Bound::Included(counts_key(tenant, until)));
        let mut found = Vec::new();
        for row in self.store.range(Table::Logs, range) {
            let (row_key, value) = row?;
            let hour = row_key.last_chunk::<8>().ok_or_else(|| StoreError::Corrupt("a short key".into()))?;
            let hour = Hour(i64::from_be_bytes(*hour));
            // What cannot be read is counted again.
            if let Ok(Some(counts)) = decode_expiring(&value, now) {
                found.push((hour, counts));
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
        let (row, value) = (counts_key(tenant, hour), encode_expiring(counts, expires_at));
        let now = self.store.clock().expiry();
        self.store
            .write_in_order(move |tx| {
                let stored = tx.get(Table::Logs, &row)?;
                // What cannot be read is counted again.
                let stored = stored.and_then(|value| decode_expiring::<HourCounts>(&value, now).ok().flatten());
                if stored.and_then(|counts| counts.counted_to) != expected {
                    return Err(StoreError::Conflict);
                }
                tx.put(Table::Logs, row, value);
                Ok(())
            })
            .await
    }
}
