use std::time::Duration;

use async_trait::async_trait;

use super::{Listed, StoreResult, TimeRange};
use domain::activity::Activity;
use domain::counts::HourCounts;
use domain::ids::{ActivityId, TenantId};
use domain::time::{Hour, Timestamp};

/// Which rows of a tenant, by their names, which tell when they were written. Neither end is
/// part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityRange {
    pub after: Option<ActivityId>,
    pub before: Option<ActivityId>,
}

impl ActivityRange {
    /// Those that were written in this time, its beginning included.
    pub fn within(times: TimeRange) -> Self {
        let after = times.since.and_then(|since| ActivityId::first_at(since).before());
        Self { after, before: times.until.map(ActivityId::first_at) }
    }

    /// The first and the last name that it may hold; none where it holds none.
    pub fn bounds(self) -> Option<(ActivityId, ActivityId)> {
        let first = self.after.map_or(Some(ActivityId::MIN), ActivityId::behind)?;
        let last = self.before.map_or(Some(ActivityId::MAX), ActivityId::before)?;
        (first <= last).then_some((first, last))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
}

/// Rows in order, each with what was written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityRows {
    pub rows: Vec<(ActivityId, Listed<Vec<Activity>>)>,
    /// More may follow behind this name.
    pub next: Option<ActivityId>,
}
layered! {
    /// What happened in each tenant, in the order in which it was noted.
    ///
    /// - What was noted is listed, once this returned.
    /// - Rows are listed in order, each once, however the reading is cut in pages.
    /// - While more is noted, what was read before goes on where it ended.
    /// - What was noted in one tenant is not listed in another.
    /// - A row past its expiry is not listed.
    /// - A row that cannot be read hides no other.
    /// - The tenants in which something was noted in an hour are listed in order, each once.
    /// - What was deleted is gone, the oldest first, and nothing that was noted since.
    /// - The counts of an hour are read back as they were written last, and written only over
    ///   those that the writer had read.
    pub trait ActivityLog, ActivityLogLayer {
        /// They are listed twice when their writer is not told that they were
        /// written, and notes them again.
        async fn note(&self, tenant: &TenantId, entries: Vec<Activity>, expires_at: Timestamp) -> StoreResult<()>;
        async fn list(
            &self,
            tenant: &TenantId,
            range: ActivityRange,
            order: Order,
            limit: usize,
        ) -> StoreResult<ActivityRows>;
        /// At most `limit` tenants, behind `after`.
        async fn active_tenants(&self, hour: Hour, limit: usize, after: Option<&TenantId>) -> StoreResult<Vec<TenantId>>;
        /// Deletes at most `limit` rows that were written before `until`; whether more may be left.
        async fn delete(&self, tenant: &TenantId, until: Timestamp, limit: usize) -> StoreResult<bool>;
        /// Those from `since` to `until`, both included, that were written.
        async fn counts(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<Vec<(Hour, HourCounts)>>;
        /// Writes `counts` if those that are stored count to `expected`, or there are none and none
        /// are expected.
        async fn put_counts(
            &self,
            tenant: &TenantId,
            hour: Hour,
            counts: &HourCounts,
            expected: Option<ActivityId>,
            expires_at: Timestamp,
        ) -> StoreResult<()>;
        sync
        /// How long it may take until a row shows up among those of its time.
        fn settles_within(&self) -> Duration;
    }
}
