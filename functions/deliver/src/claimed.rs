//! Whether a delivery is still to be made, and what its request is made of.
//! What the log tells of already, and what is not to be sent any more, ends here.

use std::sync::Arc;
use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::ports::StoreResult;
use contract::stage::{Fault, Message, Outcome, settle};
use domain::delivery::{Delivery, Trigger};
use domain::event::Event;
use domain::ids::DeliveryId;
use domain::time::Timestamp;
use serde_json::value::RawValue;
use services::delivery::activity;
use services::delivery::claim::{self, Claim, Logs};
use services::delivery::paused::{self, DisabledHook};
use services::delivery::resolved_hook::ResolvedHook;

use crate::copies::Guard;
use crate::{Deps, Step, logged, terminated};

/// How long a copy of a delivery waits while another one is under way here:
/// until that one is surely logged, for the copy may be handed to another process.
pub(crate) const ASIDE: Duration = Duration::from_secs(60);

/// A delivery that is due and that the log does not tell of, with its hook and
/// its data. No copy of it is under way in this process while this lasts. It is handed
/// from step to step, so it is on the heap.
pub(crate) struct Claimed(Box<Parts>);

struct Parts {
    message: DeliveryMessage,
    row: Option<Delivery>,
    hook: Arc<ResolvedHook>,
    data: Arc<RawValue>,
    guard: Guard,
}

impl Claimed {
    pub(crate) async fn claim(deps: &Deps, mut received: Message) -> Step<Self> {
        let message = DeliveryMessage::take(&mut received)?;
        if let Some(ended) = &message.ended {
            return Err(Box::pin(terminated::tell(deps, &message, ended)).await?);
        }
        let now = deps.clock.now();
        if let Some(due) = message.due_at.filter(|due| *due > now && !received.is_due) {
            return Err(Outcome::NotBefore(due));
        }
        let Some(mut guard) = deps.in_flight.enter(message.delivery_id()) else {
            return Err(Outcome::NotBefore(now.saturating_add(ASIDE)));
        };
        let was_received_before = received.receive_count > 1;
        let row = ask_log(deps, &message, was_received_before).await?;
        let row = match Claim::of(&message, row.clone()) {
            Claim::Due(row) => row,
            logged => {
                drop(guard);
                let following = follow_up_again(deps, &message, logged, row, was_received_before);
                return Err(Box::pin(following).await?);
            }
        };
        if let Some(batch) = row.as_ref().and_then(Delivery::former_batch) {
            let first = batch.first().map(|event| DeliveryId { event: *event, hook: message.hook });
            if first.is_some_and(|first| !guard.enter_batch(first)) {
                return Err(Outcome::NotBefore(now.saturating_add(ASIDE)));
            }
        }
        let hook = match deps.hooks.get(&message.tenant, message.hook).await? {
            Some(resolved) if resolved.hook.takes_deliveries(now) => resolved,
            Some(hook) => {
                if !hook.hook.enabled {
                    Box::pin(deps.hook_health.catch_up(&hook.hook)).await?;
                }
                let of = DisabledHook {
                    hook: &hook.hook,
                    settings: &hook.settings,
                    retention: hook.tenant.retention(deps.retention),
                };
                let logs = Logs { deliveries: deps.log.as_ref(), activity: deps.activity.as_ref() };
                let now = deps.clock.now();
                Box::pin(paused::set_aside(logs, &deps.waiting, of, &message, row, now)).await?;
                return Err(Outcome::Done);
            }
            // Its log goes with it.
            None => {
                let expires_at = now.saturating_add(deps.retention);
                activity::note_event_of(deps.activity.as_ref(), &message, expires_at).await?;
                return Err(Outcome::Done);
            }
        };
        match load_data(deps, &message).await? {
            Ok(data) => Ok(Self(Box::new(Parts { message, row, hook, data, guard }))),
            Err(reason) => Err(Box::pin(skip(deps, &hook, &message, row, reason)).await),
        }
    }

    /// One that travels with another, whose message is not its own.
    pub(crate) fn with(
        other: &Self,
        message: DeliveryMessage,
        row: Delivery,
        data: Arc<RawValue>,
        guard: Guard,
    ) -> Self {
        Self(Box::new(Parts { message, row: Some(row), hook: Arc::clone(other.hook()), data, guard }))
    }

    pub(crate) fn message(&self) -> &DeliveryMessage {
        &self.0.message
    }

    /// What the log told before this attempt.
    pub(crate) fn row(&self) -> Option<&Delivery> {
        self.0.row.as_ref()
    }

    pub(crate) fn hook(&self) -> &Arc<ResolvedHook> {
        &self.0.hook
    }

    pub(crate) fn data(&self) -> &Arc<RawValue> {
        &self.0.data
    }

    /// Whether it may travel with others that come at the same time.
    pub(crate) fn gathers(&self) -> bool {
        let was_sent = self.row().is_some_and(|row| row.last_attempt.is_some());
        !was_sent && self.hook().settings.batch.max_events > 1
    }

    /// Whether it is not to be sent any more: its event has expired, or the deadline
    /// of its retries has passed.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| now >= end)
    }

    /// From when on it is not sent any more.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        let deadline = claim::retry_end(self.message(), self.row(), &self.hook().settings.retry);
        self.message().not_after.into_iter().chain(deadline).min()
    }

    /// Ends with a row that says why it is not sent any more.
    pub(crate) async fn end(self, deps: &Deps) -> Outcome {
        let now = deps.clock.now();
        let Parts { message, row, hook, .. } = *self.0;
        if message.not_after.is_some_and(|end| now >= end) {
            return skip(deps, &hook, &message, row, "the event has expired").await;
        }
        settle(run_out(deps, &hook, &message, row).await)
    }

    /// Lets copies of it in again once the guard is dropped.
    pub(crate) fn release(self) -> (DeliveryMessage, Arc<ResolvedHook>, Guard) {
        let Parts { message, hook, guard, .. } = *self.0;
        (message, hook, guard)
    }
}

/// A first attempt that was never handed out before cannot be in the log, so the
/// usual case reads nothing.
async fn ask_log(deps: &Deps, message: &DeliveryMessage, was_received_before: bool) -> StoreResult<Option<Delivery>> {
    match was_received_before || message.check_log || message.trigger != Trigger::First {
        true => deps.log.get(&message.tenant, message.delivery_id()).await,
        false => Ok(None),
    }
}

/// Whoever logged the attempt may have died before what follows from it.
async fn follow_up_again(
    deps: &Deps,
    message: &DeliveryMessage,
    logged: Claim,
    row: Option<Delivery>,
    was_received_before: bool,
) -> Result<Outcome, Fault> {
    if let Claim::NextIsDue(row) = logged {
        logged::ask_for_next(deps, message.clone(), &row).await?;
    }
    let Some(row) = row else { return Ok(Outcome::Done) };
    if was_received_before {
        if row.is_past_deadline()
            && let Some(hook) = deps.hooks.get(&message.tenant, message.hook).await?
        {
            logged::report_run_out(deps, &hook, &row).await?;
        }
        logged::report_again(deps, message, &row).await?;
    }
    // A copy that a resumed fan-out made may be the only one that tells of its event.
    if was_received_before || message.lists_event {
        activity::note_delivery(deps.activity.as_ref(), message, &row, row.last_attempt.as_ref()).await?;
    }
    Ok(Outcome::Done)
}

/// The event's data, or why there is none any more.
async fn load_data(deps: &Deps, message: &DeliveryMessage) -> StoreResult<Result<Arc<RawValue>, &'static str>> {
    if let Some(data) = &message.data {
        return Ok(Ok(Arc::clone(data)));
    }
    Ok(match deps.events.get(&message.tenant, &message.event_id).await? {
        Some(Event { data: Some(data), .. }) => Ok(data),
        Some(_) => Err(claim::EXPUNGED),
        None => Err("the event's payload has expired"),
    })
}

/// Its deadline has passed while it waited: it fails as with its last attempt.
async fn run_out(
    deps: &Deps,
    hook: &ResolvedHook,
    message: &DeliveryMessage,
    row: Option<Delivery>,
) -> Result<Outcome, Outcome> {
    let Some(row) = row else { return Ok(Outcome::Done) };
    let logs = Logs { deliveries: deps.log.as_ref(), activity: deps.activity.as_ref() };
    let row = claim::run_out(logs, message, row, deps.clock.now()).await?;
    logged::report_run_out(deps, hook, &row).await?;
    Ok(Outcome::Done)
}

async fn skip(
    deps: &Deps,
    hook: &ResolvedHook,
    message: &DeliveryMessage,
    row: Option<Delivery>,
    reason: &str,
) -> Outcome {
    let retention = hook.tenant.retention(deps.retention);
    // The row is not older than one that was read meanwhile.
    let now = deps.clock.now();
    let logs = Logs { deliveries: deps.log.as_ref(), activity: deps.activity.as_ref() };
    match claim::skip_row(logs, message, row, reason, now, retention).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::from(error),
    }
}
