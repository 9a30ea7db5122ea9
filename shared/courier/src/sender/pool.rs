//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::answer::Keep;
use super::connection::Connection;

/// For how long an idle connection is kept. Few servers keep one for much longer:
/// Node and Apache for 5 s, which they say, and most others for a minute.
const IDLE: Duration = Duration::from_secs(10);
/// No connection is used for longer, so that a change of an address is followed.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What a connection leads to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    is_https: bool,
    host: String,
    port: u16,
}

impl Endpoint {
    pub(super) fn of(url: &Url) -> Self {
        Self {
            is_https: url.scheme() == "https",
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }
}

struct Idle {
    connection: Connection,
    until: Instant,
}

type Endpoints = HashMap<Endpoint, Vec<Idle>>;

pub(super) struct Pool {
    endpoints: Arc<Mutex<Endpoints>>,
    max_idle_per_endpoint: usize,
}

impl Pool {
    pub(super) fn new(max_idle_per_endpoint: usize) -> Self {
        Self { endpoints: Arc::default(), max_idle_per_endpoint }
    }

    fn lock(&self) -> MutexGuard<'_, Endpoints> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, of those that are still open.
    pub(super) fn take(&self, endpoint: &Endpoint) -> Option<Connection> {
        loop {
            let Idle { mut connection, until } = self.lock().get_mut(endpoint)?.pop()?;
            if Instant::now() < until && connection.is_open() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, if it can take one.
    pub(super) fn give(&self, endpoint: Endpoint, mut connection: Connection, keep: Keep) {
        let Keep::For(said) = keep else { return };
        let until = (Instant::now() + idle_time(said)).min(connection.opened_at() + MAX_AGE);
        if Instant::now() >= until || !connection.is_open() {
            return;
        }
        connection.rest();
        let is_first = {
            let mut endpoints = self.lock();
            let is_first = endpoints.is_empty();
            let idle = endpoints.entry(endpoint).or_default();
            if idle.len() < self.max_idle_per_endpoint {
                idle.push(Idle { connection, until });
            }
            is_first
        };
        if is_first {
            tokio::spawn(close_idle(Arc::downgrade(&self.endpoints)));
        }
    }
}

/// A request needs its time to arrive: where the endpoint says when it closes, what
/// is sent in the last second before that, or in the second half, is late.
fn idle_time(said: Option<Duration>) -> Duration {
    let Some(said) = said else { return IDLE };
    IDLE.min((said / 2).max(said.saturating_sub(Duration::from_secs(1))))
}

/// Nobody else notices what stays unused or was closed by its endpoint.
async fn close_idle(endpoints: Weak<Mutex<Endpoints>>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(endpoints) = endpoints.upgrade() else { return };
        let mut endpoints = endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        endpoints.retain(|_, idle| {
            idle.retain_mut(|idle| now < idle.until && idle.connection.is_open());
            !idle.is_empty()
        });
        if endpoints.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_left_before_the_endpoint_said_it_would_close_it() {
        let idle = |said: u64| idle_time(Some(Duration::from_millis(said))).as_millis();
        assert_eq!([idle(0), idle(1_000), idle(2_000), idle(5_000), idle(75_000)], [0, 500, 1_000, 4_000, 10_000]);
        assert_eq!(idle_time(None), IDLE);
    }
}
