//! `hookline identity`

use clap::Subcommand;
use reqwest::Method;

use super::body::Body;
use super::session::path;
use super::{Failure, Session};
use crate::numbers::whole;

#[derive(Subcommand)]
pub(crate) enum IdentityCommand {
    /// Show the keys that the deployment signs requests with; not the keys themselves
    Get,
    /// Make the first key, or a new one
    Rotate {
        /// Seconds after which the new key signs; 600 when absent
        #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>(0, 604_800))]
        signs_after: Option<u64>,
        /// Seconds for which the former key is listed after that; 86400 when absent
        #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>(0, 2_592_000))]
        overlap: Option<u64>,
    },
}

pub(crate) async fn run(session: &Session, command: IdentityCommand) -> Result<(), Failure> {
    match command {
        IdentityCommand::Get => session.show(Method::GET, &path(["identity"]), None).await,
        IdentityCommand::Rotate { signs_after, overlap } => {
            let mut body = Body::default();
            body.add("signs_after", signs_after).add("overlap", overlap);
            session.show(Method::POST, &path(["identity", "rotate"]), Some(body.text())).await
        }
    }
}
