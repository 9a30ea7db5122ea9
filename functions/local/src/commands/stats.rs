//! `hookline stats`

use clap::Args;
use reqwest::Method;

use super::list::given;
use super::{Connection, Failure, Session, table};

#[derive(Args)]
pub(crate) struct StatsOptions {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Only deliveries to this hook
    #[arg(long)]
    hook: Option<String>,
    /// From this time on, RFC 3339; a day ago by default
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time, RFC 3339; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(crate) async fn run(asked: StatsOptions) -> Result<(), Failure> {
    let session = Session::new(asked.connection)?;
    let path = match &asked.hook {
        Some(hook) => session.own(["hooks", hook, "stats"])?,
        None => session.own(["stats"])?,
    };
    let query = given([("since", &asked.since), ("until", &asked.until)]);
    let text = session.ask(Method::GET, &path, &query, None).await?;
    if session.json {
        return session.print(&text);
    }
    Ok(table::details(&session.read(&text)?)?)
}
