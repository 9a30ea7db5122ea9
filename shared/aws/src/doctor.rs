use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::{TableStatus, TimeToLiveStatus};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_types::date_time::{DateTime, Format};
use futures::future::{join, join_all};
use serde::Deserialize;

use super::KmsDataKeys;
use super::client::{Aws, LONGEST_MESSAGE};
use super::sqs::queue_name;
use contract::ports::{Check, Doctor};
use contract::stage::causes;
use domain::time::Timestamp;
use services::runtime::config::StoreConfig;
use services::secrets::envelope::EnvelopeCipher;

/// How long the functions of template.yaml may take for one batch.
const FANOUT_TIMEOUT: Duration = Duration::from_secs(30);
const DELIVER_TIMEOUT: Duration = Duration::from_secs(150);
const REQUEUE_TIMEOUT: Duration = Duration::from_secs(30);
const _: () = assert!(DELIVER_TIMEOUT.as_millis() >= LONGEST_MESSAGE.as_millis(), "a message may outlast `deliver`");
/// What AWS asks for between a function's time-out and its queue's leases
/// (Lambda developer guide, "Using Lambda with Amazon SQS").
const LEASES: u32 = 6;
/// A standard queue stalls at about 120,000 messages in flight, without an error.
const MANY_IN_FLIGHT: u64 = 100_000;
/// Due times are compared across processes, and `Date` is in whole seconds.
const SMALL_SKEW: Duration = Duration::from_secs(5);
/// Receivers refuse signatures that are 300 s off, as Standard Webhooks asks
/// them to; their own clocks are off as well.
const LARGE_SKEW: Duration = Duration::from_secs(60);

/// The queues of a deployment, by URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrls {
    pub events: String,
    pub deliveries: String,
    pub retries: String,
    pub redeliveries: String,
    /// The dead-letter queue of what schedules cannot send.
    pub schedules_dead: String,
}

/// Examines tables, queues and key with what the SDK can ask for. How old the
/// messages of a queue are, only CloudWatch knows.
#[derive(Clone)]
pub struct AwsDoctor {
    aws: Aws,
    store: StoreConfig,
    kms_key_id: String,
    queues: QueueUrls,
}

impl AwsDoctor {
    pub fn new(aws: Aws, store: StoreConfig, kms_key_id: impl Into<String>, queues: QueueUrls) -> Self {
        Self { aws, store, kms_key_id: kms_key_id.into(), queues }
    }

    /// The tables, and what time AWS says it is.
    async fn tables(&self) -> Vec<Check> {
        let date = AnswerDate::default();
        let hooks = self.table("table.hooks", &self.store.hooks_table, &date).await;
        let skew = date.get().map(|theirs| clock(self.aws.clock.now(), theirs));
        let (logs, expiry) = join(self.table("table.logs", &self.store.logs_table, &date), self.expiry()).await;
        [hooks, logs, expiry].into_iter().chain(skew).collect()
    }

    async fn table(&self, name: &str, table: &str, date: &AnswerDate) -> Check {
        let request = self.aws.dynamodb.describe_table().table_name(table).customize();
        match request.interceptor(date.clone()).send().await {
            Ok(answer) => match answer.table.and_then(|table| table.table_status) {
                Some(status @ (TableStatus::Active | TableStatus::Updating)) => {
                    Check::ok(name, format!("{table} is {status}"))
                }
                status => {
                    let status = status.map_or_else(|| "in no state".to_owned(), |status| status.to_string());
                    Check::failed(name, format!("{table} is {status}"), "see the table in the DynamoDB console")
                }
            },
            Err(error) => Check::failed(
                name,
                format!("{table}: {}", causes(&error)),
                "check that the table is there and that the role of api allows dynamodb:DescribeTable on it",
            ),
        }
    }

    /// Without it, events and deliveries are kept, and paid for, without end.
    async fn expiry(&self) -> Check {
        const NAME: &str = "table.logs.expiry";
        let table = &self.store.logs_table;
        match self.aws.dynamodb.describe_time_to_live().table_name(table).send().await {
            Ok(answer) => {
                let expiry = answer.time_to_live_description;
                let status = expiry.as_ref().and_then(|expiry| expiry.time_to_live_status.clone());
                let attribute = expiry.and_then(|expiry| expiry.attribute_name).unwrap_or_default();
                match (status, attribute.as_str()) {
                    (Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling), "ttl") => {
                        Check::ok(NAME, "rows are deleted after their retention")
                    }
                    _ => Check::failed(
                        NAME,
                        format!("{table} deletes nothing that has expired"),
                        format!(
                            "aws dynamodb update-time-to-live --table-name {table} \
                             --time-to-live-specification Enabled=true,AttributeName=ttl"
                        ),
                    ),
                }
            }
            Err(error) => Check::failed(
                NAME,
                format!("{table}: {}", causes(&error)),
                "check that the role of api allows dynamodb:DescribeTimeToLive on it",
            ),
        }
    }

    async fn secrets(&self) -> Check {
        let keys = KmsDataKeys::new(self.aws.kms.clone(), &self.kms_key_id);
        match EnvelopeCipher::new(Arc::new(keys), Arc::clone(&self.aws.clock)).probe().await {
            Ok(()) => Check::ok("secrets", "the KMS key seals and opens"),
            Err(error) => Check::failed(
                "secrets",
                causes(&error),
                "no hook's secret can be read without it: enable the KMS key, cancel its deletion, or allow it to the \
                 roles of api and deliver",
            ),
        }
    }

    /// A queue and its dead letters.
    async fn queue(&self, name: &str, url: &str, timeout: Duration) -> Vec<Check> {
        let check = format!("queue.{name}");
        let attributes = match self.attributes(url).await {
            Ok(attributes) => attributes,
            Err(error) => {
                let fix = "check that the queue is there and that the role of api allows sqs:GetQueueAttributes on it";
                return vec![Check::failed(check, error, fix)];
            }
        };
        let lease = Duration::from_secs(attributes.number(&Attribute::VisibilityTimeout));
        let Some(redrive) = attributes.redrive() else {
            let fix = "set a redrive policy as in template.yaml, or what can never be processed is tried for days";
            return vec![Check::failed(check, "it has no dead-letter queue", fix)];
        };
        let dead_letters = self.dead_letters(name, url, &redrive.dead_letter_target_arn, &attributes).await;
        vec![look_at(check, lease, timeout, &attributes), dead_letters]
    }

    async fn dead_letters(&self, name: &str, url: &str, arn: &str, source: &Attributes) -> Check {
        let check = format!("dead_letters.{name}");
        // A queue and its dead-letter queue are of one account and one region.
        let url = url.rsplit_once('/').map_or_else(String::new, |(rest, _)| format!("{rest}/{}", queue_name(arn)));
        let set_aside = |count: u64| {
            (
                format!("{count} messages could not be processed; their attribute `reason` says why, if it was ours"),
                format!(
                    "fix the cause, then: aws sqs start-message-move-task --source-arn {arn} --destination-arn {}",
                    source.text(&Attribute::QueueArn)
                ),
            )
        };
        self.none_or(check, &url, set_aside).await
    }

    /// What is late for more than 12 hours waits as a schedule, which gives up
    /// after a day of failures.
    async fn schedules(&self, url: &str) -> Check {
        let dropped = |count: u64| {
            (
                format!("{count} attempts could not be sent by their schedules"),
                format!(
                    "fix the cause; then, of each message that aws sqs receive-message --queue-url {url} shows: \
                     aws sqs send-message --cli-input-json BODY, and \
                     aws sqs delete-message --queue-url {url} --receipt-handle HANDLE"
                ),
            )
        };
        self.none_or("dead_letters.schedules".to_owned(), url, dropped).await
    }

    /// That there are no dead letters, or what to say of this many and to do.
    async fn none_or(&self, check: String, url: &str, told: impl FnOnce(u64) -> (String, String) + Send) -> Check {
        match self.attributes(url).await {
            Ok(dead) => match dead.number(&Attribute::ApproximateNumberOfMessages) {
                0 => Check::ok(check, "none"),
                count => {
                    let (detail, fix) = told(count);
                    Check::warning(check, detail, fix)
                }
            },
            Err(error) => Check::failed(
                check,
                error,
                "check that the dead-letter queue is there and that the role of api allows sqs:GetQueueAttributes on it",
            ),
        }
    }

    async fn attributes(&self, url: &str) -> Result<Attributes, String> {
        let asked = [
            Attribute::QueueArn,
            Attribute::VisibilityTimeout,
            Attribute::RedrivePolicy,
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.aws.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(asked.into()));
        match request.send().await {
            Ok(answer) => Ok(Attributes(answer.attributes.unwrap_or_default())),
            Err(error) => Err(format!("{}: {}", queue_name(url), causes(&error))),
        }
    }
}

#[async_trait]
impl Doctor for AwsDoctor {
    async fn examine(&self) -> Vec<Check> {
        let QueueUrls { events, deliveries, retries, redeliveries, schedules_dead } = &self.queues;
        let queues = join_all([
            self.queue("events", events, FANOUT_TIMEOUT),
            self.queue("deliveries", deliveries, DELIVER_TIMEOUT),
            self.queue("retries", retries, REQUEUE_TIMEOUT),
            self.queue("redeliveries", redeliveries, DELIVER_TIMEOUT),
        ]);
        let queues = join(queues, self.schedules(schedules_dead));
        let ((mut checks, secrets), (queues, schedules)) = join(join(self.tables(), self.secrets()), queues).await;
        checks.push(secrets);
        checks.extend(queues.into_iter().flatten());
        checks.push(schedules);
        checks
    }
}

fn look_at(check: String, lease: Duration, timeout: Duration, attributes: &Attributes) -> Check {
    let in_flight = attributes.number(&Attribute::ApproximateNumberOfMessagesNotVisible);
    let detail = format!(
        "{} waiting, {} set for later, {in_flight} in flight; a message is leased for {} s",
        attributes.number(&Attribute::ApproximateNumberOfMessages),
        attributes.number(&Attribute::ApproximateNumberOfMessagesDelayed),
        lease.as_secs()
    );
    let wanted = timeout * LEASES;
    let fix = format!("set its visibility timeout to {} s, as in template.yaml", wanted.as_secs());
    if lease < timeout {
        let detail =
            format!("{detail}, but its function may take {} s: messages are processed twice", timeout.as_secs());
        return Check::failed(check, detail, fix);
    }
    if lease < wanted {
        return Check::warning(check, format!("{detail}, which leaves no room for throttling"), fix);
    }
    if in_flight > MANY_IN_FLIGHT {
        let fix = "lower InFlightBudget so that more retries wait as schedules; at about 120,000 the queue stalls";
        return Check::warning(check, detail, fix);
    }
    Check::ok(check, detail)
}

/// How far this function's clock is off.
fn clock(ours: Timestamp, theirs: Timestamp) -> Check {
    const NAME: &str = "clock";
    let off = ours.since(theirs).max(theirs.since(ours));
    let fix = "signatures carry this time and due times are compared with it; tell AWS support";
    match off {
        off if off > LARGE_SKEW => Check::failed(NAME, format!("{} s off", off.as_secs()), fix),
        off if off > SMALL_SKEW => Check::warning(NAME, format!("{} s off", off.as_secs()), fix),
        _ => Check::ok(NAME, "agrees with AWS's"),
    }
}

struct Attributes(std::collections::HashMap<Attribute, String>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Redrive {
    dead_letter_target_arn: String,
}

impl Attributes {
    fn text(&self, name: &Attribute) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    fn number(&self, name: &Attribute) -> u64 {
        self.text(name).parse().unwrap_or_default()
    }

    fn redrive(&self) -> Option<Redrive> {
        serde_json::from_str(self.text(&Attribute::RedrivePolicy)).ok()
    }
}

/// Reads the header `Date` of an answer.
#[derive(Clone, Debug, Default)]
struct AnswerDate(Arc<Mutex<Option<Timestamp>>>);

impl AnswerDate {
    fn get(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()?.to_millis().ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(Timestamp::from_millis);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ports::Condition;

    fn queue(lease: u64, in_flight: &str) -> Condition {
        let attributes = Attributes([(Attribute::ApproximateNumberOfMessagesNotVisible, in_flight.to_owned())].into());
        look_at("queue.events".to_owned(), Duration::from_secs(lease), FANOUT_TIMEOUT, &attributes).status
    }

    #[test]
    fn a_lease_outlives_its_function_and_better_six_times() {
        assert_eq!(
            [29, 30, 179, 180].map(|lease| queue(lease, "0")),
            [Condition::Failed, Condition::Warning, Condition::Warning, Condition::Ok]
        );
    }

    #[test]
    fn a_queue_that_is_about_to_stall_is_told() {
        assert_eq!([queue(180, "100000"), queue(180, "100001")], [Condition::Ok, Condition::Warning]);
    }

    #[test]
    fn a_clock_may_be_off_by_seconds_in_either_direction() {
        let now = Timestamp::from_millis(1_780_000_000_000);
        let off = |secs| {
            let (later, status) = (now.saturating_add(Duration::from_secs(secs)), |a, b| clock(a, b).status);
            assert_eq!(status(now, later), status(later, now));
            status(now, later)
        };
        assert_eq!([5, 6, 60, 61].map(off), [Condition::Ok, Condition::Warning, Condition::Warning, Condition::Failed]);
    }
}
