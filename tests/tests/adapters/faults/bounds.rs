//! How long a call takes at most, and what it tries in that time.

use std::time::{Duration, Instant};

use aws::KmsDataKeys;
use aws::client::{Aws, LONGEST_CALL};
use contract::messages::DeliveryMessage;
use contract::ports::{
    Clock as _, DataKeys as _, Document, Documents as _, QueueError, QueueSender as _, StoreError, SystemClock,
};
use futures::future::join_all;
use services::runtime::config::StoreConfig;
use tests::dynamo::Dynamo;
use tests::faults::{Fault, FaultyProxy};
use tests::ministack::Ministack;

use super::faulty_stores;

/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(6);

fn document(version: u64) -> Document {
    Document { name: "one".to_owned(), version, body: format!("{{\"version\":{version}}}") }
}

#[tokio::test]
async fn a_call_of_any_service_that_nobody_answers_ends_within_the_longest_call() {
    let proxy = FaultyProxy::start("http://127.0.0.1:9").await;
    proxy.fail_by(|_| Some(Fault::Silence));
    let aws = Aws::new(&Ministack::config_of(&proxy.endpoint), std::sync::Arc::new(SystemClock));
    let target = aws::ScheduleTarget {
        queue_url: "http://localhost/1/redeliveries".to_owned(),
        group: "waits".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
        dead_letter_queue_arn: "arn:aws:sqs:us-east-1:000000000000:schedules-dlq".to_owned(),
    };
    let StoreConfig { hooks_table, .. } = Dynamo::store();
    let documents = aws::dynamo::DynamoDocuments::new(aws.dynamodb.clone(), hooks_table);
    let (queue, schedules) = (aws.queue("http://localhost/1/events"), aws.schedules(target));
    let keys = KmsDataKeys::new(aws.kms.clone(), "key");

    let timed = async |call: std::pin::Pin<Box<dyn Future<Output = bool> + Send + '_>>| {
        let started = Instant::now();
        (call.await, started.elapsed())
    };
    let calls: [std::pin::Pin<Box<dyn Future<Output = bool> + Send + '_>>; 4] = [
        Box::pin(async { documents.put("p", &document(1)).await.is_err() }),
        Box::pin(async { queue.send_one(message().to_outgoing()).await.is_err() }),
        Box::pin(async { schedules.send_at(&message().to_outgoing().body, SystemClock.now()).await.is_err() }),
        Box::pin(async { keys.current().await.is_err() }),
    ];
    for (failed, took) in join_all(calls.map(timed)).await {
        assert!(failed);
        assert!(took < LONGEST_CALL + SLACK, "{took:?}");
    }
    for operation in ["PutItem", "SendMessageBatch", "POST /schedules", "GenerateDataKey"] {
        assert!(proxy.calls(operation) >= 2, "{operation} was not tried again");
    }
}

pub(super) fn message() -> DeliveryMessage {
    let json = serde_json::json!({
        "tenant": "acme", "hook": "hook_00000000010000000000000001", "event_id": "evt-1",
        "event_seq": "seq_00000000020000000000000002", "event_type": "post.published",
        "event_timestamp": "2026-01-31T09:30:00Z", "trigger": "retry", "step": 3,
    });
    DeliveryMessage::parse(json.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_and_done_once() {
    let passing = [
        Fault::Refused(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
        Fault::Refused(400, "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded"),
        Fault::Refused(400, "com.amazon.coral.availability#ThrottlingException"),
        Fault::Refused(500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        Fault::Refused(503, "ServiceUnavailable"),
        Fault::Reset,
        Fault::Lost,
    ];
    join_all(passing.map(|fault| async move {
        let (proxy, stores) = faulty_stores().await;
        proxy.fail("PutItem", [fault.clone(), fault.clone()]);
        stores.documents.put("p", &document(1)).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(proxy.calls("PutItem"), 3, "{fault:?}");
        // Which it could not be, had the first been written more or less than once.
        stores.documents.put("p", &document(2)).await.unwrap();
        assert_eq!(stores.documents.get("p", "one").await.unwrap().unwrap().version, 2);
    }))
    .await;
}

#[tokio::test]
async fn what_goes_on_failing_is_unavailable_and_nothing_is_written() {
    let (proxy, stores) = faulty_stores().await;
    proxy.fail_by(|_| Some(Fault::Refused(400, "ThrottlingException")));
    let answer = stores.documents.put("p", &document(1)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    proxy.heal();
    assert_eq!(stores.documents.get("p", "one").await.unwrap(), None);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let (proxy, stores) = faulty_stores().await;
    proxy.fail("PutItem", [Fault::Refused(400, "AccessDeniedException")]);
    assert!(stores.documents.put("p", &document(1)).await.is_err());
    assert_eq!(proxy.calls("PutItem"), 1);
}

#[tokio::test]
async fn a_throttled_queue_takes_a_message_once_it_can() {
    let Some(queue) = super::partial::FaultyQueue::start().await else { return };
    queue.proxy.fail("SendMessageBatch", [Fault::Refused(400, "ThrottlingException"), Fault::Refused(503, "Busy")]);
    queue.sender.send_one(message().to_outgoing()).await.unwrap();
    assert_eq!(queue.bodies().await.len(), 1);

    queue.proxy.fail_by(|_| Some(Fault::Refused(503, "ServiceUnavailable")));
    let refused = queue.sender.send_one(message().to_outgoing()).await;
    assert!(matches!(refused, Err(QueueError::Unavailable(_))), "{refused:?}");
}
