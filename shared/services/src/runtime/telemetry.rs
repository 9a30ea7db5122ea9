//! Where log lines go and what they look like. `HOOKLINE_LOG` chooses which
//! are written (`info` by default; the syntax is that of `tracing`'s `EnvFilter`).
//!
//! Lines about an event carry its `trace.id` ([`TraceId`](domain::ids::TraceId));
//! on Lambda, `span.requestId` names the invocation.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::runtime::config::{LOG, process_variable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line on standard output, for CloudWatch Logs.
    Json,
    /// For people on a terminal and as JSON otherwise, on standard error, so
    /// that standard output stays what a command is for.
    Command,
}

/// Starts writing log lines. Later calls do nothing.
pub fn init(format: Format) {
    let text = process_variable(LOG).unwrap_or_default();
    let (filter, problem) = match EnvFilter::try_new(if text.is_empty() { "info" } else { &text }) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    // A log that cannot be written, as on a full disk, would be told on standard
    // error, and that panics where it cannot be written either.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let started = match format {
        // Spans carry the invocation's id; their full list would repeat it.
        Format::Json => builder.json().flatten_event(true).with_span_list(false).with_target(false).try_init(),
        Format::Command if std::io::stderr().is_terminal() => {
            builder.with_target(false).with_writer(std::io::stderr).try_init()
        }
        Format::Command => builder.json().flatten_event(true).with_writer(std::io::stderr).try_init(),
    };
    if let (Ok(()), Some(error)) = (started, problem) {
        tracing::warn!(%error, "{LOG} is not a filter; logging at info");
    }
}
