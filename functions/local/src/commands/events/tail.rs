//! `hookline events tail`: events as they come.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use reqwest::Method;

use super::{COLUMNS, COLUMNS_OF_ALL};
use crate::commands::list::{given, lines};
use crate::commands::record::Record;
use crate::commands::session::{Path, path};
use crate::commands::table::TextTable;
use crate::commands::{Failure, Session};
use crate::numbers::whole;

const PAGE: usize = 100;
/// Whatever is listed later than this after its time is missed: on AWS, what several processes list
/// at the same time appears within a moment.
const OVERLAP: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

#[derive(Args)]
pub(crate) struct TailOptions {
    /// Only events of this type; a pattern such as post.* takes those below
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events with this channel
    #[arg(long)]
    channel: Option<String>,
    /// Only those that a hook wanted, or with false those that none did
    #[arg(long, value_name = "BOOL")]
    matched: Option<bool>,
    /// Begin with what was listed at this time, RFC 3339; with the next one by default
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Of all tenants; with the operator's key
    #[arg(long)]
    all_tenants: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = whole::<u64>(1, 3_600))]
    interval: u64,
}

/// Prints events, the oldest first, until somebody stops it.
pub(super) async fn run(session: &Session, asked: TailOptions) -> Result<(), Failure> {
    let matched = asked.matched.map(|matched| matched.to_string());
    let query = given([("type", &asked.event_type), ("channel", &asked.channel), ("matched", &matched)]);
    let (place, columns) =
        if asked.all_tenants { (path(["events"]), COLUMNS_OF_ALL) } else { (session.own(["events"])?, COLUMNS) };
    let mut table = TextTable::new(columns);
    let mut seen = Seen::default();
    if asked.since.is_none() {
        // What is there already, as far as it may be listed again.
        for is_first_page in [true, false] {
            let since = seen.newest.map(|at| before(at).to_string());
            for event in newer(session, &place, &query, since.as_deref(), is_first_page).await? {
                seen.is_new(&event);
            }
        }
    }
    loop {
        let since = begin(seen.newest, asked.since.as_deref());
        let mut events = newer(session, &place, &query, since.as_deref(), false).await?;
        events.reverse();
        events.retain(|event| seen.is_new(event));
        if session.json {
            let rows: Result<Vec<_>, _> = events.iter().map(serde_json::value::to_raw_value).collect();
            lines(&rows.map_err(|source| session.unreadable(source))?)?;
        } else {
            table.print(&events)?;
        }
        seen.forget_old();
        tokio::time::sleep(Duration::from_secs(asked.interval)).await;
    }
}

/// Where a look begins: a moment before the newest event, and never before what was asked for.
fn begin(newest: Option<jiff::Timestamp>, asked: Option<&str>) -> Option<String> {
    match (newest.map(before), asked) {
        (Some(newest), Some(asked)) => {
            let is_later = asked.parse::<jiff::Timestamp>().is_ok_and(|asked| asked > newest);
            Some(if is_later { asked.to_owned() } else { newest.to_string() })
        }
        (newest, asked) => newest.map(|at| at.to_string()).or_else(|| asked.map(str::to_owned)),
    }
}

fn before(at: jiff::Timestamp) -> jiff::Timestamp {
    at.saturating_sub(OVERLAP).unwrap_or(at)
}

/// The newest first.
async fn newer(
    session: &Session,
    place: &Path,
    query: &[(&'static str, String)],
    since: Option<&str>,
    only_one_page: bool,
) -> Result<Vec<Record>, Failure> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = query.to_vec();
        query.push(("limit", PAGE.to_string()));
        query.extend(since.map(|since| ("since", since.to_owned())));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let answer = session.read(&session.ask(Method::GET, place, &query, None).await?)?;
        all.extend(answer.records("items"));
        cursor = answer.text("next_cursor");
        if cursor.is_none() || only_one_page {
            return Ok(all);
        }
    }
}

/// Events that were printed, as long as they may be listed again.
#[derive(Default)]
struct Seen {
    events: HashMap<String, jiff::Timestamp>,
    newest: Option<jiff::Timestamp>,
}

impl Seen {
    fn is_new(&mut self, event: &Record) -> bool {
        let text = |name: &str| event.text(name).unwrap_or_default();
        let at: jiff::Timestamp = text("accepted_at").parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        self.newest = self.newest.max(Some(at));
        self.events.insert(format!("{}/{}/{at}", text("tenant"), text("id")), at).is_none()
    }

    fn forget_old(&mut self) {
        if let Some(end) = self.newest.and_then(|newest| newest.saturating_sub(2 * OVERLAP).ok()) {
            self.events.retain(|_, at| *at >= end);
        }
    }
}
