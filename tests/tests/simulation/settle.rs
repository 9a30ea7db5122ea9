//! What is done with a message after a stage had it; each of these calls can go
//! wrong as well.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{QueueError, Received};
use contract::runner::{Settlement, Waiting};
use domain::time::Timestamp;

use crate::queue::{LONGEST_INVISIBLE, Name};
use crate::sim::{Sim, State};

/// A message in its queue, as its holder knows it.
pub(crate) struct Place {
    pub(crate) sim: Arc<Sim>,
    pub(crate) queue: Name,
    pub(crate) number: u64,
    pub(crate) task: usize,
    /// Whether waits beyond what a queue can do go to a scheduler.
    pub(crate) schedules: bool,
}

impl Place {
    async fn step(&self, name: &'static str, mut effect: impl FnMut(&mut State)) -> Result<(), QueueError> {
        let effect = |state: &mut State| {
            effect(state);
            Ok(())
        };
        self.sim.step(name, effect, || Err(QueueError::Unavailable("struck".into()))).await
    }

    async fn defer(&self, until: Timestamp) -> Result<(), QueueError> {
        self.step("defer", |state| state.defer(self.queue, self.number, self.task, until)).await
    }
}

impl Settlement for Place {
    async fn done(&self, _: &Received) -> Result<(), QueueError> {
        self.step("ack", |state| state.forget(self.queue, self.number, self.task)).await
    }

    async fn wait(&self, message: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
        let now = self.sim.now();
        if self.schedules && self.queue == Name::Retries && until.since(now) > LONGEST_INVISIBLE {
            self.step("schedule", |state| state.schedule(self.number, message.body.clone(), until)).await?;
            self.done(message).await?;
            return Ok(Waiting::Scheduled);
        }
        self.defer(until.min(now.saturating_add(LONGEST_INVISIBLE))).await?;
        Ok(Waiting::InQueue)
    }

    async fn reject(&self, _: &Received, reason: &str) -> Result<(), QueueError> {
        let rejected = |state: &mut State| {
            state.dead_letters.push(reason.to_owned());
            state.forget(self.queue, self.number, self.task);
        };
        self.step("reject", rejected).await
    }

    /// Either it is put back, or its lease runs out.
    async fn release(&self, _: &Received) -> Result<(), QueueError> {
        let now = self.sim.now();
        let back = {
            let mut state = self.sim.lock();
            state.dice.one_in(2).then(|| Duration::from_secs(1 + state.dice.below(60)))
        };
        match back {
            Some(back) => self.defer(now.saturating_add(back)).await,
            None => Ok(()),
        }
    }
}
