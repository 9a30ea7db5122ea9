//! A proxy between an AWS SDK and an emulator that lets calls fail as AWS and
//! networks let them fail.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Longer than any client waits.
const FOREVER: Duration = Duration::from_secs(3_600);
/// What the entries of a batch fail with that are left out of it.
const ENTRY_CODE: &str = "InternalError";

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service refuses, with this status and code, and does nothing.
    Refused(u16, &'static str),
    /// A transaction is canceled; each action has a reason of this code.
    Canceled(&'static str),
    /// The connection stays open and nothing comes.
    Silence,
    /// The connection is reset before anything is done.
    Reset,
    /// The service does as asked, and then the connection is reset.
    Lost,
    /// Of a batch, the entries at these places fail and the others are carried out.
    Partial(Vec<usize>),
}

/// What is to fail, and what was called.
#[derive(Default)]
struct Script {
    next: HashMap<String, VecDeque<Option<Fault>>>,
    chance: Option<Chance>,
    calls: HashMap<String, usize>,
    faults: usize,
}

type Chance = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

/// Clones are the same proxy, which ends with the last of them.
#[derive(Clone)]
pub struct FaultyProxy {
    pub endpoint: String,
    script: Arc<Mutex<Script>>,
    _server: Arc<Ending>,
}

struct Ending(AbortHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FaultyProxy {
    /// In front of the emulator at `upstream`; lets everything through until told otherwise.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let script: Arc<Mutex<Script>> = Arc::default();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client needs nothing");
        let way = Way { upstream: upstream.trim_end_matches('/').to_owned(), client, script: Arc::clone(&script) };
        let server = tokio::spawn(serve(listener, Arc::new(way)));
        Self { endpoint, script, _server: Arc::new(Ending(server.abort_handle())) }
    }

    /// Says of the next calls of an operation, one after the other, how they fail, if at all. It is named as in
    /// `X-Amz-Target`, or by method and first part of the path.
    pub fn fail(&self, operation: &str, faults: impl IntoIterator<Item = impl Into<Option<Fault>>>) {
        self.lock().next.entry(operation.to_owned()).or_default().extend(faults.into_iter().map(Into::into));
    }

    /// Asks `chance` about each call of which nothing else is said.
    pub fn fail_by(&self, chance: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        self.lock().chance = Some(Box::new(chance));
    }

    /// Lets everything through from now on.
    pub fn heal(&self) {
        let mut script = self.lock();
        (script.chance, script.next) = (None, HashMap::new());
    }

    /// How often an operation was called, tries of the SDK counted singly.
    pub fn calls(&self, operation: &str) -> usize {
        self.lock().calls.get(operation).copied().unwrap_or_default()
    }

    /// How many calls failed here.
    pub fn faults(&self) -> usize {
        self.lock().faults
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Way {
    upstream: String,
    client: reqwest::Client,
    script: Arc<Mutex<Script>>,
}

async fn serve(listener: TcpListener, way: Arc<Way>) {
    // Connections end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&way)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, way: Arc<Way>) {
    // Whoever gives a connection up resets it.
    let _ = stream.set_zero_linger();
    let service = service_fn(|request| way.answer(request));
    // An error is how a connection is given up.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is to be reset.
#[derive(Debug, thiserror::Error)]
#[error("reset")]
struct GivenUp;

type Answer = Response<Full<Bytes>>;

impl Way {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, GivenUp> {
        let operation = operation(&request);
        match self.fault(&operation) {
            None => self.forward(request, |body| body).await,
            Some(Fault::Refused(status, code)) => {
                Ok(refusal(status, &json!({ "__type": code, "message": "a fault" }), code))
            }
            Some(Fault::Canceled(code)) => {
                let body = collect(request.into_body()).await?;
                let body: Value = serde_json::from_slice(&body).map_err(|_| GivenUp)?;
                let actions = body["TransactItems"].as_array().map_or(0, Vec::len);
                let reasons = vec![json!({ "Code": code, "Message": "a fault" }); actions];
                let code = "TransactionCanceledException";
                let body = json!({ "__type": code, "Message": "canceled", "CancellationReasons": reasons });
                Ok(refusal(400, &body, code))
            }
            Some(Fault::Silence) => {
                tokio::time::sleep(FOREVER).await;
                Err(GivenUp)
            }
            Some(Fault::Reset) => Err(GivenUp),
            Some(Fault::Lost) => {
                self.forward(request, |body| body).await?;
                Err(GivenUp)
            }
            Some(Fault::Partial(places)) => self.carry_out_some(request, &places).await,
        }
    }

    fn fault(&self, operation: &str) -> Option<Fault> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        *script.calls.entry(operation.to_owned()).or_default() += 1;
        let told = script.next.get_mut(operation).and_then(VecDeque::pop_front);
        let fault = match told {
            Some(told) => told,
            None => script.chance.as_mut().and_then(|chance| chance(operation)),
        };
        script.faults += usize::from(fault.is_some());
        fault
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        change: impl FnOnce(Bytes) -> Bytes,
    ) -> Result<Answer, GivenUp> {
        let (head, body) = request.into_parts();
        let body = change(collect(body).await?);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = head.headers;
        headers.remove(hyper::header::CONTENT_LENGTH);
        let sent = self.client.request(head.method, format!("{}{path}", self.upstream)).headers(headers).body(body);
        let answer = sent.send().await.map_err(|_| GivenUp)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(Full::new(answer.bytes().await.map_err(|_| GivenUp)?));
        *response.status_mut() = status;
        for name in [hyper::header::CONTENT_TYPE, "x-amzn-errortype".parse().expect("it is a name")] {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Ok(response)
    }

    /// Entries are left out on the way there and reported as failed on the way back.
    async fn carry_out_some(&self, request: Request<Incoming>, places: &[usize]) -> Result<Answer, GivenUp> {
        let mut failed = Vec::new();
        let answer = self
            .forward(request, |body| {
                let mut batch: Value = serde_json::from_slice(&body).expect("the SDK writes JSON");
                let entries = batch["Entries"].as_array_mut().expect("it is a batch");
                for place in places.iter().rev().filter(|place| **place < entries.len()).collect::<Vec<_>>() {
                    // An empty batch is none.
                    if entries.len() > 1 {
                        failed.push(entries.remove(*place)["Id"].clone());
                    }
                }
                batch.to_string().into()
            })
            .await?;
        let (head, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_else(|never: Infallible| match never {});
        let mut body: Value = serde_json::from_slice(&body).map_err(|_| GivenUp)?;
        let mut all = body["Failed"].as_array().cloned().unwrap_or_default();
        all.extend(failed.into_iter().map(|id| json!({ "Id": id, "Code": ENTRY_CODE, "SenderFault": false })));
        body["Failed"] = all.into();
        Ok(Response::from_parts(head, Full::new(body.to_string().into())))
    }
}

fn operation(request: &Request<Incoming>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.rsplit('.').next()) {
        Some(name) => name.to_owned(),
        None => format!("{} /{}", request.method(), request.uri().path().split('/').nth(1).unwrap_or_default()),
    }
}

async fn collect(body: Incoming) -> Result<Bytes, GivenUp> {
    body.collect().await.map(http_body_util::Collected::to_bytes).map_err(|_| GivenUp)
}

fn refusal(status: u16, body: &Value, code: &'static str) -> Answer {
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = StatusCode::from_u16(status).expect("it is a status");
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert("x-amzn-errortype", hyper::header::HeaderValue::from_static(code));
    response
}
