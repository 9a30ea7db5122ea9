//! Writes one row for all that the messages of one invocation have to tell of a tenant.
//!
//! An invocation ends with its slowest message, and until then the others have nothing to do.
//! So each waits until all that are under way wait with it, and the last one writes for all. A
//! message ends only after that: should the row not be written, it comes again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::{DynamoActivityLog, Entry};
use contract::ports::{StoreError, StoreResult};
use contract::stage::causes;
use domain::ids::TenantId;

tokio::task_local! {
    static CURRENT: Arc<Gathering>;
}

/// That of the invocation whose message is being handled.
pub(super) fn current() -> Option<Arc<Gathering>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The messages of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    state: Mutex<State>,
    all_wait: Notify,
}

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    tenant: TenantId,
    entries: Vec<Entry>,
    written: oneshot::Sender<StoreResult<()>>,
}

/// A message that is under way.
struct UnderWay(Arc<Gathering>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way -= 1;
        if state.all_wait() {
            drop(state);
            self.0.all_wait.notify_one();
        }
    }
}

impl State {
    fn all_wait(&self) -> bool {
        !self.waiting.is_empty() && self.waiting.len() >= self.under_way
    }
}

impl Gathering {
    /// Handles a message as one of this invocation.
    pub(crate) async fn run<F: Future>(self: &Arc<Self>, message: F) -> F::Output {
        self.lock().under_way += 1;
        let _under_way = UnderWay(Arc::clone(self));
        CURRENT.scope(Arc::clone(self), message).await
    }

    pub(super) async fn write_with_others(
        &self,
        log: &DynamoActivityLog,
        tenant: &TenantId,
        entries: Vec<Entry>,
    ) -> StoreResult<()> {
        let (written, mut answer) = oneshot::channel();
        self.lock().waiting.push(Waiting { tenant: tenant.clone(), entries, written });
        loop {
            let all_wait = self.all_wait.notified();
            self.write_if_all_wait(log).await;
            tokio::select! {
                biased;
                answer = &mut answer => {
                    return answer.unwrap_or_else(|_| Err(not_written("whoever wrote for all broke off")));
                }
                () = all_wait => {}
            }
        }
    }

    async fn write_if_all_wait(&self, log: &DynamoActivityLog) {
        let waiting = {
            let mut state = self.lock();
            if !state.all_wait() {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        let mut tenants: BTreeMap<TenantId, (Vec<Entry>, Vec<oneshot::Sender<_>>)> = BTreeMap::new();
        for Waiting { tenant, entries, written } in waiting {
            let (together, senders) = tenants.entry(tenant).or_default();
            together.extend(entries);
            senders.push(written);
        }
        let writes = tenants.into_iter().map(|(tenant, (entries, senders))| async move {
            let result = log.write(&tenant, entries).await.map_err(|error| causes(&error));
            for sender in senders {
                // Whoever gave up waiting finds its message handed out again.
                let _ = sender.send(result.clone().map_err(|why| not_written(&why)));
            }
        });
        futures::future::join_all(writes).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_written(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the row of this invocation's activity: {why}").into())
}
