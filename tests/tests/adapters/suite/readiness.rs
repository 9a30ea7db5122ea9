//! Whether work is taken.

use std::any::Any;
use std::sync::Arc;

use contract::ports::{AlwaysReady, Readiness};
use embedded::{Store, StoreOptions};

use super::on_disk;

/// Something that is well, and what makes it so no longer.
pub(crate) struct Asked {
    readiness: Arc<dyn Readiness>,
    /// The same where it cannot take work; none where nothing can go wrong.
    unready: Option<Arc<dyn Readiness>>,
    _keep: Box<dyn Any + Send + Sync>,
}

pub(crate) async fn always() -> Option<Asked> {
    Some(Asked { readiness: Arc::new(AlwaysReady), unready: None, _keep: Box::new(()) })
}

pub(crate) async fn of_a_data_directory() -> Option<Asked> {
    let (store, clock, directory) = on_disk::open();
    let full = tempfile::tempdir().unwrap();
    let options = StoreOptions { min_free_bytes: u64::MAX };
    let unready = Store::open(full.path(), &options, Arc::new(clock)).unwrap();
    Some(Asked { readiness: Arc::new(store), unready: Some(Arc::new(unready)), _keep: Box::new((directory, full)) })
}

pub(crate) async fn what_is_well_takes_work(asked: &Asked) {
    assert_eq!(asked.readiness.check(), Ok(()));
}

pub(crate) async fn a_refusal_says_why_and_when_that_ends(asked: &Asked) {
    let Some(unready) = &asked.unready else { return };
    let reason = unready.check().expect_err("it takes no work");
    assert_eq!(reason, "the disk is nearly full; events are accepted again once there is room");
}
