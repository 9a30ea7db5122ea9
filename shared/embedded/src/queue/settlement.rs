use std::time::Duration;

use super::EmbeddedQueue;
use contract::ports::{QueueError, QueueReceiver as _, Received};
use contract::runner::{Settlement, Waiting};
use domain::time::Timestamp;

/// The longest a message that failed is away before it is tried again.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

impl Settlement for EmbeddedQueue {
    async fn done(&self, message: &Received) -> Result<(), QueueError> {
        self.ack(&message.receipt).await
    }

    async fn wait(&self, message: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
        self.defer(&message.receipt, until).await?;
        Ok(Waiting::InQueue)
    }

    async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        contract::ports::QueueReceiver::reject(self, message, reason).await
    }

    async fn release(&self, message: &Received) -> Result<(), QueueError> {
        let until = self.clock.now().saturating_add(backoff(message.receive_count));
        self.defer(&message.receipt, until).await
    }
}

/// 1 s, 2 s, 4 s … while something we stand on is down.
fn backoff(receive_count: u32) -> Duration {
    Duration::from_secs(1 << receive_count.saturating_sub(1).min(6)).min(MAX_BACKOFF)
}
