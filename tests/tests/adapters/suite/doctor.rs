use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws::client::Aws;
use aws::{AwsDoctor, QueueUrls};
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use aws_sdk_sqs::types::QueueAttributeName;
use contract::ports::{
    Check, Clock, Condition, Doctor, ManualClock, Outgoing, QueueReceiver as _, QueueSender as _, SystemClock,
};
use embedded::{
    DataClock, DeadLetters, EmbeddedDoctor, EmbeddedQueue, OpenCipherError, QueueOptions, Store, StoreOptions,
    open_cipher,
};
use services::runtime::config::StoreConfig;
use tests::dynamo::create_table;
use tests::ministack::Ministack;

use super::START;

const QUEUES: [&str; 4] = ["events", "deliveries", "retries", "redeliveries"];

/// A deployment of one adapter, and how to make it ill.
pub(crate) struct Patient {
    doctor: Arc<dyn Doctor>,
    body: Body,
    _keep: Box<dyn Any + Send + Sync>,
}

enum Body {
    Directory { store: Store, queue: EmbeddedQueue, path: std::path::PathBuf },
    Account { aws: Aws, key: String, dead: String, schedules_dead: String },
}

impl Patient {
    async fn examine(&self) -> Vec<Check> {
        self.doctor.examine().await
    }

    async fn set_a_message_aside(&self) {
        match &self.body {
            Body::Directory { queue, .. } => set_aside(queue).await,
            Body::Account { aws, dead, .. } => {
                aws.sqs.send_message().queue_url(dead).message_body("poison").send().await.unwrap();
            }
        }
    }

    /// The master key, without which no secret can be read.
    async fn lose_the_key(&self) {
        match &self.body {
            Body::Directory { path, .. } => std::fs::remove_file(path.join("keys")).unwrap(),
            Body::Account { aws, key, .. } => {
                aws.kms.disable_key().key_id(key).send().await.unwrap();
            }
        }
    }
}

async fn set_aside(queue: &EmbeddedQueue) {
    let message = Outgoing { body: "poison".into(), group: "g".into(), due: None, content: None };
    queue.send_one(message).await.unwrap();
    let received = queue.receive(1).await.unwrap().remove(0);
    queue.reject(&received, "nobody can read it").await.unwrap();
}

pub(crate) async fn of_a_directory() -> Option<Patient> {
    Some(directory(&ManualClock::at(START)).await)
}

const RETENTION: Duration = Duration::from_secs(24 * 3_600);

async fn directory(clock: &ManualClock) -> Patient {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let data_clock = Arc::new(DataClock::new(Arc::new(clock.clone())));
    let store = Store::open(&path, &StoreOptions::default(), data_clock.clone()).unwrap();
    data_clock.begin(&store, RETENTION, None).await.unwrap();
    let _: Result<_, OpenCipherError> = open_cipher(&store, &path).await;
    let options = QueueOptions {
        lease: Duration::from_secs(75),
        max_messages: 10,
        max_leased_per_group: usize::MAX,
        max_leased_to_others: usize::MAX,
        max_leased_to_busy: usize::MAX,
    };
    let mut queues = Vec::new();
    for name in QUEUES {
        queues.push(EmbeddedQueue::open(store.clone(), name, options.clone()).await.unwrap());
    }
    let queue = queues[0].clone();
    let letters = DeadLetters::new(store.clone(), queues.clone(), RETENTION);
    let doctor = Arc::new(EmbeddedDoctor::new(&path, store.clone(), queues, letters, data_clock));
    Patient { doctor, body: Body::Directory { store, queue, path }, _keep: Box::new(directory) }
}

pub(crate) async fn of_an_account() -> Option<Patient> {
    account("180").await
}

/// As the template deploys it, save for the lease of `events`.
async fn account(events_lease: &str) -> Option<Patient> {
    let config = Ministack::shared()?.aws_config();
    let aws = Aws::new(&config, Arc::new(SystemClock));
    let unique = domain::ids::new_ulid(SystemClock.now(), &contract::ports::OsRandom).to_string();
    let (hooks, logs) = (format!("hooks-{unique}"), format!("logs-{unique}"));
    for table in [&hooks, &logs] {
        create_table(&aws.dynamodb, table).await;
    }
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build().unwrap();
    aws.dynamodb.update_time_to_live().table_name(&logs).time_to_live_specification(expiry).send().await.unwrap();
    let mut urls = Vec::new();
    for (name, lease) in QUEUES.into_iter().zip([events_lease, "900", "180", "900"]) {
        urls.push(queue_pair(&aws, &format!("{name}-{unique}"), lease).await);
    }
    let [events, deliveries, retries, redeliveries] =
        <[_; 4]>::try_from(urls.iter().map(|(url, _)| url.clone()).collect::<Vec<String>>()).unwrap();
    let key = aws.kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    let store = StoreConfig { hooks_table: hooks, logs_table: logs, retention: Duration::from_secs(1) };
    let schedules_dead = aws.sqs.create_queue().queue_name(format!("schedules-dead-{unique}"));
    let schedules_dead = schedules_dead.send().await.unwrap().queue_url.unwrap();
    let queues = QueueUrls { events, deliveries, retries, redeliveries, schedules_dead: schedules_dead.clone() };
    let doctor = AwsDoctor::new(aws.clone(), store, &key, queues);
    let body = Body::Account { aws, key, dead: urls[0].1.clone(), schedules_dead };
    Some(Patient { doctor: Arc::new(doctor), body, _keep: Box::new(()) })
}

/// A queue and its dead-letter queue, by URL.
async fn queue_pair(aws: &Aws, name: &str, lease: &str) -> (String, String) {
    let create = |name: String| aws.sqs.create_queue().queue_name(name);
    let dead = create(format!("{name}-dead")).send().await.unwrap().queue_url.unwrap();
    let arn = aws.sqs.get_queue_attributes().queue_url(&dead).attribute_names(QueueAttributeName::QueueArn);
    let arn = arn.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap();
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":8}}"#);
    let queue = create(name.to_owned())
        .attributes(QueueAttributeName::VisibilityTimeout, lease)
        .attributes(QueueAttributeName::RedrivePolicy, redrive);
    (queue.send().await.unwrap().queue_url.unwrap(), dead)
}

fn not_ok(checks: &[Check]) -> Vec<&Check> {
    checks.iter().filter(|check| check.status != Condition::Ok).collect()
}

fn find<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap()
}

pub(crate) async fn a_sound_deployment_passes_every_check(patient: &Patient) {
    let checks = patient.examine().await;
    // The disk is that of whoever runs this.
    assert!(not_ok(&checks).iter().all(|check| check.name == "disk"), "{checks:?}");
    let names: HashSet<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names.len(), checks.len());
    assert!(QUEUES.iter().all(|queue| names.contains(format!("queue.{queue}").as_str())), "{names:?}");
}

pub(crate) async fn a_message_that_was_set_aside_is_told_with_what_to_do(patient: &Patient) {
    patient.set_a_message_aside().await;
    let checks = patient.examine().await;
    let found = checks.iter().find(|check| check.name.starts_with("dead_letters") && check.status != Condition::Ok);
    let found = found.unwrap();
    assert_eq!(found.status, Condition::Warning);
    assert!(found.detail.starts_with("1 "), "{found:?}");
    let fix = found.fix.as_deref().unwrap();
    assert!(fix.contains("hookline dead-letters") || fix.contains("start-message-move-task"), "{fix}");
}

pub(crate) async fn what_is_broken_is_told_and_all_else_is_looked_at(patient: &Patient) {
    let before = patient.examine().await;
    patient.lose_the_key().await;
    let after = patient.examine().await;
    let broken = find(&after, "secrets");
    assert_eq!(broken.status, Condition::Failed);
    assert!(broken.fix.is_some() && !broken.detail.is_empty());
    let others = |checks: &[Check]| {
        checks.iter().filter(|check| check.name != "secrets").map(|check| (check.name.clone(), check.status)).collect()
    };
    let (before, after): (Vec<_>, Vec<_>) = (others(&before), others(&after));
    assert_eq!(before, after);
}

pub(crate) async fn a_second_look_finds_the_same(patient: &Patient) {
    let look = async || {
        let checks = patient.examine().await;
        checks.into_iter().filter(|check| check.name != "disk").collect::<Vec<_>>()
    };
    assert_eq!(look().await, look().await);
}

#[tokio::test]
async fn a_store_that_takes_no_writes_is_told() {
    let patient = directory(&ManualClock::at(START)).await;
    let Body::Directory { store, .. } = &patient.body else { unreachable!() };
    store.close();
    assert_eq!(find(&patient.examine().await, "store").status, Condition::Failed);
}

#[tokio::test]
async fn messages_that_nobody_takes_and_a_queue_that_fills_are_told() {
    let clock = ManualClock::at(START);
    let patient = directory(&clock).await;
    let Body::Directory { queue, .. } = &patient.body else { unreachable!() };
    let message = Outgoing { body: "{}".into(), group: "g".into(), due: None, content: None };
    queue.send_one(message.clone()).await.unwrap();
    clock.advance(Duration::from_secs(300));
    assert_eq!(find(&patient.examine().await, "queue.events").status, Condition::Ok);
    clock.advance(Duration::from_secs(1));
    let checks = patient.examine().await;
    let late = find(&checks, "queue.events");
    assert_eq!(late.status, Condition::Warning);
    assert!(late.detail.contains("waits for 301 s"), "{}", late.detail);
    queue.send_all(&vec![message; 8]).await.unwrap();
    assert_eq!(find(&patient.examine().await, "queue.events").status, Condition::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_too_short_is_told_with_the_right_one() {
    let Some(patient) = account("29").await else { return };
    let checks = patient.examine().await;
    let queue = find(&checks, "queue.events");
    assert_eq!(queue.status, Condition::Failed);
    assert!(queue.fix.as_deref().unwrap().contains("180 s"), "{queue:?}");
    assert_eq!(not_ok(&checks).len(), 1, "{checks:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_schedules_could_not_send_is_told_with_how_to_send_it() {
    let Some(patient) = of_an_account().await else { return };
    let Body::Account { aws, schedules_dead, .. } = &patient.body else { unreachable!() };
    assert_eq!(find(&patient.examine().await, "dead_letters.schedules").status, Condition::Ok);
    aws.sqs.send_message().queue_url(schedules_dead).message_body("{}").send().await.unwrap();
    let checks = patient.examine().await;
    let [found] = not_ok(&checks)[..] else { panic!("{checks:?}") };
    assert_eq!((found.name.as_str(), found.status), ("dead_letters.schedules", Condition::Warning));
    assert!(found.detail.starts_with("1 "), "{found:?}");
    assert!(found.fix.as_deref().unwrap().contains("aws sqs send-message --cli-input-json"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_told_by_name() {
    let Some(ministack) = Ministack::shared() else { return };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let aws = Aws::new(&ministack.aws_config(), clock);
    let url = |name: &str| format!("{}/000000000000/{name}", ministack.endpoint);
    let store = StoreConfig { hooks_table: "no-hooks".into(), logs_table: "no-logs".into(), retention: Duration::ZERO };
    let queues = QueueUrls {
        events: url("no-events"),
        deliveries: url("no-deliveries"),
        retries: url("no-retries"),
        redeliveries: url("no-redeliveries"),
        schedules_dead: url("no-schedules-dead"),
    };
    let checks = AwsDoctor::new(aws, store, "no-key", queues).examine().await;
    for (check, name) in [
        ("table.hooks", "no-hooks"),
        ("table.logs", "no-logs"),
        ("queue.retries", "no-retries"),
        ("dead_letters.schedules", "no-schedules-dead"),
    ] {
        let found = find(&checks, check);
        assert_eq!(found.status, Condition::Failed);
        assert!(found.detail.contains(name) && found.fix.is_some(), "{found:?}");
    }
    // The clock, which the answer to any question tells.
    assert_eq!(checks.iter().filter(|check| check.status == Condition::Ok).count(), 1, "{checks:?}");
}
