//! `hookline keys`

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;

use super::body::{Body, Fields};
use super::confirmation::Confirmation;
use super::list::Page;
use super::session::path;
use super::table::Column;
use super::{Failure, Session};
use crate::numbers::whole;

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("SCOPE", "scope"),
    ("CREATED", "created_at"),
    ("EXPIRES", "expires_at"),
    ("LAST USED", "last_used_at"),
];

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List keys, none of which can be read again
    List {
        /// The operator's keys instead of a tenant's
        #[arg(long)]
        operator: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Create a key; it is shown now and never again
    Create {
        /// What it may do: tenant, publish, portal or planner
        #[arg(long, required_unless_present = "operator")]
        scope: Option<String>,
        /// A key that may do everything, instead of a tenant's
        #[arg(long, conflicts_with = "scope")]
        operator: bool,
        #[arg(long)]
        name: Option<String>,
        /// What a portal key may do: view, manage, reveal_secret, rotate, test, send_again, approve
        #[arg(long, value_delimiter = ',', value_name = "CAPABILITY")]
        capabilities: Vec<String>,
        /// Seconds after which it is refused
        #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>(1, 3_650 * 24 * 3_600))]
        expires_in: Option<u64>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Revoke a key
    Revoke {
        id: String,
        /// One of the operator's instead of a tenant's
        #[arg(long)]
        operator: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Make a new master key for what a data directory seals from now on
    ///
    /// Older keys stay in the file for what they sealed; a secret moves to the
    /// new key when its hook is next changed. A server that is running goes on
    /// with the keys it read, so stop it first or restart it afterwards. Then
    /// back up the file again: without it, secrets sealed since cannot be read.
    Rotate {
        /// Directory that holds everything
        #[arg(long, env = "HOOKLINE_DATA", default_value = "data", value_name = "DIR")]
        data: PathBuf,
    },
}

/// All but `rotate`, which asks no API.
pub(crate) async fn run(session: &Session, command: KeysCommand) -> Result<(), Failure> {
    let keys = |operator: bool| if operator { Ok(path(["keys"])) } else { session.own(["keys"]) };
    match command {
        KeysCommand::List { operator, page } => session.list(&keys(operator)?, Vec::new(), page, COLUMNS).await,
        KeysCommand::Create { scope, operator, name, capabilities, expires_in, fields } => {
            let mut body = Body::from(&fields)?;
            body.add("scope", scope).add("name", name).add("expires_in", expires_in);
            body.add_all("capabilities", &capabilities);
            session.show(Method::POST, &keys(operator)?, body.finish(&fields)?).await
        }
        KeysCommand::Revoke { id, operator, confirmation } => {
            let mut path = keys(operator)?;
            path.push(id);
            let path = session.whole_path(&path).await?;
            let id = path.last().map_or("", String::as_str);
            confirmation.ask(&format!("revoke key {id}"))?;
            session.remove(&path, &format!("revoked key {id}")).await
        }
        KeysCommand::Rotate { .. } => Ok(()),
    }
}
