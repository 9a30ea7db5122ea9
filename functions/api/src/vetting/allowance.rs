//! How much checking one request may ask for, however many events it brings.
//! Counted in steps and not in time, so that the same request always gets the
//! same answer.

use std::cell::Cell;

use crate::schema::MAX_STEPS;

/// Steps that a request's checks may take before they make way for others; one
/// byte to be parsed counts as one. A hundred of them are about 1 µs, and going
/// to another thread and back takes ten or more.
const AT_ONCE: u64 = 50_000;

tokio::task_local! {
    static ALL: Cell<u64>;
    static ON_THE_SPOT: Cell<u64>;
}

/// Runs what belongs to one request with an allowance of its own: a request of
/// many events gets as much as one of a single event.
pub(crate) async fn with_allowance<T>(request: impl Future<Output = T>) -> T {
    ALL.scope(Cell::new(MAX_STEPS), ON_THE_SPOT.scope(Cell::new(AT_ONCE), request)).await
}

/// Whether this request still has so many steps; they are used up then.
pub(super) fn grants(steps: u64) -> bool {
    ALL.with(|left| take(left, steps))
}

/// Whether it may take them on the spot.
pub(super) fn grants_at_once(steps: u64) -> bool {
    ON_THE_SPOT.with(|left| take(left, steps))
}

fn take(left: &Cell<u64>, steps: u64) -> bool {
    let rest = left.get().checked_sub(steps);
    left.set(rest.unwrap_or(left.get()));
    rest.is_some()
}
