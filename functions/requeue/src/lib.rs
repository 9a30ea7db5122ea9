//! Stage 4: the clock of all retries. It keeps what waits for one.
//!
//! - **In:** `retries`: deliveries with the time at which they are due.
//! - **Out:** the same delivery on `redeliveries`, the retry lane, when it is due.
//! - **Also in:** steps of jobs ([`jobs`](contract::jobs)): replays, and the
//!   deletion of what nobody may see any more. Also out: the next step.
//! - **Promise:** never early, and never late because the clock was set: what
//!   was meant to wait so long waits so long. A delivery whose hook was disabled meanwhile
//!   is settled as skipped, with a row that says so; one whose hook was deleted
//!   is dropped, as the hook's log is; one whose hook's circuit is open waits
//!   for the probe. A step of a job that is made twice sends nothing twice.

mod advise;
mod catch_up;
mod ended;
mod expired;
mod expunge;
mod expunge_events;
mod missing;
mod plans;
mod purge;
mod removed;
mod replay;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use contract::jobs::{Job, JobFound, JobMessage};
use contract::messages::DeliveryMessage;
use contract::ports::{
    ActivityLog, AuditLog, Clock, DeliveryLog, Events, Hooks, Keys, PortalSessions, QueueError, QueueSender, Replays,
    StoreResult, Tenants,
};
use contract::stage::{Message, Outcome, settle};
use domain::delivery::Trigger;
use domain::hook::Hook;
use domain::ids::TenantId;
use domain::random::Random;
use domain::time::Timestamp;
use services::advisor::Advisor;
use services::delivery::claim;
use services::delivery::paused::{self, DisabledHook, WaitingCounts};
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::circuit_breaker::CircuitBreakers;
use services::health::operational_events::OperationalEvents;
use services::health::rate_limiter::RateLimiter;
use services::plans::Plans;
use services::repositories::audit::AuditTrail;
use services::repositories::catalogue::Catalogue;
use services::repositories::documents::{StoredExpungements, StoredHookUids};

#[cfg(feature = "lambda")]
pub use wiring::Config;
pub use wiring::Queues;

/// How long a job waits that only a newer version can do. During an update that
/// version is about to come; after a rollback the job is there when it returns.
const NEWER_WAITS: Duration = Duration::from_secs(60);

/// How long something waits that its hook holds back until somebody looks whether
/// it still does: as long as SQS delays a message by itself, so that a short wait
/// costs no more.
const HELD_CHECK_AFTER: Duration = Duration::from_secs(900);

#[derive(Clone)]
pub struct Deps {
    pub hooks: Arc<dyn Hooks>,
    /// What applies to them; nothing here needs their secrets.
    pub resolved: Arc<ResolvedHooks>,
    /// Of what waits for paused hooks.
    pub waiting: Arc<WaitingCounts>,
    pub circuits: Arc<CircuitBreakers>,
    /// What others counted; on one machine that is gone with the hook.
    pub rates: Arc<RateLimiter>,
    pub tenants: Arc<dyn Tenants>,
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    pub activity: Arc<dyn ActivityLog>,
    pub audit: Arc<dyn AuditLog>,
    pub replays: Arc<dyn Replays>,
    pub expungements: Arc<StoredExpungements>,
    pub hook_uids: Arc<StoredHookUids>,
    /// Whether what subscriptions rest on is still there.
    pub keys: Arc<dyn Keys>,
    pub sessions: Arc<dyn PortalSessions>,
    pub catalogue: Arc<Catalogue>,
    pub plans: Arc<Plans>,
    pub advisor: Arc<Advisor>,
    pub trail: Arc<AuditTrail>,
    /// Its own queue, for the next steps of jobs.
    pub jobs: Arc<dyn QueueSender>,
    /// Tells that a replay is over.
    pub operational_events: OperationalEvents,
    /// The retry lane.
    pub redeliveries: Arc<dyn QueueSender>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// How long the rows of deliveries are kept whose tenant does not say.
    pub retention: Duration,
}

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(requeue(deps, &message).await)
}

async fn requeue(deps: &Deps, message: &Message) -> Result<Outcome, Outcome> {
    match JobMessage::parse(&message.body) {
        JobFound::None => {}
        JobFound::Job(job) => return make_step(deps, job, message.sent_at).await,
        JobFound::Newer(kind) => {
            tracing::warn!(message.id, kind, "a job of a kind that this version does not know waits for a newer one");
            return Ok(Outcome::NotBefore(deps.clock.now().saturating_add(NEWER_WAITS)));
        }
        JobFound::Invalid(rejection) => return Err(rejection.into()),
    }
    let delivery = DeliveryMessage::parse(&message.body)?;
    let now = deps.clock.now();
    if let Some(due) = delivery.not_before(now, message.is_due)
        && !(delivery.held && is_let_go(deps, &delivery, now).await?)
    {
        if let Some(anew) = delivery.wait_anew(now) {
            deps.jobs.send_one(anew.to_outgoing()).await?;
            return Ok(Outcome::Done);
        }
        let look_again = now.saturating_add(HELD_CHECK_AFTER);
        return Ok(Outcome::NotBefore(if delivery.held { due.min(look_again) } else { due }));
    }
    match deps.hooks.get(&delivery.tenant, delivery.hook).await? {
        // Its log goes with it.
        None => {
            tell(&delivery, "delivery of a deleted hook dropped");
            return Ok(Outcome::Done);
        }
        Some(hook) if !hook.takes_deliveries(now) => {
            return set_aside(deps, &hook, &delivery, now).await;
        }
        Some(_) => {}
    }
    if let Some(probe_at) = deps.circuits.holds(&delivery.tenant, delivery.hook, now).await?
        && has_breaker(deps, &delivery).await?
    {
        match ends_at(deps, &delivery).await? {
            // `deliver` settles it.
            Some(end) if end <= now => {}
            Some(end) => return Ok(Outcome::NotBefore(probe_at.min(end))),
            None => return Ok(Outcome::NotBefore(probe_at)),
        }
    }
    let delivery = delivery.now_due(now);
    deps.redeliveries.send_one(delivery.to_outgoing()).await?;
    tell(&delivery, "delivery is due");
    Ok(Outcome::Done)
}

/// Its hook is disabled, or its time is over.
async fn set_aside(deps: &Deps, hook: &Hook, delivery: &DeliveryMessage, now: Timestamp) -> Result<Outcome, Outcome> {
    let Some(resolved) = deps.resolved.get(&delivery.tenant, delivery.hook).await? else { return Ok(Outcome::Done) };
    let row = deps.log.get(&delivery.tenant, delivery.delivery_id()).await?;
    let retention = resolved.tenant.retention(deps.retention);
    let of = DisabledHook { hook, settings: &resolved.settings, retention };
    let logs = claim::Logs { deliveries: deps.log.as_ref(), activity: deps.activity.as_ref() };
    paused::set_aside(logs, &deps.waiting, of, delivery, row, now).await?;
    Ok(Outcome::Done)
}

/// Whether nothing is left that could hold back a delivery: neither its hook nor its
/// endpoint has a limit any more, or no breaker. What else may hold it, `deliver` finds out.
async fn is_let_go(deps: &Deps, delivery: &DeliveryMessage, now: Timestamp) -> StoreResult<bool> {
    let Some(hook) = deps.resolved.get(&delivery.tenant, delivery.hook).await? else { return Ok(true) };
    let settings = &hook.settings;
    let health = deps.circuits.health.get(&delivery.tenant, delivery.hook).await?;
    if health.throttled_until(settings, now).is_some() {
        return Ok(false);
    }
    Ok(match delivery.in_turn {
        true => health.limit(settings, &hook.hook.url, now).some().is_none(),
        false => settings.circuit_breaker.failures == 0 && !settings.verification.required,
    })
}

/// From when on a delivery is not sent any more: it need not wait for a circuit then.
async fn ends_at(deps: &Deps, delivery: &DeliveryMessage) -> StoreResult<Option<Timestamp>> {
    let hook = deps.resolved.get(&delivery.tenant, delivery.hook).await?;
    let Some(hook) = hook.filter(|_| delivery.trigger == Trigger::Retry) else { return Ok(delivery.not_after) };
    if hook.settings.retry.ends_at(delivery.event_timestamp).is_none() {
        return Ok(delivery.not_after);
    }
    let row = deps.log.get(&delivery.tenant, delivery.delivery_id()).await?;
    let deadline = claim::retry_end(delivery, row.as_ref(), &hook.settings.retry);
    Ok(delivery.not_after.into_iter().chain(deadline).min())
}

async fn has_breaker(deps: &Deps, delivery: &DeliveryMessage) -> StoreResult<bool> {
    let hook = deps.resolved.get(&delivery.tenant, delivery.hook).await?;
    Ok(hook.is_none_or(|hook| hook.settings.circuit_breaker.failures > 0))
}

fn tell(delivery: &DeliveryMessage, what: &str) {
    tracing::debug!(
        trace.id = %delivery.event_seq.trace(),
        tenant.id = %delivery.tenant,
        delivery.id = %delivery.delivery_id(),
        step = delivery.step,
        "{what}"
    );
}

/// Where a queue hands a job over minutes early and that matters, its step says so.
async fn make_step(deps: &Deps, message: JobMessage, sent_at: Option<Timestamp>) -> Result<Outcome, Outcome> {
    let step = Step { tenant: &message.tenant, message: &message, sent_at };
    match message.job.clone() {
        Job::Replay(job) => replay::step(deps, &step, job).await,
        Job::PurgeHook(job) => purge::hook(deps, &step, job).await,
        Job::PurgeEvents(job) => purge::events(deps, &step, job).await,
        Job::Expunge(job) => expunge::step(deps, &step, job).await,
        Job::ExpungeEvents(job) => expunge_events::step(deps, &step, job).await,
        Job::CatchUp(job) => catch_up::step(deps, &step, job).await,
        Job::AnnouncePlan(job) => plans::announce(deps, &step, job).await,
        Job::EndOverlap(job) => plans::end_overlap(deps, &step, job).await,
        Job::RemoveExpired(job) => expired::remove(deps, &step, job).await,
        Job::EndSubscriptions(job) => ended::tenant(deps, &step, job).await,
        Job::EndSubscriptionsOfAll(job) => ended::all(deps, &step, job).await,
        Job::Advise(job) => advise::tenant(deps, &step, job).await,
        Job::AdviseAll(job) => advise::all(deps, &step, job).await,
    }
}

/// The message that asks for a step of a job.
struct Step<'a> {
    tenant: &'a TenantId,
    message: &'a JobMessage,
    /// When it was put on the queue, where the queue tells.
    sent_at: Option<Timestamp>,
}

impl Step<'_> {
    /// Asks for the next one, with all that a newer version may have added.
    async fn ask_for_next(&self, deps: &Deps, job: Job, due: Option<Timestamp>) -> Result<(), QueueError> {
        let next = JobMessage { job, ..self.message.clone() };
        deps.jobs.send_one(next.to_outgoing(due)).await
    }
}

async fn retention(deps: &Deps, tenant: &TenantId) -> StoreResult<Duration> {
    let tenant = deps.tenants.get(tenant).await?;
    Ok(tenant.map_or(deps.retention, |tenant| tenant.retention(deps.retention)))
}
