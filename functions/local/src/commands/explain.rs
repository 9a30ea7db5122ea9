//! `hookline explain`

use clap::Args;

use super::list::{Page, given};
use super::table::Column;
use super::{Connection, Failure, Session};

const COLUMNS: &[Column] = &[
    ("HOOK", "hook_id"),
    ("NAME", "hook_name"),
    ("VERDICT", "verdict"),
    ("STATUS", "delivery.status"),
    ("JUDGED FROM", "judged_from"),
    ("WHY", "sentence"),
    ("REMARK", "remark"),
];

#[derive(Args)]
pub(crate) struct ExplainOptions {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The event's id
    event: String,
    /// Only this hook, also one that was deleted since
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    #[command(flatten)]
    page: Page,
}

pub(crate) async fn run(options: ExplainOptions) -> Result<(), Failure> {
    let ExplainOptions { connection, event, hook, page } = options;
    let session = Session::new(connection)?;
    session.list(&session.own(["events", &event, "explain"])?, given([("hook", &hook)]), page, COLUMNS).await
}
