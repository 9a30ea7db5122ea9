//! `hookline replays`

use clap::Subcommand;
use domain::replay::MAX_RATE;

use super::body::Body;
use super::list::Page;
use super::table::Column;
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
        ReplaysCommand::Create { hook, kind, since, until, only_status, dry_run, rate } => {
            let mut body = Body::default();
            body.add("kind", Some(kind)).add("since", since).add("until", until).add("only_status", only_status);
            body.add("dry_run", dry_run.then_some(true)).add("rate", rate);
            let path = replays(&hook)?;
            let again = |id: &str| format!("hookline replays get --hook {hook} {id}");
            session.begin(&path, body.text(), again).await
        }
        ReplaysCommand::List { hook, page } => session.list(&replays(&hook)?, Vec::new(), page, COLUMNS).await,
        ReplaysCommand::Get { hook, id } => session.get(&session.own(["hooks", &hook, "replays", &id])?).await,
        ReplaysCommand::Cancel { hook, id } => {
            let path = session.own(["hooks", &hook, "replays", &id])?;
            session.remove(&path, &format!("cancelled replay {id}")).await
        }
    }
}
