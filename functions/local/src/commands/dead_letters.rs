//! `hookline dead-letters`

use clap::Subcommand;
use reqwest::Method;

use super::confirmation::Confirmation;
use super::list::Page;
use super::session::path;
use super::table::Column;
use super::{Failure, Session};

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("QUEUE", "queue"),
    ("DEAD SINCE", "at"),
    ("AGE, S", "age_seconds"),
    ("BYTES", "size"),
    ("REASON", "reason"),
];

#[derive(Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, the latest first
    List(Page),
    /// Show one, with the message
    Show { id: String },
    /// Send one back to the queue it came from, once its cause is fixed
    Redrive { id: String },
    /// Delete one for good
    Delete {
        id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

pub(crate) async fn run(session: &Session, command: DeadLettersCommand) -> Result<(), Failure> {
    match command {
        DeadLettersCommand::List(page) => session.list(&path(["dead-letters"]), Vec::new(), page, COLUMNS).await,
        DeadLettersCommand::Show { id } => session.get(&path(["dead-letters", &id])).await,
        DeadLettersCommand::Redrive { id } => {
            session.ask(Method::POST, &path(["dead-letters", &id, "redrive"]), &[], None).await?;
            if session.json { Ok(()) } else { session.print(&format!("sent back {id}")) }
        }
        DeadLettersCommand::Delete { id, confirmation } => {
            confirmation.ask(&format!("delete dead letter {id}"))?;
            session.remove(&path(["dead-letters", &id]), &format!("deleted {id}")).await
        }
    }
}
