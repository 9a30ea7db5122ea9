//! What the messages of one invocation ask alike is asked once.
//!
//! All of them were sent before any of them is handled, so none sees less than if it had asked
//! by itself.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::table::Rows;
use contract::ports::StoreResult;

tokio::task_local! {
    static CURRENT: Arc<Lookups>;
}

type Answer = Arc<OnceCell<Arc<Rows>>>;

/// Those of one invocation: the first rows of partitions, by how many were asked for.
#[derive(Debug, Default)]
pub(crate) struct Lookups(Mutex<HashMap<(String, usize), Answer>>);

impl Lookups {
    /// Handles a message as one of this invocation.
    pub(crate) async fn run<F: Future>(self: &Arc<Self>, message: F) -> F::Output {
        CURRENT.scope(Arc::clone(self), message).await
    }
}

/// The first rows of a partition, which `query` asks for. Who waits for it while it fails asks anew.
pub(super) async fn first_rows(
    pk: &str,
    limit: usize,
    query: impl Future<Output = StoreResult<Rows>> + Send,
) -> StoreResult<Arc<Rows>> {
    let query = async { query.await.map(Arc::new) };
    let Ok(lookups) = CURRENT.try_with(Arc::clone) else { return query.await };
    let cell = {
        let mut known = lookups.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry((pk.to_owned(), limit)).or_default())
    };
    cell.get_or_try_init(|| query).await.cloned()
}
