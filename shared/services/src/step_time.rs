//! How long one step of a long job goes on.

use std::time::Duration;

use contract::ports::Clock;
use domain::time::Timestamp;

/// For so long a step begins something more. A function is stopped after 29 or 30 s, and what has begun by
/// then takes up to twenty calls until the step ends: a second each, where the store is slow.
const LENGTH: Duration = Duration::from_secs(8);

pub struct StepTime<'a> {
    clock: &'a dyn Clock,
    end: Timestamp,
}

impl<'a> StepTime<'a> {
    pub fn begin(clock: &'a dyn Clock) -> Self {
        Self { clock, end: clock.steady().saturating_add(LENGTH) }
    }

    pub fn is_over(&self) -> bool {
        self.clock.steady() >= self.end
    }
}
