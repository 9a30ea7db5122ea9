//! Dead letters of one machine: kept, sent back as what they were, and deleted.

use std::time::Duration;

use contract::ports::{ManualClock, Outgoing, QueueError, QueueReceiver as _, QueueSender as _, Received};
use embedded::{DeadLetters, EmbeddedQueue, QueueOptions, RedriveError, Store, StoreOptions};
use tempfile::TempDir;

use crate::suite::on_disk::open;

const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

struct Place {
    store: Store,
    clock: ManualClock,
    queue: EmbeddedQueue,
    letters: DeadLetters,
    directory: TempDir,
}

async fn queue(store: &Store) -> EmbeddedQueue {
    let options = QueueOptions {
        lease: Duration::from_secs(30),
        max_messages: 2,
        max_leased_per_group: 1,
        max_leased_to_others: usize::MAX,
        max_leased_to_busy: usize::MAX,
    };
    EmbeddedQueue::open(store.clone(), "events", options).await.unwrap()
}

impl Place {
    async fn new() -> Self {
        let (store, clock, directory) = open();
        let queue = queue(&store).await;
        let letters = DeadLetters::new(store.clone(), vec![queue.clone()], KEPT_FOR);
        Self { store, clock, queue, letters, directory }
    }

    async fn send(&self, body: &str) {
        let message = Outgoing { body: body.to_owned().into(), group: "acme".into(), due: None, content: None };
        self.queue.send_one(message).await.unwrap();
    }

    async fn receive(&self) -> Vec<Received> {
        self.queue.receive(10).await.unwrap()
    }

    async fn set_aside(&self, body: &str) -> Received {
        self.send(body).await;
        let received = self.receive().await.pop().unwrap();
        self.queue.reject(&received, "fixed by now").await.unwrap();
        received
    }

    fn only(&self) -> embedded::DeadLetter {
        let mut items = self.letters.list(10, None).unwrap().items;
        assert_eq!(items.len(), 1);
        items.remove(0).unwrap()
    }
}

#[tokio::test]
async fn what_is_sent_back_is_the_message_it_was_and_no_first_attempt() {
    let place = Place::new().await;
    let before = place.set_aside("it").await;
    place.letters.redrive(&place.only().id()).await.unwrap();
    let after = place.receive().await.pop().unwrap();
    assert_eq!((&after.id, &after.body), (&before.id, &before.body));
    assert!(after.receive_count > 1);
    assert!(place.letters.list(10, None).unwrap().items.is_empty());
    // Its group is still the one that takes one turn at a time.
    place.send("another").await;
    assert!(place.receive().await.is_empty());
    place.queue.ack(&after.receipt).await.unwrap();
    assert_eq!(place.receive().await.len(), 1);
}

#[tokio::test]
async fn what_was_sent_back_is_there_after_a_restart_and_its_letter_is_not() {
    let place = Place::new().await;
    let before = place.set_aside("it").await;
    place.letters.redrive(&place.only().id()).await.unwrap();
    let Place { store, clock, queue: old, letters, directory } = place;
    store.close();
    drop((store, old, letters));
    let store = Store::open(directory.path(), &StoreOptions::default(), std::sync::Arc::new(clock.clone())).unwrap();
    let queue = queue(&store).await;
    assert_eq!(queue.receive(10).await.unwrap()[0].id, before.id);
    assert!(DeadLetters::new(store, vec![queue], KEPT_FOR).count().unwrap().is_empty());
}

#[tokio::test]
async fn a_letter_is_sent_back_once_however_many_ask() {
    let place = Place::new().await;
    place.set_aside("it").await;
    let id = place.only().id();
    let asked = futures::future::join_all((0..8).map(|_| place.letters.redrive(&id))).await;
    assert_eq!(asked.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(place.queue.stats().waiting, 1);
    assert_eq!(place.receive().await.len(), 1);
}

#[tokio::test]
async fn what_somebody_else_settled_meanwhile_is_not_set_aside() {
    let place = Place::new().await;
    place.send("it").await;
    let slow = place.receive().await.pop().unwrap();
    place.clock.advance(Duration::from_secs(31));
    let quick = place.receive().await.pop().unwrap();
    place.queue.ack(&quick.receipt).await.unwrap();
    place.queue.reject(&slow, "too late").await.unwrap();
    assert!(place.letters.list(10, None).unwrap().items.is_empty());
    assert_eq!(place.queue.stats().waiting + place.queue.stats().leased, 0);
}

#[tokio::test]
async fn a_queue_that_is_full_takes_nothing_back_and_the_letter_stays() {
    let place = Place::new().await;
    place.set_aside("it").await;
    place.send("one").await;
    place.send("two").await;
    let answer = place.letters.redrive(&place.only().id()).await;
    assert!(matches!(answer, Err(RedriveError::Queue(QueueError::Full))), "{answer:?}");
    place.only();
}

#[tokio::test]
async fn letters_are_listed_the_latest_first_over_all_pages_and_counted() {
    let place = Place::new().await;
    for number in 0..5 {
        place.set_aside(&number.to_string()).await;
        place.clock.advance(Duration::from_millis(1));
    }
    let (mut bodies, mut cursor) = (Vec::new(), None);
    loop {
        let page = place.letters.list(2, cursor.as_deref()).unwrap();
        bodies.extend(page.items.into_iter().flatten().map(|letter| letter.body));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(bodies, ["4", "3", "2", "1", "0"]);
    assert_eq!(place.letters.count().unwrap(), [("events".to_owned(), 5)].into());
}

#[tokio::test]
async fn a_letter_past_its_retention_is_out_of_sight_and_then_deleted() {
    let place = Place::new().await;
    place.set_aside("old").await;
    let old = place.only().id();
    place.clock.advance(Duration::from_millis(1));
    place.set_aside("new").await;
    place.clock.advance(KEPT_FOR);
    assert_eq!(place.only().body, "new");
    assert_eq!(place.letters.get(&old).unwrap(), None);
    assert!(matches!(place.letters.redrive(&old).await, Err(RedriveError::NotFound)));
    assert_eq!(place.letters.expire().await.unwrap(), 1);
    assert_eq!(place.letters.expire().await.unwrap(), 0);
    assert!(!place.letters.delete(&old).await.unwrap());
    assert!(place.letters.delete(&place.only().id()).await.unwrap());
}
