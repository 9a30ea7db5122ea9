//! Stage 4: the clock of all retries, and the only stage that waits.
//!
//! - **In:** `retries`: deliveries with the time at which they are due.
//! - **Out:** the same delivery on `redeliveries`, the retry lane, when it is due.
//! - **Promise:** never early. A delivery whose hook was deleted or disabled
//!   meanwhile is settled as skipped, with a row that says so. One whose hook's
//!   circuit is open waits for the probe.

use std::sync::Arc;
use std::time::Duration;

use shared::circuits::Circuits;
use shared::messages::DeliveryMessage;
use shared::ports::{Clock, DeliveryLog, Hooks, QueueSender};
use shared::stage::{Message, Outcome, settle};
use shared::standing;

#[derive(Clone)]
pub struct Deps {
    pub hooks: Arc<dyn Hooks>,
    pub circuits: Arc<Circuits>,
    pub log: Arc<dyn DeliveryLog>,
    /// The retry lane.
    pub redeliveries: Arc<dyn QueueSender>,
    pub clock: Arc<dyn Clock>,
    /// How long a skipped delivery's row is kept.
    pub retention: Duration,
}

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(requeue(deps, &message).await)
}

async fn requeue(deps: &Deps, message: &Message) -> Result<Outcome, Outcome> {
    let delivery = DeliveryMessage::parse(&message.body)?;
    let now = deps.clock.now();
    if let Some(due) = delivery.due_at.filter(|due| *due > now) {
        return Ok(Outcome::NotBefore(due));
    }
    let obstacle = match deps.hooks.get(&delivery.tenant, delivery.hook).await? {
        None => Some("the hook was deleted"),
        Some(hook) if !hook.enabled => Some("the hook is disabled"),
        Some(_) => None,
    };
    if let Some(reason) = obstacle {
        standing::skip(deps.log.as_ref(), &delivery, reason, now, deps.retention).await?;
        return Ok(Outcome::Done);
    }
    if let Some(probe_at) = deps.circuits.holds(&delivery.tenant, delivery.hook, now).await? {
        return Ok(Outcome::NotBefore(probe_at));
    }
    deps.redeliveries.send_one(delivery.to_outgoing()).await?;
    Ok(Outcome::Done)
}
