//! `hookline deliveries`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::list::{Page, given};
use super::session::path;
use super::table::{self, Column};
use super::{Failure, Session, exchange};

pub(super) const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("EVENT", "event_id"),
    ("TYPE", "event_type"),
    ("STATUS", "status"),
    ("ATTEMPTS", "attempt_count"),
    ("ANSWER", "last_attempt.status_code"),
    ("CREATED", "created_at"),
    ("NEXT ATTEMPT", "next_attempt_at"),
];

const COLUMNS_OF_TENANT: &[Column] = &[
    ("ID", "id"),
    ("HOOK", "hook_id"),
    ("EVENT", "event_id"),
    ("TYPE", "event_type"),
    ("STATUS", "status"),
    ("ATTEMPTS", "attempt_count"),
    ("OUTCOME", "last_attempt.outcome"),
    ("ANSWER", "last_attempt.status_code"),
    ("REASON", "reason"),
    ("UPDATED", "updated_at"),
];
const COLUMNS_OF_ALL: &[Column] = &[
    ("TENANT", "tenant"),
    ("ID", "id"),
    ("HOOK", "hook_id"),
    ("EVENT", "event_id"),
    ("TYPE", "event_type"),
    ("STATUS", "status"),
    ("ATTEMPTS", "attempt_count"),
    ("OUTCOME", "last_attempt.outcome"),
    ("ANSWER", "last_attempt.status_code"),
    ("UPDATED", "updated_at"),
];

#[derive(Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// Deliveries over all hooks, the last change first, or the log of one hook, newest event first
    List(Box<ListOptions>),
    /// Show a delivery with all its attempts
    Get { id: String },
    /// Make one more attempt now
    Retry { id: String },
}

#[derive(Args)]
pub(crate) struct ListOptions {
    /// The log of this hook
    #[arg(long)]
    hook: Option<String>,
    /// Of all tenants; with the operator's key
    #[arg(long, conflicts_with = "hook")]
    all_tenants: bool,
    /// How the last attempt ended, such as timeout
    #[arg(long, conflicts_with = "hook")]
    outcome: Option<String>,
    /// Only events with this channel
    #[arg(long, conflicts_with = "hook")]
    channel: Option<String>,
    /// Only event ids that begin so
    #[arg(long, value_name = "TEXT", conflicts_with = "hook")]
    event_prefix: Option<String>,
    /// pending, retrying, succeeded, failed or skipped
    #[arg(long)]
    status: Option<String>,
    /// Only deliveries of this event id
    #[arg(long)]
    event: Option<String>,
    /// Only events of this type; without --hook, a pattern such as post.* takes those below
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// Status code of the last answer, such as 503 or 5xx
    #[arg(long)]
    code: Option<String>,
    /// Of a hook's log, only events accepted for fan-out at this time or later; of all hooks,
    /// only what changed last then or later. RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The same, before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Count the entries on all pages as well
    #[arg(long, requires = "hook")]
    count: bool,
    #[command(flatten)]
    page: Page,
}

pub(crate) async fn run(session: &Session, command: DeliveriesCommand) -> Result<(), Failure> {
    match command {
        DeliveriesCommand::List(asked) => list(session, *asked).await,
        DeliveriesCommand::Get { id } => get(session, &id).await,
        DeliveriesCommand::Retry { id } => {
            session.show(Method::POST, &session.own(["deliveries", &id, "retry"])?, None).await
        }
    }
}

async fn list(session: &Session, asked: ListOptions) -> Result<(), Failure> {
    let count = asked.count.then(|| "true".to_owned());
    let query = given([
        ("status", &asked.status),
        ("outcome", &asked.outcome),
        ("channel", &asked.channel),
        ("event", &asked.event),
        ("event_prefix", &asked.event_prefix),
        ("event_type", &asked.event_type),
        ("code", &asked.code),
        ("since", &asked.since),
        ("until", &asked.until),
        ("count", &count),
    ]);
    match &asked.hook {
        Some(hook) => session.list(&session.own(["hooks", hook, "deliveries"])?, query, asked.page, COLUMNS).await,
        None if asked.all_tenants => session.list(&path(["deliveries"]), query, asked.page, COLUMNS_OF_ALL).await,
        None => session.list(&session.own(["deliveries"])?, query, asked.page, COLUMNS_OF_TENANT).await,
    }
}

async fn get(session: &Session, id: &str) -> Result<(), Failure> {
    let text = session.ask(Method::GET, &session.own(["deliveries", id])?, &[], None).await?;
    if session.json {
        return session.print(&text);
    }
    let mut delivery = session.read(&text)?;
    let attempts = delivery.records("attempts");
    // The last attempt is among all of them.
    delivery.0.retain(|(name, _)| name != "attempts" && name != "last_attempt");
    table::details(&delivery)?;
    Ok(attempts.iter().try_for_each(exchange::attempt)?)
}
