//! First attempts for one hook that travel in one request. They meet here, within
//! one process. Each is logged and settled on its own account; how they are sent
//! again together is in `companions.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::messages::DeliveryMessage;
use contract::ports::{HttpResult, SendFault};
use contract::stage::Fault;
use domain::delivery::AttemptOutcome;
use domain::ids::{DeliveryId, HookId, TenantId};
use domain::payload::JsonForm;
use domain::random::FixedRandom;
use domain::time::Timestamp;
use futures::future::join_all;
use serde_json::value::RawValue;
use services::delivery::request::{self, EventToSend};
use services::delivery::resolved_hook::ResolvedHook;
use tokio::sync::{Notify, oneshot};

use courier::{Exchange, Exchanged};

use crate::Deps;
use crate::admitted::Admitted;

/// The most `data` of one request, in bytes. One event may have more and then
/// travels alone.
const MAX_DATA_BYTES: usize = 1024 * 1024;
/// The same where numbers may become five times as long (`1e20`): the body still
/// has to be below what a request may hold.
const MAX_REWRITTEN_DATA_BYTES: usize = 768 * 1024;

/// What was sent for several deliveries at once, and what came of it.
#[derive(Debug)]
pub(crate) struct SharedRequest {
    pub(crate) hook: Arc<ResolvedHook>,
    pub(crate) at: Timestamp,
    pub(crate) deliveries: Vec<DeliveryId>,
    pub(crate) unverified: bool,
    pub(crate) exchanged: Exchanged,
    /// Chance, the same for all, so that they are due again together.
    pub(crate) chance: FixedRandom,
}

/// The requests that are being put together in this process, one for each hook and
/// each shape that its bodies have.
#[derive(Clone, Debug, Default)]
pub struct Batches(Arc<Mutex<Open>>);

type Open = HashMap<Place, Arc<Gathering>>;

/// The hook, and which of its payloads it is.
type Place = (TenantId, HookId, usize);

/// A request that others may still join. Its leader holds on to it, also when
/// it is full and the next one has begun.
#[derive(Debug, Default)]
struct Gathering {
    members: Mutex<Vec<Member>>,
    full: Notify,
}

/// How much one request may carry.
#[derive(Clone, Copy)]
struct Room {
    events: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Member {
    message: DeliveryMessage,
    ends_at: Option<Timestamp>,
    data: Arc<RawValue>,
    answer: oneshot::Sender<Answer>,
}

/// What became of the request that a delivery joined.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Sent(Result<Arc<SharedRequest>, SendFault>),
    /// It is not to be sent any more, after it waited for the others.
    Over,
    /// Its endpoint gets no request until then.
    NotBefore(Timestamp),
}

/// Who sends for all. When it is broken off, those who joined do not wait in
/// vain: their messages fail and come back.
struct Leader<'a> {
    batches: &'a Batches,
    place: Place,
    gathering: Arc<Gathering>,
}

impl Batches {
    /// Sends the delivery together with those that come within the hook's
    /// `max_wait`. All get the same result, but for those that have expired by
    /// then and get none.
    pub(crate) async fn send(&self, deps: &Deps, admitted: &Admitted) -> Result<Answer, Fault> {
        let claimed = admitted.claimed();
        let (message, hook) = (claimed.message(), claimed.hook());
        let shape = hook.settings.payload.shape(&message.event_type);
        let place = (message.tenant.clone(), message.hook, shape);
        let (answer, answered) = oneshot::channel();
        let member =
            Member { message: message.clone(), ends_at: claimed.ends_at(), data: Arc::clone(claimed.data()), answer };
        let room = Room {
            events: usize::try_from(hook.settings.batch.max_events).unwrap_or(usize::MAX),
            bytes: match hook.settings.payload.json() {
                JsonForm::AsPublished => MAX_DATA_BYTES,
                JsonForm::Ecmascript => MAX_REWRITTEN_DATA_BYTES,
            },
        };
        if let Some(leader) = self.join(&place, member, room) {
            // The first to come waits for the others and sends for all.
            let wait = hook.settings.batch.max_wait.duration();
            let _ = tokio::time::timeout(wait, leader.gathering.full.notified()).await;
            let members = leader.close();
            match admitted.take_unverified(deps).await? {
                None => run(deps, hook, members, admitted.unverified()).await,
                Some(until) => members.into_iter().for_each(|member| {
                    let _ = member.answer.send(Answer::NotBefore(until));
                }),
            }
        }
        answered.await.map_err(|_| Fault::Internal("whoever sent for this delivery broke off".into()))
    }

    /// The request to lead, for whoever is its first.
    fn join(&self, place: &Place, member: Member, room: Room) -> Option<Leader<'_>> {
        let mut open = lock(&self.0);
        if let Some(gathering) = open.get(place) {
            let mut members = lock(&gathering.members);
            let bytes: usize = members.iter().map(|member| member.data.get().len()).sum();
            if bytes + member.data.get().len() <= room.bytes {
                members.push(member);
                if members.len() >= room.events {
                    gathering.full.notify_one();
                    drop(members);
                    open.remove(place);
                }
                return None;
            }
            gathering.full.notify_one();
        }
        let gathering = Arc::new(Gathering { members: Mutex::new(vec![member]), full: Notify::new() });
        open.insert(place.clone(), Arc::clone(&gathering));
        Some(Leader { batches: self, place: place.clone(), gathering })
    }
}

impl Leader<'_> {
    fn close(&self) -> Vec<Member> {
        let mut open = lock(&self.batches.0);
        if open.get(&self.place).is_some_and(|current| Arc::ptr_eq(current, &self.gathering)) {
            open.remove(&self.place);
        }
        std::mem::take(&mut lock(&self.gathering.members))
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is too large together goes out singly; so does all with which one fails alone.
async fn run(deps: &Deps, hook: &Arc<ResolvedHook>, members: Vec<Member>, unverified: bool) {
    let Err(members) = send_together(deps, hook, members, unverified).await else { return };
    let singly = members.into_iter().map(|member| send_together(deps, hook, vec![member], unverified));
    join_all(singly).await;
}

/// Gives several back of which no request was made together.
async fn send_together(
    deps: &Deps,
    hook: &Arc<ResolvedHook>,
    members: Vec<Member>,
    unverified: bool,
) -> Result<(), Vec<Member>> {
    let at = deps.clock.now();
    let (members, over): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member| member.ends_at.is_none_or(|end| at < end));
    for member in over {
        let _ = member.answer.send(Answer::Over);
    }
    if members.is_empty() {
        return Ok(());
    }
    let subjects: Vec<EventToSend<'_>> =
        members.iter().map(|member| EventToSend::of(&member.message, &member.data)).collect();
    let deliveries: Vec<DeliveryId> = subjects.iter().map(|subject| subject.delivery).collect();
    // Of several it stands below the first.
    let traceparent = members.first().and_then(|member| member.message.traceparent);
    let name = request::name(hook, &subjects);
    let exchanged = deps.exchange(hook, &subjects, &name, at, unverified, traceparent).await;
    if members.len() > 1 && is_for_each_alone(&exchanged) {
        return Err(members);
    }
    let hook = Arc::clone(hook);
    let chance = FixedRandom(deps.random.unit());
    let answer = match exchanged {
        Ok(Exchange::Made(exchanged)) => {
            Answer::Sent(Ok(Arc::new(SharedRequest { hook, at, deliveries, unverified, exchanged, chance })))
        }
        Ok(Exchange::NotBefore(until)) => Answer::NotBefore(until),
        Err(fault) => Answer::Sent(Err(fault)),
    };
    for member in members {
        // Whoever gave up waiting finds its message handed out again.
        let _ = member.answer.send(answer.clone());
    }
    Ok(())
}

/// Whether each may go out without the others: they are too large together, or a
/// template failed for one of them.
pub(crate) fn is_for_each_alone(exchange: &Result<Exchange, SendFault>) -> bool {
    let Ok(Exchange::Made(Exchanged { result: HttpResult { answer: Err(failure), .. }, .. })) = exchange else {
        return false;
    };
    matches!(failure.outcome, AttemptOutcome::RequestTooLarge | AttemptOutcome::TemplateFailed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(batches: &Batches) -> (Option<Leader<'_>>, oneshot::Receiver<Answer>) {
        let message = DeliveryMessage::parse(include_bytes!("../../../tests/events/delivery.json")).unwrap();
        let place = (message.tenant.clone(), message.hook, 0);
        let data = RawValue::from_string("1".to_owned()).unwrap().into();
        let (answer, answered) = oneshot::channel();
        let room = Room { events: 10, bytes: MAX_DATA_BYTES };
        (batches.join(&place, Member { message, ends_at: None, data, answer }, room), answered)
    }

    #[test]
    fn who_joined_a_leader_that_is_broken_off_does_not_wait_for_it() {
        let batches = Batches::default();
        let (leader, _mine) = join(&batches);
        let (follower, mut answered) = join(&batches);
        assert!(leader.is_some() && follower.is_none());
        drop(leader);
        assert_eq!(answered.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        assert!(join(&batches).0.is_some());
    }
}
