//! The two ends that send to a queue: from outside, and between stages.

use async_trait::async_trait;
use contract::ports::{Outgoing, QueueError, QueueSender};

use super::{EmbeddedQueue, Sent};

/// Sends without waiting for the disk. What is sent is there before the
/// acknowledgement of what caused it, or neither is, and then it is sent again.
#[derive(Clone)]
pub struct StageSender(pub(super) EmbeddedQueue);

#[async_trait]
impl QueueSender for StageSender {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        self.0.send_as(Sent::InOrder, messages).await
    }
}

/// For messages from outside, which are durable before anybody sees them.
#[async_trait]
impl QueueSender for EmbeddedQueue {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        self.send_as(Sent::Durably, messages).await
    }
}
