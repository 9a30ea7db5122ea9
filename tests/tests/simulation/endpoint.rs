//! The receivers: each hook's answers follow its script, and every request that
//! arrives is remembered.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::ports::{HttpRequest, HttpResponse, HttpResult, HttpSender, SendFailure, SendFault};
use domain::delivery::AttemptOutcome;
use domain::time::Timestamp;

use crate::sim::{Sim, What};

/// In every answer: which request it answers, so that the log can be held
/// against the wire.
pub(crate) const NUMBER: &str = "x-request";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// After this many seconds.
    Slow(u64),
    /// 429, with `Retry-After` in seconds.
    RetryAfter(u64),
    Timeout,
}

pub(crate) struct Request {
    pub(crate) task: usize,
    /// What the receiver sees of the delivery's name.
    pub(crate) name: String,
    /// When the sender set about it, which is what the log tells.
    pub(crate) called_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    pub(crate) answer: Answer,
}

impl Answer {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::Slow(_) => Some(200),
            Self::RetryAfter(_) => Some(429),
            Self::Timeout => None,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status() == Some(200)
    }
}

/// The network and all receivers.
pub(crate) struct Endpoint(pub(crate) Arc<Sim>);

#[async_trait]
impl HttpSender for Endpoint {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        let sim = &self.0;
        let called_at = sim.now();
        sim.pause("connect").await;
        let (number, answer) = {
            let mut state = sim.lock();
            let task = state.running;
            let What::Deliver(id, _) = state.tasks[task].what.clone() else { panic!("only deliver sends") };
            let is_of_it = |what: &What| matches!(what, What::Deliver(other, _) if *other == id);
            let earlier = state.requests.iter().filter(|earlier| is_of_it(&state.tasks[earlier.task].what)).count();
            let script = &state.scripts[&id.hook];
            let answer = script[earlier.min(script.len() - 1)].clone();
            let name = request.headers.iter().find(|(name, _)| name == "webhook-id");
            let name = name.map_or_else(String::new, |(_, value)| value.clone());
            let number = state.requests.len();
            state.note("request", |_| format!("{number} {name} gets {answer:?}"));
            state.requests.push(Request { task, name, called_at, answered_at: None, answer: answer.clone() });
            (number, answer)
        };
        let takes = match answer {
            Answer::Slow(seconds) => Duration::from_secs(seconds),
            Answer::Timeout => request.timeout.total.duration(),
            Answer::Status(_) | Answer::RetryAfter(_) => Duration::from_millis(sim.lock().dice.below(300)),
        };
        sim.rest(takes).await;
        sim.pause("answer").await;
        sim.lock().requests[number].answered_at = Some(sim.now());
        Ok(HttpResult { answer: respond(number, &answer), duration: sim.now().since(called_at) })
    }
}

fn respond(number: usize, answer: &Answer) -> Result<HttpResponse, SendFailure> {
    let Some(status) = answer.status() else {
        return Err(SendFailure { outcome: AttemptOutcome::Timeout, detail: number.to_string() });
    };
    let mut headers = vec![(NUMBER.to_owned(), number.to_string())];
    if let Answer::RetryAfter(seconds) = answer {
        headers.push(("retry-after".to_owned(), seconds.to_string()));
    }
    Ok(HttpResponse::new(status, headers, Bytes::new()))
}
