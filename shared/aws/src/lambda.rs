//! The Lambda side of a queue: batches in, partial failures out.
//!
//! A stage handles one message. This makes it the handler of an SQS event
//! source mapping that reports batch item failures, so that a function's
//! `main.rs` is no more than its wiring:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use shared::{aws::client::Aws, config::*, lambda::{self, BatchConfig}, ports::*, stage::*, telemetry};
//! # struct Deps { events: Arc<dyn Events>, deliveries: Arc<dyn QueueSender> }
//! # mod fanout { pub async fn handle(_: &super::Deps, _: super::Message) -> super::Outcome { super::Outcome::Done } }
//! #[tokio::main]
//! async fn main() -> Result<(), lambda::Error> {
//!     telemetry::init(telemetry::Format::Json);
//!     let mut env = Environment::of_process();
//!     let (store, batch) = (StoreConfig::read(&mut env), BatchConfig::read(&mut env));
//!     let deliveries_url = env.required(DELIVERIES_QUEUE_URL);
//!     let (store, batch, deliveries_url) = env.finish((store, batch, deliveries_url))?;
//!
//!     let aws = Aws::from_env(Arc::new(SystemClock)).await;
//!     let deps = Arc::new(Deps {
//!         events: Arc::new(aws.events(&store)),
//!         deliveries: Arc::new(aws.queue(deliveries_url)),
//!     });
//!     let handler = move |message| {
//!         let deps = Arc::clone(&deps);
//!         async move { fanout::handle(&deps, message).await }
//!     };
//!     lambda::serve(handler, &aws, batch, lambda::FEW_CALLS).await
//! }
//! ```

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt as _, StreamExt as _, stream};
use lambda_runtime::{LambdaEvent, service_fn};

pub use lambda_runtime::Error;

use crate::client::Aws;
pub use crate::client::{FEW_CALLS, LONGEST_MESSAGE};
use crate::emf::Emf;
use crate::{RetryLane, ScheduleTarget, Settlement, SqsSettlement, Waiting};
use contract::messages::{Rejection, trace_of};
use contract::ports::{BoxError, Received};
use contract::stage::{self, Fault, Message, Outcome};
use domain::time::Timestamp;
use services::runtime::config::{self, Environment, FromEnvironment};
use services::runtime::metrics;

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

/// Runs a stage on Lambda until the environment is shut down. `longest` is how
/// long one message may take.
///
/// `run_concurrent` takes several invocations at a time where Lambda offers
/// that (managed instances) and one after the other everywhere else.
pub async fn serve<H, F>(handler: H, aws: &Aws, config: BatchConfig, longest: Duration) -> Result<(), Error>
where
    H: Fn(Message) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let concurrency = config.concurrency;
    let (emf, clock) = (Arc::new(Emf::start()?), Arc::clone(&aws.clock));
    let batches = Arc::new(Batches { handler, settlement: settlement(aws, config), concurrency });
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (batches, emf, clock) = (Arc::clone(&batches), Arc::clone(&emf), Arc::clone(&clock));
        // Always a list, never an error: an error would retry the whole batch
        // and make Lambda poll more slowly.
        async move {
            if !suffices(clock.now(), Timestamp::from_millis(event.context.deadline.cast_signed()), longest) {
                TOLD.call_once(|| {
                    tracing::error!(
                        longest_s = longest.as_secs(),
                        "the function's time-out is shorter than a message may take: raise it"
                    )
                });
            }
            let response = batches.process(event.payload).await;
            emf.write_now_and_then(clock.as_ref());
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

/// A stage's handler, lifted from one message to a batch.
pub struct Batches<H, S> {
    pub handler: H,
    pub settlement: S,
    /// Messages of one batch that are processed at the same time; at least 1.
    pub concurrency: usize,
}

impl<H, F, S> Batches<H, S>
where
    H: Fn(Message) -> F + Sync,
    F: Future<Output = Outcome> + Send,
    S: Settlement,
{
    /// Names the messages that the queue has to hand out again.
    pub async fn process(&self, event: SqsEvent) -> SqsBatchResponse {
        let failures: Vec<String> = stream::iter(event.records)
            .map(|record| self.settle(record))
            .buffer_unordered(self.concurrency.max(1))
            .filter_map(std::future::ready)
            .collect()
            .await;
        let mut response = SqsBatchResponse::default();
        response.set_failures(failures);
        response
    }

    /// The message's id when it has to come again.
    async fn settle(&self, record: SqsMessage) -> Option<String> {
        let (source, message) = received(record);
        let outcome = self.handle(&message).await;
        let settled = match outcome {
            Outcome::Done => Ok(None),
            Outcome::NotBefore(until) => self.wait(&source, &message, until).await,
            Outcome::Reject(reason) => self.set_aside(&source, &message, reason).await,
            Outcome::Fault(fault) => Err(fault),
        };
        settled.unwrap_or_else(|fault| {
            metrics::fault(&fault);
            let trace = trace_of(&message.id, &message.body).map(tracing::field::display);
            tracing::error!(trace.id = trace, message.id = %message.id, message.receive_count, error = %stage::causes(&fault), "message failed");
            Some(message.id)
        })
    }

    /// A panic fails the message it was about, not the batch.
    async fn handle(&self, message: &Received) -> Outcome {
        let message = Message {
            id: message.id.clone(),
            body: message.body.clone(),
            content: None,
            receive_count: message.receive_count,
            is_due: message.is_due,
        };
        let handled = async { (self.handler)(message).await };
        AssertUnwindSafe(handled)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Outcome::Fault(Fault::Internal(panic_message(panic.as_ref()))))
    }

    async fn wait(&self, source: &str, message: &Received, until: Timestamp) -> Result<Option<String>, Fault> {
        Ok(match self.settlement.wait(source, message, until).await? {
            Waiting::InQueue => Some(message.id.clone()),
            Waiting::Scheduled => None,
        })
    }

    async fn set_aside(
        &self,
        source: &str,
        message: &Received,
        Rejection(reason): Rejection,
    ) -> Result<Option<String>, Fault> {
        self.settlement.set_aside(source, message, &reason).await?;
        // The reason may quote the message, so it stays with it.
        let trace = trace_of(&message.id, &message.body).map(tracing::field::display);
        tracing::warn!(trace.id = trace, message.id = %message.id, "message moved to the dead-letter queue; its attribute `reason` says why");
        Ok(None)
    }
}

fn received(record: SqsMessage) -> (String, Received) {
    let count = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let message = Received {
        id: record.message_id.unwrap_or_default(),
        body: record.body.unwrap_or_default().into(),
        content: None,
        // An unknown count must not look like a first receive.
        receive_count: count.unwrap_or(u32::MAX),
        // SQS waits for no more than minutes by itself.
        is_due: false,
        receipt: record.receipt_handle.unwrap_or_default(),
    };
    (record.event_source_arn.unwrap_or_default(), message)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> BoxError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("no message")).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use contract::ports::QueueError;

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

    /// Schedules what waits long, fails for bodies that say so, and remembers.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    #[async_trait]
    impl Settlement for Recorder {
        async fn wait(&self, source: &str, message: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
            self.0.lock().unwrap().push(format!("{source} {} waits", message.receipt));
            Ok(if until == LONG { Waiting::Scheduled } else { Waiting::InQueue })
        }

        async fn set_aside(&self, _: &str, message: &Received, reason: &str) -> Result<(), QueueError> {
            self.0.lock().unwrap().push(format!("{} aside: {reason}", message.id));
            if reason == "dlq down" { Err(QueueError::Full) } else { Ok(()) }
        }
    }

    async fn handle(message: Message) -> Outcome {
        match &*message.body {
            b"done" => Outcome::Done,
            b"short" => Outcome::NotBefore(SHORT),
            b"long" => Outcome::NotBefore(LONG),
            b"panic" => panic!("boom"),
            b"fault" => Outcome::Fault(Fault::Queue(QueueError::Full)),
            reason => Outcome::Reject(Rejection(String::from_utf8_lossy(reason).into_owned())),
        }
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

    async fn failures(bodies: &[&str]) -> (Vec<String>, Vec<String>) {
        let batches = Batches { handler: handle, settlement: Recorder::default(), concurrency: 3 };
        let response = batches.process(event(bodies)).await;
        let mut failed: Vec<_> = response.batch_item_failures.into_iter().map(|f| f.item_identifier).collect();
        failed.sort();
        let calls = batches.settlement.0.lock().unwrap().clone();
        (failed, calls)
    }

    #[tokio::test]
    async fn each_message_fails_or_succeeds_alone() {
        let (failed, _) = failures(&["done", "panic", "fault", "done"]).await;
        assert_eq!(failed, ["id-fault", "id-panic"]);
    }

    #[tokio::test]
    async fn what_waits_in_the_queue_is_not_acknowledged() {
        let (failed, calls) = failures(&["short", "long"]).await;
        assert_eq!(failed, ["id-short"]);
        assert!(calls.contains(&"arn:aws:sqs:eu-west-1:1:retries receipt-short waits".to_owned()), "{calls:?}");
    }

    #[tokio::test]
    async fn what_was_rejected_is_done_once_it_is_set_aside() {
        let (failed, calls) = failures(&["not JSON", "dlq down"]).await;
        assert_eq!(failed, ["id-dlq down"]);
        assert!(calls.contains(&"id-not JSON aside: not JSON".to_owned()));
    }

    #[tokio::test]
    async fn a_batch_runs_concurrently_up_to_its_cap() {
        let running = Arc::new(AtomicUsize::new(0));
        let peak = Arc::new(AtomicUsize::new(0));
        let handler = {
            let (running, peak) = (Arc::clone(&running), Arc::clone(&peak));
            move |_| {
                let (running, peak) = (Arc::clone(&running), Arc::clone(&peak));
                async move {
                    peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Outcome::Done
                }
            }
        };
        let batches = Batches { handler, settlement: Recorder::default(), concurrency: 3 };
        assert!(batches.process(event(&["done"; 10])).await.batch_item_failures.is_empty());
        assert_eq!(peak.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn an_answer_is_spelled_as_lambda_wants_it() {
        let batches = Batches { handler: handle, settlement: Recorder::default(), concurrency: 1 };
        let answer = serde_json::to_value(batches.process(event(&["fault"])).await).unwrap();
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
