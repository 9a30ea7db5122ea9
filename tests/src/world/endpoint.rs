use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::ports::{
    Clock, HttpRequest, HttpResponse, HttpResult, HttpSender, MAX_RESPONSE_BYTES, ManualClock, SendFailure, SendFault,
};
use domain::delivery::AttemptOutcome;
use domain::time::Timestamp;
use standardwebhooks::Webhook;

/// What the endpoint does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// A status with a `Retry-After`.
    Later(u16, String),
    Timeout,
    /// Another answer, after so many milliseconds.
    After(u64, Box<Self>),
    /// A status with a body.
    Body(u16, String),
    /// A status with the part of a body that came before it broke off.
    Cut(u16, String),
    /// Nothing goes out: something of ours has run out.
    OurFault,
    /// A status with these headers, their names in lower case.
    Headers(u16, Vec<(String, String)>),
    /// 200, with this header of the request in the answer.
    Echo(&'static str),
}

/// A request as it left.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Timestamp,
    pub method: &'static str,
    pub url: String,
    /// As they left, in order.
    pub headers: Vec<(String, String)>,
    /// `webhook-id`: the delivery.
    pub id: String,
    pub body: Bytes,
    /// The secrets whose signature it carries, in no order.
    pub signed_by: Vec<String>,
}

impl Sent {
    /// The values of a header, whose name is compared in lower case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("bodies are text")
    }
}

/// Every customer's endpoint at once. It answers from a script, with 200 when
/// there is none, and keeps what it got.
#[derive(Clone)]
pub struct Endpoint {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

/// Answers each request as it deserves.
type Receiver = fn(&HttpRequest) -> Answer;

#[derive(Default)]
struct State {
    receivers: HashMap<String, Receiver>,
    scripts: HashMap<String, VecDeque<Answer>>,
    secrets: HashMap<String, Vec<String>>,
    sent: Vec<Sent>,
}

impl Endpoint {
    pub fn new(clock: ManualClock) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// The secret that the owner of this URL checks signatures with.
    pub fn trust(&self, url: &str, secret: &str) {
        self.lock().secrets.entry(url.to_owned()).or_default().push(secret.to_owned());
    }

    /// Answers the next requests to this URL so, and later ones with 200.
    pub fn answer(&self, url: &str, answers: impl IntoIterator<Item = Answer>) {
        self.lock().scripts.entry(url.to_owned()).or_default().extend(answers);
    }

    /// Lets a receiver of its own answer what is sent to this URL, once its script is over.
    pub fn receive(&self, url: &str, receiver: fn(&HttpRequest) -> Answer) {
        self.lock().receivers.insert(url.to_owned(), receiver);
    }

    /// Everything that was sent. Each request carried a signature that its
    /// receiver accepts.
    pub fn sent(&self) -> Vec<Sent> {
        let sent = self.lock().sent.clone();
        for request in &sent {
            assert!(!request.signed_by.is_empty(), "a receiver cannot verify {request:?}");
        }
        sent
    }

    /// Everything that was sent, however it is signed.
    pub fn seen(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    pub fn sent_to(&self, url: &str) -> Vec<Sent> {
        self.sent().into_iter().filter(|request| request.url == url).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    /// The header of this name, as it was written.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[async_trait]
impl HttpSender for Endpoint {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        let at = self.clock.now();
        let url = request.url.to_string();
        let mut state = self.lock();
        let secrets = state.secrets.get(&url).cloned().unwrap_or_default();
        let signed_by = secrets.into_iter().filter(|secret| verifies(secret, &request, at)).collect();
        let id = header(&request, "webhook-id").to_owned();
        let answer = state.scripts.get_mut(&url).and_then(VecDeque::pop_front);
        let receiver = state.receivers.get(&url).copied();
        let answer = answer.or_else(|| Some(receiver?(&request))).unwrap_or(Answer::Status(200));
        let HttpRequest { method, headers, body, .. } = request.clone();
        state.sent.push(Sent { at, method, url, headers, id, body, signed_by });
        answered(answer, &request)
    }
}

fn answered(answer: Answer, request: &HttpRequest) -> Result<HttpResult, SendFault> {
    let answer = match answer {
        Answer::After(millis, answer) => {
            let result = answered(*answer, request)?;
            return Ok(HttpResult { duration: Duration::from_millis(millis) + result.duration, ..result });
        }
        Answer::Status(status) => Ok(HttpResponse::new(status, Vec::new(), Bytes::new())),
        Answer::Later(status, wait) => {
            let headers = vec![("retry-after".to_owned(), wait)];
            Ok(HttpResponse::new(status, headers, Bytes::new()))
        }
        Answer::Body(status, mut body) => {
            body.truncate(MAX_RESPONSE_BYTES);
            Ok(HttpResponse::new(status, Vec::new(), body.into()))
        }
        Answer::Cut(status, body) => {
            let response = HttpResponse::new(status, Vec::new(), body.into());
            Ok(HttpResponse { remark: Some("the connection broke off within the body".to_owned()), ..response })
        }
        Answer::OurFault => return Err(SendFault("no file is left".to_owned())),
        Answer::Echo(name) => {
            let headers = vec![(name.to_owned(), header(request, name).to_owned())];
            Ok(HttpResponse::new(200, headers, Bytes::new()))
        }
        Answer::Headers(status, headers) => Ok(HttpResponse::new(status, headers, Bytes::new())),
        Answer::Timeout => {
            Err(SendFailure { outcome: AttemptOutcome::Timeout, detail: "no answer within 15 s".to_owned() })
        }
    };
    Ok(HttpResult { answer, duration: Duration::ZERO })
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

/// As a receiver does with the reference library. Its own `verify` compares
/// with the machine's clock, so the time is compared here.
fn verifies(secret: &str, request: &HttpRequest, now: Timestamp) -> bool {
    let Ok(webhook) = Webhook::new(secret) else { return false };
    let Ok(expected) = webhook.sign(header(request, "webhook-id"), now.as_secs(), &request.body) else { return false };
    header(request, "webhook-timestamp") == now.as_secs().to_string()
        && header(request, "webhook-signature").split(' ').any(|signature| signature == expected)
}
