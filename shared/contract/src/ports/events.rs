use async_trait::async_trait;

use super::{Listed, Page, StoreResult, TimeRange};
use domain::event::{Event, FanoutPage};
use domain::ids::{EventId, EventSeq, TenantId};
use domain::time::Timestamp;

/// What became of recording an event or a page of its fan-out.
#[derive(Clone, Debug)]
pub enum Recorded<T> {
    /// It was not there; it is now.
    New,
    /// The same queue message recorded this before: carry on from it.
    Resumed(T),
    /// Another queue message recorded it: nothing is left to do.
    Duplicate,
}

/// An event by both of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRef {
    pub seq: EventSeq,
    pub id: EventId,
}
layered! {
    /// Events as published, and which hooks they went to.
    ///
    /// - The first message to record an id wins; the same message again resumes
    ///   with what was recorded; any other is a duplicate. Also when concurrent.
    /// - `data` is read back byte for byte, also at its largest.
    /// - The pages of an event are listed in order.
    /// - An event whose payload was expunged is found without it, and can neither be
    ///   given one again nor be published again.
    /// - A deleted event is gone with its pages; of an id that was recorded again
    ///   since, the later event stays.
    /// - Unclaimed events are listed in order of time, once each.
    /// - An event is found under its own tenant only.
    /// - An event past its expiry is not found. As long as its row happens to be there,
    ///   it is told when it expired.
    pub trait Events, EventsLayer {
        /// Records the event together with page zero, in one write.
        async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>>;
        async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>>;
        async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>>;
        /// When an event expired; none of one that is kept, was never recorded, or of
        /// which nothing is left.
        async fn expired_at(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Timestamp>>;
        async fn pages(
            &self,
            tenant: &TenantId,
            id: &EventId,
            limit: usize,
            cursor: Option<&str>,
        ) -> StoreResult<Page<Listed<FanoutPage>>>;
        /// Removes the payload for good; false when there is no such event.
        async fn expunge(&self, tenant: &TenantId, id: &EventId) -> StoreResult<bool>;
        async fn delete(&self, tenant: &TenantId, event: &EventRef) -> StoreResult<()>;
        /// Notes events that are in no hook's log, at most 100. Those of all others
        /// are found through the logs.
        async fn unclaim(&self, tenant: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()>;
        async fn unclaimed(
            &self,
            tenant: &TenantId,
            times: TimeRange,
            limit: usize,
            cursor: Option<&str>,
        ) -> StoreResult<Page<EventRef>>;
    }
}
