//! `hookline replays`

use std::time::Duration;

use clap::Subcommand;
use domain::replay::MAX_RATE;
use reqwest::Method;

use super::body::Body;
use super::list::Page;
use super::progress::{Progress, Unit};
use super::session::Path;
use super::table::{self, Column};
use super::{Failure, Session};
use crate::numbers::whole;

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("KIND", "kind"),
    ("STATUS", "status"),
    ("DRY RUN", "dry_run"),
    ("FOUND", "progress.found"),
    ("SENT", "progress.sent"),
    ("STARTED BY", "started_by"),
    ("CREATED", "created_at"),
];

#[derive(Subcommand)]
pub(crate) enum ReplaysCommand {
    /// Send many deliveries of a hook again
    Create {
        #[arg(long)]
        hook: String,
        /// failed, missing or range
        #[arg(long)]
        kind: String,
        /// Only events accepted for fan-out at this time or later, RFC 3339
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only events accepted for fan-out before this time, RFC 3339
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Of a range: only deliveries of this status
        #[arg(long, value_name = "STATUS")]
        only_status: Option<String>,
        /// Count what would be sent, and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Deliveries per second
        #[arg(long, value_name = "N", value_parser = whole::<u32>(1, MAX_RATE.into()))]
        rate: Option<u32>,
        /// Wait until it has ended; exit code 1 unless it went well
        #[arg(long)]
        wait: bool,
    },
    /// List the replays of a hook
    List {
        #[arg(long)]
        hook: String,
        #[command(flatten)]
        page: Page,
    },
    /// Show how far a replay has got
    Get {
        #[arg(long)]
        hook: String,
        id: String,
    },
    /// Stop a replay; what was sent stays sent
    Cancel {
        #[arg(long)]
        hook: String,
        id: String,
    },
}

pub(crate) async fn run(session: &Session, command: ReplaysCommand) -> Result<(), Failure> {
    let replays = |hook: &str| session.own(["hooks", hook, "replays"]);
    match command {
        ReplaysCommand::Create { hook, kind, since, until, only_status, dry_run, rate, wait } => {
            let mut body = Body::default();
            body.add("kind", Some(kind)).add("since", since).add("until", until).add("only_status", only_status);
            body.add("dry_run", dry_run.then_some(true)).add("rate", rate);
            let path = replays(&hook)?;
            let again = |id: &str| format!("hookline replays get --hook {hook} {id}");
            match wait {
                true => until_ended(session, &path, body.text(), again).await,
                false => session.begin(&path, body.text(), again).await,
            }
        }
        ReplaysCommand::List { hook, page } => session.list(&replays(&hook)?, Vec::new(), page, COLUMNS).await,
        ReplaysCommand::Get { hook, id } => session.get(&session.own(["hooks", &hook, "replays", &id])?).await,
        ReplaysCommand::Cancel { hook, id } => {
            let path = session.own(["hooks", &hook, "replays", &id])?;
            session.remove(&path, &format!("cancelled replay {id}")).await
        }
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How many it will be is known once all are found, which goes on beside sending.
async fn until_ended(
    session: &Session,
    path: &Path,
    body: String,
    again: impl Fn(&str) -> String,
) -> Result<(), Failure> {
    let begun = session.read(&session.ask(Method::POST, path, &[], Some(body)).await?)?;
    let id = begun.text("id").unwrap_or_default();
    session.note(&format!("replay {id} goes on when this is stopped; to look at it: {}", again(&id)))?;
    let mut place = path.clone();
    place.push(id);
    let mut progress = Progress::new("sent", Unit::Count);
    loop {
        let text = session.ask(Method::GET, &place, &[], None).await?;
        let replay = session.read(&text)?;
        let number = |name: &str| replay.text(name).and_then(|text| text.parse().ok()).unwrap_or(0_u64);
        let done = number("progress.sent") + number("progress.skipped") + number("progress.failed");
        progress.at(done, Some(number("progress.found")));
        let status = replay.text("status").unwrap_or_default();
        if status != "running" {
            drop(progress);
            if session.json {
                session.print(&text)?;
            } else {
                table::details(&replay)?;
            }
            return match status.as_str() {
                "finished" => Ok(()),
                other => Err(Failure::Shown(format!("the replay is {other}"))),
            };
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
