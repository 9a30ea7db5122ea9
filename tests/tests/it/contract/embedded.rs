use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use shared::documents::{StoredKeys, StoredTenants};
use shared::embedded::{
    EmbeddedDeliveryLog, EmbeddedDocuments, EmbeddedEvents, EmbeddedHooks, EmbeddedQueue, QueueOptions, Store,
    StoreOptions,
};
use shared::ports::{Clock, ManualClock, Outgoing, QueueError, QueueSender};

use super::{DeadLetters, Queues, START, Stores, Time};

const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn open() -> (Store, ManualClock, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let manual = ManualClock::at(START);
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    (Store::open(directory.path(), &StoreOptions::default(), clock).unwrap(), manual, directory)
}

pub(crate) async fn stores() -> Option<Stores> {
    let (store, clock, directory) = open();
    let hooks = Arc::new(EmbeddedHooks::new(store.clone()));
    let documents = Arc::new(EmbeddedDocuments::new(store.clone()));
    Some(Stores {
        clock,
        tenants: Arc::new(StoredTenants::new(documents.clone())),
        keys: Arc::new(StoredKeys::new(documents.clone())),
        documents,
        hooks: hooks.clone(),
        subscriptions: hooks,
        events: Arc::new(EmbeddedEvents(store.clone())),
        deliveries: Arc::new(EmbeddedDeliveryLog(store)),
        _keep: Box::new(directory),
    })
}

pub(crate) async fn queues() -> Option<Queues> {
    let (store, clock, directory) = open();
    let options = QueueOptions { lease: LEASE, max_messages: 1_000, max_leased_per_group: usize::MAX };
    let queue = EmbeddedQueue::open(store.clone(), "queue", options).await.unwrap();
    Some(Queues {
        time: Time::Manual(clock),
        sender: Arc::new(queue.clone()),
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
        let letters = EmbeddedQueue::dead_letters(&self.0, 100).unwrap();
        letters.into_iter().map(|letter| (letter.body.into(), letter.reason)).collect()
    }
}

#[tokio::test]
async fn a_list_that_does_not_fit_is_refused_whole() {
    let (store, _, _directory) = open();
    let options = QueueOptions { lease: LEASE, max_messages: 3, max_leased_per_group: usize::MAX };
    let queue = EmbeddedQueue::open(store, "small", options).await.unwrap();
    let message = Outgoing { body: Bytes::from_static(b"{}"), group: "g".into(), due: None };
    let results = queue.send(&vec![message.clone(); 4]).await;
    assert!(results.iter().all(|result| matches!(result, Err(QueueError::Full))), "{results:?}");
    assert_eq!(queue.stats().waiting, 0);
    assert!(queue.send(&vec![message; 3]).await.iter().all(Result::is_ok));
}

/// The store syncs that file itself, so it has to be the one fjall writes to.
#[tokio::test]
async fn a_message_is_in_the_newest_file_of_the_journal_when_its_send_returns() {
    let (store, _, directory) = open();
    let options = QueueOptions { lease: LEASE, max_messages: 3, max_leased_per_group: usize::MAX };
    let queue = EmbeddedQueue::open(store, "durable", options).await.unwrap();
    let body = b"what has to outlive the process";
    queue.send_one(Outgoing { body: Bytes::from_static(body), group: "g".into(), due: None }).await.unwrap();
    let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let numbered = files.filter_map(|path| {
        Some((path.file_name()?.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok()?, path.clone()))
    });
    let (_, newest) = numbered.max().unwrap();
    let journal = std::fs::read(newest).unwrap();
    assert!(journal.windows(body.len()).any(|window| window == body));
}
