//! What is done with a message after a stage had it; each of these calls can go
//! wrong as well.

use std::sync::Arc;
use std::time::Duration;

use contract::stage::{Message, Outcome};

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
    pub(crate) async fn settle(&self, outcome: Outcome, message: &Message) {
        let Self { sim, queue, number, task, .. } = self;
        let (queue, number, task, now) = (*queue, *number, *task, sim.now());
        match outcome {
            Outcome::Done => sim.step("ack", |state| state.forget(queue, number, task), || ()).await,
            Outcome::NotBefore(until)
                if self.schedules && queue == Name::Retries && until.since(now) > LONGEST_INVISIBLE =>
            {
                let made = |state: &mut State| {
                    state.schedule(number, message.body.clone(), until);
                    true
                };
                if sim.step("schedule", made, || false).await {
                    sim.step("ack", |state| state.forget(queue, number, task), || ()).await;
                }
            }
            Outcome::NotBefore(until) => {
                let until = until.min(now.saturating_add(LONGEST_INVISIBLE));
                sim.step("defer", |state| state.defer(queue, number, task, until), || ()).await;
            }
            Outcome::Reject(reason) => {
                let set_aside = |state: &mut State| {
                    state.dead_letters.push(reason.to_string());
                    state.forget(queue, number, task);
                };
                sim.step("reject", set_aside, || ()).await;
            }
            // Either it is put back, or its lease runs out.
            Outcome::Fault(_) => {
                let back = {
                    let mut state = sim.lock();
                    state.dice.one_in(2).then(|| Duration::from_secs(1 + state.dice.below(60)))
                };
                if let Some(back) = back {
                    let until = now.saturating_add(back);
                    sim.step("defer", |state| state.defer(queue, number, task, until), || ()).await;
                }
            }
        }
    }
}
