//! How a retry waits on AWS: in its queue while that is safe, else in a
//! schedule. Needs ministack.

use std::sync::Arc;
use std::time::Duration;

use aws::client::Aws;
use aws::{RetryLane, ScheduleTarget, SqsReceiver, SqsSettlement};
use aws_sdk_sqs::types::QueueAttributeName;
use contract::jobs::{EndOverlap, Job, JobMessage};
use contract::messages::DeliveryMessage;
use contract::ports::{Clock as _, OsRandom, QueueReceiver as _, QueueSender as _, Received, SystemClock};
use contract::runner::{Settlement as _, Waiting};
use domain::ids::new_ulid;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use tests::ministack::Ministack;

use crate::suite::sqs::create_queue;

const LEASE: Duration = Duration::from_secs(30);
const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/scheduler";
const DEAD_LETTER_QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:schedules-dead";

/// One function's queues, and a message that it has just received.
struct Fixture {
    aws: Aws,
    group: String,
    queue_url: String,
    redeliveries_url: String,
    dead_letter_url: String,
    message: Received,
}

impl Fixture {
    async fn start() -> Option<Self> {
        let aws = Aws::new(&Ministack::shared()?.aws_config(), Arc::new(SystemClock));
        let group = new_ulid(SystemClock.now(), &OsRandom).to_string();
        aws.scheduler.create_schedule_group().name(&group).send().await.unwrap();
        let queue_url = create_queue(&aws.sqs, &format!("{group}-retries")).await;
        let redeliveries_url = create_queue(&aws.sqs, &format!("{group}-redeliveries")).await;
        let dead_letter_url = create_queue(&aws.sqs, &format!("{group}-dead")).await;
        let outgoing = contract::ports::Outgoing { due: None, ..message().to_outgoing() };
        aws.queue(&queue_url).send_one(outgoing).await.unwrap();
        let receiver = SqsReceiver::new(aws.sqs.clone(), &queue_url, &dead_letter_url, LEASE, Arc::new(SystemClock));
        let message = receiver.receive(1).await.unwrap().remove(0);
        Some(Self { aws, group, queue_url, redeliveries_url, dead_letter_url, message })
    }

    /// `is_retries` says whether the message's queue is the one that may wait long.
    fn settlement(&self, is_retries: bool, in_flight_budget: u64) -> SqsSettlement {
        let target = ScheduleTarget {
            queue_url: self.redeliveries_url.clone(),
            group: self.group.clone(),
            role_arn: ROLE_ARN.to_owned(),
            dead_letter_queue_arn: DEAD_LETTER_QUEUE_ARN.to_owned(),
        };
        let retries_url = if is_retries { &self.queue_url } else { &self.redeliveries_url };
        let lane = RetryLane::new(retries_url, self.aws.schedules(target), in_flight_budget);
        let sources = vec![self.redeliveries_url.clone(), self.queue_url.clone()];
        SqsSettlement::new(self.aws.sqs.clone(), sources, &self.dead_letter_url, Some(lane), Arc::new(SystemClock))
    }

    async fn wait(&self, settlement: &SqsSettlement, wait: Duration) -> (Waiting, Timestamp) {
        let until = SystemClock.now().saturating_add(wait);
        (settlement.wait(&self.message, until).await.unwrap(), until)
    }

    async fn schedules(&self) -> Vec<String> {
        let listed = self.aws.scheduler.list_schedules().group_name(&self.group).send().await.unwrap();
        listed.schedules().iter().filter_map(|s| s.name().map(str::to_owned)).collect()
    }

    async fn in_flight(&self) -> String {
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let request = self.aws.sqs.get_queue_attributes().queue_url(&self.queue_url).attribute_names(name.clone());
        request.send().await.unwrap().attributes().unwrap()[&name].clone()
    }
}

fn message() -> DeliveryMessage {
    let json = serde_json::json!({
        "tenant": "acme", "hook": "hook_00000000010000000000000001", "event_id": "evt-1",
        "event_seq": "seq_00000000020000000000000002", "event_type": "post.published",
        "event_timestamp": "2026-01-31T09:30:00Z", "data": {"a": "\"é\""}, "trigger": "retry", "step": 3,
    });
    DeliveryMessage::parse(json.to_string().as_bytes()).unwrap()
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_wait_of_some_hours_stays_in_the_queue() {
    let Some(fixture) = Fixture::start().await else { return };
    let settlement = fixture.settlement(true, 80_000);
    assert_eq!(fixture.wait(&settlement, 3 * HOUR).await.0, Waiting::InQueue);
    assert_eq!(fixture.schedules().await, [""; 0]);
    assert_eq!(fixture.in_flight().await, "1");
}

#[tokio::test]
async fn a_wait_beyond_twelve_hours_is_scheduled_once_and_never_early() {
    let Some(fixture) = Fixture::start().await else { return };
    let settlement = fixture.settlement(true, 80_000);
    let (waiting, until) = fixture.wait(&settlement, 13 * HOUR).await;
    assert_eq!(waiting, Waiting::Scheduled);
    // The same message, received again.
    assert_eq!(settlement.wait(&fixture.message, until).await.unwrap(), Waiting::Scheduled);

    let names = fixture.schedules().await;
    assert_eq!(names.len(), 1);
    let request = fixture.aws.scheduler.get_schedule().group_name(&fixture.group).name(&names[0]);
    let schedule = request.send().await.unwrap();
    let expression = schedule.schedule_expression().unwrap();
    let at = Timestamp::parse(&format!("{}Z", &expression["at(".len()..expression.len() - 1])).unwrap();
    assert!(at >= until && at.since(until) < Duration::from_secs(1), "{expression} for {until}");
    assert_eq!(schedule.action_after_completion().map(|a| a.as_str()), Some("DELETE"));
    let target = schedule.target().unwrap();
    assert_eq!(target.arn(), "arn:aws:scheduler:::aws-sdk:sqs:sendMessage");
    assert_eq!(target.role_arn(), ROLE_ARN);
    assert_eq!(target.dead_letter_config().and_then(|queue| queue.arn()), Some(DEAD_LETTER_QUEUE_ARN));
    let input: serde_json::Value = serde_json::from_str(target.input().unwrap()).unwrap();
    let body = std::str::from_utf8(&fixture.message.body).unwrap();
    let expected = serde_json::json!({
        "QueueUrl": fixture.redeliveries_url, "MessageBody": body, "MessageGroupId": &*message().to_outgoing().group,
    });
    assert_eq!(input, expected);
}

#[tokio::test]
async fn a_queue_over_its_budget_schedules_long_waits_but_not_short_ones() {
    let Some(fixture) = Fixture::start().await else { return };
    let settlement = fixture.settlement(true, 1);
    assert_eq!(fixture.wait(&settlement, Duration::from_secs(20)).await.0, Waiting::InQueue);
    assert_eq!(fixture.wait(&settlement, HOUR).await.0, Waiting::Scheduled);
    assert_eq!(fixture.schedules().await.len(), 1);
}

#[tokio::test]
async fn a_job_waits_in_its_queue_however_long_and_however_full_that_is() {
    let Some(mut fixture) = Fixture::start().await else { return };
    let job = Job::EndOverlap(EndOverlap { hook: message().hook, unknown: Unknown::NONE });
    fixture.message.body = JobMessage::new(&message().tenant, job).to_outgoing(None).body;
    for (budget, wait) in [(80_000, 13 * HOUR), (1, HOUR)] {
        let settlement = fixture.settlement(true, budget);
        assert_eq!(fixture.wait(&settlement, wait).await.0, Waiting::InQueue);
    }
    assert_eq!(fixture.schedules().await, [""; 0], "the retry lane knows no jobs");
}

#[tokio::test]
async fn other_queues_wait_by_visibility_only() {
    let Some(fixture) = Fixture::start().await else { return };
    let settlement = fixture.settlement(false, 0);
    assert_eq!(fixture.wait(&settlement, 13 * HOUR).await.0, Waiting::InQueue);
    assert_eq!(fixture.schedules().await, [""; 0]);
}

#[tokio::test]
async fn a_message_of_an_unknown_queue_is_a_fault() {
    let Some(fixture) = Fixture::start().await else { return };
    let settlement = fixture.settlement(true, 80_000);
    let other = Received { queue: "somebody-elses".into(), ..fixture.message };
    assert!(settlement.wait(&other, SystemClock.now()).await.is_err());
}

#[tokio::test]
async fn a_dead_letter_says_why_and_from_where() {
    let Some(fixture) = Fixture::start().await else { return };
    let settlement = fixture.settlement(true, 80_000);
    settlement.reject(&fixture.message, "").await.unwrap();
    let request = fixture.aws.sqs.receive_message().queue_url(&fixture.dead_letter_url).message_attribute_names("All");
    let dead = request.send().await.unwrap().messages.unwrap_or_default().remove(0);
    assert_eq!(dead.body().unwrap().as_bytes(), fixture.message.body);
    let attribute = |name: &str| dead.message_attributes().unwrap()[name].string_value().unwrap().to_owned();
    assert_eq!(attribute("reason"), "unknown");
    assert_eq!(attribute("source"), format!("{}-retries", fixture.group));
}
