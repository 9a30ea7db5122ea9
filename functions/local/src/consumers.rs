//! Moves messages from the queues through the stages.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::messages::trace_of;
use contract::ports::{Clock, QueueError, QueueReceiver, Received};
use contract::stage::{Fault, Message, Outcome, causes};
use embedded::EmbeddedQueue;
use futures::FutureExt as _;
use services::runtime::metrics;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The longest wait before a message of ours that failed is tried again.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// Messages taken from a queue at once.
const TAKE: usize = 32;
/// How long a stage whose messages have no task of their own may go on.
const TURN: Duration = Duration::from_micros(500);
/// How long a queue rests after it could not be read, and a message after it
/// found the next queue full.
const REST: Duration = Duration::from_secs(1);

type Handler = Arc<dyn Fn(Message) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// A queue, and what is done with its messages.
pub(crate) struct Stage {
    queue: EmbeddedQueue,
    max_in_flight: usize,
    handler: Handler,
    is_brief: bool,
}

impl Stage {
    pub(crate) fn new<F>(
        queue: EmbeddedQueue,
        max_in_flight: usize,
        handler: impl Fn(Message) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |message| Box::pin(handler(message)));
        Self { queue, max_in_flight, handler, is_brief: false }
    }

    /// One that waits for nothing outside, nor for the disk, so that its messages
    /// are not worth a task each. They are handled one after the other.
    pub(crate) fn brief(self) -> Self {
        Self { is_brief: true, ..self }
    }
}

pub struct Consumers {
    clock: Arc<dyn Clock>,
    stages: Vec<Stage>,
}

impl Consumers {
    pub(crate) fn new(clock: Arc<dyn Clock>, stages: Vec<Stage>) -> Self {
        Self { clock, stages }
    }

    /// Runs until `stop` turns true, then finishes what is under way.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut queues = JoinSet::new();
        for stage in self.stages {
            queues.spawn(consume(Arc::new(stage), Arc::clone(&self.clock), stop.clone()));
        }
        queues.join_all().await;
    }

    /// Handles everything that is visible now, one message at a time, until
    /// nothing is left. Returns how many messages were handled.
    pub async fn drain(&self) -> usize {
        let mut handled = 0;
        loop {
            let before = handled;
            for stage in &self.stages {
                for received in stage.queue.receive(TAKE).await.expect("an embedded queue can always be read") {
                    process(stage, self.clock.as_ref(), received).await;
                    handled += 1;
                }
            }
            if handled == before {
                return handled;
            }
        }
    }
}

async fn consume(stage: Arc<Stage>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(stage.max_in_flight));
    let mut under_way = JoinSet::new();
    let mut turn = Instant::now();
    while !*stop.borrow_and_update() {
        while under_way.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { break };
        drop(permit);
        let room = slots.available_permits().min(TAKE);
        let received = stage.queue.receive(room).await.unwrap_or_else(|error| {
            tracing::error!(queue = stage.queue.name(), error = %causes(&error), "a queue cannot be read");
            Vec::new()
        });
        if received.is_empty() {
            let wait = match stage.queue.next_change() {
                Some(at) => at.since(clock.steady()).clamp(Duration::from_millis(1), REST),
                None => REST,
            };
            tokio::select! {
                () = stage.queue.changed() => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
            continue;
        }
        if stage.is_brief {
            for message in received {
                process(&stage, clock.as_ref(), message).await;
                if turn.elapsed() >= TURN {
                    // However much waits here, the others have their turn.
                    tokio::task::yield_now().await;
                    turn = Instant::now();
                }
            }
            continue;
        }
        for message in received {
            let Ok(permit) = Arc::clone(&slots).try_acquire_owned() else { break };
            let (stage, clock) = (Arc::clone(&stage), Arc::clone(&clock));
            under_way.spawn(async move {
                process(&stage, clock.as_ref(), message).await;
                drop(permit);
            });
        }
    }
    under_way.join_all().await;
}

async fn process(stage: &Stage, clock: &dyn Clock, mut received: Received) {
    let message = Message {
        id: received.id.clone(),
        body: received.body.clone(),
        content: received.content.take(),
        receive_count: received.receive_count,
        is_due: received.is_due,
    };
    let outcome = AssertUnwindSafe((stage.handler)(message)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Outcome::Fault(Fault::Internal("a stage panicked".into())));
    let queue = &stage.queue;
    // Only where something is to be told: it reads the message once more.
    let trace = || trace_of(&received.id, &received.body).map(tracing::field::display);
    let settled = match outcome {
        Outcome::Done => queue.ack(&received.receipt).await,
        Outcome::NotBefore(at) => queue.defer(&received.receipt, at).await,
        Outcome::Reject(reason) => {
            // The reason is kept with the message and not logged: it may quote its body.
            tracing::error!(
                trace.id = trace(),
                queue = queue.name(),
                message.id = received.id,
                "message moved to the dead letters"
            );
            queue.reject(&received, &reason.0).await
        }
        // Not a fault: whoever comes next is slower, so this waits.
        Outcome::Fault(Fault::Queue(QueueError::Full)) => {
            queue.defer(&received.receipt, clock.now().saturating_add(REST)).await
        }
        Outcome::Fault(fault) => {
            metrics::fault(&fault);
            tracing::error!(trace.id = trace(), queue = queue.name(), message.id = received.id, error = %causes(&fault), "message failed, will be tried again");
            queue.defer(&received.receipt, clock.now().saturating_add(backoff(received.receive_count))).await
        }
    };
    if let Err(error) = settled {
        // Its lease ends by itself, and then it comes back.
        tracing::error!(trace.id = trace(), queue = queue.name(), message.id = received.id, error = %causes(&error), "message could not be settled");
    }
}

/// 1 s, 2 s, 4 s … while something we stand on is down.
fn backoff(receive_count: u32) -> Duration {
    Duration::from_secs(1 << receive_count.saturating_sub(1).min(6)).min(MAX_BACKOFF)
}
