//! `hookline event-types`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, Fields, json};
use super::confirmation::Confirmation;
use super::list::{Page, given};
use super::record::Record;
use super::session::{Path, path};
use super::table::{Column, shown};
use super::{Failure, Remote, Session};

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("DESCRIPTION", "description"),
    ("SOURCE", "source"),
    ("DEPRECATED", "deprecated"),
    ("ARCHIVED", "archived"),
];

pub(super) const FIELDS: &[Column] = &[
    ("EVENT TYPE", "event_type"),
    ("PATH", "path"),
    ("TYPES", "types"),
    ("EXAMPLE", "example"),
    ("DESCRIPTION", "description"),
];

/// So many names are told of those that go.
const MOST_TOLD: usize = 10;

#[derive(Args)]
pub(crate) struct EventTypes {
    #[command(flatten)]
    pub(crate) remote: Remote<EventTypesCommand>,
    /// Those of all tenants, for operators, instead of one tenant's
    #[arg(long, global = true)]
    pub(crate) shared: bool,
}

#[derive(Subcommand)]
pub(crate) enum EventTypesCommand {
    /// List event types
    List {
        /// Only archived ones (true), or only others (false)
        #[arg(long)]
        archived: Option<bool>,
        /// Only deprecated ones (true), or only others (false)
        #[arg(long)]
        deprecated: Option<bool>,
        /// Only those of this catalogue
        #[arg(long)]
        source: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show an event type with its schema and example
    Get { name: String },
    /// Add an event type
    Create {
        name: String,
        #[command(flatten)]
        entry: CatalogueEntry,
    },
    /// Change an event type: what is not given stays
    Update {
        name: String,
        #[command(flatten)]
        entry: CatalogueEntry,
    },
    /// Delete an event type
    Delete {
        name: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// What mappings, templates and filters can take from a tenant's events
    Fields {
        /// Only of this type, a pattern such as post.*, or *
        #[arg(long = "type", visible_alias = "event-type", value_name = "PATTERN")]
        event_type: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Replace the whole catalogue by a document, as export prints it
    Import {
        /// A file, or - for standard input
        file: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Print the whole catalogue as one JSON document
    Export,
}

#[derive(Args)]
pub(crate) struct CatalogueEntry {
    #[arg(long)]
    description: Option<String>,
    /// JSON Schema of its data: JSON, @file, or - for standard input
    #[arg(long, value_name = "JSON")]
    schema: Option<String>,
    /// Sample data: JSON, @file, or - for standard input
    #[arg(long, value_name = "JSON")]
    example: Option<String>,
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    deprecated: Option<bool>,
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    archived: Option<bool>,
    #[command(flatten)]
    fields: Fields,
}

impl CatalogueEntry {
    fn body(&self, name: Option<String>) -> Result<Body, Failure> {
        let mut body = Body::from(&self.fields)?;
        body.add("name", name).add("description", self.description.as_ref());
        body.add_json("--schema", "schema", self.schema.as_deref())?;
        body.add_json("--example", "example", self.example.as_deref())?;
        body.add("deprecated", self.deprecated).add("archived", self.archived);
        Ok(body)
    }
}

pub(crate) async fn run(session: &Session, shared: bool, command: EventTypesCommand) -> Result<(), Failure> {
    let place = |resource: &str| if shared { Ok(path([resource])) } else { session.own([resource]) };
    let one = |name: &str| {
        let mut path: Path = place("event-types")?;
        path.push(name.to_owned());
        Ok::<_, Failure>(path)
    };
    match command {
        EventTypesCommand::List { archived, deprecated, source, page } => {
            let [archived, deprecated] = [archived, deprecated].map(|flag| flag.map(|flag| flag.to_string()));
            let query = given([("archived", &archived), ("deprecated", &deprecated), ("source", &source)]);
            session.list(&place("event-types")?, query, page, COLUMNS).await
        }
        EventTypesCommand::Get { name } => session.get(&one(&name)?).await,
        EventTypesCommand::Create { name, entry } => {
            session.show(Method::POST, &place("event-types")?, entry.body(Some(name))?.finish(&entry.fields)?).await
        }
        EventTypesCommand::Update { name, entry } => {
            session.show(Method::PATCH, &one(&name)?, entry.body(None)?.finish_change(&entry.fields)?).await
        }
        EventTypesCommand::Delete { name, confirmation } => {
            confirmation.ask(&format!("delete event type {name}"))?;
            session.remove(&one(&name)?, &format!("deleted event type {name}")).await
        }
        EventTypesCommand::Fields { .. } if shared => {
            Err(Failure::Usage("--shared: fields are listed for one tenant; say which with --tenant".to_owned()))
        }
        EventTypesCommand::Fields { event_type, page } => {
            session.list(&session.own(["fields"])?, given([("event_type", &event_type)]), page, FIELDS).await
        }
        EventTypesCommand::Import { file, confirmation } => {
            let document = match file.as_str() {
                "-" => json("import", "-")?,
                _ => json("import", &format!("@{file}"))?,
            };
            let catalogue = place("catalogue")?;
            if !confirmation.is_given() {
                let gone = gone(session, &catalogue, document.get()).await?;
                if !gone.is_empty() {
                    let count = gone.len();
                    let types = if count == 1 { "the event type" } else { "the event types" };
                    confirmation.ask(&format!("delete {types} that {file} lacks ({count}): {}", told(&gone)))?;
                }
            }
            session.show(Method::PUT, &catalogue, Some(document.get().to_owned())).await
        }
        EventTypesCommand::Export => {
            session.refuse_csv()?;
            session.print(&session.ask(Method::GET, &place("catalogue")?, &[], None).await?)
        }
    }
}

/// The names of those that an import deletes. What is no catalogue deletes nothing: it is refused.
async fn gone(session: &Session, catalogue: &Path, document: &str) -> Result<Vec<String>, Failure> {
    let names = |document: &Record| -> Vec<String> {
        document.records("event_types").iter().filter_map(|entry| entry.text("name")).collect()
    };
    let Some(document) = Record::parse(document).ok().filter(|document| document.raw("event_types").is_some()) else {
        return Ok(Vec::new());
    };
    let present = session.read(&session.ask(Method::GET, catalogue, &[], None).await?)?;
    let wanted = names(&document);
    Ok(names(&present).into_iter().filter(|name| !wanted.contains(name)).collect())
}

fn told(names: &[String]) -> String {
    let more = if names.len() > MOST_TOLD { ", …" } else { "" };
    let names: Vec<String> = names.iter().take(MOST_TOLD).map(|name| shown(name)).collect();
    format!("{}{more}", names.join(", "))
}
