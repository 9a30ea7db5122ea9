//! How a queue is told what became of a message.

use std::sync::Arc;
use std::time::Duration;

use aws::SqsSettlement;
use aws_sdk_sqs::Client;
use bytes::Bytes;
use contract::ports::{Outgoing, Received};
use contract::runner::{Disposition, Settlement, Waiting};
use embedded::EmbeddedQueue;

use super::{Queues, on_disk, sqs};

/// More than the coarsest queue rounds by.
const SLACK: Duration = Duration::from_millis(1_100);
/// The longest that a message which failed is away for the first time.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// A queue, and who settles its messages.
pub(crate) struct Settling<S> {
    settlement: S,
    queues: Queues,
    source: Source,
}

/// What stands between the queue and the stages.
enum Source {
    /// The local consumers leave all to the settlement.
    Consumers,
    /// Lambda deletes what was not reported to have failed.
    Lambda(Client, String),
}

pub(crate) async fn embedded() -> Option<Settling<EmbeddedQueue>> {
    let (queue, queues) = on_disk::queue_with_ends().await;
    Some(Settling { settlement: queue, queues, source: Source::Consumers })
}

pub(crate) async fn of_sqs() -> Option<Settling<SqsSettlement>> {
    let (client, url, dead_letter_url, queues) = sqs::queues_with_urls().await?;
    let clock: Arc<dyn contract::ports::Clock> = Arc::new(contract::ports::SystemClock);
    let settlement = SqsSettlement::new(client.clone(), vec![url.clone()], dead_letter_url, None, clock);
    Some(Settling { settlement, queues, source: Source::Lambda(client, url) })
}

impl<S: Settlement> Settling<S> {
    async fn message(&self, body: &str) -> Received {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let message = Outgoing { body, group: "acme.hook".into(), due: None, content: None };
        self.queues.sender.send_one(message).await.unwrap();
        self.receive().await.expect("it was sent")
    }

    async fn receive(&self) -> Option<Received> {
        let mut received = self.queues.receiver.receive(10).await.unwrap();
        assert!(received.len() <= 1, "there was one message");
        received.pop()
    }

    /// What the source does once a stage is through with a message.
    async fn end(&self, message: &Received, disposition: Disposition) {
        if let (Source::Lambda(client, url), Disposition::Settled) = (&self.source, disposition) {
            client.delete_message().queue_url(url).receipt_handle(&message.receipt).send().await.unwrap();
        }
    }

    /// Long enough for whatever comes by itself.
    async fn let_leases_end(&self) {
        self.queues.time.pass(self.queues.lease.max(FIRST_BACKOFF) + SLACK).await;
    }
}

pub(crate) async fn what_is_done_never_comes_back(settling: &Settling<impl Settlement>) {
    let message = settling.message("one").await;
    settling.settlement.done(&message).await.unwrap();
    settling.end(&message, Disposition::Settled).await;
    settling.let_leases_end().await;
    assert!(settling.receive().await.is_none());
}

pub(crate) async fn what_waits_comes_back_when_it_is_due_and_not_before(settling: &Settling<impl Settlement>) {
    let message = settling.message("one").await;
    let until = settling.queues.time.now().saturating_add(settling.queues.lease + SLACK + SLACK);
    assert_eq!(settling.settlement.wait(&message, until).await.unwrap(), Waiting::InQueue);
    settling.end(&message, Disposition::Unsettled).await;
    let again = loop {
        let now = settling.queues.time.now();
        if let Some(again) = settling.receive().await {
            break again;
        }
        assert!(now < until.saturating_add(SLACK + SLACK), "it never came");
        settling.queues.time.pass(Duration::from_millis(200)).await;
    };
    assert!(settling.queues.time.now() >= until, "it came early");
    assert_eq!((&again.id, &again.body), (&message.id, &message.body));
}

pub(crate) async fn what_is_rejected_is_a_dead_letter_with_its_reason(settling: &Settling<impl Settlement>) {
    let message = settling.message("poison").await;
    settling.settlement.reject(&message, "no tenant is named").await.unwrap();
    settling.end(&message, Disposition::Settled).await;
    settling.let_leases_end().await;
    assert!(settling.receive().await.is_none());
    let dead = settling.queues.dead_letters.all().await;
    assert_eq!(dead, [(Bytes::from_static(b"poison"), "no tenant is named".to_owned())]);
}

pub(crate) async fn what_is_released_comes_back(settling: &Settling<impl Settlement>) {
    let message = settling.message("one").await;
    settling.settlement.release(&message).await.unwrap();
    settling.end(&message, Disposition::Unsettled).await;
    settling.let_leases_end().await;
    let again = settling.receive().await.expect("it is handed out again");
    assert_eq!((&again.id, &again.body), (&message.id, &message.body));
    assert!(again.receive_count > message.receive_count);
}

pub(crate) async fn what_is_settled_twice_stays_settled(settling: &Settling<impl Settlement>) {
    let message = settling.message("one").await;
    settling.settlement.done(&message).await.unwrap();
    settling.settlement.done(&message).await.unwrap();
    settling.end(&message, Disposition::Settled).await;
    settling.let_leases_end().await;
    assert!(settling.receive().await.is_none());
}
