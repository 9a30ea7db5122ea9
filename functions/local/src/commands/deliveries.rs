//! `hookline deliveries`

use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use tokio::time::Instant;

use super::list::{Page, given};
use super::record::Record;
use super::session::path;
use super::table::{self, Column};
use super::{Failure, Output, Session, exchange};

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
    ("REASON", "reason"),
    ("UPDATED", "updated_at"),
];

#[derive(Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// Deliveries over all hooks, the last change first, or the log of one hook, newest event first
    List(Box<ListOptions>),
    /// Show a delivery with all its attempts
    Get { id: String },
    /// Make one more attempt of each now, and show what came of it
    Retry {
        #[arg(required = true)]
        ids: Vec<String>,
        /// Put them in, and do not wait for them
        #[arg(long)]
        no_wait: bool,
    },
    /// Skip one that is still to be sent: at its time, by a retry or once its hook is enabled
    Cancel { id: String },
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
    /// pending, retrying, waiting, succeeded, failed or skipped
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
        DeliveriesCommand::Retry { ids, no_wait } => retry(session, &ids, !no_wait).await,
        DeliveriesCommand::Cancel { id } => {
            let text = session.ask(Method::POST, &session.own(["deliveries", &id, "cancel"])?, &[], None).await?;
            session.print(&if session.json { text } else { format!("cancelled delivery {id}") })
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

/// An attempt may take 30 s, and wait for others to travel with.
const PATIENCE: Duration = Duration::from_secs(45);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// All are put in before any is waited for, so that those of one hook may travel
/// together.
async fn retry(session: &Session, ids: &[String], waits: bool) -> Result<(), Failure> {
    session.refuse_csv()?;
    let (mut asked, mut failed) = (Vec::new(), 0);
    for id in ids {
        match session.ask(Method::POST, &session.own(["deliveries", id, "retry"])?, &[], None).await {
            Ok(before) if waits => {
                let attempts = session.read(&before)?.text("attempt_count").and_then(|count| count.parse().ok());
                asked.push((id, attempts.unwrap_or(0)));
            }
            Ok(before) if session.json => session.print(&before)?,
            Ok(_) => session.print(&format!("an attempt of {id} was put in; to look at it: {}", look(id)))?,
            Err(Failure::Refused(problem)) if ids.len() > 1 => {
                failed += 1;
                session.note(&format!("{}: {problem}", table::shown(id)))?;
            }
            Err(other) => return Err(other),
        }
    }
    for (id, attempts) in asked {
        let Some((text, attempt)) = made_after(session, id, attempts).await? else {
            session.note(&format!(
                "the attempt of {id} was put in and is not made yet: its hook's rate or verification may hold it back; \
                 to look at it: {}",
                look(id)
            ))?;
            continue;
        };
        failed += usize::from(attempt.text("outcome").as_deref() != Some("success"));
        if session.json {
            session.print(&text)?;
        } else {
            let status = session.read(&text)?.text("status").unwrap_or_default();
            session.print(&format!("delivery {id}: {}", table::shown(&status)))?;
            exchange::attempt(&attempt)?;
        }
    }
    match (failed, ids.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::Shown("the attempt failed".to_owned())),
        (failed, all) => Err(Failure::Shown(format!("{failed} of {all} attempts failed"))),
    }
}

fn look(id: &str) -> String {
    format!("hookline deliveries get {id}")
}

/// The delivery, and its first attempt by hand behind so many others; none when it
/// takes too long.
async fn made_after(session: &Session, id: &str, attempts: u64) -> Result<Option<(String, Record)>, Failure> {
    let path = session.own(["deliveries", id])?;
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        let text = session.ask(Method::GET, &path, &[], None).await?;
        let made = session.read(&text)?.records("attempts").into_iter().find(|attempt| {
            let number = attempt.text("number").and_then(|number| number.parse().ok());
            number > Some(attempts) && attempt.text("trigger").as_deref() == Some("manual")
        });
        if let Some(attempt) = made {
            return Ok(Some((text, attempt)));
        }
        if Instant::now() >= give_up_at {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
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
    if Output::is_csv() {
        return session.note("its attempts are no columns: to see them, take --output json");
    }
    Ok(attempts.iter().try_for_each(exchange::attempt)?)
}
