//! Drops expired rows of a table whenever it is compacted.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use lsm_tree::compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict};

/// Whether a row with this value has expired, by now.
pub(crate) type IsExpired = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

pub(crate) struct ExpiryFactory(pub(crate) IsExpired);

// What decides does not unwind half-way.
impl UnwindSafe for ExpiryFactory {}
impl RefUnwindSafe for ExpiryFactory {}

impl Factory for ExpiryFactory {
    fn name(&self) -> &str {
        "expiry"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiryFilter(Arc::clone(&self.0)))
    }
}

struct ExpiryFilter(IsExpired);

impl CompactionFilter for ExpiryFilter {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> lsm_tree::Result<Verdict> {
        Ok(if self.0(&item.value()?) { Verdict::Remove } else { Verdict::Keep })
    }
}
