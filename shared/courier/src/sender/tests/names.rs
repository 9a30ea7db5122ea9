//! Names, against name servers that answer and that never do.

use std::net::{SocketAddr, UdpSocket};

use super::*;

/// A name server that leads every name which begins with `good` to this machine,
/// and never answers for any other.
///
/// On a thread of its own, as another machine is: it must not lose queries while
/// this process is busy.
fn name_server() -> SocketAddr {
    name_server_that(|query| (query.get(13..17) == Some(b"good")).then(|| answer(query)))
}

fn name_server_that(says: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            if let Some(answer) = says(&query[..length]) {
                let _ = socket.send_to(&answer, from);
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

/// The question again, and a code of RFC 1035, section 4.1.1.
fn refusal(query: &[u8], code: u8) -> Vec<u8> {
    let mut answer = answer(query);
    answer.truncate(12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5);
    answer[3] = 0x80 | code;
    answer[7] = 0;
    answer
}

fn sender_asking(server: SocketAddr) -> Http1Sender {
    sender_asking_all(vec![server])
}

fn sender_asking_all(servers: Vec<SocketAddr>) -> Http1Sender {
    let name_servers = Some(servers);
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
    // tests counts for more than what is tested: whoever waits for a silent name waits for seconds.
    assert!(beside < 2 * alone + Duration::from_millis(500), "{alone:?} alone, {beside:?} beside 1,000 silent names");
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

#[tokio::test]
async fn a_name_server_that_fails_leaves_the_answer_to_another() {
    let endpoint = Endpoint::that(&[Answer(OK), AnswerAndClose(OK)]).await;
    let (good, slow) = (name_server(), {
        name_server_that(|query| {
            std::thread::sleep(Duration::from_millis(30));
            Some(answer(query))
        })
    });
    const NXDOMAIN: u8 = 3;
    let outcome = async |servers: Vec<SocketAddr>, name: &str| {
        let answer = sender_asking_all(servers).send(request(&named(&endpoint, name), "x-a")).await.unwrap().answer;
        answer.map(|answer| answer.status).map_err(|failure| failure.detail)
    };
    for code in [1, 2, NXDOMAIN, 4, 5] {
        let bad = name_server_that(move |query| Some(refusal(query, code)));
        assert_eq!(outcome(vec![slow, bad], "good.example").await, Ok(200), "the second one says {code}");
        // That there is no such name is an answer.
        let expected = match code {
            NXDOMAIN => Err("the host name could not be resolved".to_owned()),
            _ => Ok(200),
        };
        assert_eq!(outcome(vec![bad, slow], "good.example").await, expected, "the first one says {code}");
        let expected = match code {
            NXDOMAIN => "the host name could not be resolved",
            _ => "the host name could not be resolved: every name server failed at it",
        };
        assert_eq!(outcome(vec![bad, bad], "good.example").await, Err(expected.to_owned()), "both say {code}");
    }
    let silent = name_server_that(|_| None);
    let dead = "127.0.0.1:9".parse().unwrap();
    assert_eq!(outcome(vec![silent, dead, good], "good.example").await, Ok(200));
    let denying = name_server_that(|query| Some(refusal(query, NXDOMAIN)));
    assert!(outcome(vec![silent, denying], "good.example").await.is_err(), "the first one had its time");
}
