//! Who waits for a sync, and how they are told what became of it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::Action;
use super::super::trust::Told;
use super::Shared;

pub(super) struct Waiting {
    actions: Vec<Action>,
    reply: oneshot::Sender<Told<()>>,
    /// What the caller runs on, if that is one of tokio's.
    runtime: Option<Handle>,
}

impl Waiting {
    pub(super) fn new(actions: Vec<Action>, reply: oneshot::Sender<Told<()>>) -> Self {
        Self { actions, reply, runtime: Handle::try_current().ok() }
    }
}

/// What became of a sync. Those who waited for it are told when this is dropped.
pub(super) struct Settled {
    shared: Arc<Shared>,
    waiting: Vec<Waiting>,
    synced: Told<()>,
}

impl Settled {
    pub(super) fn new(shared: &Arc<Shared>, waiting: Vec<Waiting>, synced: Told<()>) -> Self {
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

impl Drop for Settled {
    fn drop(&mut self) {
        let (waiting, synced) = (std::mem::take(&mut self.waiting), &self.synced);
        self.shared.guarded(|| {
            for Waiting { actions, reply, .. } in waiting {
                if synced.is_ok() {
                    actions.into_iter().for_each(|action| action());
                }
                let _ = reply.send(synced.clone());
            }
        });
    }
}
