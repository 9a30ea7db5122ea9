//! Stage 3: a delivery becomes a signed request and a row in the log.
//!
//! - **In:** `deliveries` (the fresh lane) and `redeliveries` (the retry lane).
//! - **Out:** one HTTP request, one log row; on failure one message on `retries`.
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
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{ActivityLog, Clock, DeliveryLog, Events, HttpSender, QueueSender};
use contract::stage::{Message, Outcome, settle};
use courier::{Courier, Tokens};
use domain::hook::Timeout;
use domain::random::Random;
use services::delivery::resolved_hook::ResolvedHooks;
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

/// What a step proves, or what becomes of the message without it.
type Step<T> = Result<T, Outcome>;

pub async fn handle(deps: &Deps, message: Message) -> Outcome {
    settle(deliver(deps, message).await)
}

async fn deliver(deps: &Deps, message: Message) -> Step<Outcome> {
    let claimed = Claimed::claim(deps, message).await?.let_others_first(deps).await?;
    let admitted = claimed.admit(deps).await?;
    let sent = admitted.send(deps).await?;
    let logged = sent.log(deps).await?;
    logged.follow_up(deps).await?;
    Ok(Outcome::Done)
}
