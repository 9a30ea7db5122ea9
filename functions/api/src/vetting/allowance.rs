//! How much checking one request may ask for, however many events it brings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::schema::MAX_STEPS;

/// Steps that a request's checks may take before they make way for others; one
/// byte to be parsed counts as one. A hundred of them are about 1 µs, and going
/// to another thread and back takes ten or more.
const AT_ONCE: u64 = 50_000;

tokio::task_local! {
    static ALLOWANCE: Arc<Allowance>;
}

/// Counted in steps and not in time, so that the same request always gets the
/// same answer.
pub(super) struct Allowance {
    all: AtomicU64,
    at_once: AtomicU64,
}

impl Default for Allowance {
    /// A request of many events gets as much as one of a single event.
    fn default() -> Self {
        Self { all: AtomicU64::new(MAX_STEPS), at_once: AtomicU64::new(AT_ONCE) }
    }
}

impl Allowance {
    pub(super) fn of_this_request() -> Arc<Self> {
        ALLOWANCE.try_with(Arc::clone).expect("the router gives every request an allowance")
    }

    /// Whether these steps are still granted; they are used up then.
    pub(super) fn grants(&self, steps: u64) -> bool {
        take(&self.all, steps)
    }

    /// Whether as much may be done on the spot.
    pub(super) fn grants_at_once(&self, steps: u64) -> bool {
        take(&self.at_once, steps)
    }
}

fn take(left: &AtomicU64, steps: u64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(steps)).is_ok()
}

/// Runs what belongs to one request with an allowance of its own.
pub(super) async fn with_its_own<T>(request: impl Future<Output = T>) -> T {
    ALLOWANCE.scope(Arc::default(), request).await
}

/// The router's layer for it.
pub(crate) async fn grant(request: Request, next: Next) -> Response {
    with_its_own(next.run(request)).await
}
