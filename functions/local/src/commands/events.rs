//! `hookline events`

mod batch;
mod tail;

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, json};
use super::confirmation::Confirmation;
use super::list::{Page, given};
use super::session::path;
use super::table::Column;
use super::{Failure, Session, deliveries};
use crate::numbers::whole;

#[derive(Subcommand)]
pub(crate) enum EventsCommand {
    /// Publish one event, or many with --batch
    Publish(Publish),
    /// The events of a tenant, newest first
    List(ListOptions),
    /// Print events as they come, until it is stopped
    Tail(tail::TailOptions),
    /// Show an event as it was published
    Get { id: String },
    /// The deliveries of an event, one for each hook that matched
    Deliveries {
        id: String,
        #[command(flatten)]
        page: Page,
    },
    /// Delete the data of an event; its deliveries stay in the log
    Expunge {
        id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args)]
pub(crate) struct ListOptions {
    /// Only events of this type; a pattern such as post.* takes those below
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events with this channel
    #[arg(long)]
    channel: Option<String>,
    /// Only ids that begin so
    #[arg(long, value_name = "TEXT")]
    id_prefix: Option<String>,
    /// Only those that a hook wanted, or with false those that none did
    #[arg(long, value_name = "BOOL")]
    matched: Option<bool>,
    /// Only what was listed at this time or later, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what was listed before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of all tenants; with the operator's key
    #[arg(long)]
    all_tenants: bool,
    #[command(flatten)]
    page: Page,
}

const COLUMNS: &[Column] =
    &[("ID", "id"), ("TYPE", "type"), ("ACCEPTED", "accepted_at"), ("MATCHED", "matched"), ("CHANNELS", "channels")];
const COLUMNS_OF_ALL: &[Column] = &[
    ("TENANT", "tenant"),
    ("ID", "id"),
    ("TYPE", "type"),
    ("ACCEPTED", "accepted_at"),
    ("MATCHED", "matched"),
    ("CHANNELS", "channels"),
];

#[derive(Args)]
pub(crate) struct Publish {
    /// Its type, such as post.published
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "batch")]
    event_type: Option<String>,
    /// What is sent, byte for byte: JSON, @file, or - for standard input
    #[arg(long, required_unless_present = "batch")]
    data: Option<String>,
    /// Publishing an id twice sends it once; made when absent
    #[arg(long)]
    id: Option<String>,
    /// Can be repeated
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// When it happened, RFC 3339; now by default
    #[arg(long)]
    timestamp: Option<String>,
    /// Not before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    deliver_at: Option<String>,
    /// Not later than this many seconds after it was published
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>(1, 30 * 24 * 3_600))]
    ttl: Option<u64>,
    /// Events, one JSON object a line as the API takes them; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event_type", "data", "id", "channels", "timestamp", "deliver_at", "ttl"])]
    batch: Option<String>,
}

pub(crate) async fn run(session: &Session, command: EventsCommand) -> Result<(), Failure> {
    match command {
        EventsCommand::Publish(Publish { batch: Some(file), .. }) => batch::publish(session, &file).await,
        EventsCommand::Publish(event) => {
            let data = event.data.as_deref().map(|data| json("--data", data)).transpose()?;
            let mut body = Body::default();
            body.add("type", event.event_type).add("data", data).add("id", event.id);
            body.add_all("channels", &event.channels).add("timestamp", event.timestamp);
            body.add("deliver_at", event.deliver_at).add("ttl", event.ttl);
            session.show(Method::POST, &session.own(["events"])?, Some(body.text())).await
        }
        EventsCommand::List(asked) => {
            let matched = asked.matched.map(|matched| matched.to_string());
            let query = given([
                ("type", &asked.event_type),
                ("channel", &asked.channel),
                ("id_prefix", &asked.id_prefix),
                ("matched", &matched),
                ("since", &asked.since),
                ("until", &asked.until),
            ]);
            match asked.all_tenants {
                true => session.list(&path(["events"]), query, asked.page, COLUMNS_OF_ALL).await,
                false => session.list(&session.own(["events"])?, query, asked.page, COLUMNS).await,
            }
        }
        EventsCommand::Tail(asked) => tail::run(session, asked).await,
        EventsCommand::Get { id } => session.get(&session.own(["events", &id])?).await,
        EventsCommand::Deliveries { id, page } => {
            let path = session.own(["events", &id, "deliveries"])?;
            session.list(&path, Vec::new(), page, deliveries::COLUMNS).await
        }
        EventsCommand::Expunge { id, confirmation } => {
            let path = session.own(["events", &id, "data"])?;
            confirmation.ask(&format!("delete the data of event {id}"))?;
            session.remove(&path, &format!("deleted the data of event {id}")).await
        }
    }
}
