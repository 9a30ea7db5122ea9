//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use contract::ports::{Clock, ClockReading};
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
    since: ClockReading,
    idle_for: Duration,
}

impl Idle {
    /// Also where the process did not run meanwhile, as between two invocations of a
    /// function: the endpoint's time went on.
    fn is_usable(&mut self, now: ClockReading) -> bool {
        now.age_of(self.since) < self.idle_for
            && now.age_of(self.connection.opened_at()) < MAX_AGE
            && self.connection.is_open()
    }
}

#[derive(Default)]
struct Kept {
    endpoints: HashMap<Endpoint, Vec<Idle>>,
    /// Of all of them.
    count: usize,
}

impl Kept {
    fn take(&mut self, endpoint: &Endpoint) -> Option<Idle> {
        let idle = self.endpoints.get_mut(endpoint)?.pop()?;
        self.count -= 1;
        Some(idle)
    }
}

pub(super) struct Pool {
    kept: Arc<Mutex<Kept>>,
    max_idle: MaxIdle,
    clock: Arc<dyn Clock>,
}

/// How many connections are kept idle.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxIdle {
    pub(super) per_endpoint: usize,
    pub(super) in_all: usize,
}

impl Pool {
    pub(super) fn new(max_idle: MaxIdle, clock: Arc<dyn Clock>) -> Self {
        Self { kept: Arc::default(), max_idle, clock }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, of those that are still open.
    pub(super) fn take(&self, endpoint: &Endpoint) -> Option<Connection> {
        loop {
            let mut idle = self.lock().take(endpoint)?;
            if idle.is_usable(self.clock.read()) {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection for the next request, if it can take one.
    pub(super) fn give(&self, endpoint: Endpoint, mut connection: Connection, keep: Keep) {
        let Keep::For(said) = keep else { return };
        let now = self.clock.read();
        connection.rest();
        let mut idle = Idle { connection, since: now, idle_for: idle_time(said) };
        if !idle.is_usable(now) {
            return;
        }
        let is_first = {
            let mut kept = self.lock();
            let is_first = kept.endpoints.is_empty();
            if kept.count >= self.max_idle.in_all {
                return;
            }
            let same = kept.endpoints.entry(endpoint).or_default();
            if same.len() < self.max_idle.per_endpoint {
                same.push(idle);
                kept.count += 1;
            }
            is_first
        };
        if is_first {
            tokio::spawn(close_idle(Arc::downgrade(&self.kept), Arc::clone(&self.clock)));
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
async fn close_idle(kept: Weak<Mutex<Kept>>, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.read();
        kept.endpoints.retain(|_, idle| {
            idle.retain_mut(|idle| idle.is_usable(now));
            !idle.is_empty()
        });
        kept.count = kept.endpoints.values().map(Vec::len).sum();
        if kept.endpoints.is_empty() {
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
