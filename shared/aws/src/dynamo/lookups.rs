//! What the messages of one invocation ask alike is asked once.
//!
//! All of them were sent before any of them is handled, and the question is asked after that: what
//! was there when one of them was sent is found for it.

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use contract::ports::StoreError;
    use futures::future::join;

    use super::*;

    #[tokio::test]
    async fn the_same_is_asked_once_in_an_invocation_and_again_where_it_failed() {
        let asked = AtomicUsize::new(0);
        // The first time it fails, while another waits for it.
        let query = async || {
            tokio::task::yield_now().await;
            match asked.fetch_add(1, Ordering::Relaxed) {
                0 => Err(StoreError::Conflict),
                _ => Ok(Rows { items: Vec::new(), more: false }),
            }
        };
        let lookups = Arc::new(Lookups::default());
        let one = async || lookups.run(first_rows("a", 10, query())).await.is_ok();
        assert_eq!(join(one(), one()).await, (false, true));
        assert!(one().await && asked.load(Ordering::Relaxed) == 2);
        // Another question, and one in no invocation.
        assert!(lookups.run(first_rows("a", 9, query())).await.is_ok());
        assert!(first_rows("a", 10, query()).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }
}
