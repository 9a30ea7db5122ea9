//! Stage 3: a delivery becomes a signed request and a row in the log.
//!
//! - **In:** `deliveries` (the fresh lane) and `redeliveries` (the retry lane).
//! - **Out:** one HTTP request, one log row; on failure one message on `retries`.
//! - **Also:** the endpoint of a hook that is ended is told of it, once and with no row in the log.
//! - **Promise:** log first, then requeue, then acknowledge. A message that is
//!   handed out again after its attempt was logged sends nothing again. What a
//!   receiver does wrong is an outcome in the log; only our own faults are
//!   errors, and they are never held against the hook. What the hook's circuit,
//!   rate or verification holds back goes to the clock and uses up no attempt.
//!
//! Each step consumes the one before and holds what that proved, so none can be
//! taken without it:
//!
//! | step | proves |
//! |---|---|
//! | [`Claimed`] | it is due, not in the log, and nobody else's here; its hook and data are known |
//! | [`Admitted`](admitted::Admitted) | circuit, rate and verification let it pass |
//! | [`Sent`](sent::Sent) | the request went out, and how that ended |
//! | [`Logged`](logged::Logged) | the log tells it; what follows may follow |

mod admitted;
mod batch;
mod claimed;
mod companions;
mod copies;
mod logged;
mod sent;
mod terminated;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{ActivityLog, Clock, DeliveryLog, Events, HttpSender, Identities, QueueSender, SendFault};
use contract::stage::{Message, Outcome, settle};
use contract::traces::{self, Span, SpanKind};
use courier::{Courier, Exchange, Tokens};
use domain::destination::Destination;
use domain::hook::Timeout;
use domain::random::Random;
use domain::time::Timestamp;
use domain::trace_context::TraceContext;
use services::delivery::paused::WaitingCounts;
use services::delivery::request::EventToSend;
use services::delivery::resolved_hook::{ResolvedHook, ResolvedHooks};
use services::health::hook_health::HookHealth;

pub use batch::Batches;
use claimed::Claimed;
pub use copies::InFlight;
#[cfg(feature = "lambda")]
pub use wiring::Config;

#[derive(Clone)]
pub struct Deps {
    pub hooks: Arc<ResolvedHooks>,
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    pub activity: Arc<dyn ActivityLog>,
    pub retries: Arc<dyn QueueSender>,
    pub sender: Arc<dyn HttpSender>,
    pub in_flight: InFlight,
    pub tokens: Tokens,
    /// The keys of the deployment itself.
    pub identity: Arc<dyn Identities>,
    pub batches: Batches,
    /// Of what waits for paused hooks.
    pub waiting: Arc<WaitingCounts>,
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
            identity: Arc::clone(&self.identity),
            patience: Timeout::MAX.total.duration(),
        }
    }

    async fn exchange(
        &self,
        hook: &ResolvedHook,
        subjects: &[EventToSend<'_>],
        id: &str,
        at: Timestamp,
        unverified: bool,
        traceparent: Option<TraceContext>,
    ) -> Result<Exchange, SendFault> {
        let parent = traces::current().or(traceparent);
        let mut span = traces::begin("attempt", SpanKind::Client, parent, at);
        let on = span.as_ref().map(Span::context).or(parent);
        let courier = self.courier();
        let exchange = courier::exchange(&courier, &self.hook_health, hook, subjects, id, at, unverified);
        // Free where there is no trace.
        let exchange = if on.is_some() { traces::within(on, exchange).await } else { exchange.await };
        if let Some(span) = &mut span {
            tell(span, hook, subjects, &exchange);
        }
        exchange
    }
}

fn tell(span: &mut Span, hook: &ResolvedHook, subjects: &[EventToSend<'_>], exchange: &Result<Exchange, SendFault>) {
    span.set("http.request.method", hook.settings.method.as_str());
    span.set("hookline.tenant.id", hook.hook.tenant.as_str());
    span.set("hookline.hook.id", hook.hook.id.to_string());
    if let [one] = subjects {
        span.set("hookline.event.id", one.event_id.as_str());
        span.set("hookline.delivery.id", one.delivery.to_string());
    } else {
        span.set("hookline.batch.size", u32::try_from(subjects.len()).unwrap_or(u32::MAX));
    }
    if let Some(host) = hook.destination.as_ref().ok().and_then(Destination::host) {
        span.set("server.address", host);
    }
    let answer = match exchange {
        Ok(Exchange::Made(made)) => &made.result.answer,
        // Its endpoint was asked, and gets the request later.
        Ok(Exchange::NotBefore(until)) => return span.set("hookline.not_before", until.to_string()),
        Err(fault) => return span.fail(fault.to_string()),
    };
    match answer {
        Ok(response) => {
            span.set("http.response.status_code", response.status);
            if response.status >= 400 {
                span.fail(format!("answered {}", response.status));
            }
        }
        Err(failure) => {
            span.set("error.type", failure.outcome.as_str());
            span.fail(failure.outcome.as_str());
        }
    }
}

/// What a step proves, or what becomes of the message without it.
type Step<T> = Result<T, Outcome>;

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(deliver(deps, message).await)
}

/// Its state is made anew for every delivery, so what is rare in it is boxed where it begins.
async fn deliver(deps: &Deps, message: Message) -> Step<Outcome> {
    let claimed = Claimed::claim(deps, message).await?.let_others_first(deps).await?;
    let admitted = claimed.admit(deps).await?;
    let sent = admitted.send(deps).await?;
    let logged = sent.log(deps).await?;
    logged.follow_up(deps).await?;
    Ok(Outcome::Done)
}
