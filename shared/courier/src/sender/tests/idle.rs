//! For how long connections are used.

use super::*;

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
