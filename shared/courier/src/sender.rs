//! Requests to addresses that strangers chose, over HTTP/1.1.

mod answer;
mod body;
mod coding;
mod connection;
mod dial;
mod failure;
mod head;
mod names;
mod options;
mod pool;
mod proxy;
mod tls;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use contract::ports::{Clock, HttpRequest, HttpResponse, HttpResult, HttpSender, SendFault, SystemClock};
use tokio::time::{Instant, Sleep};

use answer::Keep;
use coding::decoded;
use connection::{Broken, Cause, Connection};
use dial::Dialler;
use failure::Unsent;
pub(crate) use head::{check_size, complete};
use names::Names;
pub use options::{Authorities, InvalidAuthorities, SenderOptions};
use pool::{Endpoint, MaxIdle, Pool};
pub use proxy::{EgressProxy, InvalidProxy};

/// As many as may be under way at once: closing some after each burst costs more
/// than the requests.
const IDLE_PER_ENDPOINT: usize = 512;
/// RFC 9110, section 15.5.9: to be repeated on a new connection.
const REQUEST_TIMEOUT: u16 = 408;

#[derive(Debug, thiserror::Error)]
#[error("cannot use the root certificates")]
pub struct SenderError(#[source] rustls::Error);

/// Follows no redirect and no proxy variable, and dials only vetted addresses.
pub struct Http1Sender {
    dialler: Dialler,
    pool: Pool,
    clock: Arc<dyn Clock>,
}

impl Http1Sender {
    /// Fails when the root certificates cannot be used.
    pub fn new(options: SenderOptions) -> Result<Self, SenderError> {
        Self::with_clock(options, Arc::new(SystemClock))
    }

    fn with_clock(options: SenderOptions, clock: Arc<dyn Clock>) -> Result<Self, SenderError> {
        let SenderOptions { addresses, authorities, proxy, name_servers, max_idle } = options;
        let max_idle = MaxIdle { per_endpoint: IDLE_PER_ENDPOINT, in_all: max_idle };
        let dialler = Dialler::new(addresses, Names::new(name_servers), proxy, authorities.0).map_err(SenderError)?;
        Ok(Self { dialler, pool: Pool::new(max_idle, Arc::clone(&clock)), clock })
    }

    async fn answer(&self, mut request: HttpRequest) -> Result<HttpResponse, Unsent> {
        let total = request.timeout.total.duration();
        let mut end = pin!(tokio::time::sleep(total));
        self.dialler.policy.check_parsed(&request.url).map_err(|refusal| failure::refused(&refusal))?;
        complete(&mut request);
        let head = head::write(&request)?;
        let endpoint = Endpoint::of(&request.url);
        let mut idle = self.pool.take(&endpoint);
        let (mut connection, answer) = loop {
            let is_reused = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => {
                    let patience = request.timeout.connect.duration();
                    let stream = within(end.as_mut(), pin!(self.dialler.dial(&request.url, patience))).await;
                    let stream = stream.unwrap_or_else(|| Err(failure::timed_out(total).into()))?;
                    Connection::new(stream, self.clock.read())
                }
            };
            let answer = within(end.as_mut(), pin!(connection.exchange(&head, &request.body))).await;
            match answer.ok_or_else(|| failure::timed_out(total))? {
                // What a server says that has waited for a request for too long may meet one.
                Ok(answer) if is_reused && answer.status == REQUEST_TIMEOUT && answer.keep == Keep::Close => {}
                Ok(answer) => break (connection, answer),
                // It was about to be closed, as idle ones are: the endpoint may have seen
                // nothing, and if it has, the id tells it that this is the same.
                Err(broken) if is_reused && !broken.is_heard => {}
                // What cannot begin an answer is left of an earlier one.
                Err(Broken { cause: Cause::NotHttp(_), .. }) if is_reused => {}
                Err(broken) => return Err(failure::of_exchange(&broken).into()),
            }
        };
        let (mut framing, mut body) = (answer.framing, BytesMut::new());
        let read = within(end, pin!(connection.read_body(&mut framing, &mut body))).await;
        let remark = match read {
            Some(Ok(is_whole)) => {
                let keep = if is_whole { answer.keep } else { Keep::Close };
                self.pool.give(endpoint, connection, keep);
                None
            }
            Some(Err(cut)) => Some(failure::remark(&cut)),
            None => Some(failure::unfinished(total)),
        };
        let body = decoded(&answer.headers, body);
        Ok(HttpResponse { status: answer.status, headers: answer.headers, body, remark })
    }
}

/// None when time is up before the work is done.
async fn within<F: Future>(end: Pin<&mut Sleep>, work: Pin<&mut F>) -> Option<F::Output> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = end => None,
    }
}

#[async_trait]
impl HttpSender for Http1Sender {
    async fn send(&self, request: HttpRequest) -> Result<HttpResult, SendFault> {
        let started = Instant::now();
        let answer = match self.answer(request).await {
            Ok(response) => Ok(response),
            Err(Unsent::Theirs(failure)) => Err(failure),
            Err(Unsent::Ours(fault)) => return Err(fault),
        };
        Ok(HttpResult { answer, duration: started.elapsed() })
    }
}

#[cfg(test)]
mod tests;
