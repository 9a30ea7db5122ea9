//! `hookline tenants`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, Fields};
use super::confirmation::Confirmation;
use super::list::Page;
use super::session::path;
use super::table::Column;
use super::{Failure, Session};

const COLUMNS: &[Column] = &[("ID", "id"), ("NAME", "name"), ("PROFILE", "profile"), ("CREATED", "created_at")];

#[derive(Subcommand)]
pub(crate) enum TenantsCommand {
    /// List tenants
    List {
        /// Only tenants whose id or name contains this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show a tenant; by default the one of --tenant or of the key
    Get { id: Option<String> },
    /// Create a tenant; its id is made when absent
    Create {
        id: Option<String>,
        #[command(flatten)]
        tenant: TenantFields,
    },
    /// Change a tenant: what is not given stays
    Update {
        id: String,
        #[command(flatten)]
        tenant: TenantFields,
    },
    /// Delete a tenant with its hooks and keys
    Delete {
        id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args)]
pub(crate) struct TenantFields {
    #[arg(long)]
    name: Option<String>,
    /// The profile of hooks that name none
    #[arg(long)]
    profile: Option<String>,
    #[command(flatten)]
    fields: Fields,
}

impl TenantFields {
    fn body(&self, id: Option<String>) -> Result<Body, Failure> {
        let mut body = Body::from(&self.fields)?;
        body.add("id", id).add("name", self.name.as_ref()).add("profile", self.profile.as_ref());
        Ok(body)
    }
}

pub(crate) async fn run(session: &Session, command: TenantsCommand) -> Result<(), Failure> {
    match command {
        TenantsCommand::List { search, page } => {
            let query = search.into_iter().map(|text| ("search", text)).collect();
            session.list(&path(["tenants"]), query, page, COLUMNS).await
        }
        TenantsCommand::Get { id: Some(id) } => session.get(&path(["tenants", &id])).await,
        TenantsCommand::Get { id: None } => session.get(&session.own([])?).await,
        TenantsCommand::Create { id, tenant } => {
            session.show(Method::POST, &path(["tenants"]), tenant.body(id)?.finish(&tenant.fields)?).await
        }
        TenantsCommand::Update { id, tenant } => {
            session
                .show(Method::PATCH, &path(["tenants", &id]), tenant.body(None)?.finish_change(&tenant.fields)?)
                .await
        }
        TenantsCommand::Delete { id, confirmation } => {
            confirmation.ask(&format!("delete tenant {id} with its hooks and keys"))?;
            session.remove(&path(["tenants", &id]), &format!("deleted tenant {id}")).await
        }
    }
}
