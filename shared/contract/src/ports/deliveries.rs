use async_trait::async_trait;

use super::{Listed, Page, StoreResult};
use domain::delivery::{Attempt, Delivery, Status};
use domain::ids::{DeliveryId, EventId, EventSeq, EventType, HookId, TenantId};
use domain::time::Timestamp;

/// What the writer of a delivery row believes is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Absent,
    /// A row with this many attempts that was not skipped and does not wait for its hook.
    Attempts(u32),
    /// A row that was skipped after this many attempts: that counts none, and
    /// whoever read the row before has to hear of it.
    Skipped(u32),
    /// A row that waits for its hook to be enabled, after this many attempts.
    Waiting(u32),
}

impl Expected {
    pub fn of(row: Option<&Delivery>) -> Self {
        match row {
            None => Self::Absent,
            Some(row) if row.status == Status::Skipped => Self::Skipped(row.attempt_count),
            Some(row) if row.status == Status::Waiting => Self::Waiting(row.attempt_count),
            Some(row) => Self::Attempts(row.attempt_count),
        }
    }
}

/// When events were recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Narrows the log of a hook. Empty fields admit everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    pub status: Option<Status>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// Inclusive bounds of the last attempt's status code.
    pub codes: Option<(u16, u16)>,
    /// Events recorded at this time or later.
    pub since: Option<Timestamp>,
    /// Events recorded before this time.
    pub until: Option<Timestamp>,
}

impl LogFilter {
    /// Whether a row passes; stores may use it after reading a range by time.
    pub fn admits(&self, delivery: &Delivery) -> bool {
        let code = delivery.last_attempt.as_ref().and_then(|a| a.status_code);
        let at = delivery.id.event.at();
        self.status.is_none_or(|s| s == delivery.status)
            && self.event.as_ref().is_none_or(|e| *e == delivery.event_id)
            && self.event_type.as_ref().is_none_or(|t| *t == delivery.event_type)
            && self.codes.is_none_or(|(low, high)| code.is_some_and(|c| (low..=high).contains(&c)))
            && self.since.is_none_or(|t| at >= t)
            && self.until.is_none_or(|t| at < t)
    }

    /// What passes of a row that was read. One that cannot be read passes where
    /// its key tells all that is asked for.
    pub fn listed(&self, row: Listed<Option<Delivery>>) -> Option<Listed<Delivery>> {
        let Self { status, event, event_type, codes, .. } = self;
        match row {
            Ok(row) => row.filter(|delivery| self.admits(delivery)).map(Ok),
            Err(_) if status.is_some() || event.is_some() || event_type.is_some() || codes.is_some() => None,
            Err(unreadable) => Some(Err(unreadable)),
        }
    }
}
layered! {
    /// The log: one row per delivery, and one per failed attempt.
    ///
    /// - A row is written only over what the writer expected, else it is a
    ///   conflict and nothing changes.
    /// - A row that was skipped or set to wait since it was read is not what was expected.
    /// - A failed last attempt is kept for good when later ones follow.
    /// - All attempts are listed in order, the successful one included. Those of a row
    ///   that was read earlier are those up to its last.
    /// - The log of a hook is complete and reads newest event first.
    /// - A cursor stays valid while rows are added: none is shown twice, none missed.
    /// - Filters apply across pages; a page may be shorter than its limit, and only
    ///   the last one has no `next`.
    /// - An exhausted delivery is marked as failed, and no more once it was tried
    ///   again with another end. A mark may outlive that for a moment, never the
    ///   other way round.
    /// - What waits for its hook is marked as well, as long as it does, and listed oldest
    ///   event first. That mark too may outlive it for a moment, never the other way round.
    /// - What was deleted is gone, with its attempts and its marks; deleting it again
    ///   does nothing.
    /// - A delivery is found under its own tenant only.
    /// - A row past its expiry is not found.
    /// - A row that cannot be read hides no other, and can be deleted.
    pub trait DeliveryLog, DeliveryLogLayer {
        /// Outlives the process when it returns, with the last attempt's own row when
        /// it failed; outlives the machine before its message's acknowledgement does.
        async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()>;
        async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>>;
        async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>>;
        async fn list(
            &self,
            tenant: &TenantId,
            hook: HookId,
            filter: &LogFilter,
            limit: usize,
            cursor: Option<&str>,
        ) -> StoreResult<Page<Listed<Delivery>>>;
        /// The marks of a hook's exhausted deliveries, newest event first.
        async fn failed(
            &self,
            tenant: &TenantId,
            hook: HookId,
            times: TimeRange,
            limit: usize,
            cursor: Option<&str>,
        ) -> StoreResult<Page<EventSeq>>;
        /// The marks of what waits for a hook to be enabled, oldest event first.
        async fn waiting(
            &self,
            tenant: &TenantId,
            hook: HookId,
            limit: usize,
            cursor: Option<&str>,
        ) -> StoreResult<Page<EventSeq>>;
        /// Deletes these rows of one hook, at most 100, with all that belongs to them.
        async fn delete(&self, deliveries: &[Delivery]) -> StoreResult<()>;
        /// The same, of a row that cannot be read.
        async fn delete_unreadable(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<()>;
    }
}
