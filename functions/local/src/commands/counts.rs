//! `hookline counts`

use clap::Args;
use reqwest::Method;

use super::list::given;
use super::record::Record;
use super::table::{Column, TextTable};
use super::{Connection, Failure, Session};

const COLUMNS: &[Column] = &[
    ("FROM", "at"),
    ("HOOK", "hook_id"),
    ("TYPE", "event_type"),
    ("OUTCOME", "outcome"),
    ("ANSWER", "status_code"),
    ("ATTEMPTS", "attempts"),
    ("SUCCEEDED", "succeeded"),
    ("FAILED", "failed"),
    ("SKIPPED", "skipped"),
    ("P50 MS", "duration_ms.p50"),
    ("P95 MS", "duration_ms.p95"),
    ("P99 MS", "duration_ms.p99"),
];

#[derive(Args)]
pub(crate) struct CountsOptions {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// hour or day; hour by default
    #[arg(long)]
    interval: Option<String>,
    /// hook, type, outcome or code, each counted by itself
    #[arg(long, value_name = "WHAT")]
    group_by: Option<String>,
    /// Only attempts for this hook
    #[arg(long)]
    hook: Option<String>,
    /// Only events of this type; a pattern such as post.* takes those below
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// From the hour or day of this time on, RFC 3339; a day ago, or 30 days ago, by default
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// To the hour or day that this time falls into, RFC 3339; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(crate) async fn run(asked: CountsOptions) -> Result<(), Failure> {
    let session = Session::new(asked.connection)?;
    let query = given([
        ("interval", &asked.interval),
        ("group_by", &asked.group_by),
        ("hook", &asked.hook),
        ("event_type", &asked.event_type),
        ("since", &asked.since),
        ("until", &asked.until),
    ]);
    let text = session.ask(Method::GET, &session.own(["counts"])?, &query, None).await?;
    if session.json {
        return session.print(&text);
    }
    let answer = session.read(&text)?;
    let items = answer.items().map_err(|source| session.unreadable(source))?;
    let rows: Vec<Record> = items.iter().filter_map(|item| Record::parse(item.get()).ok()).collect();
    TextTable::new(COLUMNS).print(&rows)?;
    match answer.text("counted_until") {
        Some(until) => session.note(&format!("counted until {until}; there is more, ask again")),
        None if rows.is_empty() => session.note("none"),
        None => Ok(()),
    }
}
