//! `hookline deliveries`

use clap::Subcommand;
use reqwest::Method;

use super::list::{Page, given};
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

#[derive(Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// The log of a hook, newest event first
    List {
        #[arg(long)]
        hook: String,
        /// pending, retrying, succeeded, failed or skipped
        #[arg(long)]
        status: Option<String>,
        /// Only deliveries of this event id
        #[arg(long)]
        event: Option<String>,
        /// Only events of this type
        #[arg(long, value_name = "TYPE")]
        event_type: Option<String>,
        /// Status code of the last answer, such as 503 or 5xx
        #[arg(long)]
        code: Option<String>,
        /// Only events accepted for fan-out at this time or later, RFC 3339
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only events accepted for fan-out before this time, RFC 3339
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Count the entries on all pages as well
        #[arg(long)]
        count: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Show a delivery with all its attempts
    Get { id: String },
    /// Make one more attempt now
    Retry { id: String },
}

pub(crate) async fn run(session: &Session, command: DeliveriesCommand) -> Result<(), Failure> {
    match command {
        DeliveriesCommand::List { hook, status, event, event_type, code, since, until, count, page } => {
            let count = count.then(|| "true".to_owned());
            let query = given([
                ("status", &status),
                ("event", &event),
                ("event_type", &event_type),
                ("code", &code),
                ("since", &since),
                ("until", &until),
                ("count", &count),
            ]);
            session.list(&session.own(["hooks", &hook, "deliveries"])?, query, page, COLUMNS).await
        }
        DeliveriesCommand::Get { id } => get(session, &id).await,
        DeliveriesCommand::Retry { id } => {
            session.show(Method::POST, &session.own(["deliveries", &id, "retry"])?, None).await
        }
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
