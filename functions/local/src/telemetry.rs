use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Human logs on a terminal, JSON otherwise; on standard error, so that
/// standard output stays what the command is for.
pub(crate) fn init() {
    let filter = EnvFilter::try_from_env("HOOKLINE_LOG").unwrap_or_else(|_| EnvFilter::new("info,deliver=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).init();
    }
}
