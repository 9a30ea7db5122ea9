//! `hookline profiles`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, Fields};
use super::confirmation::Confirmation;
use super::list::Page;
use super::session::path;
use super::table::Column;
use super::{Failure, Session};

const COLUMNS: &[Column] = &[("NAME", "name"), ("BUILT IN", "built_in"), ("DESCRIPTION", "description")];

#[derive(Subcommand)]
pub(crate) enum ProfilesCommand {
    /// List profiles
    List(Page),
    /// Show a profile
    Get { name: String },
    /// Create a profile
    Create {
        name: String,
        #[command(flatten)]
        profile: ProfileFields,
    },
    /// Change a profile: what is not given stays
    Update {
        name: String,
        #[command(flatten)]
        profile: ProfileFields,
    },
    /// Delete a profile that nobody uses
    Delete {
        name: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args)]
pub(crate) struct ProfileFields {
    #[arg(long)]
    description: Option<String>,
    #[command(flatten)]
    fields: Fields,
}

impl ProfileFields {
    fn body(&self, name: Option<String>) -> Result<Body, Failure> {
        let mut body = Body::from(&self.fields)?;
        body.add("name", name).add("description", self.description.as_ref());
        Ok(body)
    }
}

pub(crate) async fn run(session: &Session, command: ProfilesCommand) -> Result<(), Failure> {
    match command {
        ProfilesCommand::List(page) => session.list(&path(["profiles"]), Vec::new(), page, COLUMNS).await,
        ProfilesCommand::Get { name } => session.get(&path(["profiles", &name])).await,
        ProfilesCommand::Create { name, profile } => {
            session.show(Method::POST, &path(["profiles"]), profile.body(Some(name))?.finish(&profile.fields)?).await
        }
        ProfilesCommand::Update { name, profile } => {
            session
                .show(Method::PATCH, &path(["profiles", &name]), profile.body(None)?.finish_change(&profile.fields)?)
                .await
        }
        ProfilesCommand::Delete { name, confirmation } => {
            confirmation.ask(&format!("delete profile {name}"))?;
            session.remove(&path(["profiles", &name]), &format!("deleted profile {name}")).await
        }
    }
}
