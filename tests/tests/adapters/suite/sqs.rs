use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::{SqsReceiver, SqsSender};
use aws_sdk_sqs::Client;
use bytes::Bytes;
use contract::ports::{Clock, OsRandom, SystemClock};
use domain::ids::new_ulid;
use tests::ministack::Ministack;

use super::{DeadLetters, Queues, Time};

const LEASE: Duration = Duration::from_secs(1);

pub(crate) async fn queues() -> Option<Queues> {
    queues_with_urls().await.map(|(.., queues)| queues)
}

/// With the URLs of the queue and of its dead letters.
pub(crate) async fn queues_with_urls() -> Option<(Client, String, String, Queues)> {
    // Blocking is fine: the test can do nothing until there is an emulator.
    let client = Client::new(&Ministack::shared()?.aws_config());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let name = new_ulid(SystemClock.now(), &OsRandom).to_string();
    let url = create_queue(&client, &name).await;
    let dead_letter_url = create_queue(&client, &format!("{name}-dead")).await;
    let receiver = SqsReceiver::new(client.clone(), &url, &dead_letter_url, LEASE, Arc::clone(&clock));
    let queues = Queues {
        sender: Arc::new(SqsSender::new(client.clone(), url.clone(), Arc::clone(&clock))),
        receiver: Arc::new(receiver.with_wait(Duration::ZERO)),
        time: Time::Real(clock),
        lease: LEASE,
        too_large: 1024 * 1024 + 1,
        dead_letters: Box::new(DeadLetterQueue { client: client.clone(), url: dead_letter_url.clone() }),
        _keep: Box::new(()),
    };
    Some((client, url, dead_letter_url, queues))
}

pub(crate) async fn create_queue(client: &Client, name: &str) -> String {
    let created = client.create_queue().queue_name(name).send().await.expect("a new name is free");
    created.queue_url.expect("a queue has a URL")
}

struct DeadLetterQueue {
    client: Client,
    url: String,
}

#[async_trait]
impl DeadLetters for DeadLetterQueue {
    async fn all(&self) -> Vec<(Bytes, String)> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let output = request.message_attribute_names("All").send().await.unwrap();
        let messages = output.messages.unwrap_or_default().into_iter();
        messages
            .map(|message| {
                let reason = message.message_attributes().and_then(|a| a.get("reason")?.string_value());
                (message.body().unwrap_or_default().to_owned().into(), reason.unwrap_or_default().to_owned())
            })
            .collect()
    }
}
