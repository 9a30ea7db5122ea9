//! For how long connections are used.

use std::sync::atomic::{AtomicI64, Ordering};

use contract::ports::Clock;
use domain::time::Timestamp;
use tokio::time::Instant;

use super::*;

/// Goes with the time of tests, and can be frozen: the time of day goes on then.
#[derive(Clone)]
struct TestClock {
    start: Instant,
    frozen_for: Arc<AtomicI64>,
}

impl TestClock {
    fn new() -> Self {
        Self { start: Instant::now(), frozen_for: Arc::default() }
    }

    fn freeze(&self, seconds: i64) {
        self.frozen_for.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.steady().shifted(self.frozen_for.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_millis(1_780_000_000_000).saturating_add(self.start.elapsed())
    }
}

fn sender_with(clock: &TestClock, max_idle: usize) -> Http1Sender {
    let options = SenderOptions { addresses: local(), max_idle, ..SenderOptions::default() };
    Http1Sender::with_clock(options, Arc::new(clock.clone())).unwrap()
}

fn sender() -> Http1Sender {
    sender_with(&TestClock::new(), 100)
}

#[tokio::test]
async fn after_a_freeze_that_only_the_time_of_day_tells_of_no_idle_connection_is_used() {
    let endpoint = Endpoint::that(&[Answer(OK); 9]).await;
    let clock = TestClock::new();
    let sender = sender_with(&clock, 100);
    for (frozen, connections) in [(0, 1), (9, 1), (10, 2), (300, 3)] {
        clock.freeze(frozen);
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
        assert_eq!(endpoint.requests_per_connection().len(), connections, "after {frozen} s");
    }
}

#[tokio::test]
async fn no_more_connections_are_kept_than_files_may_be_open() {
    let clock = TestClock::new();
    let sender = sender_with(&clock, 2);
    let mut endpoints = Vec::new();
    for _ in 0..4 {
        let endpoint = Endpoint::that(&[Answer(OK); 2]).await;
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
        endpoints.push(endpoint);
    }
    for (n, endpoint) in endpoints.iter().enumerate() {
        assert_eq!(send(&sender, endpoint).await, Ok(200));
        assert_eq!(endpoint.requests_per_connection().len(), if n < 2 { 1 } else { 2 }, "{n}");
    }
}

/// Lets this much time pass, and others notice.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed_well_before_their_endpoints_do() {
    let endpoint = Endpoint::that(&[Answer(OK)]).await;
    let sender = sender();
    assert_eq!(send(&sender, &endpoint).await, Ok(200));
    pass(9).await;
    assert_eq!(endpoint.requests_per_connection(), [1]);
    pass(7).await;
    until(|| endpoint.requests_per_connection() == [2]).await;
    assert_eq!(endpoint.got.lock().unwrap()[0][1], "closed");
}

#[tokio::test]
async fn a_connection_is_not_used_for_longer_than_the_endpoint_says_that_it_keeps_it() {
    const FOR_TWO: &str = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2, max=9\r\ncontent-length: 2\r\n\r\nok";
    let endpoint = Endpoint::that(&[Answer(FOR_TWO), Answer(FOR_TWO)]).await;
    let sender = sender();
    assert_eq!(send(&sender, &endpoint).await, Ok(200));
    assert_eq!(send(&sender, &endpoint).await, Ok(200));
    assert_eq!(endpoint.requests_per_connection(), [2]);
    pass(1).await;
    assert_eq!(send(&sender, &endpoint).await, Ok(200));
    assert_eq!(endpoint.requests_per_connection().len(), 2);
}

#[tokio::test]
async fn a_connection_that_is_busy_all_the_time_is_used_for_a_minute_at_most() {
    let endpoint = Endpoint::that(&[Answer(OK); 20]).await;
    let sender = sender();
    for _ in 0..12 {
        assert_eq!(send(&sender, &endpoint).await, Ok(200));
        pass(5).await;
    }
    assert_eq!(endpoint.requests_per_connection().len(), 1);
    assert_eq!(send(&sender, &endpoint).await, Ok(200));
    assert_eq!(endpoint.requests_per_connection().len(), 2, "a changed address is followed");
}
