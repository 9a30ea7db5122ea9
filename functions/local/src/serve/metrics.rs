//! `GET /metrics`, for Prometheus. It wants the operator's key: how busy a
//! service is, is nobody else's business.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use api::Operator;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use contract::ports::Clock as _;
use contract::stage::causes;
use embedded::{DataClock, DeadLetters};
use local::{Engine, Queues};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use services::health::circuit_breaker::CircuitBreakers;
use services::runtime::metrics::{self, ATTEMPT_DURATION, FIRST_ATTEMPT_DELAY};

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const SUM_UP_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Scrape {
    handle: PrometheusHandle,
    queues: Queues,
    dead_letters: DeadLetters,
    circuits: Arc<CircuitBreakers>,
    clock: Arc<DataClock>,
}

/// What was counted, also by engines before this one.
pub(super) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Counts from here on, unless something in this process does already.
    pub(super) fn install() -> anyhow::Result<Self> {
        let builder =
            [ATTEMPT_DURATION, FIRST_ATTEMPT_DELAY].into_iter().try_fold(PrometheusBuilder::new(), |b, name| {
                b.set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)
            });
        let handle = builder?.install_recorder()?;
        tokio::spawn(sum_up(handle.clone()));
        metrics::describe();
        metrics::begin_with_zero();
        metrics::look_up_usual();
        Ok(Self(handle))
    }

    pub(super) fn routes(&self, engine: &Engine) -> Router {
        let scraped = Scrape {
            handle: self.0.clone(),
            queues: engine.queues.clone(),
            dead_letters: engine.dead_letters.clone(),
            circuits: Arc::clone(&engine.api.hook_health.circuits),
            clock: Arc::clone(&engine.clock),
        };
        Router::new().route("/metrics", get(scrape)).layer(Extension(scraped)).with_state(Arc::new(engine.api.clone()))
    }
}

/// Every observation of a histogram takes memory until it is summed up, which
/// otherwise only a scrape does, and maybe nobody scrapes.
async fn sum_up(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(SUM_UP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

async fn scrape(_: Operator, Extension(scrape): Extension<Scrape>) -> Response {
    metrics::circuits_open(scrape.circuits.open());
    let now = scrape.clock.steady();
    for queue in scrape.queues.all() {
        let stats = queue.stats();
        metrics::queue(queue.name(), stats.waiting, stats.leased, queue.oldest(), now);
    }
    match scrape.dead_letters.count() {
        Ok(counts) => {
            for queue in scrape.queues.all() {
                metrics::dead_letters(queue.name(), counts.get(queue.name()).copied().unwrap_or_default());
            }
        }
        Err(error) => tracing::error!(error = %causes(&error), "the dead letters cannot be counted"),
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, with_conventional_names(&scrape.handle.render())).into_response()
}

/// Counters end in `_total`, as Prometheus has it. Under the name without it, which came first
/// and which CloudWatch has, each stays for queries that were written for it; without the type of
/// a counter, as one name of each is the right one.
fn with_conventional_names(rendered: &str) -> String {
    let mut text = String::with_capacity(rendered.len() * 2);
    // The exporter writes a family's lines in a row, with an empty line behind them.
    for family in rendered.split("\n\n") {
        let name = family.lines().find_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"));
        if let Some(name) = name {
            let total = format!("{name}_total");
            for line in family.lines() {
                text.push_str(&line.replacen(name, &total, 1));
                text.push('\n');
            }
            let _ = writeln!(text, "\n# HELP {name} Former name of {total}.\n# TYPE {name} untyped");
            for line in family.lines().filter(|line| !line.starts_with('#')) {
                text.push_str(line);
                text.push('\n');
            }
        } else {
            text.push_str(family);
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_there_under_both_names_and_everything_else_under_its_own() {
        let rendered =
            "# HELP hits Hits\n# TYPE hits counter\nhits{way=\"a hits\"} 2\nhits 1\n\n# TYPE open gauge\nopen 3\n\n";
        let expected = "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total{way=\"a hits\"} 2\nhits_total 1\n\n\
                        # HELP hits Former name of hits_total.\n# TYPE hits untyped\nhits{way=\"a hits\"} 2\nhits 1\n\n\
                        # TYPE open gauge\nopen 3\n";
        assert_eq!(with_conventional_names(rendered).trim_end(), expected.trim_end());
    }
}
