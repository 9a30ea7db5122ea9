//! Who waits for a sync, and how they are told what became of it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Shared;
use crate::disk_failure::Told;
use crate::store::Action;

pub(super) struct SyncWaiter {
    actions: Vec<Action>,
    reply: oneshot::Sender<Told<()>>,
    /// What the caller runs on, if that is one of tokio's.
    runtime: Option<Handle>,
}

impl SyncWaiter {
    pub(super) fn new(actions: Vec<Action>, reply: oneshot::Sender<Told<()>>) -> Self {
        Self { actions, reply, runtime: Handle::try_current().ok() }
    }
}

/// What became of a sync. Those who waited for it are told when this is dropped.
pub(super) struct SyncWaiters {
    shared: Arc<Shared>,
    waiting: Vec<SyncWaiter>,
    synced: Told<()>,
}

impl SyncWaiters {
    pub(super) fn new(shared: &Arc<Shared>, waiting: Vec<SyncWaiter>, synced: Told<()>) -> Self {
        Self { shared: Arc::clone(shared), waiting, synced }
    }

    /// Tells them from the runtime they all are on. A thread that told each of
    /// them by itself would have the system wake the runtime once for each.
    pub(super) fn tell(self) {
        if let Some(runtime) = self.waiting.first().and_then(|first| first.runtime.clone()) {
            runtime.spawn(async move { drop(self) });
        }
    }
}

impl Drop for SyncWaiters {
    fn drop(&mut self) {
        let (waiting, synced) = (std::mem::take(&mut self.waiting), &self.synced);
        self.shared.guarded(|| {
            for SyncWaiter { actions, reply, .. } in waiting {
                if synced.is_ok() {
                    actions.into_iter().for_each(|action| action());
                }
                let _ = reply.send(synced.clone());
            }
        });
    }
}
