//! Counts of a tenant's attempts by the hour, made of its activity.
//!
//! Nothing is counted while deliveries are under way. Whoever asks counts what happened since
//! somebody asked last, and keeps it: of each hour one row, and one more that says how far all
//! of them go. What is too new to be complete is counted for the asker only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{ActivityLog, ActivityRange, Clock, Order, StoreError, StoreResult};
use domain::counts::{Counting, HourCounts};
use domain::ids::{ActivityId, TenantId};
use domain::time::{Hour, Timestamp};

/// Where the row is kept that says how far all rows go: before any hour that has counts.
const MARK: Hour = Hour(0);
/// How long counts are kept; what they count is kept as long as its tenant says.
const KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 3_600);
/// Rows that are read at once, and counted before the rows of hours are written.
const AT_ONCE: usize = 1_000;

#[derive(Clone)]
pub struct ActivityCounts {
    log: Arc<dyn ActivityLog>,
    clock: Arc<dyn Clock>,
}

/// The counts of a range of hours.
#[derive(Debug)]
pub struct Counts {
    /// Hours in which nothing happened are left out.
    pub hours: BTreeMap<Hour, Counting>,
    /// Up to when all is counted; none when that is now.
    pub counted_until: Option<Timestamp>,
}

enum Step {
    /// More may be left that can be counted for good.
    More,
    /// All of that is counted.
    Settled,
    /// Somebody else counts.
    Overtaken,
}

impl ActivityCounts {
    pub fn new(log: Arc<dyn ActivityLog>, clock: Arc<dyn Clock>) -> Self {
        Self { log, clock }
    }

    /// Counts at most `steps` times a thousand rows that were not counted yet.
    pub async fn between(&self, tenant: &TenantId, since: Hour, until: Hour, steps: usize) -> StoreResult<Counts> {
        let is_settled = self.settle(tenant, steps).await?;
        let mark = self.mark(tenant).await?;
        let stored = self.log.counts(tenant, Hour(since.0.max(MARK.0 + 1)), until).await?;
        let mut hours: BTreeMap<Hour, Counting> =
            stored.into_iter().map(|(hour, counts)| (hour, Counting::from(counts))).collect();
        if !is_settled {
            let counted_until = Some(mark.map_or(Timestamp::default(), ActivityId::at));
            return Ok(Counts { hours, counted_until });
        }
        let mut after = mark;
        for _ in 0..steps {
            let range = ActivityRange { after, before: Some(ActivityId::first_at(until.next().start())) };
            let found = self.log.list(tenant, range, Order::OldestFirst, AT_ONCE).await?;
            for (id, entries) in &found.rows {
                let hour = Hour::of(id.at());
                if let (Ok(entries), true) = (entries, hour >= since) {
                    hours.entry(hour).or_default().add(*id, entries);
                }
            }
            after = match found.next {
                Some(next) => Some(next),
                None => return Ok(Counts { hours, counted_until: None }),
            };
        }
        Ok(Counts { hours, counted_until: after.map(ActivityId::at) })
    }

    /// What is counted for good, of hours up to `until`.
    pub async fn stored(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<BTreeMap<Hour, Counting>> {
        let stored = self.log.counts(tenant, Hour(since.0.max(MARK.0 + 1)), until).await?;
        Ok(stored.into_iter().map(|(hour, counts)| (hour, Counting::from(counts))).collect())
    }

    /// Counts what can be counted for good. Whether that is all of it.
    pub async fn settle(&self, tenant: &TenantId, steps: usize) -> StoreResult<bool> {
        for _ in 0..steps {
            match self.step(tenant, &|| false).await? {
                Step::More => {}
                Step::Settled => return Ok(true),
                Step::Overtaken => return Ok(false),
            }
        }
        Ok(false)
    }

    /// One step of that, which ends at an earlier hour once `is_over`. Whether more may be left that can be
    /// counted for good by now.
    pub async fn settle_some(&self, tenant: &TenantId, is_over: &(dyn Fn() -> bool + Sync)) -> StoreResult<bool> {
        Ok(matches!(self.step(tenant, is_over).await?, Step::More))
    }

    async fn mark(&self, tenant: &TenantId) -> StoreResult<Option<ActivityId>> {
        let stored = self.log.counts(tenant, MARK, MARK).await?;
        Ok(stored.into_iter().next().and_then(|(_, mark)| mark.counted_to))
    }

    async fn step(&self, tenant: &TenantId, is_over: &(dyn Fn() -> bool + Sync)) -> StoreResult<Step> {
        let now = self.clock.now();
        let mark = self.mark(tenant).await?;
        let settled = ActivityId::first_at(now.saturating_sub(self.log.settles_within()));
        let range = ActivityRange { after: mark, before: Some(settled) };
        let found = self.log.list(tenant, range, Order::OldestFirst, AT_ONCE).await?;
        let Some(mut last) = found.next.or_else(|| found.rows.last().map(|(id, _)| *id)) else {
            return Ok(Step::Settled);
        };
        let expires_at = now.saturating_add(KEPT_FOR);
        let mut hours: BTreeMap<Hour, Counting> = BTreeMap::new();
        if let Some((first, _)) = found.rows.first() {
            let stored = self.log.counts(tenant, Hour::of(first.at()), Hour::of(last.at())).await?;
            hours = stored.into_iter().map(|(hour, counts)| (hour, Counting::from(counts))).collect();
        }
        let before: BTreeMap<Hour, Option<ActivityId>> =
            hours.iter().map(|(hour, counting)| (*hour, counting.counted_to())).collect();
        for (id, entries) in &found.rows {
            let counting = hours.entry(Hour::of(id.at())).or_default();
            // Whoever counted it may have died before it moved the mark. A row that cannot be
            // read counts nothing.
            if counting.counted_to().is_none_or(|to| *id > to) {
                counting.add(*id, entries.as_deref().unwrap_or_default());
            }
        }
        let mut is_cut = false;
        for (hour, counting) in hours {
            let counted_before = found.rows.iter().map(|(id, _)| *id).take_while(|id| Hour::of(id.at()) < hour).last();
            if let Some(counted) = counted_before.filter(|_| is_over()) {
                (last, is_cut) = (counted, true);
                break;
            }
            let expected = before.get(&hour).copied().flatten();
            if counting.counted_to() != expected
                && !self.put(tenant, hour, &counting.finish(), expected, expires_at).await?
            {
                return Ok(Step::Overtaken);
            }
        }
        let moved = HourCounts { counted_to: Some(last), ..HourCounts::default() };
        if !self.put(tenant, MARK, &moved, mark, expires_at).await? {
            return Ok(Step::Overtaken);
        }
        Ok(if is_cut || found.next.is_some() { Step::More } else { Step::Settled })
    }

    /// Whether the stored counts were still those that these continue.
    async fn put(
        &self,
        tenant: &TenantId,
        hour: Hour,
        counts: &HourCounts,
        expected: Option<ActivityId>,
        expires_at: Timestamp,
    ) -> StoreResult<bool> {
        match self.log.put_counts(tenant, hour, counts, expected, expires_at).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
