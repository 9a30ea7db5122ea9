//! Metrics on Lambda: lines in CloudWatch's embedded metric format among the
//! function's logs, of which CloudWatch makes metrics.

use std::sync::Mutex;
use std::time::Duration;

use metrics_cloudwatch_embedded::{Builder, Collector, Error};

use contract::ports::Clock;
use domain::time::Timestamp;
use services::runtime::config::{METRICS_NAMESPACE, process_variable};
use services::runtime::metrics;

/// Unless the stack has one of its own, so that its alarms hear of itself only.
const NAMESPACE: &str = "Hookline";
/// Lines are paid for as logs, so they are written now and then and not with
/// each invocation. What was counted meanwhile waits in the environment.
const EVERY: Duration = Duration::from_secs(10);

pub struct Emf {
    collector: &'static Collector,
    last: Mutex<Timestamp>,
}

impl Emf {
    /// Counts from here on. Fails when this process counts already.
    pub fn start() -> Result<Self, Error> {
        let namespace = process_variable(METRICS_NAMESPACE).filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or_else(|| NAMESPACE.to_owned());
        let collector = Builder::new().cloudwatch_namespace(namespace).init()?;
        metrics::describe();
        Ok(Self { collector, last: Mutex::new(Timestamp::default()) })
    }

    /// Writes what was counted, if it is time to. Called after each invocation:
    /// a frozen environment writes nothing.
    pub fn write_now_and_then(&self, clock: &dyn Clock) {
        let now = clock.now();
        {
            let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if now.since(*last) < EVERY {
                return;
            }
            *last = now;
        }
        if let Err(error) = self.collector.flush(std::io::stdout()) {
            tracing::warn!(%error, "metrics could not be written");
        }
    }
}
