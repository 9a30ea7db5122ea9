//! Runs a stage for one message, on Lambda and on one machine alike.
//!
//! Here, and only here, is decided what an [`Outcome`] means for the message
//! and what is logged of it. Where messages come from, how many run at once and
//! how a queue is told belongs to the two worlds.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;

use crate::messages::{Rejection, trace_of};
use crate::ports::{Clock, QueueError, Received};
use crate::stage::{Fault, Message, Outcome, Stage, causes};
use crate::traces::{self, SpanKind};
use domain::time::Timestamp;

#[cfg(test)]
mod tests;

/// Messages that have to come again because something of ours failed, by what
/// it was.
pub const FAULTS: &str = "hookline_faults";
pub const FAULT_CAUSES: [&str; 3] = ["store", "queue", "internal"];

/// How long a message waits that found the next queue full.
const REST: Duration = Duration::from_secs(1);

/// How a queue is told what became of a message that was taken from it.
pub trait Settlement: Send + Sync {
    /// It may be forgotten.
    fn done(&self, message: &Received) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// To be handed out again then, not before.
    fn wait(&self, message: &Received, until: Timestamp) -> impl Future<Output = Result<Waiting, QueueError>> + Send;

    /// To be kept as a dead letter, with the reason.
    fn reject(&self, message: &Received, reason: &str) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// To be handed out again when the queue thinks fit: something of ours failed.
    fn release(&self, message: &Received) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// Where a message waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// In its queue, which must not forget it.
    InQueue,
    /// In a schedule: its queue can forget it.
    Scheduled,
}

/// Where a message stands with its queue afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Settled,
    /// The queue hands it out again.
    Unsettled,
}

/// Hands a message to a stage and settles it. A panic costs this one message.
pub async fn run(
    stage: &dyn Stage,
    settlement: &impl Settlement,
    clock: &dyn Clock,
    mut received: Received,
) -> Disposition {
    let outcome = match traces::is_on() {
        true => traced(stage, clock, &mut received).await,
        false => handle(stage, &mut received).await,
    };
    let settled = match outcome {
        Outcome::Done => settlement.done(&received).await.map(|()| Disposition::Settled),
        Outcome::NotBefore(until) => wait(settlement, &received, until).await,
        Outcome::Reject(Rejection(reason)) => reject(settlement, &received, &reason).await,
        // Backpressure and no fault: who comes next is slower, or the disk has to be cleared.
        // It passes by itself, the size of the queue tells it, and a line or a count for each
        // message that waits would hide the faults.
        Outcome::Fault(Fault::Queue(QueueError::Full | QueueError::NoRoom)) => {
            tracing::debug!(
                trace.id = trace(&received),
                queue = &*received.queue,
                message.id = received.id,
                "the next queue is full, the message waits"
            );
            wait(settlement, &received, clock.now().saturating_add(REST)).await
        }
        Outcome::Fault(fault) => {
            count(&fault);
            tracing::error!(
                trace.id = trace(&received),
                queue = &*received.queue,
                message.id = received.id,
                message.receive_count = received.receive_count,
                error = %causes(&fault),
                "message failed, will be tried again"
            );
            if let Err(error) = settlement.release(&received).await {
                log_unsettled(&received, &error);
            }
            return Disposition::Unsettled;
        }
    };
    settled.unwrap_or_else(|error| {
        log_unsettled(&received, &error);
        count(&Fault::Queue(error));
        Disposition::Unsettled
    })
}

/// The same, as a span below the one that the message came from.
async fn traced(stage: &dyn Stage, clock: &dyn Clock, received: &mut Received) -> Outcome {
    let parent = traces::of_body(&received.body);
    let Some(mut span) = traces::begin(stage.name(), SpanKind::Consumer, parent, clock.now()) else {
        return handle(stage, received).await;
    };
    span.set("messaging.destination.name", &*received.queue);
    span.set("messaging.message.id", received.id.as_str());
    if let Some(trace) = trace_of(&received.id, &received.body) {
        span.set("hookline.trace.id", trace.to_string());
    }
    let outcome = traces::within(Some(span.context()), handle(stage, received)).await;
    match &outcome {
        Outcome::Fault(fault) => span.fail(causes(fault)),
        // The reason may quote the body.
        Outcome::Reject(_) => span.fail("rejected, its dead letter says why"),
        Outcome::NotBefore(until) => span.set("hookline.not_before", until.to_string()),
        Outcome::Done => {}
    }
    outcome
}

async fn handle(stage: &dyn Stage, received: &mut Received) -> Outcome {
    let message = Message {
        id: received.id.clone(),
        body: received.body.clone(),
        content: received.content.take(),
        receive_count: received.receive_count,
        is_due: received.is_due,
        sent_at: received.sent_at,
    };
    // Within the block, because a stage may panic before its future is made.
    let handled = AssertUnwindSafe(async { stage.handle(message).await }).catch_unwind().await;
    handled.unwrap_or_else(|panic| {
        Outcome::Fault(Fault::Internal(format!("panic: {}", panic_text(panic.as_ref())).into()))
    })
}

async fn wait(settlement: &impl Settlement, received: &Received, until: Timestamp) -> Result<Disposition, QueueError> {
    Ok(match settlement.wait(received, until).await? {
        Waiting::InQueue => Disposition::Unsettled,
        Waiting::Scheduled => Disposition::Settled,
    })
}

async fn reject(settlement: &impl Settlement, received: &Received, reason: &str) -> Result<Disposition, QueueError> {
    settlement.reject(received, reason).await?;
    // The reason may quote the body, so it is kept with the message and not logged.
    tracing::warn!(
        trace.id = trace(received),
        queue = &*received.queue,
        message.id = received.id,
        "message rejected, its dead letter says why"
    );
    Ok(Disposition::Settled)
}

/// Its lease ends by itself, and then it comes again.
fn log_unsettled(received: &Received, error: &QueueError) {
    tracing::error!(
        trace.id = trace(received),
        queue = &*received.queue,
        message.id = received.id,
        message.receive_count = received.receive_count,
        error = %causes(error),
        "message could not be settled, will be handed out again"
    );
}

/// Reads the body once more, so only for what is logged.
fn trace(received: &Received) -> Option<impl tracing::Value> {
    trace_of(&received.id, &received.body).map(tracing::field::display)
}

fn count(fault: &Fault) {
    let cause = match fault {
        Fault::Store(_) => "store",
        Fault::Queue(_) => "queue",
        Fault::Internal(_) => "internal",
    };
    metrics::counter!(FAULTS, "cause" => cause).increment(1);
}

/// What a panic says.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
