//! Stage 3: a delivery becomes a signed request and a row in the log.
//!
//! - **In:** `deliveries` (the fresh lane) and `redeliveries` (the retry lane).
//! - **Out:** one HTTP request, one log row; on failure one message on `retries`.
//! - **Promise:** log first, then requeue, then acknowledge. A message that is
//!   handed out again after its attempt was logged sends nothing again. What a
//!   receiver does wrong is an outcome in the log; only our own faults are
//!   errors, and they are never held against the hook.

mod attempt;
mod batch;
mod exchange;
mod in_flight;
mod sender;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use shared::domain::delivery::Trigger;
use shared::domain::retry;
use shared::effective::EffectiveHooks;
use shared::messages::DeliveryMessage;
use shared::ports::{Clock, DeliveryLog, Events, HttpSender, QueueSender, Random, StoreError};
use shared::stage::{Message, Outcome, settle};
use shared::standing::{self, Standing};

pub use batch::Batches;
pub use in_flight::InFlight;
pub use sender::{ReqwestSender, SenderError};
pub use tokens::Tokens;

/// How long a copy of a delivery waits while another one is under way here:
/// until that one is surely logged, for the copy may be handed to another process.
const ASIDE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Deps {
    pub hooks: Arc<EffectiveHooks>,
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    pub retries: Arc<dyn QueueSender>,
    pub sender: Arc<dyn HttpSender>,
    pub in_flight: InFlight,
    pub tokens: Tokens,
    pub batches: Batches,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// How long a delivery's row is kept.
    pub retention: Duration,
}

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(deliver(deps, &message).await)
}

async fn deliver(deps: &Deps, message: &Message) -> Result<Outcome, Outcome> {
    let delivery = DeliveryMessage::parse(&message.body)?;
    let now = deps.clock.now();
    if let Some(due) = delivery.due_at.filter(|due| *due > now) {
        return Ok(Outcome::NotBefore(due));
    }
    let Some(_under_way) = deps.in_flight.enter(delivery.delivery_id()) else {
        return Ok(Outcome::NotBefore(now.saturating_add(ASIDE)));
    };
    // A first attempt that was never handed out before cannot be in the log, so
    // the usual case reads nothing.
    let may_be_logged = message.receive_count > 1 || delivery.check_log || delivery.trigger != Trigger::First;
    let row = match may_be_logged {
        true => deps.log.get(&delivery.tenant, delivery.delivery_id()).await?,
        false => None,
    };
    let row = match Standing::of(&delivery, row) {
        Standing::Due(row) => row,
        Standing::Logged(row) => return attempt::ask_for_next(deps, delivery, &row).await,
        Standing::Settled => return Ok(Outcome::Done),
    };
    let hook = match deps.hooks.get(&delivery.tenant, delivery.hook).await? {
        Some(effective) if effective.hook.enabled => effective,
        Some(_) => return skip(deps, &delivery, "the hook is disabled").await,
        None => return skip(deps, &delivery, "the hook was deleted").await,
    };
    let data = match &delivery.data {
        Some(data) => Arc::clone(data),
        None => match deps.events.get(&delivery.tenant, &delivery.event_id).await? {
            Some(event) => event.data,
            None => return skip(deps, &delivery, "the event's payload has expired").await,
        },
    };

    // Only now: what was read above may have taken its time.
    let started_at = deps.clock.now();
    if delivery.not_after.is_some_and(|end| started_at >= end) {
        return skip(deps, &delivery, "the event has expired").await;
    }
    let made = attempt::make(deps, &hook, &delivery, &data, started_at).await?;
    let now = deps.clock.now();
    let since = row.as_ref().map_or(started_at, |row| row.created_at);
    let verdict = retry::verdict(&hook.settings.retry, delivery.step, made.ending, since, now, deps.random.as_ref());
    let row = attempt::log(deps, &delivery, row, made.attempt, verdict).await?;
    match Standing::of(&delivery, Some(row)) {
        // Also after an attempt out of turn: whoever was in turn may have died,
        // and to its queue this is the same message.
        Standing::Logged(row) => attempt::ask_for_next(deps, delivery, &row).await,
        Standing::Due(_) | Standing::Settled => Ok(Outcome::Done),
    }
}

async fn skip(deps: &Deps, delivery: &DeliveryMessage, reason: &str) -> Result<Outcome, Outcome> {
    let skipped = standing::skip(deps.log.as_ref(), delivery, reason, deps.clock.now(), deps.retention);
    skipped.await.map_err(|error: StoreError| Outcome::from(error))?;
    Ok(Outcome::Done)
}
