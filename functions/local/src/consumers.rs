//! Moves messages from the queues through the stages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::ports::{Clock, QueueReceiver as _, Received};
use contract::runner;
use contract::stage::{Stage, causes};
use embedded::EmbeddedQueue;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Messages taken from a queue at once.
const TAKE: usize = 32;
/// How long a stage whose messages have no task of their own may go on.
const TURN: Duration = Duration::from_micros(500);
/// How long a queue rests that is empty or could not be read.
const REST: Duration = Duration::from_secs(1);

/// A queue, and the stage that its messages go to.
pub(crate) struct Consumer {
    queue: EmbeddedQueue,
    max_in_flight: usize,
    stage: Arc<dyn Stage>,
    is_brief: bool,
}

impl Consumer {
    pub(crate) fn new(queue: EmbeddedQueue, max_in_flight: usize, stage: Arc<dyn Stage>) -> Self {
        Self { queue, max_in_flight, stage, is_brief: false }
    }

    /// One whose stage waits for nothing outside, nor for the disk, so that its messages
    /// are not worth a task each. They are handled one after the other.
    pub(crate) fn brief(self) -> Self {
        Self { is_brief: true, ..self }
    }

    async fn process(&self, clock: &dyn Clock, message: Received) {
        // The queue knows already where the message stands.
        runner::run(self.stage.as_ref(), &self.queue, clock, message).await;
    }
}

pub struct Consumers {
    clock: Arc<dyn Clock>,
    consumers: Vec<Consumer>,
}

impl Consumers {
    pub(crate) fn new(clock: Arc<dyn Clock>, consumers: Vec<Consumer>) -> Self {
        Self { clock, consumers }
    }

    /// Runs until `stop` turns true, then finishes what is under way.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut queues = JoinSet::new();
        for consumer in self.consumers {
            queues.spawn(consume(Arc::new(consumer), Arc::clone(&self.clock), stop.clone()));
        }
        queues.join_all().await;
    }

    /// Handles everything that is visible now, one message at a time, until
    /// nothing is left. Returns how many messages were handled.
    pub async fn drain(&self) -> usize {
        let mut handled = 0;
        loop {
            let before = handled;
            for consumer in &self.consumers {
                for received in consumer.queue.receive(TAKE).await.expect("an embedded queue can always be read") {
                    consumer.process(self.clock.as_ref(), received).await;
                    handled += 1;
                }
            }
            if handled == before {
                return handled;
            }
        }
    }
}

async fn consume(consumer: Arc<Consumer>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(consumer.max_in_flight));
    let mut under_way = JoinSet::new();
    let mut turn = Instant::now();
    while !*stop.borrow_and_update() {
        while under_way.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { break };
        drop(permit);
        let room = slots.available_permits().min(TAKE);
        let received = consumer.queue.receive(room).await.unwrap_or_else(|error| {
            let (queue, error) = (consumer.queue.name(), causes(&error));
            tracing::error!(queue, %error, "the queue {queue} cannot be read: {error}");
            Vec::new()
        });
        if received.is_empty() {
            let wait = match consumer.queue.next_change() {
                Some(at) => at.since(clock.steady()).clamp(Duration::from_millis(1), REST),
                None => REST,
            };
            tokio::select! {
                () = consumer.queue.changed() => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
            continue;
        }
        if consumer.is_brief {
            for message in received {
                consumer.process(clock.as_ref(), message).await;
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
            let (consumer, clock) = (Arc::clone(&consumer), Arc::clone(&clock));
            under_way.spawn(async move {
                consumer.process(clock.as_ref(), message).await;
                drop(permit);
            });
        }
    }
    under_way.join_all().await;
}
