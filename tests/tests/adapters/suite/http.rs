//! Requests to addresses that strangers chose.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::ports::{HttpRequest, HttpResult, HttpSender, MAX_RESPONSE_BYTES, ManualClock, SendFault};
use courier::{Http1Sender, SenderOptions};
use domain::address::AddressPolicy;
use domain::delivery::AttemptOutcome;
use domain::hook::Timeout;
use domain::seconds::Seconds;
use tests::world::{Answer, Endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::START;

/// What an endpoint does with a request.
#[derive(Clone)]
enum Says {
    Status(u16),
    Body(u16, String),
    /// The body breaks off.
    Cut(u16, String),
    /// The header of the request comes back.
    Echo(&'static str),
    Nothing,
}

/// A sender, and the endpoint that it reaches.
pub(crate) struct Sending {
    sender: Arc<dyn HttpSender>,
    /// The same, where what it needs of us is missing.
    stuck: Arc<dyn HttpSender>,
    url: Url,
    peer: Peer,
}

enum Peer {
    Socket(Arc<Script>),
    World(Endpoint),
}

#[derive(Default)]
struct Script {
    says: Mutex<VecDeque<Says>>,
    seen: Mutex<usize>,
}

pub(crate) async fn over_sockets() -> Option<Sending> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
    // Nobody listens there once it is dropped.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let script = Arc::new(Script::default());
    let theirs = Arc::clone(&script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&theirs)));
        }
    });
    let addresses = AddressPolicy {
        allow_http: true,
        allow_networks: [("127.0.0.0/8".parse()).unwrap()].into(),
        ..AddressPolicy::default()
    };
    let options = SenderOptions { addresses, ..SenderOptions::default() };
    let proxy = Some(format!("http://{gone}").parse().unwrap());
    Some(Sending {
        sender: Arc::new(Http1Sender::new(options.clone()).unwrap()),
        stuck: Arc::new(Http1Sender::new(SenderOptions { proxy, ..options }).unwrap()),
        url,
        peer: Peer::Socket(script),
    })
}

/// What stands in for the network in tests of the stages.
pub(crate) async fn of_the_world() -> Option<Sending> {
    let url: Url = "https://hooks.example.com/hook".parse().unwrap();
    let clock = ManualClock::at(START);
    let stuck = Endpoint::new(clock.clone());
    stuck.answer(url.as_str(), [Answer::OurFault]);
    let endpoint = Endpoint::new(clock);
    Some(Sending { sender: Arc::new(endpoint.clone()), stuck: Arc::new(stuck), url, peer: Peer::World(endpoint) })
}

async fn serve(mut stream: TcpStream, script: Arc<Script>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n{}") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        *script.seen.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let says = script.says.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let (status, headers, body, is_cut) = match says.unwrap_or(Says::Status(200)) {
            Says::Status(status) => (status, String::new(), String::new(), false),
            Says::Body(status, body) => (status, String::new(), body, false),
            Says::Cut(status, body) => (status, String::new(), body, true),
            Says::Echo(name) => {
                let line = head.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
                (200, format!("{line}\r\n"), String::new(), false)
            }
            Says::Nothing => return tokio::time::sleep(Duration::from_secs(60)).await,
        };
        let length = body.len() + usize::from(is_cut);
        let answer =
            format!("HTTP/1.1 {status} x\r\nlocation: /other\r\n{headers}content-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() || is_cut {
            return;
        }
    }
}

impl Sending {
    async fn to(&self, says: Says) -> HttpResult {
        match &self.peer {
            Peer::Socket(script) => script.says.lock().unwrap_or_else(PoisonError::into_inner).push_back(says),
            Peer::World(endpoint) => endpoint.answer(
                self.url.as_str(),
                [match says {
                    Says::Status(status) => Answer::Status(status),
                    Says::Body(status, body) => Answer::Body(status, body),
                    Says::Cut(status, body) => Answer::Cut(status, body),
                    Says::Echo(name) => Answer::Echo(name),
                    Says::Nothing => Answer::Timeout,
                }],
            ),
        }
        self.sender.send(self.request()).await.expect("nothing of ours is missing")
    }

    fn request(&self) -> HttpRequest {
        HttpRequest {
            method: "POST",
            url: self.url.clone(),
            headers: vec![("x-key".to_owned(), "as written".to_owned())],
            body: "{}".into(),
            timeout: Timeout::new(Seconds::new(1), Seconds::new(1)),
        }
    }

    fn seen(&self) -> usize {
        match &self.peer {
            Peer::Socket(script) => *script.seen.lock().unwrap_or_else(PoisonError::into_inner),
            Peer::World(endpoint) => endpoint.seen().len(),
        }
    }
}

pub(crate) async fn every_final_status_is_an_answer_and_none_is_followed(sending: &Sending) {
    let statuses = [200, 204, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503];
    for status in statuses {
        assert_eq!(sending.to(Says::Status(status)).await.answer.unwrap().status, status);
    }
    assert_eq!(sending.seen(), statuses.len());
}

pub(crate) async fn an_answer_is_read_as_it_was_said(sending: &Sending) {
    let answer = sending.to(Says::Body(422, "{\"a\": 1.10}".to_owned())).await.answer.unwrap();
    assert_eq!((answer.status, &*answer.body, answer.remark), (422, &b"{\"a\": 1.10}"[..], None));
    let answer = sending.to(Says::Echo("x-key")).await.answer.unwrap();
    assert_eq!(answer.header("x-key"), Some("as written"));
}

pub(crate) async fn a_bounded_part_of_an_answer_is_read(sending: &Sending) {
    let answer = sending.to(Says::Body(200, "x".repeat(MAX_RESPONSE_BYTES + 10))).await.answer.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, MAX_RESPONSE_BYTES));
}

pub(crate) async fn a_status_counts_whatever_becomes_of_the_body(sending: &Sending) {
    let answer = sending.to(Says::Cut(200, "half of".to_owned())).await.answer.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"half of"[..]));
    let remark = answer.remark.expect("what is missing is told");
    assert!(remark.contains("broke off"), "{remark}");
}

pub(crate) async fn what_does_not_answer_is_given_up_at_the_deadline(sending: &Sending) {
    let started = tokio::time::Instant::now();
    let failure = sending.to(Says::Nothing).await.answer.unwrap_err();
    assert_eq!(failure.outcome, AttemptOutcome::Timeout);
    assert!(failure.detail.contains("answer within"), "{}", failure.detail);
    assert!(started.elapsed() < Duration::from_secs(5));
}

pub(crate) async fn what_is_our_own_doing_is_never_the_endpoints(sending: &Sending) {
    let SendFault(reason) = sending.stuck.send(sending.request()).await.expect_err("the endpoint was never asked");
    assert!(!reason.is_empty());
    assert_eq!(sending.seen(), 0);
}
