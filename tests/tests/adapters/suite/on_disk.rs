use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::ports::{
    Clock, Content, EventRef, Events as _, ManualClock, OsRandom, Outgoing, QueueError, QueueReceiver as _, QueueSender,
};
use domain::ids::{EventId, EventSeq, TenantId};
use embedded::{
    DeadLetters as Letters, EmbeddedActivityLog, EmbeddedAuditLog, EmbeddedDeliveryLog, EmbeddedDocuments,
    EmbeddedEvents, EmbeddedHooks, EmbeddedQueue, QueueOptions, Store, StoreOptions,
};
use futures::FutureExt as _;
use services::repositories::documents::{StoredKeys, StoredTenants};

use super::{DeadLetters, Queues, START, Stores, Time};

const LEASE: Duration = Duration::from_secs(30);
const MANY: usize = usize::MAX;

pub(crate) fn open() -> (Store, ManualClock, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let manual = ManualClock::at(START);
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    (Store::open(directory.path(), &StoreOptions::default(), clock).unwrap(), manual, directory)
}

pub(crate) async fn stores() -> Option<Stores> {
    let (store, clock, directory) = open();
    let documents = Arc::new(EmbeddedDocuments::new(store.clone()));
    let hooks = Arc::new(EmbeddedHooks::new(store.clone(), EmbeddedDocuments::clone(&documents)));
    Some(Stores {
        clock,
        tenants: Arc::new(StoredTenants::new(documents.clone())),
        keys: Arc::new(StoredKeys::new(documents.clone())),
        documents,
        hooks: hooks.clone(),
        subscriptions: hooks,
        events: Arc::new(EmbeddedEvents(store.clone())),
        deliveries: Arc::new(EmbeddedDeliveryLog(store.clone())),
        activity: Arc::new(EmbeddedActivityLog::new(store.clone(), &OsRandom)),
        audit: Arc::new(EmbeddedAuditLog::new(store, &OsRandom)),
        _keep: Arc::new(directory),
    })
}

pub(crate) async fn queues() -> Option<Queues> {
    Some(queue_with_ends().await.1)
}

pub(crate) async fn queue_with_ends() -> (EmbeddedQueue, Queues) {
    let (store, clock, directory) = open();
    let options = QueueOptions {
        lease: LEASE,
        max_messages: 1_000,
        max_leased_per_group: usize::MAX,
        max_leased_to_others: usize::MAX,
        max_leased_to_busy: usize::MAX,
    };
    let queue = EmbeddedQueue::open(store.clone(), "queue", options).await.unwrap();
    let queues = Queues {
        time: Time::Manual(clock),
        sender: Arc::new(queue.clone()),
        receiver: Arc::new(queue.clone()),
        lease: LEASE,
        too_large: 1024 * 1024 + 1,
        dead_letters: Box::new(SetAside(store)),
        _keep: Box::new(directory),
    };
    (queue, queues)
}

/// The same, sent to by stages.
pub(crate) async fn queues_between_stages() -> Option<Queues> {
    let (store, clock, directory) = open();
    let queue = lane(
        store.clone(),
        QueueOptions { max_leased_per_group: MANY, max_leased_to_others: MANY, max_leased_to_busy: MANY, ..LANE },
    )
    .await;
    Some(Queues {
        time: Time::Manual(clock),
        sender: Arc::new(queue.for_stage()),
        receiver: Arc::new(queue),
        lease: LEASE,
        too_large: 1024 * 1024 + 1,
        dead_letters: Box::new(SetAside(store)),
        _keep: Box::new(directory),
    })
}

struct SetAside(Store);

#[async_trait]
impl DeadLetters for SetAside {
    async fn all(&self) -> Vec<(Bytes, String)> {
        let letters =
            Letters::new(self.0.clone(), Vec::new(), Duration::from_secs(3_600)).list(100, None).unwrap().items;
        letters.into_iter().flatten().map(|letter| (letter.body.into(), letter.reason)).collect()
    }
}

#[tokio::test]
async fn a_list_that_does_not_fit_is_refused_whole() {
    let (store, _, _directory) = open();
    let options = QueueOptions {
        lease: LEASE,
        max_messages: 3,
        max_leased_per_group: usize::MAX,
        max_leased_to_others: usize::MAX,
        max_leased_to_busy: usize::MAX,
    };
    let queue = EmbeddedQueue::open(store, "small", options).await.unwrap();
    let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None, content: None };
    let results = queue.send(&vec![message.clone(); 4]).await;
    assert!(results.iter().all(|result| matches!(result, Err(QueueError::Full))), "{results:?}");
    assert_eq!(queue.stats().waiting, 0);
    assert!(queue.send(&vec![message; 3]).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_queue_that_takes_no_more_from_outside_takes_what_stages_send() {
    let (store, _, _directory) = open();
    let queue = lane(store, QueueOptions { max_messages: 10, ..LANE }).await;
    let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None, content: None };
    assert!(queue.send(&vec![message.clone(); 9]).await.iter().all(Result::is_ok));
    assert!(matches!(queue.send_one(message.clone()).await, Err(QueueError::Full)));
    queue.for_stage().send_one(message.clone()).await.unwrap();
    assert!(matches!(queue.for_stage().send_one(message).await, Err(QueueError::Full)));
}

#[tokio::test]
async fn a_message_is_in_the_log_when_its_send_returns() {
    let (store, _, directory) = open();
    let options = QueueOptions {
        lease: LEASE,
        max_messages: 3,
        max_leased_per_group: usize::MAX,
        max_leased_to_others: usize::MAX,
        max_leased_to_busy: usize::MAX,
    };
    let queue = EmbeddedQueue::open(store, "durable", options).await.unwrap();
    let body = b"what has to outlive the process";
    queue
        .send_one(Outgoing { body: Bytes::from_static(body), group: "g".into(), due: None, content: None })
        .await
        .unwrap();
    let log = std::fs::read(directory.path().join("log/0/0.wal")).unwrap();
    assert!(log.windows(body.len()).any(|window| window == body));
}

#[tokio::test]
async fn what_a_message_says_is_handed_on_once_and_then_read_from_its_body() {
    let (store, clock, _directory) = open();
    let queue = lane(store, LANE).await;
    let message = |body: Bytes| Outgoing { body, group: "g".into(), due: None, content: Some(Content::new(7)) };
    queue.send_one(message(Bytes::from_static(b"{}"))).await.unwrap();
    let first = queue.receive(1).await.unwrap().remove(0);
    assert_eq!(first.content.and_then(Content::into_inner), Some(7));
    clock.advance(LEASE + Duration::from_secs(1));
    let again = queue.receive(1).await.unwrap().remove(0);
    assert!(again.content.is_none());
    assert_eq!(again.body, first.body);
    // Large ones are not kept in memory, nor is what they say.
    queue.send_one(message(vec![b' '; 1_025].into())).await.unwrap();
    assert!(queue.receive(1).await.unwrap()[0].content.is_none());
}

#[tokio::test]
async fn what_fan_out_writes_waits_for_no_disk() {
    let (store, clock, _directory) = open();
    let queue = lane(store.clone(), LANE).await;
    let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None, content: None };
    queue.send_one(message.clone()).await.unwrap();
    let received = queue.receive(1).await.unwrap();
    let (tenant, id): (TenantId, EventId) = ("acme".parse().unwrap(), "evt_1".parse().unwrap());
    let seq = EventSeq::of_publication(&tenant, &id, "token", clock.now());
    let unclaimed = [(EventRef { seq, id }, clock.now())];
    // Handled one after the other, events would wait for it one after the other.
    EmbeddedEvents(store).unclaim(&tenant, &unclaimed).now_or_never().unwrap().unwrap();
    queue.for_stage().send_one(message).now_or_never().unwrap().unwrap();
    queue.ack(&received[0].receipt).now_or_never().unwrap().unwrap();
}

const LANE: QueueOptions = QueueOptions {
    lease: LEASE,
    max_messages: 1_000,
    max_leased_per_group: 2,
    max_leased_to_others: 10,
    max_leased_to_busy: 10,
};

async fn lane(store: Store, options: QueueOptions) -> EmbeddedQueue {
    EmbeddedQueue::open(store, "lane", options).await.unwrap()
}

async fn send_to(queue: &EmbeddedQueue, group: &str, count: usize) {
    let message =
        Outgoing { body: Bytes::copy_from_slice(group.as_bytes()), group: group.into(), due: None, content: None };
    assert!(queue.send(&vec![message; count]).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn groups_with_many_messages_leave_room_for_those_that_have_none_under_way() {
    let (store, clock, _directory) = open();
    let options = QueueOptions { max_leased_per_group: 8, max_leased_to_others: 6, max_leased_to_busy: 2, ..LANE };
    let queue = lane(store, options).await;
    for slow in ["slow-1", "slow-2"] {
        send_to(&queue, slow, 10).await;
    }
    let held = queue.receive(10).await.unwrap();
    assert_eq!(held.len(), 4, "one each, and two more");
    send_to(&queue, "newcomer", 5).await;
    let newcomers = queue.receive(10).await.unwrap();
    assert_eq!(newcomers.iter().map(|received| &received.body[..]).collect::<Vec<_>>(), [b"newcomer"]);
    // Now it is known to be quick, and the slow ones are known to be slow.
    queue.ack(&newcomers[0].receipt).await.unwrap();
    assert_eq!(queue.receive(10).await.unwrap().len(), 4, "the rest of its messages");
    clock.advance(Duration::from_secs(10));
    for received in held {
        queue.ack(&received.receipt).await.unwrap();
    }
    assert_eq!(queue.receive(10).await.unwrap().len(), 4, "one each, and two more again");
}

#[tokio::test]
async fn slow_groups_leave_room_for_those_that_are_known_to_be_quick() {
    let (store, clock, _directory) = open();
    let queue = lane(store, QueueOptions { max_leased_to_others: 3, max_leased_to_busy: 3, ..LANE }).await;
    let send = async |group: &str, count: usize| send_to(&queue, group, count).await;
    // Quick settles what it got at once, and is known for it from then on.
    send("quick", 1).await;
    for received in queue.receive(10).await.unwrap() {
        queue.ack(&received.receipt).await.unwrap();
    }
    for slow in ["slow-1", "slow-2", "slow-3", "slow-4"] {
        send(slow, 5).await;
    }
    let held = queue.receive(10).await.unwrap();
    assert_eq!(held.len(), 3, "the slow ones hold as much as they may");
    assert_eq!(queue.receive(10).await.unwrap().len(), 0);
    send("quick", 5).await;
    let taken = queue.receive(10).await.unwrap();
    assert_eq!(taken.iter().map(|received| &received.body[..]).collect::<Vec<_>>(), [b"quick"; 2]);
    for received in taken {
        queue.ack(&received.receipt).await.unwrap();
    }
    // A lease that ends makes room for whoever of the others is next.
    clock.advance(Duration::from_secs(10));
    queue.ack(&held[0].receipt).await.unwrap();
    let bodies: Vec<_> = queue.receive(10).await.unwrap().into_iter().map(|received| received.body).collect();
    assert_eq!(bodies.len(), 3, "two quick ones and one more of the slow: {bodies:?}");
    assert!(bodies.contains(&Bytes::from_static(b"slow-4")), "in turn: {bodies:?}");
}
