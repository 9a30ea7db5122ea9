//! Stage 3: a delivery becomes a signed request and a row in the log.
//!
//! - **In:** `deliveries` (the fresh lane) and `redeliveries` (the retry lane).
//! - **Out:** one HTTP request, one log row; on failure one message on `retries`.
//! - **Promise:** log first, then requeue, then acknowledge. A message that is
//!   handed out again after its attempt was logged sends nothing again. What a
//!   receiver does wrong is an outcome in the log; only our own faults are
//!   errors, and they are never held against the hook. What the hook's circuit,
//!   rate or verification holds back goes to the clock and uses up no attempt.

mod attempt;
mod batch;
mod gate;
mod in_flight;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use contract::messages::DeliveryMessage;
use contract::ports::{Clock, DeliveryLog, Events, HttpSender, QueueSender, StoreError};
use contract::stage::{Message, Outcome, settle};
use courier::{Courier, Tokens};
use domain::delivery::Trigger;
use domain::event::Event;
use domain::hook::Timeout;
use domain::random::Random;
use domain::retry::{self, Verdict};
use services::delivery::claim::{self, Claim};
use services::delivery::resolved_hook::{ResolvedHook, ResolvedHooks};
use services::health::hook_health::HookHealth;

pub use batch::Batches;
use gate::Gate;
pub use in_flight::InFlight;
#[cfg(feature = "lambda")]
pub use wiring::Config;

/// How long a copy of a delivery waits while another one is under way here:
/// until that one is surely logged, for the copy may be handed to another process.
const ASIDE: Duration = Duration::from_secs(60);

const EXPIRED: &str = "the event has expired";

#[derive(Clone)]
pub struct Deps {
    pub hooks: Arc<ResolvedHooks>,
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    pub retries: Arc<dyn QueueSender>,
    pub sender: Arc<dyn HttpSender>,
    pub in_flight: InFlight,
    pub tokens: Tokens,
    pub batches: Batches,
    /// Decides what may go out, and hears how it went.
    pub hook_health: Arc<HookHealth>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// How long the rows of deliveries are kept whose tenant does not say.
    pub retention: Duration,
}

impl Deps {
    fn courier(&self) -> Courier {
        Courier {
            sender: Arc::clone(&self.sender),
            tokens: self.tokens.clone(),
            clock: Arc::clone(&self.clock),
            patience: Timeout::MAX.total.duration(),
        }
    }
}

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(deliver(deps, message).await)
}

async fn deliver(deps: &Deps, mut message: Message) -> Result<Outcome, Outcome> {
    let delivery = DeliveryMessage::take(&mut message)?;
    let now = deps.clock.now();
    if let Some(due) = delivery.due_at.filter(|due| *due > now && !message.is_due) {
        return Ok(Outcome::NotBefore(due));
    }
    let Some(under_way) = deps.in_flight.enter(delivery.delivery_id()) else {
        return Ok(Outcome::NotBefore(now.saturating_add(ASIDE)));
    };
    // A first attempt that was never handed out before cannot be in the log, so
    // the usual case reads nothing.
    let may_be_logged = message.receive_count > 1 || delivery.check_log || delivery.trigger != Trigger::First;
    let row = match may_be_logged {
        true => deps.log.get(&delivery.tenant, delivery.delivery_id()).await?,
        false => None,
    };
    let left = row.clone().filter(|_| message.receive_count > 1);
    let row = match Claim::of(&delivery, row) {
        Claim::Due(row) => row,
        logged => {
            drop(under_way);
            if let Claim::AlreadyLogged(row) = logged {
                attempt::ask_for_next(deps, delivery.clone(), &row).await?;
            }
            if let Some(row) = left {
                gate::recall(deps, &delivery, &row).await?;
            }
            return Ok(Outcome::Done);
        }
    };
    let hook = match deps.hooks.get(&delivery.tenant, delivery.hook).await? {
        Some(resolved) if resolved.hook.enabled => resolved,
        Some(hook) => {
            deps.hook_health.catch_up(&hook.hook).await?;
            return skip(deps, &hook, &delivery, "the hook is disabled").await;
        }
        // Its log goes with it.
        None => return Ok(Outcome::Done),
    };
    let data = match &delivery.data {
        Some(data) => Arc::clone(data),
        None => match deps.events.get(&delivery.tenant, &delivery.event_id).await? {
            Some(Event { data: Some(data), .. }) => data,
            Some(_) => return skip(deps, &hook, &delivery, claim::EXPUNGED).await,
            None => return skip(deps, &hook, &delivery, "the event's payload has expired").await,
        },
    };

    // Only now: what was read above may have taken its time.
    let now = deps.clock.now();
    if delivery.not_after.is_some_and(|end| now >= end) {
        return skip(deps, &hook, &delivery, EXPIRED).await;
    }
    let pass = match gate::admit(deps, &hook, &delivery, now).await? {
        Gate::Open(pass) => pass,
        Gate::NotBefore(wait) => return gate::hold(deps, delivery, &wait).await,
    };
    // The gate may have taken its time as well.
    let started_at = deps.clock.now();
    let made = match delivery.not_after.is_some_and(|end| started_at >= end) {
        true => None,
        false => attempt::make(deps, &hook, &delivery, &data, started_at, pass.unverified).await?,
    };
    let Some(made) = made else {
        gate::give_back(deps, &delivery, pass).await;
        return skip(deps, &hook, &delivery, EXPIRED).await;
    };
    let now = deps.clock.now();
    let since = match &row {
        Some(row) if delivery.trigger != Trigger::Replay => row.started_at(),
        Some(_) | None => started_at,
    };
    let verdict = retry::verdict(&hook.settings.retry, delivery.step, made.ending, since, now, deps.random.as_ref());
    let retention = hook.tenant.retention(deps.retention);
    let row = attempt::log(deps, &delivery, row, &made.attempt, verdict, retention).await?;
    // The log tells from here on; the next attempt may be due before this one is done.
    drop(under_way);
    // Also after an attempt out of turn: whoever was in turn may have died, and
    // to its queue this is the same message.
    if let Claim::AlreadyLogged(row) = Claim::of(&delivery, Some(row)) {
        attempt::ask_for_next(deps, delivery.clone(), &row).await?;
    }
    gate::report(deps, &hook, &delivery, pass, &made.attempt, verdict == Verdict::Exhausted).await?;
    Ok(Outcome::Done)
}

async fn skip(deps: &Deps, hook: &ResolvedHook, delivery: &DeliveryMessage, reason: &str) -> Result<Outcome, Outcome> {
    let retention = hook.tenant.retention(deps.retention);
    let skipped = claim::skip(deps.log.as_ref(), delivery, reason, deps.clock.now(), retention);
    skipped.await.map_err(|error: StoreError| Outcome::from(error))?;
    Ok(Outcome::Done)
}
