//! Names, against name servers that answer and that never do.

use std::net::{SocketAddr, UdpSocket};

use super::*;

/// A name server that leads every name which begins with `good` to this machine,
/// and never answers for any other.
///
/// On a thread of its own, as another machine is: it must not lose queries while
/// this process is busy.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            if query[..length].get(13..17) == Some(b"good") {
                let _ = socket.send_to(&answer(&query[..length]), from);
            }
        }
    });
    address
}

/// RFC 1035, section 4.1: the question again, and for type A one address.
fn answer(query: &[u8]) -> Vec<u8> {
    let labels = query[12..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[12..12 + labels + 5];
    let is_a = question[labels + 2] == 1;
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    answer.extend_from_slice(question);
    if is_a {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

fn sender_asking(server: SocketAddr) -> Http1Sender {
    let name_servers = Some(vec![server]);
    Http1Sender::new(SenderOptions { addresses: local(), name_servers, ..SenderOptions::default() }).unwrap()
}

fn named(endpoint: &Endpoint, name: &str) -> Url {
    let mut url = endpoint.url.clone();
    url.set_host(Some(name)).unwrap();
    url
}

/// How long the slowest of 200 deliveries to ten healthy names takes, save for two.
async fn p99(sender: &Arc<Http1Sender>, endpoint: &Endpoint) -> Duration {
    let mut durations = Vec::new();
    for round in 0..20 {
        let all = (0..10).map(|name| {
            let (sender, url) = (Arc::clone(sender), named(endpoint, &format!("good-{round}-{name}.example")));
            tokio::spawn(async move {
                let started = std::time::Instant::now();
                let result = sender.send(request(&url, "x-a")).await.unwrap();
                assert_eq!(result.answer.unwrap().status, 200);
                started.elapsed()
            })
        });
        for duration in futures::future::join_all(all).await {
            durations.push(duration.unwrap());
        }
    }
    durations.sort();
    durations[197]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_never_resolve_do_not_slow_down_those_that_do() {
    let endpoint = Endpoint::that(&[AnswerAndClose(OK)]).await;
    let sender = Arc::new(sender_asking(name_server()));
    p99(&sender, &endpoint).await;
    let alone = p99(&sender, &endpoint).await;
    let silent: Vec<_> = (0..1_000)
        .map(|name| {
            let (sender, url) = (Arc::clone(&sender), named(&endpoint, &format!("silent-{name}.example")));
            tokio::spawn(async move { sender.send(request(&url, "x-a")).await })
        })
        .collect();
    until(|| sender.dialler.names.under_way() == 1_000).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let beside = p99(&sender, &endpoint).await;
    // Alone it is a few milliseconds, in which a machine that is busy with other
    // tests counts for more than what is tested.
    assert!(beside < 2 * alone + Duration::from_millis(100), "{alone:?} alone, {beside:?} beside 1,000 silent names");
    assert!(!silent.iter().all(|task| task.is_finished()), "they wait still");
    silent.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_name_that_nobody_answers_for_is_its_own_failure_after_a_while() {
    let endpoint = Endpoint::that(&[Answer(OK)]).await;
    let sender = sender_asking(name_server());
    let timeout = Timeout::new(Seconds::new(20), Seconds::new(20));
    let request = HttpRequest { timeout, ..request(&named(&endpoint, "silent.example"), "x-a") };
    let result = sender.send(request).await.unwrap();
    let failure = result.answer.unwrap_err();
    assert_eq!(
        (failure.outcome, failure.detail.as_str()),
        (AttemptOutcome::Dns, "the host name could not be resolved in time")
    );
    assert!((3..8).contains(&result.duration.as_secs()), "{:?}", result.duration);
    // Whoever is in this machine's file of hosts needs no server.
    assert_eq!(
        sender.send(super::request(&named(&endpoint, "localhost"), "x-a")).await.unwrap().answer.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_look_up_ends_with_those_who_wait_for_it() {
    let endpoint = Endpoint::that(&[Answer(OK)]).await;
    let sender = Arc::new(sender_asking(name_server()));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (sender, url) = (Arc::clone(&sender), named(&endpoint, "silent.example"));
            tokio::spawn(async move { sender.send(request(&url, "x-a")).await })
        })
        .collect();
    until(|| sender.dialler.names.under_way() == 1).await;
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    until(|| sender.dialler.names.under_way() == 0).await;
}
