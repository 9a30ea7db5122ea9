//! A service that takes connections and says nothing: the calls end in time, what was
//! in hand comes back, and nothing is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::client::{Aws, FEW_CALLS, LONGEST_CALL, LONGEST_MESSAGE};
use aws::lambda::Batches;
use aws::{SqsReceiver, SqsSettlement};
use contract::ports::{Documents as _, Outgoing, QueueReceiver as _, QueueSender as _, SystemClock};
use contract::stage::Stage;
use tests::dynamo::Dynamo;
use tests::ministack::Ministack;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stages::{LEASE, Pipeline, record};

/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(6);

/// A socket that accepts and never says a word. It ends with its guard.
async fn silent() -> (String, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut guard = JoinSet::new();
    guard.spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    (endpoint, guard)
}

fn clients(endpoint: &str) -> Aws {
    Aws::new(&Ministack::config_of(endpoint), Arc::new(SystemClock))
}

#[tokio::test]
async fn a_call_to_a_socket_that_says_nothing_ends_in_its_time_also_where_it_listens_to_a_queue() {
    let (endpoint, _guard) = silent().await;
    let aws = clients(&endpoint);
    let url = format!("{endpoint}/1/events");
    let receiver = SqsReceiver::new(aws.sqs.clone(), &url, &url, LEASE, Arc::clone(&aws.clock));
    let receiver = receiver.with_wait(Duration::from_secs(20));
    let documents = aws.documents(&Dynamo::store());
    let queue = aws.queue(url.clone());
    let message = super::bounds::message().to_outgoing();
    let started = Instant::now();
    let (received, read, sent) = tokio::join!(receiver.receive(10), documents.get("p", "one"), queue.send_one(message));
    assert!(received.is_err() && read.is_err() && sent.is_err());
    assert!(started.elapsed() < LONGEST_CALL + SLACK, "{:?}", started.elapsed());
}

/// Takes one message of a queue as Lambda does and gives it to a stage, whose time is
/// `longest`. True when it is to come again.
async fn round(pipeline: &Pipeline, queue: &str, stage: impl Stage, longest: Duration) -> bool {
    let (url, dead, clock) = (pipeline.url(queue), pipeline.url("dead"), Arc::clone(&pipeline.direct.clock));
    let receiver = SqsReceiver::new(pipeline.direct.sqs.clone(), &url, &dead, LEASE, Arc::clone(&clock));
    let received = loop {
        let received = receiver.receive(1).await.unwrap();
        if !received.is_empty() {
            break received;
        }
    };
    let settlement = SqsSettlement::new(pipeline.direct.sqs.clone(), vec![url.clone()], dead, None, Arc::clone(&clock));
    let batches = Batches { stage, settlement, clock, concurrency: 10 };
    let event = serde_json::json!({ "Records": [record(&url, &received[0])] });
    let started = Instant::now();
    let failures = batches.process(serde_json::from_value(event).unwrap()).await.batch_item_failures;
    assert!(started.elapsed() < longest, "{:?}", started.elapsed());
    if failures.is_empty() {
        receiver.ack(&received[0].receipt).await.unwrap();
    }
    !failures.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stage_had_in_hand_while_its_tables_said_nothing_comes_again_and_is_delivered_once() {
    let Some(pipeline) = Pipeline::start().await else { return };
    let hooks = pipeline.hooks().await;
    let (endpoint, _guard) = silent().await;
    let silent = Aws { dynamodb: clients(&endpoint).dynamodb, ..pipeline.direct.clone() };
    let body = serde_json::json!({ "tenant": "acme", "type": "post.published", "id": "evt", "data": 1 });
    let event = Outgoing { body: body.to_string().into(), group: "acme".into(), due: None, content: None };
    pipeline.direct.queue(pipeline.url("events")).send_one(event).await.unwrap();

    assert!(round(&pipeline, "events", pipeline.fanout(&silent), FEW_CALLS).await, "the event comes again");
    assert!(!round(&pipeline, "events", pipeline.fanout(&pipeline.direct), FEW_CALLS).await);
    assert!(round(&pipeline, "deliveries", pipeline.deliver(&silent), LONGEST_MESSAGE).await, "a delivery comes again");
    assert!(pipeline.receiver.0.lock().unwrap().is_empty(), "nothing was sent by whom nobody could have told");

    let pollers = pipeline.run();
    pipeline.come_to_rest().await;
    drop(pollers);
    let received = pipeline.receiver.0.lock().unwrap().clone();
    assert_eq!(received.len(), hooks.len());
    for answers in received.values() {
        assert_eq!(answers.iter().filter(|answer| **answer == 200).count(), 1, "{answers:?}");
    }
    assert_eq!(pipeline.left("dead").await, 0);
}
