//! Settling messages that Lambda took from SQS. What waits does so in its queue,
//! as long as the budget of messages in flight allows, or in a schedule.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use tokio::sync::Mutex;

use super::scheduler::Schedules;
use super::sqs::{self, MAX_WAIT, queue_name};
use contract::jobs::{JobFound, JobMessage};
use contract::ports::{Clock, ClockReading, QueueError, Received};
use contract::runner::{Settlement, Waiting};
use domain::time::Timestamp;

/// The count is approximate anyway, and the budget leaves tens of thousands of
/// messages to the point where a queue stalls.
const COUNT_LIFETIME: Duration = Duration::from_secs(10);
/// A schedule may be 60 s late, and a message that waits no longer than that
/// is not what fills a queue.
const SHORT_WAIT: Duration = Duration::from_secs(60);

/// How messages of the queue `retries` wait longer than others can.
pub struct RetryLane {
    retries_queue_url: String,
    schedules: Schedules,
    /// Waiting messages count as in flight, and at about 120,000 a standard
    /// queue stalls without an error. From here on, waits go to Scheduler.
    in_flight_budget: u64,
    in_flight: Mutex<Option<(ClockReading, u64)>>,
}

impl RetryLane {
    pub fn new(retries_queue_url: impl Into<String>, schedules: Schedules, in_flight_budget: u64) -> Self {
        Self { retries_queue_url: retries_queue_url.into(), schedules, in_flight_budget, in_flight: Mutex::new(None) }
    }
}

/// Settles messages of standard queues.
pub struct SqsSettlement {
    client: Client,
    /// Queues by URL; a message names its own.
    source_queue_urls: Vec<String>,
    dead_letter_queue_url: String,
    retry_lane: Option<RetryLane>,
    clock: Arc<dyn Clock>,
}

impl SqsSettlement {
    pub fn new(
        client: Client,
        source_queue_urls: Vec<String>,
        dead_letter_queue_url: impl Into<String>,
        retry_lane: Option<RetryLane>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, source_queue_urls, dead_letter_queue_url: dead_letter_queue_url.into(), retry_lane, clock }
    }

    fn url_of(&self, name: &str) -> Result<&str, QueueError> {
        let url = self.source_queue_urls.iter().find(|url| queue_name(url) == name);
        url.map(String::as_str)
            .ok_or_else(|| QueueError::Unavailable(format!("the queue {name} is not one of this function's").into()))
    }

    /// Messages being processed or waiting, as of the last few seconds.
    async fn in_flight(&self, lane: &RetryLane) -> Result<u64, QueueError> {
        let now = self.clock.read();
        let mut known = lane.in_flight.lock().await;
        if let Some((at, count)) = *known
            && now.age_of(at) < COUNT_LIFETIME
        {
            return Ok(count);
        }
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let request = self.client.get_queue_attributes().queue_url(&lane.retries_queue_url);
        let output = request.attribute_names(name.clone()).send().await.map_err(sqs::unavailable)?;
        let count = output
            .attributes()
            .and_then(|attributes| attributes.get(&name)?.parse().ok())
            .ok_or_else(|| QueueError::Unavailable("the queue does not say what is in flight".into()))?;
        *known = Some((now, count));
        Ok(count)
    }

    async fn fits_in_queue(&self, lane: &RetryLane, until: Timestamp, now: Timestamp) -> Result<bool, QueueError> {
        let wait = until.since(now);
        if wait <= SHORT_WAIT {
            return Ok(true);
        }
        Ok(wait <= MAX_WAIT && self.in_flight(lane).await? < lane.in_flight_budget)
    }
}

impl Settlement for SqsSettlement {
    /// Lambda deletes what is not reported to have failed.
    async fn done(&self, _: &Received) -> Result<(), QueueError> {
        Ok(())
    }

    async fn wait(&self, message: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
        let url = self.url_of(&message.queue)?;
        let now = self.clock.now();
        if let Some(lane) = self.retry_lane.as_ref().filter(|lane| queue_name(&lane.retries_queue_url) == message.queue)
            && !self.fits_in_queue(lane, until, now).await?
            // A schedule sends to the retry lane. Jobs are few, and look again when they come back early.
            && JobMessage::parse(&message.body) == JobFound::None
        {
            lane.schedules.send_at(&message.body, until).await?;
            return Ok(Waiting::Scheduled);
        }
        sqs::hide(&self.client, url, &message.receipt, until, now).await?;
        Ok(Waiting::InQueue)
    }

    async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        sqs::send_dead_letter(&self.client, &self.dead_letter_queue_url, message, reason).await
    }

    /// Reported to have failed, it is visible again when its lease ends.
    async fn release(&self, _: &Received) -> Result<(), QueueError> {
        Ok(())
    }
}
