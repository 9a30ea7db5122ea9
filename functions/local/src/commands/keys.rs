//! `hookline keys`

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;

use super::body::{Body, Fields};
use super::list::Page;
use super::table::Column;
use super::{Failure, Session};

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
    /// List a tenant's keys, none of which can be read again
    List(Page),
    /// Create a key; it is shown now and never again
    Create {
        /// What it may do: tenant, publish or portal
        #[arg(long)]
        scope: String,
        #[arg(long)]
        name: Option<String>,
        /// Seconds after which it is refused
        #[arg(long, value_name = "SECONDS")]
        expires_in: Option<u64>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Revoke a key
    Revoke { id: String },
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
    match command {
        KeysCommand::List(page) => session.list(&session.own(["keys"])?, Vec::new(), page, COLUMNS).await,
        KeysCommand::Create { scope, name, expires_in, fields } => {
            let mut body = Body::from(&fields)?;
            body.add("scope", Some(scope)).add("name", name).add("expires_in", expires_in);
            session.show(Method::POST, &session.own(["keys"])?, body.finish(&fields)?).await
        }
        KeysCommand::Revoke { id } => session.remove(&session.own(["keys", &id])?, &format!("revoked key {id}")).await,
        KeysCommand::Rotate { .. } => Ok(()),
    }
}
