//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::connection::Connection;

/// For how long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// What a connection leads to, and how it writes names of headers.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    is_https: bool,
    host: String,
    port: u16,
    /// `Like-This`, for receivers that look for them as they are documented;
    /// otherwise `like-this`.
    pub(super) title_case: bool,
}

impl Endpoint {
    pub(super) fn of(url: &Url, title_case: bool) -> Self {
        Self {
            is_https: url.scheme() == "https",
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            title_case,
        }
    }
}

struct Idle {
    connection: Connection,
    since: Instant,
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
            let Idle { mut connection, since } = self.lock().get_mut(endpoint)?.pop()?;
            if since.elapsed() < IDLE && connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, if it can take one.
    pub(super) fn give(&self, endpoint: Endpoint, mut connection: Connection) {
        if !connection.is_ready() {
            return;
        }
        let is_first = {
            let mut endpoints = self.lock();
            let is_first = endpoints.is_empty();
            let idle = endpoints.entry(endpoint).or_default();
            if idle.len() < self.max_idle_per_endpoint {
                idle.push(Idle { connection, since: Instant::now() });
            }
            is_first
        };
        if is_first {
            tokio::spawn(close_idle(Arc::downgrade(&self.endpoints)));
        }
    }
}

/// Nobody else notices what stays unused or was closed by its endpoint.
async fn close_idle(endpoints: Weak<Mutex<Endpoints>>) {
    loop {
        tokio::time::sleep(IDLE).await;
        let Some(endpoints) = endpoints.upgrade() else { return };
        let mut endpoints = endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        endpoints.retain(|_, idle| {
            idle.retain_mut(|idle| idle.since.elapsed() < IDLE && idle.connection.is_ready());
            !idle.is_empty()
        });
        if endpoints.is_empty() {
            return;
        }
    }
}
