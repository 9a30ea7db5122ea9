//! A queue that keeps what it is sent, for a test to look at.

use std::sync::Mutex;

use async_trait::async_trait;
use contract::ports::{Outgoing, QueueError, QueueSender};

#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<Outgoing>>);

impl Kept {
    /// What was sent since the last time.
    pub(crate) fn take(&self) -> Vec<Outgoing> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl QueueSender for Kept {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        self.0.lock().unwrap().extend_from_slice(messages);
        messages.iter().map(|_| Ok(())).collect()
    }
}
