use std::time::Duration;

use bytes::Bytes;
use contract::ports::{Outgoing, QueueError, Received};
use domain::time::Timestamp;

use super::{Queues, Time};

/// More than the coarsest queue rounds by.
const SLACK: Duration = Duration::from_millis(1_100);

fn message(body: &str, due: Option<Timestamp>) -> Outgoing {
    Outgoing { body: Bytes::copy_from_slice(body.as_bytes()), group: "acme.hook".into(), due, content: None }
}

async fn send(queues: &Queues, body: &str) {
    queues.sender.send_one(message(body, None)).await.unwrap();
}

async fn receive(queues: &Queues) -> Vec<Received> {
    queues.receiver.receive(10).await.unwrap()
}

async fn bodies(queues: &Queues) -> Vec<String> {
    let received = receive(queues).await;
    received.iter().map(|m| String::from_utf8_lossy(&m.body).into_owned()).collect()
}

async fn receive_one(queues: &Queues) -> Received {
    let mut received = receive(queues).await;
    assert_eq!(received.len(), 1);
    received.remove(0)
}

pub(crate) async fn what_was_sent_is_received_as_it_was(queues: &Queues) {
    let body = r#"{"a": 1.10, "é": "😀\n\u00e9"}"#;
    send(queues, body).await;
    let received = receive_one(queues).await;
    assert_eq!(received.body, body.as_bytes());
    assert_eq!(received.receive_count, 1);
    assert!(!received.id.is_empty());
}

pub(crate) async fn nothing_is_visible_before_it_is_due(queues: &Queues) {
    let due = queues.time.now().saturating_add(Duration::from_millis(1_200));
    queues.sender.send_one(message("later", Some(due))).await.unwrap();
    assert_eq!(bodies(queues).await, [""; 0]);
    let mut seen = bodies(queues).await;
    while seen.is_empty() {
        assert!(queues.time.now() < due.saturating_add(SLACK + SLACK), "it never came");
        queues.time.pass(Duration::from_millis(200)).await;
        seen = bodies(queues).await;
    }
    assert_eq!(seen, ["later"]);
    assert!(queues.time.now() >= due, "it came early");
}

pub(crate) async fn a_due_time_of_any_distance_is_taken(queues: &Queues) {
    let now = queues.time.now();
    let messages: Vec<Outgoing> = [1, 20 * 60, 13 * 3_600, 3 * 24 * 3_600]
        .into_iter()
        .map(|secs| message("later", Some(now.saturating_add(Duration::from_secs(secs)))))
        .chain([message("in the past", Some(now.saturating_sub(Duration::from_secs(60))))])
        .collect();
    queues.sender.send_all(&messages).await.unwrap();
    assert_eq!(bodies(queues).await, ["in the past"]);
}

pub(crate) async fn a_message_too_large_is_a_typed_error(queues: &Queues) {
    let answer = queues.sender.send_one(message(&"x".repeat(queues.too_large), None)).await;
    assert!(matches!(answer, Err(QueueError::TooLarge)), "{answer:?}");
    assert_eq!(bodies(queues).await, [""; 0]);
}

pub(crate) async fn a_batch_reports_just_the_message_that_failed(queues: &Queues) {
    let batch = [message("one", None), message(&"x".repeat(queues.too_large), None), message("three", None)];
    let answers = queues.sender.send(&batch).await;
    assert!(matches!(answers.as_slice(), [Ok(()), Err(QueueError::TooLarge), Ok(())]), "{answers:?}");
    let mut seen = bodies(queues).await;
    seen.extend(bodies(queues).await);
    seen.sort();
    assert_eq!(seen, ["one", "three"]);
}

pub(crate) async fn a_batch_of_any_length_is_taken(queues: &Queues) {
    assert!(queues.sender.send(&[]).await.is_empty());
    let mut sent: Vec<String> = (0..23).map(|i| format!("message {i:02}")).collect();
    let batch: Vec<Outgoing> = sent.iter().map(|body| message(body, None)).collect();
    queues.sender.send_all(&batch).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..10 {
        for received in receive(queues).await {
            seen.push(String::from_utf8_lossy(&received.body).into_owned());
            queues.receiver.ack(&received.receipt).await.unwrap();
        }
    }
    seen.sort();
    sent.sort();
    assert_eq!(seen, sent);
}

pub(crate) async fn what_is_not_settled_comes_back_with_a_higher_count(queues: &Queues) {
    send(queues, "one").await;
    let first = receive_one(queues).await;
    assert_eq!(bodies(queues).await, [""; 0]);
    queues.time.pass(queues.lease + SLACK).await;
    let second = receive_one(queues).await;
    assert_eq!((&second.id, &second.body), (&first.id, &first.body));
    assert!(second.receive_count > first.receive_count);
}

pub(crate) async fn what_was_acknowledged_never_comes_back(queues: &Queues) {
    send(queues, "one").await;
    let received = receive_one(queues).await;
    queues.receiver.ack(&received.receipt).await.unwrap();
    queues.time.pass(queues.lease + SLACK).await;
    assert_eq!(bodies(queues).await, [""; 0]);
}

pub(crate) async fn what_was_deferred_comes_back_when_it_is_due(queues: &Queues) {
    send(queues, "one").await;
    let received = receive_one(queues).await;
    let until = queues.time.now().saturating_add(queues.lease + Duration::from_millis(1_500));
    queues.receiver.defer(&received.receipt, until).await.unwrap();
    queues.time.pass(queues.lease + Duration::from_millis(200)).await;
    assert_eq!(bodies(queues).await, [""; 0], "it came back after its lease");
    queues.time.pass(until.since(queues.time.now()) + SLACK).await;
    assert_eq!(receive_one(queues).await.id, received.id);

    // Far away is fine as well.
    send(queues, "two").await;
    let received = receive_one(queues).await;
    let days = queues.time.now().saturating_add(Duration::from_secs(3 * 24 * 3_600));
    queues.receiver.defer(&received.receipt, days).await.unwrap();
    if let Time::Manual(clock) = &queues.time {
        clock.set(days);
        assert!(bodies(queues).await.contains(&"two".to_owned()));
    }
}

pub(crate) async fn what_was_rejected_is_set_aside_with_its_reason(queues: &Queues) {
    send(queues, "not JSON").await;
    let received = receive_one(queues).await;
    queues.receiver.reject(&received, "not a valid message: é\nline 1").await.unwrap();
    queues.time.pass(queues.lease + SLACK).await;
    assert_eq!(bodies(queues).await, [""; 0]);
    let dead = queues.dead_letters.all().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].0, "not JSON");
    assert!(dead[0].1.starts_with("not a valid message: é"), "{}", dead[0].1);
}

pub(crate) async fn an_empty_queue_gives_nothing(queues: &Queues) {
    assert_eq!(bodies(queues).await, [""; 0]);
}
