//! `hookline hooks`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, Fields};
use super::confirmation::Confirmation;
use super::event_types::FIELDS;
use super::list::{Page, given};
use super::session::{Path, path};
use super::table::{self, Column};
use super::{Failure, Session, exchange};
use crate::numbers::whole;

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("URL", "url"),
    ("EVENTS", "events"),
    ("ENABLED", "enabled"),
    ("PROFILE", "profile"),
];

const FAILING: &[Column] = &[
    ("TENANT", "tenant"),
    ("ID", "id"),
    ("NAME", "name"),
    ("URL", "url"),
    ("IN A ROW", "health.consecutive_failures"),
    ("SINCE", "health.failing_since"),
    ("ANSWER", "last_failed_attempt.status_code"),
    ("OUTCOME", "last_failed_attempt.outcome"),
    ("DISABLED", "disabled_at"),
];

const CHANGES: &[Column] = &[("AT", "at"), ("BY", "by"), ("WHAT", "what"), ("DETAIL", "detail")];

#[derive(Subcommand)]
pub(crate) enum HooksCommand {
    /// List hooks
    List {
        /// Only hooks that would get events of this type
        #[arg(long)]
        event: Option<String>,
        /// Only hooks whose name contains this
        #[arg(long)]
        name: Option<String>,
        /// Only enabled hooks (true), or only others (false)
        #[arg(long, num_args = 0..=1, default_missing_value = "true")]
        enabled: Option<bool>,
        /// created, modified, name, description or enabled; a - in front reverses it
        #[arg(long, allow_hyphen_values = true)]
        order: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Hooks of all tenants that fail, the most failures in a row first; with the operator's key
    Failing {
        /// failing, resting (their circuit is open) or disabled (for it, the last one first)
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show a hook with all its settings
    Get { id: String },
    /// Create a hook; its secret is made unless one is given
    Create {
        #[command(flatten)]
        hook: HookFields,
    },
    /// Change a hook: what is not given stays
    Update {
        id: String,
        #[command(flatten)]
        hook: HookFields,
    },
    /// Delete a hook and its log
    Delete {
        id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Reveal a hook's secret
    Secret { id: String },
    /// Replace a hook's secret; the old one stays live for a while
    Rotate {
        id: String,
        /// The new secret; made when absent
        #[arg(long)]
        secret: Option<String>,
        /// Seconds for which the old secret stays live
        #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>(0, 7 * 24 * 3_600))]
        overlap: Option<u64>,
        /// When the new secret signs headers that hold one signature: at_once, at_end of
        /// the overlap, or manual, with `hooks cutover`
        #[arg(long)]
        cutover: Option<String>,
    },
    /// End a rotation: the new secret alone signs from now on
    Cutover { id: String },
    /// Send a test event now and show the exchange; exit code 1 unless it went well
    Test {
        id: String,
        /// Its type; the hook's first one by default
        #[arg(long = "type", visible_alias = "event-type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Its data: JSON, @file, or - for standard input
        #[arg(long)]
        data: Option<String>,
    },
    /// Do the verification handshake now; exit code 1 unless the endpoint passed
    Verify { id: String },
    /// What mappings, templates and filters can take from the events of a hook
    Fields {
        id: String,
        #[command(flatten)]
        page: Page,
    },
    /// Who changed a hook, when and why
    Audit {
        id: String,
        #[command(flatten)]
        page: Page,
    },
}

#[derive(Args)]
pub(crate) struct HookFields {
    /// Where requests go
    #[arg(long)]
    url: Option<String>,
    /// A type such as post.published, a pattern such as post.*, or *; can be repeated
    #[arg(long = "event", value_name = "PATTERN")]
    events: Vec<String>,
    /// For people, as is the description
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// Only events on this channel; can be repeated
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// A content filter: JSON, @file, or - for standard input
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// Whose settings apply where the hook has none of its own
    #[arg(long)]
    profile: Option<String>,
    /// In the form that the hook's signatures need
    #[arg(long)]
    secret: Option<String>,
    /// Send to it
    #[arg(long)]
    enabled: bool,
    /// Send nothing to it until it is enabled again
    #[arg(long, conflicts_with = "enabled")]
    disabled: bool,
    /// Requests per second; 0 for no limit
    #[arg(long, value_name = "N", value_parser = whole::<u32>(0, 10_000))]
    rate_limit: Option<u32>,
    /// POST, PUT, PATCH or GET
    #[arg(long)]
    method: Option<String>,
    #[command(flatten)]
    fields: Fields,
}

impl HookFields {
    fn body(&self) -> Result<Body, Failure> {
        let mut body = Body::from(&self.fields)?;
        body.add("url", self.url.as_ref()).add_all("events", &self.events).add("name", self.name.as_ref());
        body.add("description", self.description.as_ref()).add_all("channels", &self.channels);
        body.add_json("--filter", "filter", self.filter.as_deref())?;
        body.add("profile", self.profile.as_ref()).add("secret", self.secret.as_ref());
        body.add("enabled", (self.enabled || self.disabled).then_some(self.enabled));
        body.add("rate_limit", self.rate_limit).add("method", self.method.as_ref());
        Ok(body)
    }
}

pub(crate) async fn run(session: &Session, command: HooksCommand) -> Result<(), Failure> {
    let hook = |id: &str| session.own(["hooks", id]);
    match command {
        HooksCommand::List { event, name, enabled, order, page } => {
            let enabled = enabled.map(|enabled| enabled.to_string());
            let query = given([("event", &event), ("name", &name), ("enabled", &enabled), ("order", &order)]);
            session.list(&session.own(["hooks"])?, query, page, COLUMNS).await
        }
        HooksCommand::Failing { state, page } => {
            session.list(&path(["hooks"]), given([("state", &state)]), page, FAILING).await
        }
        HooksCommand::Get { id } => session.get(&hook(&id)?).await,
        HooksCommand::Create { hook } => {
            let body = hook.body()?.finish(&hook.fields)?;
            session.change(Method::POST, &session.own(["hooks"])?, body).await
        }
        HooksCommand::Update { id, hook: given } => {
            let body = given.body()?.finish_change(&given.fields)?;
            session.change(Method::PATCH, &hook(&id)?, body).await
        }
        HooksCommand::Delete { id, confirmation } => {
            let id = session.whole_hook(&id).await?;
            confirmation.ask(&format!("delete hook {id} and its log"))?;
            session.remove(&hook(&id)?, &format!("deleted hook {id}")).await
        }
        HooksCommand::Secret { id } => {
            secrets(session, Method::GET, &session.own(["hooks", &id, "secret"])?, None).await
        }
        HooksCommand::Rotate { id, secret, overlap, cutover } => {
            let mut body = Body::default();
            body.add("secret", secret).add("overlap", overlap).add("cutover", cutover);
            secrets(session, Method::POST, &session.own(["hooks", &id, "secret", "rotate"])?, Some(body.text())).await
        }
        HooksCommand::Cutover { id } => {
            secrets(session, Method::POST, &session.own(["hooks", &id, "secret", "cutover"])?, None).await
        }
        HooksCommand::Test { id, event_type, data } => {
            let mut body = Body::default();
            body.add("event_type", event_type).add_json("--data", "data", data.as_deref())?;
            attempt(session, &session.own(["hooks", &id, "test"])?, Some(body.text())).await
        }
        HooksCommand::Verify { id } => attempt(session, &session.own(["hooks", &id, "verify"])?, None).await,
        HooksCommand::Fields { id, page } => {
            session.list(&session.own(["hooks", &id, "fields"])?, Vec::new(), page, FIELDS).await
        }
        HooksCommand::Audit { id, page } => {
            session.list(&session.own(["hooks", &id, "audit"])?, Vec::new(), page, CHANGES).await
        }
    }
}

/// The current secret, and a line for each that is live as well.
async fn secrets(session: &Session, method: Method, path: &Path, body: Option<String>) -> Result<(), Failure> {
    let text = session.ask(method, path, &[], body).await?;
    if session.json {
        return session.print(&text);
    }
    let mut answer = session.read(&text)?;
    let others = answer.records("others");
    answer.0.retain(|(name, _)| name != "others");
    table::details(&answer)?;
    for other in others {
        let text = |field| other.text(field).map(|text| table::shown(&text));
        let end = match (text("expires_at"), text("signs_alone")) {
            (Some(at), None) => at,
            (Some(at), Some(_)) => format!("{at}, alone where a header holds one signature"),
            (None, None) => "it is replaced".to_owned(),
            (None, Some(_)) => "`hooks cutover`, alone where a header holds one signature".to_owned(),
        };
        session.print(&format!("also live until {end}: {}", text("secret").unwrap_or_default()))?;
    }
    Ok(())
}

async fn attempt(session: &Session, path: &Path, body: Option<String>) -> Result<(), Failure> {
    session.refuse_csv()?;
    let text = session.ask(Method::POST, path, &[], body).await?;
    let answer = session.read(&text)?;
    let message = answer.text("message").or_else(|| answer.text("result")).unwrap_or_default();
    if session.json {
        session.print(&text)?;
    } else {
        exchange::print(&answer)?;
    }
    match answer.text("result").as_deref() {
        None | Some("success") if session.json => Ok(()),
        None | Some("success") => session.print(&table::shown(&message)),
        Some(_) => Err(Failure::Shown(table::shown(&message))),
    }
}
