//! `hookline portal`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, Fields};
use super::list::Page;
use super::table::Column;
use super::{Failure, Session};

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("USER", "user"),
    ("CAPABILITIES", "capabilities"),
    ("CREATED", "created_at"),
    ("EXPIRES", "expires_at"),
    ("LAST USED", "last_used_at"),
];

#[derive(Subcommand)]
pub(crate) enum PortalCommand {
    /// Make a link that lets whoever opens it into the tenant's portal, once
    Link(LinkOptions),
    /// List who is in
    Sessions(Page),
    /// End a session, or with --all every one and every link that was not used
    End {
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

#[derive(Args)]
pub(crate) struct LinkOptions {
    /// What may be done: view, manage, reveal_secret, rotate, test, send_again, approve; without it
    /// view, manage, test and send_again
    #[arg(long, value_delimiter = ',', value_name = "CAPABILITY")]
    capabilities: Vec<String>,
    /// Nothing but view
    #[arg(long)]
    read_only: bool,
    /// Seconds in which the link can be used; 600 when absent
    #[arg(long, value_name = "SECONDS")]
    link_expires_in: Option<u64>,
    /// Seconds that the session lasts; 28800 when absent
    #[arg(long, value_name = "SECONDS")]
    session_expires_in: Option<u64>,
    /// The page to show first, below /portal, such as /hooks
    #[arg(long, value_name = "PATH")]
    landing: Option<String>,
    /// The https address that the pages lead back to
    #[arg(long, value_name = "URL")]
    return_url: Option<String>,
    /// Whom it is for; the audit trail shows it
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    fields: Fields,
}

impl LinkOptions {
    fn body(&self) -> Result<Option<String>, Failure> {
        let mut body = Body::from(&self.fields)?;
        body.add_all("capabilities", &self.capabilities)
            .add("read_only", self.read_only.then_some(true))
            .add("link_expires_in", self.link_expires_in)
            .add("session_expires_in", self.session_expires_in)
            .add("landing", self.landing.as_ref())
            .add("return_url", self.return_url.as_ref())
            .add("user", self.user.as_ref());
        body.finish(&self.fields)
    }
}

pub(crate) async fn run(session: &Session, command: PortalCommand) -> Result<(), Failure> {
    match command {
        PortalCommand::Link(options) => {
            session.show(Method::POST, &session.own(["portal-links"])?, options.body()?).await
        }
        PortalCommand::Sessions(page) => {
            session.list(&session.own(["portal-sessions"])?, Vec::new(), page, COLUMNS).await
        }
        PortalCommand::End { id: Some(id), .. } => {
            session.remove(&session.own(["portal-sessions", &id])?, &format!("ended session {id}")).await
        }
        PortalCommand::End { id: None, .. } => {
            session.remove(&session.own(["portal-sessions"])?, "ended all sessions, and links that were not used").await
        }
    }
}
