//! `hookline expungements`

use clap::Subcommand;

use super::body::Body;
use super::confirmation::Confirmation;
use super::list::Page;
use super::table::Column;
use super::{Failure, Session};

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("TYPE", "event_type"),
    ("SINCE", "since"),
    ("UNTIL", "until"),
    ("STATUS", "status"),
    ("DRY RUN", "dry_run"),
    ("FOUND", "found"),
    ("EXPUNGED", "expunged"),
];

#[derive(Subcommand)]
pub(crate) enum ExpungementsCommand {
    /// Delete the data of many events; count them first with --dry-run
    Create {
        /// Only events of this type; a pattern such as post.* takes those below
        #[arg(long, value_name = "TYPE")]
        event_type: Option<String>,
        /// Only events accepted for fan-out at this time or later, RFC 3339
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only events accepted for fan-out before this time, RFC 3339; now by default
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Count what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// List them
    List(Page),
    /// Show how far one has got
    Get { id: String },
    /// Stop one; what was deleted stays deleted
    Cancel { id: String },
}

pub(crate) async fn run(session: &Session, command: ExpungementsCommand) -> Result<(), Failure> {
    match command {
        ExpungementsCommand::Create { event_type, since, until, dry_run, confirmation } => {
            let path = session.own(["expungements"])?;
            if !dry_run {
                let bounds = [("of type", &event_type), ("since", &since), ("until", &until)];
                let bounds = bounds
                    .map(|(word, bound)| bound.as_ref().map_or(String::new(), |bound| format!(" {word} {bound}")));
                confirmation.ask(&format!("delete the data of all events{}", bounds.concat()))?;
            }
            let mut body = Body::default();
            body.add("event_type", event_type).add("since", since).add("until", until);
            body.add("dry_run", dry_run.then_some(true));
            let again = |id: &str| format!("hookline expungements get {id}");
            session.begin(&path, body.text(), again).await
        }
        ExpungementsCommand::List(page) => {
            session.list(&session.own(["expungements"])?, Vec::new(), page, COLUMNS).await
        }
        ExpungementsCommand::Get { id } => session.get(&session.own(["expungements", &id])?).await,
        ExpungementsCommand::Cancel { id } => {
            let path = session.own(["expungements", &id])?;
            session.remove(&path, &format!("cancelled expungement {id}")).await
        }
    }
}
