use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, MessageAttributeValue, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use futures::StreamExt as _;
use futures::stream;

use super::client::ATTEMPT_TIMEOUT;
use contract::ports::{BoxError, Clock, Outgoing, QueueError, QueueReceiver, QueueSender, Received};
use domain::time::Timestamp;

/// The most messages of one request.
const MAX_BATCH: usize = 10;
/// The most bytes of one message, and of all messages of one request.
const MAX_BYTES: usize = 1024 * 1024;
/// The longest message timer.
const MAX_DELAY_SECS: u64 = 900;
const MAX_GROUP_CHARS: usize = 128;
/// A reason is for people; the rest of the message has to fit beside it.
const MAX_REASON_CHARS: usize = 500;
/// The longest that an empty queue is listened to: a second less than a call may take.
const MAX_LISTEN: Duration = ATTEMPT_TIMEOUT.saturating_sub(Duration::from_secs(1));
/// Requests under way at once for one long list of messages.
const CONCURRENT_REQUESTS: usize = 8;

/// The longest visibility timeout that is asked for. SQS allows 12 h counted
/// from the receive, and refuses more than what is left of them; a function
/// runs for 15 min at most, so this much is always left.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(43_200 - 900);

/// The sending end of a standard queue.
///
/// SQS itself waits up to 15 min; a message that is due later shows up then
/// and its consumer defers it.
#[derive(Clone)]
pub struct SqsSender {
    client: Client,
    queue_url: String,
    clock: Arc<dyn Clock>,
}

impl SqsSender {
    pub fn new(client: Client, queue_url: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, queue_url: queue_url.into(), clock }
    }

    async fn send_batch(&self, batch: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        if let [only] = batch
            && let Some(refused) = refusal(only)
        {
            return vec![Err(refused)];
        }
        let now = self.clock.now();
        let entries = batch.iter().enumerate().map(|(index, message)| entry(index, message, now));
        let entries = match entries.collect::<Result<Vec<_>, BoxError>>() {
            Ok(entries) => entries,
            Err(error) => return fail_all(batch.len(), error),
        };
        let request = self.client.send_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        match request.send().await {
            Ok(output) => {
                let mut results: Vec<Result<(), QueueError>> = batch.iter().map(|_| Ok(())).collect();
                for failed in output.failed() {
                    if let Some(result) = failed.id().parse().ok().and_then(|i: usize| results.get_mut(i)) {
                        *result = Err(entry_error(failed));
                    }
                }
                results
            }
            Err(error) if is_too_long(&error) && batch.len() == 1 => vec![Err(QueueError::TooLarge)],
            // The queue takes less than we think; find out which one it is.
            Err(error) if is_too_long(&error) => {
                let singly = batch.iter().map(|message| self.send_batch(std::slice::from_ref(message)));
                futures::future::join_all(singly.map(Box::pin)).await.into_iter().flatten().collect()
            }
            Err(error) => fail_all(batch.len(), error),
        }
    }
}

#[async_trait]
impl QueueSender for SqsSender {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        let requests: Vec<_> = batches(messages).into_iter().map(|batch| self.send_batch(batch)).collect();
        let results: Vec<_> = stream::iter(requests).buffered(CONCURRENT_REQUESTS).collect().await;
        results.into_iter().flatten().collect()
    }
}

/// Why SQS would refuse a message, and the whole request along with it.
fn refusal(message: &Outgoing) -> Option<QueueError> {
    if message.body.len() > MAX_BYTES {
        return Some(QueueError::TooLarge);
    }
    let text = std::str::from_utf8(&message.body);
    let fits = text.is_ok_and(|text| {
        !text.contains(|c| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}'))
    });
    (!fits).then(|| QueueError::Unavailable("the message holds a character that SQS does not take".into()))
}

/// Runs of messages that fit into one request each, in order; a message that
/// would be refused is alone.
fn batches(messages: &[Outgoing]) -> Vec<&[Outgoing]> {
    let mut batches = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take(MAX_BATCH).take_while(|message| {
            bytes += message.body.len();
            bytes <= MAX_BYTES && refusal(message).is_none()
        });
        let (batch, others) = rest.split_at(fitting.count().max(1));
        batches.push(batch);
        rest = others;
    }
    batches
}

fn entry(index: usize, message: &Outgoing, now: Timestamp) -> Result<SendMessageBatchRequestEntry, BoxError> {
    let entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(std::str::from_utf8(&message.body)?)
        .set_message_group_id(group_id(&message.group));
    Ok(entry.delay_seconds(delay_seconds(message.due, now)).build()?)
}

/// Rounded up, so that nothing is visible before it is due, and clamped to
/// what SQS takes.
fn delay_seconds(due: Option<Timestamp>, now: Timestamp) -> i32 {
    let secs = due.map_or(0, |due| ceil_secs(due.since(now)).min(MAX_DELAY_SECS));
    i32::try_from(secs).unwrap_or(i32::MAX)
}

/// How long to stay invisible: never too short within reach of [`MAX_WAIT`].
pub(super) fn visibility_seconds(until: Timestamp, now: Timestamp) -> i32 {
    i32::try_from(ceil_secs(until.since(now).min(MAX_WAIT))).unwrap_or(i32::MAX)
}

fn ceil_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// A group as SQS spells them: up to 128 letters, digits and punctuation.
pub(super) fn group_id(group: &str) -> Option<String> {
    let id: String = group.chars().take(MAX_GROUP_CHARS).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    (!id.is_empty()).then_some(id)
}

fn is_too_long<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    is_length_error(error.code(), error.message())
}

fn entry_error(failed: &BatchResultErrorEntry) -> QueueError {
    if is_length_error(Some(failed.code()), failed.message()) {
        return QueueError::TooLarge;
    }
    QueueError::Unavailable(format!("{}: {}", failed.code(), failed.message().unwrap_or_default()).into())
}

/// SQS names a batch that is too long, but tells a message that is too long
/// only in words ("Message must be shorter than 1048576 bytes").
fn is_length_error(code: Option<&str>, message: Option<&str>) -> bool {
    code.is_some_and(|c| c.contains("BatchRequestTooLong") || c.contains("MessageTooLong"))
        || message.is_some_and(|m| m.contains("must be shorter than"))
}

fn fail_all(count: usize, error: impl Into<BoxError>) -> Vec<Result<(), QueueError>> {
    let error: Arc<dyn std::error::Error + Send + Sync> = error.into().into();
    (0..count).map(|_| Err(QueueError::Unavailable(Box::new(Arc::clone(&error))))).collect()
}

pub(super) fn unavailable<E>(error: SdkError<E>) -> QueueError
where
    E: std::error::Error + Send + Sync + 'static,
{
    QueueError::Unavailable(Box::new(error))
}

/// Changes when a message that is being processed is handed out again.
pub(super) async fn hide(
    client: &Client,
    queue_url: &str,
    receipt: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), QueueError> {
    let request = client.change_message_visibility().queue_url(queue_url).receipt_handle(receipt);
    let request = request.visibility_timeout(visibility_seconds(until, now));
    request.send().await.map(|_| ()).map_err(unavailable)
}

/// Keeps a message as a dead letter with the attributes `reason` and `source`.
pub(super) async fn send_dead_letter(
    client: &Client,
    dead_letter_queue_url: &str,
    message: &Received,
    reason: &str,
) -> Result<(), QueueError> {
    let text = |value: String| {
        MessageAttributeValue::builder().data_type("String").string_value(value).build().expect("a type is set")
    };
    // Control characters and an empty value are refused by SQS.
    let reason: String = reason.chars().take(MAX_REASON_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let reason = if reason.trim().is_empty() { "unknown".to_owned() } else { reason };
    let request = client
        .send_message()
        .queue_url(dead_letter_queue_url)
        .message_body(String::from_utf8_lossy(&message.body))
        .message_attributes("reason", text(reason))
        .message_attributes("source", text(message.queue.to_string()));
    request.send().await.map(|_| ()).map_err(unavailable)
}

/// The name of a queue, the last part of its URL or ARN.
pub(super) fn queue_name(url_or_arn: &str) -> &str {
    url_or_arn.rsplit(['/', ':']).next().unwrap_or(url_or_arn)
}

/// The receiving end of a standard queue, for a consumer that polls.
#[derive(Clone)]
pub struct SqsReceiver {
    client: Client,
    queue_url: String,
    dead_letter_queue_url: String,
    lease: Duration,
    wait: Duration,
    clock: Arc<dyn Clock>,
}

impl SqsReceiver {
    /// `lease` is how long a message that is not settled stays away, in whole
    /// seconds.
    pub fn new(
        client: Client,
        queue_url: impl Into<String>,
        dead_letter_queue_url: impl Into<String>,
        lease: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            client,
            queue_url: queue_url.into(),
            dead_letter_queue_url: dead_letter_queue_url.into(),
            lease,
            // Any wait at all makes SQS ask all of its hosts, so that an empty
            // answer means an empty queue.
            wait: Duration::from_secs(1),
            clock,
        }
    }

    /// How long an empty queue is listened to, in whole seconds up to 4.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait: wait.min(MAX_LISTEN), ..self }
    }
}

#[async_trait]
impl QueueReceiver for SqsReceiver {
    async fn receive(&self, max: usize) -> Result<Vec<Received>, QueueError> {
        let secs = |d: Duration| i32::try_from(ceil_secs(d)).unwrap_or(i32::MAX);
        let count = max.clamp(1, MAX_BATCH);
        let request = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(count).unwrap_or(1))
            .visibility_timeout(secs(self.lease))
            .wait_time_seconds(secs(self.wait))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let output = request.send().await.map_err(unavailable)?;
        let queue = queue_name(&self.queue_url);
        Ok(output.messages.unwrap_or_default().into_iter().map(|message| received(queue, message)).collect())
    }

    async fn ack(&self, receipt: &str) -> Result<(), QueueError> {
        let request = self.client.delete_message().queue_url(&self.queue_url).receipt_handle(receipt);
        request.send().await.map(|_| ()).map_err(unavailable)
    }

    async fn defer(&self, receipt: &str, until: Timestamp) -> Result<(), QueueError> {
        hide(&self.client, &self.queue_url, receipt, until, self.clock.now()).await
    }

    async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        send_dead_letter(&self.client, &self.dead_letter_queue_url, message, reason).await?;
        self.ack(&message.receipt).await
    }
}

fn received(queue: &str, message: aws_sdk_sqs::types::Message) -> Received {
    let number = |name| message.attributes()?.get(&name)?.parse::<i64>().ok();
    let count = number(MessageSystemAttributeName::ApproximateReceiveCount).and_then(|count| count.try_into().ok());
    let sent_at = number(MessageSystemAttributeName::SentTimestamp);
    Received {
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default().into(),
        content: None,
        // An unknown count must not look like a first receive.
        receive_count: count.unwrap_or(u32::MAX),
        // A send delays for minutes only, so the message says when it is due.
        is_due: false,
        sent_at: sent_at.map(Timestamp::from_millis),
        queue: queue.to_owned().into(),
        receipt: message.receipt_handle.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_250);

    fn in_millis(millis: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_millis(millis))
    }

    #[test]
    fn a_delay_is_never_early_within_reach_and_never_above_900_seconds() {
        assert_eq!(delay_seconds(None, NOW), 0);
        assert_eq!(delay_seconds(Some(Timestamp::from_millis(0)), NOW), 0);
        for (millis, secs) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (899_001, 900), (900_000, 900)] {
            assert_eq!(delay_seconds(Some(in_millis(millis)), NOW), secs, "{millis} ms");
        }
        for millis in [900_001, 47 * 3_600_000] {
            assert_eq!(delay_seconds(Some(in_millis(millis)), NOW), 900, "{millis} ms");
        }
        assert_eq!(delay_seconds(Some(Timestamp::MAX), NOW), 900);
    }

    #[test]
    fn a_visibility_is_never_early_within_reach_and_leaves_room_below_12_hours() {
        for (millis, secs) in [(0, 0), (1, 1), (41_000_001, 41_001), (42_300_000, 42_300), (50_000_000, 42_300)] {
            assert_eq!(visibility_seconds(in_millis(millis), NOW), secs, "{millis} ms");
        }
    }

    #[test]
    fn a_request_has_at_most_ten_messages_and_one_mebibyte() {
        let of =
            |bytes: usize| Outgoing { body: vec![b'x'; bytes].into(), group: "g".into(), due: None, content: None };
        let sizes = |messages: &[Outgoing]| batches(messages).iter().map(|b| b.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&(0..23).map(|_| of(1)).collect::<Vec<_>>()), [10, 10, 3]);
        let mixed = [of(1), of(MAX_BYTES), of(MAX_BYTES + 1), of(MAX_BYTES / 2), of(MAX_BYTES / 2), of(1)];
        assert_eq!(sizes(&mixed), [1, 1, 1, 2, 1]);
        let odd = Outgoing { body: "\u{ffff}".into(), group: "g".into(), due: None, content: None };
        assert_eq!(sizes(&[of(1), odd, of(1), of(1)]), [1, 1, 2]);
    }

    #[test]
    fn a_group_is_spelled_as_sqs_wants_it() {
        assert_eq!(group_id("acme.01J"), Some("acme.01J".to_owned()));
        assert_eq!(group_id("a b é"), Some("a_b__".to_owned()));
        assert_eq!(group_id(&"x".repeat(200)).map(|g| g.len()), Some(128));
        assert_eq!(group_id(""), None);
    }

    #[test]
    fn a_queue_has_the_same_name_in_its_url_and_its_arn() {
        assert_eq!(queue_name("https://sqs.eu-west-1.amazonaws.com/123456789012/retries"), "retries");
        assert_eq!(queue_name("arn:aws:sqs:eu-west-1:123456789012:retries"), "retries");
    }
}
