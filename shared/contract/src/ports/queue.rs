use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::BoxError;
use domain::time::Timestamp;

/// A message on its way into a queue.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub body: Bytes,
    /// Messages of one group share their fate in fairness: a busy group does
    /// not hold up the others.
    pub group: Arc<str>,
    /// Not to be seen before; at once when absent.
    pub due: Option<Timestamp>,
    /// What the body says, where that may save its reader from parsing it.
    pub content: Option<Content>,
}

/// What a body says, as its writer had it. A queue within the process may hand
/// it on beside the body; any other drops it.
#[derive(Clone)]
pub struct Content(Arc<dyn Any + Send + Sync>);

impl Content {
    /// To be exactly what parsing the body gives.
    pub fn new<T: Send + Sync + 'static>(content: T) -> Self {
        Self(Arc::new(content))
    }

    /// None when it is something else.
    pub fn into_inner<T: Clone + Send + Sync + 'static>(self) -> Option<T> {
        self.0.downcast().ok().map(Arc::unwrap_or_clone)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// A message that was taken and is leased until it is settled.
#[derive(Clone, Debug)]
pub struct Received {
    /// The same each time this message is received.
    pub id: String,
    pub body: Bytes,
    pub content: Option<Content>,
    /// How often it was received, this time included; never too low.
    pub receive_count: u32,
    /// The queue has let it wait as long as was meant, by a time that nobody can
    /// set. Where it is not, the time that the message names tells whether it is due.
    pub is_due: bool,
    /// When it was put on the queue, where the queue tells.
    pub sent_at: Option<Timestamp>,
    /// The name of the queue it was taken from.
    pub queue: Cow<'static, str>,
    /// What settles it.
    pub receipt: String,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the message is larger than the queue takes")]
    TooLarge,
    /// The backlog is at its bound; try later.
    #[error("the queue is full")]
    Full,
    /// The disk is; try later.
    #[error("the disk is nearly full")]
    NoRoom,
    #[error("the queue does not answer")]
    Unavailable(#[source] BoxError),
}

/// The sending end of a queue.
///
/// - A message is durable when its send returned. What a stage sends may also
///   become durable later, yet before its acknowledgement of what caused it.
/// - Nothing is visible before it is due. How long that is, is told when it is
///   sent; a queue in this process then waits by the steady time.
/// - A due time of any distance (1 s, 20 min, 13 h, 3 days) is taken by this
///   same call. Where a queue cannot wait that long, the message shows up
///   earlier than due and its consumer defers it.
/// - A message too large is a typed error.
/// - A batch in which one message fails reports just that one; results are in
///   the order of the messages.
#[async_trait]
pub trait QueueSender: Send + Sync {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>>;

    /// One message.
    async fn send_one(&self, message: Outgoing) -> Result<(), QueueError> {
        self.send(std::slice::from_ref(&message)).await.pop().unwrap_or(Ok(()))
    }

    /// All or an error. After an error some may have been sent.
    async fn send_all(&self, messages: &[Outgoing]) -> Result<(), QueueError> {
        self.send(messages).await.into_iter().collect()
    }
}

/// The receiving end of a queue, where no Lambda does the receiving.
///
/// - What is not settled comes back after its lease, with a higher count.
/// - What was acknowledged never comes back.
/// - What was deferred comes back when it is due, not before.
/// - A rejected message becomes a dead letter with its reason and never comes back.
#[async_trait]
pub trait QueueReceiver: Send + Sync {
    /// Up to `max` messages that are visible now; empty when there are none.
    async fn receive(&self, max: usize) -> Result<Vec<Received>, QueueError>;
    async fn ack(&self, receipt: &str) -> Result<(), QueueError>;
    async fn defer(&self, receipt: &str, until: Timestamp) -> Result<(), QueueError>;
    async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError>;
}
