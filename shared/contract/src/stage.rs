//! What every stage has in common: one message in, one outcome out.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::messages::Rejection;
use crate::ports::{BoxError, Content, QueueError, StoreError};
use domain::time::Timestamp;

/// A queue message as a stage sees it.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same each time the queue hands out this message.
    pub id: String,
    pub body: Bytes,
    pub content: Option<Content>,
    /// Above 1 when an earlier attempt to process it may have got somewhere.
    pub receive_count: u32,
    /// It has waited as long as was meant, whatever the time of day says now.
    pub is_due: bool,
    /// When it was put on the queue, where the queue tells.
    pub sent_at: Option<Timestamp>,
}

/// A stage with all that it stands on. The [`runner`](crate::runner) gives it one
/// message after the other.
#[async_trait]
pub trait Stage: Send + Sync + 'static {
    /// As traces call what it does.
    fn name(&self) -> &'static str {
        "process"
    }

    async fn handle(&self, message: Message) -> Outcome;
}

#[async_trait]
impl<S: Stage + ?Sized> Stage for Arc<S> {
    fn name(&self) -> &'static str {
        self.as_ref().name()
    }

    async fn handle(&self, message: Message) -> Outcome {
        self.as_ref().handle(message).await
    }
}

/// What became of a message.
#[derive(Debug)]
pub enum Outcome {
    /// Settled; the queue may forget it.
    Done,
    /// To be handed out again then, not before.
    NotBefore(Timestamp),
    /// Can never be processed: to the dead-letter queue, with the reason.
    Reject(Rejection),
    /// Our own fault or that of something we stand on; the queue tries again.
    Fault(Fault),
}

/// A failure of ours, never of a customer's endpoint.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("store")]
    Store(#[from] StoreError),
    #[error("queue")]
    Queue(#[from] QueueError),
    #[error("internal")]
    Internal(#[source] BoxError),
}

impl From<Rejection> for Outcome {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

impl<T: Into<Fault>> From<T> for Outcome {
    fn from(fault: T) -> Self {
        match fault.into() {
            // It came with the message, and would be as bad when that comes again.
            Fault::Store(StoreError::BadCursor) => Rejection("cursor is not one of this list".to_owned()).into(),
            fault => Self::Fault(fault),
        }
    }
}

/// Lets a stage use `?` and still answer with an [`Outcome`].
pub fn settle(result: Result<Outcome, Outcome>) -> Outcome {
    match result {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

/// An error with all its causes on one line, for the one log entry it gets.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
