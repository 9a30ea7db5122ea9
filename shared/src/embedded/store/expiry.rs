use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};

use super::super::codec;

/// Drops expired rows of the log whenever the store compacts.
pub(super) struct ExpiryFactory(pub(super) codec::SharedClock);

impl Factory for ExpiryFactory {
    fn name(&self) -> &str {
        "expiry"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiryFilter { now_millis: self.0.0.expiry().as_millis() })
    }
}

struct ExpiryFilter {
    now_millis: i64,
}

impl CompactionFilter for ExpiryFilter {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let expired = codec::expires_at_millis(&item.value()?).is_some_and(|at| at <= self.now_millis);
        Ok(if expired { Verdict::Remove } else { Verdict::Keep })
    }
}
