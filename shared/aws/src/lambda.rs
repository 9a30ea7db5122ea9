//! The Lambda side of a queue: batches in, partial failures out.
//!
//! A stage handles one message. This makes it the handler of an SQS event
//! source mapping that reports batch item failures, so that a function's
//! `main.rs` only names its stage.

use std::sync::{Arc, Once};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{StreamExt as _, stream};
use lambda_runtime::{LambdaEvent, service_fn};

pub use lambda_runtime::Error;

use crate::client::Aws;
pub use crate::client::{FEW_CALLS, LONGEST_MESSAGE};
use crate::dynamo::{Gathering, Lookups};
use crate::emf::Emf;
use crate::sqs::queue_name;
use crate::traces::{self, TraceExport};
use crate::{RetryLane, ScheduleTarget, SqsSettlement};
use contract::ports::{Clock, Received, SystemClock};
use contract::runner::{self, Disposition, Settlement};
use contract::stage::Stage;
use domain::time::Timestamp;
use services::runtime::config::{self, ConfigError, Environment, FromEnvironment, process_variable};
use services::runtime::telemetry::{self, Format};

/// How a function takes batches from its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// Every queue the function is mapped to.
    pub source_queue_urls: Vec<String>,
    pub dead_letter_queue_url: String,
    /// Messages of one batch that are processed at the same time.
    pub concurrency: usize,
    /// Only for the function that is mapped to `retries`.
    pub retries: Option<RetriesConfig>,
}

/// How the messages of `retries` wait for longer than SQS can hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetriesConfig {
    pub retries_queue_url: String,
    /// In-flight messages from which on waits go to Scheduler.
    pub in_flight_budget: u64,
    /// Sends to `redeliveries`: who waited in a schedule is due.
    pub target: ScheduleTarget,
}

impl FromEnvironment for BatchConfig {
    fn read(env: &mut Environment<'_>) -> Self {
        let source_queue_urls = env.list(config::SOURCE_QUEUE_URLS);
        if source_queue_urls.is_empty() {
            env.problem(config::SOURCE_QUEUE_URLS, "names no queue");
        }
        let has_schedules = env.optional(config::SCHEDULE_GROUP).is_some();
        Self {
            source_queue_urls,
            dead_letter_queue_url: env.required(config::DEAD_LETTER_QUEUE_URL),
            concurrency: env.positive(config::BATCH_CONCURRENCY, 10_u16).into(),
            retries: has_schedules.then(|| RetriesConfig::read(env)),
        }
    }
}

impl FromEnvironment for RetriesConfig {
    fn read(env: &mut Environment<'_>) -> Self {
        Self {
            retries_queue_url: env.required(config::RETRIES_QUEUE_URL),
            in_flight_budget: env.positive(config::IN_FLIGHT_BUDGET, 80_000),
            target: ScheduleTarget {
                queue_url: env.required(config::REDELIVERIES_QUEUE_URL),
                group: env.required(config::SCHEDULE_GROUP),
                role_arn: env.required(config::SCHEDULER_ROLE_ARN),
                dead_letter_queue_arn: env.required(config::SCHEDULES_DEAD_LETTER_QUEUE_ARN),
            },
        }
    }
}

/// How every function begins: with log lines, its configuration, of which all that is
/// wrong is told at once, and its clients.
pub async fn start<C: FromEnvironment>() -> Result<(Aws, C), ConfigError> {
    telemetry::init(Format::Json);
    let config = C::from_env(process_variable)?;
    Ok((Aws::from_env(Arc::new(SystemClock)).await, config))
}

/// Runs a stage on Lambda until the environment is shut down. `longest` is how
/// long one message may take.
///
/// `run_concurrent` takes several invocations at a time where Lambda offers
/// that (managed instances) and one after the other everywhere else.
pub async fn serve(stage: impl Stage, aws: &Aws, config: BatchConfig, longest: Duration) -> Result<(), Error> {
    let (concurrency, clock) = (config.concurrency, Arc::clone(&aws.clock));
    let emf = Arc::new(Emf::start()?);
    let traces = Arc::new(TraceExport::start()?);
    let batches = Arc::new(Batches { stage, settlement: settlement(aws, config), clock, concurrency });
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (batches, emf, traces) = (Arc::clone(&batches), Arc::clone(&emf), Arc::clone(&traces));
        // Always a list, never an error: an error would retry the whole batch
        // and make Lambda poll more slowly.
        async move {
            let clock = batches.clock.as_ref();
            if !suffices(clock.now(), Timestamp::from_millis(event.context.deadline.cast_signed()), longest) {
                TOLD.call_once(|| {
                    tracing::error!(
                        longest_s = longest.as_secs(),
                        "the function's time-out is shorter than a message may take: raise it"
                    )
                });
            }
            let response = batches.process(event.payload).await;
            emf.write_now_and_then(clock);
            traces::flush(traces.as_ref().as_ref()).await;
            Ok::<_, Error>(response)
        }
    }))
    .await
}

/// Lambda tells a function its time-out with each invocation and not before; once
/// is enough to hear of it.
static TOLD: Once = Once::new();

fn suffices(now: Timestamp, deadline: Timestamp, longest: Duration) -> bool {
    deadline.since(now) >= longest
}

fn settlement(aws: &Aws, config: BatchConfig) -> SqsSettlement {
    let lane = config.retries.map(|retries| {
        RetryLane::new(retries.retries_queue_url, aws.schedules(retries.target), retries.in_flight_budget)
    });
    let clock = Arc::clone(&aws.clock);
    SqsSettlement::new(aws.sqs.clone(), config.source_queue_urls, config.dead_letter_queue_url, lane, clock)
}

/// A stage, lifted from one message to a batch.
pub struct Batches<T, S> {
    pub stage: T,
    pub settlement: S,
    pub clock: Arc<dyn Clock>,
    /// Messages of one batch that are processed at the same time; at least 1.
    pub concurrency: usize,
}

impl<T: Stage, S: Settlement> Batches<T, S> {
    /// Names the messages that the queue has to hand out again.
    pub async fn process(&self, event: SqsEvent) -> SqsBatchResponse {
        let (gathering, lookups) = (Arc::new(Gathering::default()), Arc::new(Lookups::default()));
        let failures: Vec<String> = stream::iter(event.records)
            .map(|record| gathering.run(lookups.run(self.settle(received(record)))))
            .buffer_unordered(self.concurrency.max(1))
            .filter_map(std::future::ready)
            .collect()
            .await;
        let mut response = SqsBatchResponse::default();
        response.set_failures(failures);
        response
    }

    /// The message's id when it has to come again.
    async fn settle(&self, message: Received) -> Option<String> {
        let id = message.id.clone();
        match runner::run(&self.stage, &self.settlement, self.clock.as_ref(), message).await {
            Disposition::Settled => None,
            Disposition::Unsettled => Some(id),
        }
    }
}

fn received(record: SqsMessage) -> Received {
    let count = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let sent_at = record.attributes.get("SentTimestamp").and_then(|millis| millis.parse().ok());
    Received {
        id: record.message_id.unwrap_or_default(),
        body: record.body.unwrap_or_default().into(),
        content: None,
        // An unknown count must not look like a first receive.
        receive_count: count.unwrap_or(u32::MAX),
        // SQS waits for no more than minutes by itself.
        is_due: false,
        sent_at: sent_at.map(Timestamp::from_millis),
        queue: queue_name(&record.event_source_arn.unwrap_or_default()).to_owned().into(),
        receipt: record.receipt_handle.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use contract::messages::Rejection;
    use contract::ports::QueueError;
    use contract::runner::Waiting;
    use contract::stage::{Fault, Message, Outcome};

    #[test]
    fn a_time_out_that_one_message_may_outlast_is_too_short() {
        let now = Timestamp::from_millis(1_000);
        let deadline = now.saturating_add(FEW_CALLS);
        assert!(suffices(now, deadline, FEW_CALLS));
        assert!(!suffices(now, deadline, LONGEST_MESSAGE));
        assert!(!suffices(deadline, now, Duration::from_millis(1)), "it is over");
    }

    const LONG: Timestamp = Timestamp::from_millis(90_000_000);
    const SHORT: Timestamp = Timestamp::from_millis(5);

    /// Schedules what waits long, and notes what it is asked for.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Settlement for Recorder {
        async fn done(&self, _: &Received) -> Result<(), QueueError> {
            Ok(())
        }

        async fn wait(&self, message: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
            self.0.lock().unwrap().push(format!("{} of {} waits", message.receipt, message.queue));
            Ok(if until == LONG { Waiting::Scheduled } else { Waiting::InQueue })
        }

        async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
            self.0.lock().unwrap().push(format!("{} is a dead letter: {reason}", message.id));
            Ok(())
        }

        async fn release(&self, _: &Received) -> Result<(), QueueError> {
            Ok(())
        }
    }

    /// Does what a message says.
    struct Obedient;

    #[async_trait]
    impl Stage for Obedient {
        async fn handle(&self, message: Message) -> Outcome {
            assert_eq!(message.receive_count, 2);
            match &*message.body {
                b"done" => Outcome::Done,
                b"short" => Outcome::NotBefore(SHORT),
                b"long" => Outcome::NotBefore(LONG),
                b"panic" => panic!("boom"),
                b"fault" => Outcome::Fault(Fault::Internal("broken".into())),
                reason => Outcome::Reject(Rejection(String::from_utf8_lossy(reason).into_owned())),
            }
        }
    }

    fn batches<T: Stage>(stage: T, concurrency: usize) -> Batches<T, Recorder> {
        Batches { stage, settlement: Recorder::default(), clock: Arc::new(SystemClock), concurrency }
    }

    fn event(bodies: &[&str]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .map(|body| {
                serde_json::json!({
                    "messageId": format!("id-{body}"), "receiptHandle": format!("receipt-{body}"), "body": body,
                    "attributes": {"ApproximateReceiveCount": "2"}, "eventSourceARN": "arn:aws:sqs:eu-west-1:1:retries",
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    #[tokio::test]
    async fn a_batch_reports_just_what_has_to_come_again() {
        let batches = batches(Obedient, 3);
        let response = batches.process(event(&["done", "short", "long", "panic", "fault", "not JSON", "done"])).await;
        let mut failed: Vec<_> = response.batch_item_failures.into_iter().map(|f| f.item_identifier).collect();
        failed.sort();
        assert_eq!(failed, ["id-fault", "id-panic", "id-short"]);
        let mut calls = batches.settlement.0.into_inner().unwrap();
        calls.sort();
        assert_eq!(
            calls,
            [
                "id-not JSON is a dead letter: not JSON",
                "receipt-long of retries waits",
                "receipt-short of retries waits"
            ]
        );
    }

    /// Counts how many messages it has at once.
    #[derive(Default)]
    struct Crowd {
        running: AtomicUsize,
        peak: AtomicUsize,
    }

    #[async_trait]
    impl Stage for Crowd {
        async fn handle(&self, _: Message) -> Outcome {
            self.peak.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            Outcome::Done
        }
    }

    #[tokio::test]
    async fn a_batch_runs_concurrently_up_to_its_cap() {
        let batches = batches(Crowd::default(), 3);
        assert!(batches.process(event(&["done"; 10])).await.batch_item_failures.is_empty());
        assert_eq!(batches.stage.peak.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn an_answer_is_spelled_as_lambda_wants_it() {
        let answer = serde_json::to_value(batches(Obedient, 1).process(event(&["fault"])).await).unwrap();
        assert_eq!(answer, serde_json::json!({ "batchItemFailures": [{ "itemIdentifier": "id-fault" }] }));
    }

    #[test]
    fn the_scheduler_is_configured_completely_or_not_at_all() {
        let lookup = |name: &str| match name {
            config::SOURCE_QUEUE_URLS => Some("https://sqs/1/retries, https://sqs/1/other".to_owned()),
            config::DEAD_LETTER_QUEUE_URL => Some("https://sqs/1/dead".to_owned()),
            _ => None,
        };
        let plain = BatchConfig::from_env(lookup).unwrap();
        assert_eq!((plain.source_queue_urls.len(), plain.concurrency, plain.retries), (2, 10, None));
        let grouped = |name: &str| if name == config::SCHEDULE_GROUP { Some("waits".to_owned()) } else { lookup(name) };
        let config::ConfigError(problems) = BatchConfig::from_env(grouped).unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
