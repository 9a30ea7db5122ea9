//! Whole stages over the adapters of AWS, while every service fails again and
//! again. Their queues are polled as Lambda polls them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws::client::Aws;
use aws::lambda::Batches;
use aws::{SqsReceiver, SqsSettlement};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use contract::ports::{
    Clock, DeliveryLog as _, Events as _, Hooks as _, HttpRequest, HttpResponse, HttpResult, HttpSender, OsRandom,
    Outgoing, QueueError, QueueReceiver as _, QueueSender as _, Received, SendFault, SystemClock, Tenants as _,
};
use contract::runner::{Settlement, Waiting};
use contract::stage::Stage;
use domain::delivery::{AttemptOutcome, Status};
use domain::hook::Hook;
use domain::ids::{DeliveryId, new_ulid};
use domain::secret::{Secret, SigningSecret};
use domain::tenant::Tenant;
use domain::time::Timestamp;
use services::repositories::documents::StoredTenants;
use tests::dynamo::Dynamo;
use tests::faults::{Fault, FaultyProxy};
use tests::ministack::Ministack;
use tokio::task::JoinSet;

use crate::suite::samples::{hook, settings, tenant};
use crate::suite::sqs::create_queue;

const SEED: u64 = 7;
const EVENTS: usize = 70;
/// After this many faults all is well, so that the test ends.
const FAULTS: usize = 400;
/// One call in this many fails, and after one that did, every second of its kind.
const ONE_IN: u64 = 5;
/// What is not settled comes back after this long.
pub(super) const LEASE: Duration = Duration::from_secs(3);
/// Waits may be cut into pieces; long ones would only make the test long.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Some 20 s on an idle machine.
const DEADLINE: Duration = Duration::from_secs(150);

/// The usual faults of a service, in a seeded order.
fn misfortune(seed: u64) -> impl FnMut(&str) -> Option<Fault> + Send {
    let (mut random, mut last, mut left) = (fastrand::Rng::with_seed(seed), String::new(), FAULTS);
    move |operation| {
        let chance = if operation == last { 2 } else { ONE_IN };
        if left == 0 || random.u64(..chance) > 0 {
            last.clear();
            return None;
        }
        left -= 1;
        operation.clone_into(&mut last);
        Some(match random.u32(..20) {
            0..5 => Fault::Refused(400, "ThrottlingException"),
            5..9 => Fault::Refused(503, "ServiceUnavailable"),
            9..12 => Fault::Reset,
            12 => Fault::Silence,
            13..17 if operation == "SendMessageBatch" => Fault::Partial(vec![0, 2]),
            _ => Fault::Lost,
        })
    }
}

/// Endpoints that answer 503 to the first request of some deliveries, and 200 to all others.
#[derive(Default)]
pub(super) struct Receiver(pub(super) Mutex<HashMap<String, Vec<u16>>>);

#[async_trait]
impl HttpSender for Receiver {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        let id = request.headers.iter().find(|(name, _)| name == "webhook-id").unwrap().1.clone();
        let mut seen = self.0.lock().unwrap();
        let answers = seen.entry(id.clone()).or_default();
        let fails = answers.is_empty() && id.bytes().map(u32::from).sum::<u32>().is_multiple_of(4);
        let status = if fails { 503 } else { 200 };
        answers.push(status);
        let answer = HttpResponse::new(status, Vec::new(), Default::default());
        Ok(HttpResult { answer: Ok(answer), duration: Duration::from_millis(1) })
    }
}

/// Never lets a message wait for long at once.
struct Impatient(SqsSettlement);

impl Settlement for Impatient {
    async fn done(&self, message: &Received) -> Result<(), QueueError> {
        self.0.done(message).await
    }

    async fn wait(&self, message: &Received, until: Timestamp) -> Result<Waiting, QueueError> {
        self.0.wait(message, until.min(SystemClock.now().saturating_add(LONGEST_WAIT))).await
    }

    async fn reject(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        self.0.reject(message, reason).await
    }

    async fn release(&self, message: &Received) -> Result<(), QueueError> {
        self.0.release(message).await
    }
}

/// Queues by name, their stages, and what they stand on.
pub(super) struct Pipeline {
    /// Sees no faults.
    pub(super) direct: Aws,
    faulty: Aws,
    proxies: [FaultyProxy; 2],
    urls: HashMap<&'static str, String>,
    kms_key: String,
    pub(super) receiver: Arc<Receiver>,
    _dynamo: Dynamo,
}

impl Pipeline {
    pub(super) async fn start() -> Option<Self> {
        let ministack = Ministack::shared()?;
        let dynamo = Dynamo::start().await;
        let clients = |dynamodb: &str, others: &str, patience: &dyn Fn(SdkConfig) -> SdkConfig| {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let of = |endpoint| Aws::new(&patience(Ministack::config_of(endpoint)), Arc::clone(&clock));
            Aws { dynamodb: of(dynamodb).dynamodb, ..of(others) }
        };
        let direct = clients(&dynamo.endpoint, &ministack.endpoint, &|config| config);
        let proxies = [FaultyProxy::start(&dynamo.endpoint).await, FaultyProxy::start(&ministack.endpoint).await];
        let faulty = clients(&proxies[0].endpoint, &proxies[1].endpoint, &in_a_hurry);
        let name = new_ulid(SystemClock.now(), &OsRandom);
        let mut urls = HashMap::new();
        for queue in ["events", "deliveries", "retries", "redeliveries", "dead"] {
            urls.insert(queue, create_queue(&direct.sqs, &format!("{name}-{queue}")).await);
        }
        let kms_key = direct.kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
        Some(Self { direct, faulty, proxies, urls, kms_key, receiver: Arc::default(), _dynamo: dynamo })
    }

    pub(super) async fn hooks(&self) -> [Hook; 2] {
        let store = Dynamo::store();
        let tenant = Tenant { settings: Default::default(), profile: None, ..tenant("acme") };
        StoredTenants::new(Arc::new(self.direct.documents(&store))).create(&tenant).await.unwrap();
        let hooks = self.direct.encrypted_hooks(&store, self.direct.cipher(&self.kms_key));
        let make = |rate_limit: u32| Hook {
            channels: Default::default(),
            filter: None,
            profile: None,
            disabled_reason: None,
            expires_at: None,
            secrets: vec![SigningSecret::current(Secret::generate(&OsRandom))],
            settings: settings(&format!(r#"{{"retry":{{"delays":[1,1,1,1],"jitter":0}},"rate_limit":{rate_limit}}}"#)),
            ..hook("acme", &["post.*"])
        };
        let made = [make(0), make(30)];
        for hook in &made {
            hooks.create_within(hook, u32::MAX).await.unwrap();
        }
        made
    }

    pub(super) fn url(&self, queue: &str) -> String {
        self.urls[queue].clone()
    }

    pub(super) fn fanout(&self, aws: &Aws) -> fanout::Deps {
        let config = fanout::Config {
            store: Dynamo::store(),
            events_url: self.url("events"),
            deliveries_url: self.url("deliveries"),
            retries_url: self.url("retries"),
        };
        fanout::Deps::on_aws(aws, config)
    }

    pub(super) fn deliver(&self, aws: &Aws) -> deliver::Deps {
        let config = deliver::Config {
            store: Dynamo::store(),
            sender: courier::SenderOptions::default(),
            profile: "standard".parse().unwrap(),
            kms_key: self.kms_key.clone(),
            events_url: self.url("events"),
            retries_url: self.url("retries"),
            public_url: None,
        };
        deliver::Deps { sender: self.receiver.clone(), ..deliver::Deps::on_aws(aws, config).unwrap() }
    }

    fn requeue(&self) -> requeue::Deps {
        let config = requeue::Config {
            store: Dynamo::store(),
            profile: "standard".parse().unwrap(),
            events_url: self.url("events"),
            retries_url: self.url("retries"),
            redeliveries_url: self.url("redeliveries"),
        };
        requeue::Deps::on_aws(&self.faulty, config)
    }

    /// All stages, each on the queues it has on AWS and `deliver` in two processes.
    pub(super) fn run(&self) -> JoinSet<()> {
        let mut pollers = JoinSet::new();
        pollers.spawn(self.poll("events", self.fanout(&self.faulty)));
        pollers.spawn(self.poll("retries", self.requeue()));
        for _ in 0..2 {
            let deliver = Arc::new(self.deliver(&self.faulty));
            for queue in ["deliveries", "redeliveries"] {
                pollers.spawn(self.poll(queue, Arc::clone(&deliver)));
            }
        }
        pollers
    }

    /// As an event source mapping does it: whatever is not reported as failed is deleted.
    fn poll<T: Stage>(&self, queue: &str, stage: T) -> impl Future<Output = ()> + use<T> {
        let (url, dead, clock) = (self.url(queue), self.url("dead"), Arc::clone(&self.direct.clock));
        let receiver = SqsReceiver::new(self.direct.sqs.clone(), &url, &dead, LEASE, Arc::clone(&clock));
        let (sqs, urls) = (self.faulty.sqs.clone(), vec![url.clone()]);
        let settlement = Impatient(SqsSettlement::new(sqs, urls, dead, None, Arc::clone(&clock)));
        let batches = Batches { stage, settlement, clock, concurrency: 10 };
        async move {
            loop {
                let received = receiver.receive(10).await.unwrap();
                let records: Vec<_> = received.iter().map(|message| record(&url, message)).collect();
                let event = serde_json::from_value(serde_json::json!({ "Records": records })).unwrap();
                let failures = batches.process(event).await.batch_item_failures;
                for message in received {
                    if failures.iter().all(|failure| failure.item_identifier != message.id) {
                        receiver.ack(&message.receipt).await.unwrap();
                    }
                }
            }
        }
    }

    /// Messages that are in a queue, whatever they wait for.
    pub(super) async fn left(&self, queue: &str) -> usize {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.direct.sqs.get_queue_attributes().queue_url(self.url(queue));
        let attributes = request.set_attribute_names(Some(names.to_vec())).send().await.unwrap().attributes.unwrap();
        names.iter().map(|name| attributes[name].parse::<usize>().unwrap()).sum()
    }

    async fn is_at_rest(&self) -> bool {
        for queue in ["events", "deliveries", "retries", "redeliveries"] {
            if self.left(queue).await > 0 {
                return false;
            }
        }
        true
    }

    pub(super) async fn come_to_rest(&self) {
        let all = async {
            // Twice, as a message may change queues while they are counted.
            while !(self.is_at_rest().await && self.is_at_rest().await) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(DEADLINE, all).await.expect("the queues come to rest");
    }
}

/// Two quick tries, so that some calls fail for good and none for long.
fn in_a_hurry(config: SdkConfig) -> SdkConfig {
    let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(20));
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(1)).build();
    config.into_builder().retry_config(retries).timeout_config(timeouts).build()
}

pub(super) fn record(url: &str, message: &Received) -> serde_json::Value {
    serde_json::json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": String::from_utf8_lossy(&message.body),
        "attributes": { "ApproximateReceiveCount": message.receive_count.to_string() },
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{}", url.rsplit('/').next().unwrap()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_hundreds_of_faults_every_delivery_ends_and_log_and_receiver_agree() {
    let Some(pipeline) = Pipeline::start().await else { return };
    let hooks = pipeline.hooks().await;
    for (proxy, seed) in pipeline.proxies.iter().zip(SEED..) {
        proxy.fail_by(misfortune(seed));
    }
    let bodies = (0..EVENTS).map(|n| {
        let body =
            serde_json::json!({ "tenant": "acme", "type": "post.published", "id": format!("evt-{n}"), "data": n });
        Outgoing { body: body.to_string().into(), group: "acme".into(), due: None, content: None }
    });
    pipeline.direct.queue(pipeline.url("events")).send_all(&bodies.collect::<Vec<_>>()).await.unwrap();
    let pollers = pipeline.run();
    pipeline.come_to_rest().await;
    drop(pollers);

    let store = Dynamo::store();
    let (events, log) = (pipeline.direct.events(&store), pipeline.direct.deliveries(&store));
    let mut received = pipeline.receiver.0.lock().unwrap().clone();
    for n in 0..EVENTS {
        let event = events.get(&hooks[0].tenant, &format!("evt-{n}").parse().unwrap()).await.unwrap().unwrap();
        for hook in &hooks {
            let id = DeliveryId { event: event.seq, hook: hook.id };
            let delivery = log.get(&hook.tenant, id).await.unwrap().unwrap();
            assert_eq!(delivery.status, Status::Succeeded, "{delivery:?}");
            let attempts = log.attempts(&delivery).await.unwrap();
            assert_eq!(attempts.len(), usize::try_from(delivery.attempt_count).unwrap(), "{attempts:?}");
            // An attempt whose row could not be written was made without leaving a trace.
            let mut answers = received.remove(&id.to_string()).unwrap();
            for attempt in attempts.into_iter().flatten() {
                let status = attempt.status_code.unwrap();
                assert_eq!(attempt.outcome == AttemptOutcome::Success, status == 200);
                let seen = answers.iter().position(|answer| *answer == status);
                answers.swap_remove(seen.unwrap_or_else(|| panic!("{status} was logged of {id} and never answered")));
            }
        }
    }
    assert!(received.is_empty(), "requests of deliveries that nobody knows: {received:?}");
    assert_eq!(pipeline.left("dead").await, 0);
    let faults: usize = pipeline.proxies.iter().map(FaultyProxy::faults).sum();
    assert!(faults >= 200, "{faults} faults are too few to say anything");
}
