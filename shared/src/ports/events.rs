use async_trait::async_trait;

use super::{Page, StoreResult};
use crate::domain::event::{Event, FanoutPage};
use crate::domain::ids::{EventId, TenantId};

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

/// Events as published, and which hooks they went to.
///
/// - The first message to record an id wins; the same message again resumes
///   with what was recorded; any other is a duplicate. Also when concurrent.
/// - `data` is read back byte for byte, also at its largest.
/// - The pages of an event are listed in order.
/// - An event is found under its own tenant only.
/// - An event past its expiry is not found.
#[async_trait]
pub trait Events: Send + Sync {
    /// Records the event together with page zero, in one write.
    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>>;
    async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>>;
    async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>>;
    async fn pages(
        &self,
        tenant: &TenantId,
        id: &EventId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<FanoutPage>>;
}
