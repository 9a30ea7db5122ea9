//! `hookline audit`

use clap::Args;

use super::list::{Page, given};
use super::session::path;
use super::table::Column;
use super::{Connection, Failure, Session};

const COLUMNS: &[Column] = &[
    ("AT", "at"),
    ("BY", "by"),
    ("USER", "user"),
    ("FROM", "from"),
    ("WHAT", "what"),
    ("KIND", "target.kind"),
    ("TARGET", "target.id"),
    ("DETAIL", "detail"),
];

#[derive(Args)]
pub(crate) struct AuditOptions {
    #[command(flatten)]
    connection: Connection,
    /// Of the deployment: tenants, profiles, operators' keys; with the operator's key
    #[arg(long)]
    deployment: bool,
    /// Only changes of a hook, tenant, key, profile, event_type, portal_link, portal_session or identity
    #[arg(long)]
    kind: Option<String>,
    /// Only changes of what has this id or name
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only what this one did: operator, a key's id, session: with a session's id, or hookline
    #[arg(long)]
    by: Option<String>,
    /// Only what was done at this time or later, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what was done before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    page: Page,
}

pub(crate) async fn run(asked: AuditOptions) -> Result<(), Failure> {
    let session = Session::new(asked.connection)?;
    let query = given([
        ("kind", &asked.kind),
        ("target", &asked.target),
        ("by", &asked.by),
        ("since", &asked.since),
        ("until", &asked.until),
    ]);
    let list = if asked.deployment { path(["audit"]) } else { session.own(["audit"])? };
    session.list(&list, query, asked.page, COLUMNS).await
}
