//! Batches of which a part fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws::SqsSender;
use aws_sdk_sqs::Client;
use contract::messages::DeliveryMessage;
use contract::ports::{Clock as _, OsRandom, Outgoing, QueueSender as _, SystemClock};
use contract::stage::{Message, Outcome};
use domain::hook::Hook;
use domain::ids::new_ulid;
use tests::faults::{Fault, FaultyProxy};
use tests::ministack::Ministack;

use crate::suite::dynamo;
use crate::suite::samples::hook;
use crate::suite::sqs::create_queue;

/// A queue whose sender goes through a proxy.
pub(super) struct FaultyQueue {
    pub(super) proxy: FaultyProxy,
    pub(super) sender: SqsSender,
    direct: Client,
    url: String,
}

impl FaultyQueue {
    pub(super) async fn start() -> Option<Self> {
        let ministack = Ministack::shared()?;
        let direct = Client::new(&ministack.aws_config());
        let url = create_queue(&direct, &new_ulid(SystemClock.now(), &OsRandom).to_string()).await;
        let proxy = FaultyProxy::start(&ministack.endpoint).await;
        let client = Client::new(&Ministack::config_of(&proxy.endpoint));
        Some(Self { proxy, sender: SqsSender::new(client, &url, Arc::new(SystemClock)), direct, url })
    }

    /// What is in it, in order; at most ten.
    pub(super) async fn bodies(&self) -> Vec<String> {
        let request = self.direct.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let received = request.send().await.unwrap().messages.unwrap_or_default();
        let mut bodies: Vec<String> = received.into_iter().filter_map(|message| message.body).collect();
        bodies.sort();
        bodies
    }
}

fn outgoing(body: &'static str) -> Outgoing {
    Outgoing { body: body.into(), group: "g".into(), due: None, content: None }
}

#[tokio::test]
async fn of_a_batch_just_those_messages_have_failed_that_the_queue_names() {
    let Some(queue) = FaultyQueue::start().await else { return };
    queue.proxy.fail("SendMessageBatch", [Fault::Partial(vec![1, 3])]);
    let messages = ["a", "b", "c", "d", "e"].map(outgoing);
    let results = queue.sender.send(&messages).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    assert_eq!(queue.bodies().await, ["a", "c", "e"]);
}

#[tokio::test]
async fn a_fan_out_of_which_a_part_was_not_taken_is_made_again_and_its_copies_say_so() {
    let Some(queue) = FaultyQueue::start().await else { return };
    let stores = dynamo::stores().await.unwrap();
    for _ in 0..3 {
        let all = Hook { channels: Default::default(), filter: None, ..hook("acme", &["post.*"]) };
        stores.hooks.create(&all).await.unwrap();
    }
    let sender = Arc::new(queue.sender.clone());
    let queues = fanout::Queues { events: sender.clone(), deliveries: sender.clone(), retries: sender };
    let deps = fanout::Deps::new(&stores.foundation(), queues);
    let body = r#"{"tenant":"acme","type":"post.published","id":"evt-1","data":1}"#;
    let handle = |receive_count| {
        fanout::handle(
            &deps,
            Message {
                id: "m".to_owned(),
                body: body.into(),
                content: None,
                receive_count,
                is_due: false,
                sent_at: None,
            },
        )
    };
    queue.proxy.fail("SendMessageBatch", [Fault::Partial(vec![1])]);
    let first = handle(1).await;
    assert!(matches!(first, Outcome::Fault(_)), "{first:?}");
    assert!(matches!(handle(2).await, Outcome::Done));
    let sent = queue.bodies().await;
    let sent: Vec<_> = sent.iter().map(|body| DeliveryMessage::parse(body.as_bytes()).unwrap()).collect();
    let (copies, first): (Vec<_>, Vec<_>) = sent.iter().partition(|message| message.check_log);
    assert_eq!((first.len(), copies.len()), (2, 3));
    assert_eq!(copies.iter().map(|copy| copy.hook).collect::<BTreeSet<_>>().len(), 3);
    // The same deliveries, whichever of their copies arrive.
    assert_eq!(sent.iter().map(DeliveryMessage::delivery_id).collect::<BTreeSet<_>>().len(), 3);
}

#[tokio::test]
async fn a_request_that_fails_as_a_whole_fails_its_own_messages_only() {
    let Some(queue) = FaultyQueue::start().await else { return };
    // Of two requests one is refused; which one is seen first is not said.
    queue.proxy.fail("SendMessageBatch", [Fault::Refused(403, "AccessDenied")]);
    let messages: Vec<Outgoing> = (0..13).map(|_| outgoing("m")).collect();
    let results = queue.sender.send(&messages).await;
    let failed: Vec<bool> = results.iter().map(Result::is_err).collect();
    let (first, second) = failed.split_at(10);
    assert!(first.iter().all(|failed| *failed == first[0]) && second.iter().all(|failed| *failed != first[0]));
}
