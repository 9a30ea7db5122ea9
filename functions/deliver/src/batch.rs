//! Deliveries of one hook that travel in one request. They meet here, within
//! one process; each is logged, retried and settled on its own account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use shared::domain::ids::{DeliveryId, HookId, TenantId};
use shared::effective::EffectiveHook;
use shared::messages::DeliveryMessage;
use shared::ports::HttpResult;
use shared::request::Subject;
use shared::stage::Fault;
use shared::time::Timestamp;
use tokio::sync::{Notify, oneshot};

use crate::{Deps, exchange};

/// The most `data` of one request, in bytes. One event may have more and then
/// travels alone.
const MAX_DATA_BYTES: usize = 1024 * 1024;

/// What was sent for several deliveries at once, and what came of it.
#[derive(Debug)]
pub(crate) struct Together {
    pub(crate) hook: Arc<EffectiveHook>,
    pub(crate) at: Timestamp,
    pub(crate) deliveries: Vec<DeliveryId>,
    pub(crate) result: HttpResult,
}

/// The requests that are being put together in this process, one for each hook.
#[derive(Clone, Debug, Default)]
pub struct Batches(Arc<Mutex<Open>>);

type Open = HashMap<(TenantId, HookId), Arc<Gathering>>;

/// A request that others may still join. Its leader holds on to it, also when
/// it is full and the next one has begun.
#[derive(Debug, Default)]
struct Gathering {
    members: Mutex<Vec<Member>>,
    full: Notify,
}

#[derive(Debug)]
struct Member {
    message: DeliveryMessage,
    data: Arc<RawValue>,
    answer: oneshot::Sender<Arc<Together>>,
}

impl Batches {
    /// Sends the delivery together with those that come within the hook's
    /// `max_wait`. All get the same result.
    pub(crate) async fn send(
        &self,
        deps: &Deps,
        hook: &Arc<EffectiveHook>,
        message: &DeliveryMessage,
        data: &Arc<RawValue>,
    ) -> Result<Arc<Together>, Fault> {
        let place = (message.tenant.clone(), message.hook);
        let (answer, answered) = oneshot::channel();
        let member = Member { message: message.clone(), data: Arc::clone(data), answer };
        let max_events = usize::try_from(hook.settings.batch.max_events).unwrap_or(usize::MAX);
        if let Some(leading) = self.join(&place, member, max_events) {
            // The first to come waits for the others and sends for all.
            let wait = hook.settings.batch.max_wait.duration();
            let _ = tokio::time::timeout(wait, leading.full.notified()).await;
            run(deps, hook, self.close(&place, &leading)).await;
        }
        answered.await.map_err(|_| Fault::Internal("whoever sent for this delivery broke off".into()))
    }

    /// The request to lead, for whoever is its first.
    fn join(&self, place: &(TenantId, HookId), member: Member, max_events: usize) -> Option<Arc<Gathering>> {
        let mut open = lock(&self.0);
        if let Some(gathering) = open.get(place) {
            let mut members = lock(&gathering.members);
            let bytes: usize = members.iter().map(|member| member.data.get().len()).sum();
            if bytes + member.data.get().len() <= MAX_DATA_BYTES {
                members.push(member);
                if members.len() >= max_events {
                    gathering.full.notify_one();
                    drop(members);
                    open.remove(place);
                }
                return None;
            }
            gathering.full.notify_one();
        }
        let leading = Arc::new(Gathering { members: Mutex::new(vec![member]), full: Notify::new() });
        open.insert(place.clone(), Arc::clone(&leading));
        Some(leading)
    }

    fn close(&self, place: &(TenantId, HookId), leading: &Arc<Gathering>) -> Vec<Member> {
        let mut open = lock(&self.0);
        if open.get(place).is_some_and(|current| Arc::ptr_eq(current, leading)) {
            open.remove(place);
        }
        std::mem::take(&mut lock(&leading.members))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(deps: &Deps, hook: &Arc<EffectiveHook>, members: Vec<Member>) {
    let at = deps.clock.now();
    let subjects: Vec<Subject<'_>> = members.iter().map(|member| Subject::of(&member.message, &member.data)).collect();
    let deliveries: Vec<DeliveryId> = subjects.iter().map(|subject| subject.delivery).collect();
    let result = exchange::run(deps, hook, &subjects, &name(&deliveries), at).await;
    let together = Arc::new(Together { hook: Arc::clone(hook), at, deliveries, result });
    for member in members {
        // Whoever gave up waiting finds its message handed out again.
        let _ = member.answer.send(Arc::clone(&together));
    }
}

/// What names a request to its receiver: the delivery, or, of several, a name
/// that the same ones would get again.
pub(crate) fn name(deliveries: &[DeliveryId]) -> String {
    if let [one] = deliveries {
        return one.to_string();
    }
    let mut hash = Sha256::new();
    deliveries.iter().for_each(|delivery| hash.update(delivery.to_string()));
    let digest: [u8; 32] = hash.finalize().into();
    format!("batch_{}", URL_SAFE_NO_PAD.encode(&digest[..16]))
}
